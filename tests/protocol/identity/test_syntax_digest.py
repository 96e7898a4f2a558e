from __future__ import annotations

import ast

import pytest

from seqbench.protocol.identity.syntax_digest import source_digest, syntax_text

NET = b"""
class Net:
    rate = 0.5

    def forward(self, x):
        return tanh(x) * self.rate
"""

HARMLESS = {
    "a comment": NET + b"# the end\n",
    "an empty line": NET.replace(b"    def", b"\n\n    def"),
    "spaces": NET.replace(b"rate = 0.5", b"rate   =  0.5"),
    "line ends": NET.replace(b"\n", b"\r\n"),
    "a docstring of the module": b'"""A net."""' + NET,
    "a docstring of the class": NET.replace(b"class Net:\n", b'class Net:\n    """A net."""\n'),
    "a docstring of a method": NET.replace(b"x):\n", b'x):\n        """Return the outputs."""\n'),
    "brackets": NET.replace(b"tanh(x) * self.rate", b"(tanh(x) * self.rate)"),
    "a type comment": NET.replace(b"rate = 0.5", b"rate = 0.5  # type: float"),
}

REAL = {
    "a function": NET.replace(b"tanh", b"relu"),
    "a number": NET.replace(b"0.5", b"0.25"),
    "a number of another type": NET.replace(b"0.5", b"1").replace(b"rate = 1", b"rate = True"),
    "an operator": NET.replace(b"*", b"+"),
    "a name": NET.replace(b"rate", b"gain"),
    "a decorator": NET.replace(b"    def", b"    @staticmethod\n    def"),
    "a default": NET.replace(b"x):", b"x=None):"),
    "a base class": NET.replace(b"class Net:", b"class Net(Base):"),
    "an annotation": NET.replace(b"rate =", b"rate: int ="),
    "a text that is no docstring": NET.replace(b"tanh(x)", b"tanh('x')"),
    "a removed statement": NET.replace(b"    rate = 0.5\n", b""),
}


@pytest.mark.parametrize("edit", HARMLESS)
def test_an_edit_that_cannot_change_a_result_keeps_the_digest(edit: str) -> None:
    assert HARMLESS[edit] != NET
    assert source_digest(HARMLESS[edit]) == source_digest(NET)


@pytest.mark.parametrize("edit", REAL)
def test_an_edit_of_the_code_changes_the_digest(edit: str) -> None:
    assert source_digest(REAL[edit]) != source_digest(NET)
    assert len({source_digest(source) for source in REAL.values()}) == len(REAL)


def test_the_encoding_of_a_text_counts_and_that_of_the_file_does_not() -> None:
    latin = "# -*- coding: latin-1 -*-\nx = 'é'\n"
    assert source_digest(latin.encode("latin-1")) == source_digest("x = 'é'\n".encode())
    assert source_digest(latin.encode()) != source_digest("x = 'é'\n".encode())  # Two characters in latin-1.


def test_a_file_that_is_no_python_is_digested_byte_for_byte() -> None:
    assert source_digest(b"\x7fELF\0one") != source_digest(b"\x7fELF\0two")
    assert source_digest(b"x = (") != source_digest(b"x = ( ")


def test_source_that_is_nested_too_deeply_has_a_digest() -> None:
    deep = b"x = " + b"1 + " * 3000 + b"1"
    assert source_digest(deep) == source_digest(deep) != source_digest(deep + b" + 1")


def test_empty_fields_are_left_out_because_newer_versions_of_python_have_more() -> None:
    assert syntax_text(ast.parse("def f(): return")) == (
        "Module(body=[FunctionDef(name='f'args=arguments()body=[Return(),]),])"
    )
