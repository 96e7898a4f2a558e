"""``seqbench show ARCHITECTURE``: what it costs, in this process."""

from __future__ import annotations

import re

import pytest
import torch

from seqbench.cli.main import main


def shown(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["show", name]) == 0
    return capsys.readouterr().out


def test_the_size_of_an_architecture_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    threads = torch.get_num_threads()
    out = shown("lstm", capsys)
    assert torch.get_num_threads() == threads
    d, symbols = 128, 64
    own = 8 * d * d + 8 * d
    assert "size at d_model 128, other options by default, between an embedding and a head of 64 symbols:" in out
    assert f"parameters  {own:,}, with embedding and head {own + symbols * d + symbols * d + symbols:,}\n" in out
    assert f"state       {2 * d * 4:,} bytes after 256 steps\n" in out
    assert f"arithmetic  {16 * d * d + 2 * d * symbols:,} FLOPs per token, forward over 256 steps\n" in out
    assert re.search(r"decoding    [\d,]+ tokens/s, one sequence, on .*1 thread\b", out)


def test_an_architecture_without_a_state(capsys: pytest.CaptureFixture[str]) -> None:
    out = shown("bigru", capsys)
    assert "state       none is kept: it has no unroll" in out
    assert "decoding    anew from all inputs for each token: it has no unroll" in out
    assert "FLOPs per token" in out


def test_one_that_reads_its_own_output(capsys: pytest.CaptureFixture[str]) -> None:
    # Its context, and the last symbol it said, embedded.
    assert f"state       {2 * 128 * 4:,} bytes after 256 steps" in shown("jordan", capsys)


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("Raising", ["arithmetic  RuntimeError: shapes (3, 4) and (5, 6) do not fit"]),
        ("BrokenUnroll", ["state       RuntimeError: no state here", "decoding    RuntimeError: no state here"]),
        (
            "RefusingWidth",
            ["not measured: architecture 'tests.backbones:RefusingWidth' refuses its options: d_model must be 7"],
        ),
    ],
)
def test_one_that_breaks_is_shown_all_the_same(name: str, lines: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(f"tests.backbones:{name}", capsys)
    assert "--arch.d_model" in out
    assert all(line in out for line in lines), out
