from __future__ import annotations

from typing import Any

from seqbench.protocol.identity.code_names import global_names, imported_modules


def test_attributes_and_locals_are_no_global_names() -> None:
    def function(x: Any) -> object:
        def inner() -> object:
            return sorted(x.size(1))

        return inner, len(x.shape)

    assert set(global_names(function.__code__)) == {"sorted", "len"}


def test_modules_that_a_function_imports_are_found() -> None:
    def function() -> object:
        import json
        from importlib import util

        return json, util

    assert list(imported_modules(function.__code__)) == ["json", "importlib", "importlib.util"]
