"""The names of globals and of modules that a function uses, from its compiled code."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from types import CodeType


def global_names(code: CodeType) -> Iterator[str]:
    """Yield the global names that a code uses, also inside of nested functions; names of attributes are none."""
    for each in nested_codes(code):
        for instruction in dis.get_instructions(each):
            if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"):
                yield instruction.argval


def imported_modules(code: CodeType) -> Iterator[str]:
    """Yield the names of the modules that a code imports when it is called."""
    for each in nested_codes(code):
        module = ""
        for instruction in dis.get_instructions(each):
            if instruction.opname == "IMPORT_NAME":
                module = instruction.argval
                yield module
            elif instruction.opname == "IMPORT_FROM":  # The name may be a module of the package.
                yield f"{module}.{instruction.argval}"


def nested_codes(code: CodeType) -> Iterator[CodeType]:
    """Yield a code and those of its nested functions."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from nested_codes(constant)
