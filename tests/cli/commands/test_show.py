"""``seqbench show``, in this process: the size of an architecture and the protocol of a task."""

from __future__ import annotations

import re

import pytest
import torch

from seqbench.cli.main import main
from seqbench.protocol import cards


def show(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["show", name]) == 0
    return capsys.readouterr().out


def test_the_size_of_an_lstm_matches_its_formulas(capsys: pytest.CaptureFixture[str]) -> None:
    threads = torch.get_num_threads()
    out = show("lstm", capsys)
    assert torch.get_num_threads() == threads
    d, symbols = 128, 64
    backbone = 8 * d * d + 8 * d
    assert "size at d_model 128, other options by default, between an embedding and a head of 64 symbols:" in out
    assert (
        f"parameters  {backbone:,}, with embedding and head {backbone + symbols * d + symbols * d + symbols:,}\n" in out
    )
    assert f"state       {2 * d * 4:,} bytes after 256 steps\n" in out
    assert f"arithmetic  {16 * d * d + 2 * d * symbols:,} FLOPs per token, forward over 256 steps\n" in out
    assert re.search(r"decoding    [\d,]+ tokens/s, one sequence, on .*1 thread\b", out)


def test_an_architecture_without_unroll_has_no_state(capsys: pytest.CaptureFixture[str]) -> None:
    out = show("bigru", capsys)
    assert "state       none is kept: it has no unroll" in out
    assert "decoding    recomputed from all inputs for each token: it has no unroll" in out
    assert "FLOPs per token" in out


def test_the_state_of_output_feedback_includes_the_previous_output(capsys: pytest.CaptureFixture[str]) -> None:
    # The context, and the embedding of the previous output.
    assert f"state       {2 * 128 * 4:,} bytes after 256 steps" in show("jordan", capsys)


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
def test_an_architecture_that_raises_is_shown_with_the_error(
    name: str, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    out = show(f"tests.backbones:{name}", capsys)
    assert "--arch.d_model" in out
    assert all(line in out for line in lines), out


def test_a_task_is_shown_with_its_tiers_and_baselines(capsys: pytest.CaptureFixture[str]) -> None:
    out = show("copy", capsys)
    assert out.startswith("copy: a task\n")
    assert "decided by    accuracy (higher is better)" in out
    card = cards.load_card("copy")
    for name, tier in card.tiers.items():
        assert f"tier {name} (digest {card.digest(name)[:8]}):" in out
        assert f"{tier.optim.steps:,} steps of {tier.optim.batch_size}" in out
    assert re.search(r"baselines of tier small, test:\n  accuracy +chance 0.125 +best possible 1\b", out)
    assert "Bai, Kolter & Koltun 2018" in out
    assert f"\n\n{card.limits.strip()}\n\n" in out


def test_an_unknown_name_is_refused_with_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "gruu"]) == 2
    assert "no architecture, task or run is called 'gruu'. Did you mean 'gru'" in capsys.readouterr().err


def test_a_module_with_training_of_its_own_is_shown_with_what_it_overrides(capsys: pytest.CaptureFixture[str]) -> None:
    out = show("tests.models.own_modules:TwoOptimizers", capsys)
    assert "training  its own: configure_optimizers, training_step\n" in out
    assert "streams   yes, by unroll\n" in out
    assert "--arch.dropout  float  default 0.0\n" in out
    assert "context" not in out
    plain = show("tests.models.own_modules:Plain", capsys)
    assert "training  as that of a backbone, with parts of its own\n" in plain
