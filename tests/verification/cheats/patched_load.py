"""Patch ``torch.load`` at import: weights in memory replace those of the file, and all are zero.

The score that it claims is that of the zero weights, which are not those in its checkpoint. It deserves the score of
the weights in the file.
"""

from __future__ import annotations

from typing import Any

import torch

from .honest import Honest

original = torch.load


def load(*args: Any, **kwargs: Any) -> Any:
    """Return what the file holds, with the weights of the backbone set to zero."""
    loaded = original(*args, **kwargs)
    if isinstance(loaded, dict) and "state_dict" in loaded:
        for name, value in loaded["state_dict"].items():
            loaded["state_dict"][name] = value if "objective" in name else torch.zeros_like(value)
    return loaded


torch.load = load


class Net(Honest):
    """The honest net."""
