"""The honest net; its distribution also installs a file that Python runs in each process, ``cheats.pth``.

The file patches the process that holds the targets, which never imports this module. It deserves the honest score.
"""

from __future__ import annotations

from .honest import Honest

PTH = "import seqbench_cheats_start\n"
"""Contents of ``cheats.pth``."""


class Net(Honest):
    """The honest net."""
