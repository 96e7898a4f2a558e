from __future__ import annotations

import pytest
import torch

from seqbench.utils.errors import NotAtHand, SeqbenchError, did_you_mean, one_line, raised_at


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("gruu", ["lstm", "gru"], " Did you mean 'gru'?"),
        ("min-gruu", ["mingru", "lstm", "min-gru"], " Did you mean 'min-gru' or 'mingru'?"),
        ("mamba", ["lstm", "gru", "gru"], " Known: lstm, gru."),
        ("gru", [], " None is known."),
    ],
)
def test_a_hint_names_the_closest_names_or_all(name: str, known: list[str], hint: str) -> None:
    assert did_you_mean(name, known) == hint


@pytest.mark.parametrize(
    ("value", "limit", "line"),
    [
        (ValueError("one\n  two\tthree"), None, "one two three"),
        (ValueError("one\ntwo"), 5, "one t"),
        (ValueError(), 5, ""),
        ("  text ", None, "text"),
        (3, None, "3"),
    ],
)
def test_the_text_of_a_value_is_put_in_one_line_and_cut(value: object, limit: int | None, line: str) -> None:
    assert one_line(value, limit) == line


def test_an_error_about_missing_data_is_a_seqbench_error() -> None:
    with pytest.raises(SeqbenchError):
        raise NotAtHand("the data set 'ptb' is not here")


def test_the_last_line_of_the_users_code_is_named() -> None:
    def fail() -> None:
        torch.ones(3) @ torch.ones(4)

    with pytest.raises(RuntimeError) as caught:
        fail()
    line = fail.__code__.co_firstlineno + 1
    assert raised_at(caught.value) == f"test_errors.py, line {line}, in fail"


def test_many_known_names_are_cut_where_a_command_lists_all() -> None:
    names = [f"net{'abcdefghij'[i]}" for i in range(10)]
    hint = did_you_mean("zzzzz", names, "`seqbench list`")
    assert hint == f" Known: {', '.join(names[:8])} and 2 more; `seqbench list` shows all."
    assert did_you_mean("zzzzz", names) == f" Known: {', '.join(names)}."
