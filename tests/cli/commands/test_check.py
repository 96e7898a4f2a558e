"""``seqbench check``, in this process: its report and its exit status."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seqbench.cli.commands import check
from seqbench.cli.main import Parser
from seqbench.protocol import registry
from seqbench.utils.errors import SeqbenchError


def run(*words: str) -> int:
    parser = Parser(prog="seqbench check")
    check.add_arguments(parser)
    return check.main(parser.parse_args(words))


def test_an_architecture_is_checked_with_its_number_of_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("bow", "--option", "d_model=5", "--parameters", "0") == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split()[0]: line.split(maxsplit=2)[1:] for line in lines[:-2]}
    assert rows["causality_by_change"][0] == "passed"
    assert rows["causality_by_change"][1].startswith("No output changes when later inputs change")
    assert rows["loss_decreases"] == ["skipped", "the backbone has no parameters"]
    assert rows["parameter_count"][0] == "passed"
    assert lines[-2] == ""
    assert lines[-1].startswith("BagOfWords: ")
    assert lines[-1].endswith("skipped, 0 failed")


def test_a_failed_check_of_a_class_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("tests.testing.broken_backbones:UnusedParameter") == 1
    out = capsys.readouterr().out
    assert "failed   no gradient reaches spare; remove unused parameters" in out
    assert out.splitlines()[-1].endswith(" 1 failed")


def test_a_task_is_checked_with_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("parity", "--tier", "small", "--option", "samples=100", "--option", "probe_lengths=[20, 50]") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "parity: 18 passed, 1 skipped, 0 failed"


def test_a_task_is_checked_by_the_path_of_its_card(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.yaml"
    optim = "{steps: 10, batch_size: 64, validate_every: 5, lr: 1.0e-3}"
    path.write_text(
        "name: mine\nversion: 1\nsummary: ''\nexample: 3 1 4\nlicence: generated\ncitation: ours\n"
        "datamodule: tests.testing.tasks:PreviousToken\nmetric: {name: accuracy, direction: max}\ntiers:\n"
        f"  smoke: {{arch: {{d_model: 8}}, optim: {optim}}}\n  small: {{arch: {{d_model: 8}}, optim: {optim}}}\n"
    )
    assert run(str(path)) == 1
    assert "failed   the card's summary is empty" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gruu"], "no architecture or task is called 'gruu'. Did you mean 'gru'"),
        (["gru", "--tier", "small"], "'gru' is an architecture, which has no tiers"),
        (["copy", "--parameters", "3"], "'copy' is a task, which has no parameters"),
        (["gru", "--option", "d_model"], "--option must be KEY=VALUE, got 'd_model'"),
        (["gru", "--option", "d_model=["], r"--option d_model expects int, got '\['"),
        (["gru", "--option", "num_layers=two"], "--option num_layers expects int, got 'two'"),
        (["parity", "--option", "samples=1.5"], "--option samples expects int, got '1.5'"),
        (["gru", "--option", "num_layer=2"], "'gru' has no option 'num_layer'. Did you mean 'num_layers'"),
        (["copy", "--option", "dalay=2"], "'copy' has no option 'dalay'. Did you mean 'delay'"),
        (["copy", "--option", "strict=1"], "'copy' has no option 'strict'"),
        (["copy", "--option", "tier=small"], "'copy' has no option 'tier'"),
        (["copy", "--option", "batch_size=3"], "'copy' has no option 'batch_size'"),
        (["gru", "--parameters", "-5"], "--parameters must be at least 0, got -5"),
        (
            ["tests.testing.backbones:KeywordOptions", "--option", "scale=1e-1", "--option", "d_model=4"],
            r"cannot be built, it raised ValueError: got \[\('scale', 0.1\)\]",
        ),
        (["tests.testing.backbones:ExitingInit"], "cannot be built, it raised SystemExit: no licence"),
        (["gru", "--option", "num_layers=0"], "cannot be built, it raised ValueError: num_layers must be at least 1"),
        (["copy", "--tier", "smal"], "no tier 'smal'"),
        (["no_such_module:Net"], "could not be imported: there is no no_such_module.py in"),
        (
            ["tests.backbones:RefusingWidth"],
            r"RefusingWidth\(d_model=16\) cannot be built, it raised AssertionError: d_model must",
        ),
    ],
)
def test_a_mistake_is_reported_in_one_line(words: list[str], message: str) -> None:
    with pytest.raises(SeqbenchError, match=message) as caught:
        run(*words)
    assert "\n" not in str(caught.value)


def test_values_are_parsed_by_the_types_of_the_class() -> None:
    backbone = registry.find_entry(registry.ARCHITECTURES, "gru").load()
    assert check.parse_class_options({"dropout": "1e-1", "num_layers": "2"}, backbone, "gru") == {
        "dropout": 0.1,
        "num_layers": 2,
    }
    assert check.parse_value("scale", "1e-1", Any) == 0.1
    assert check.parse_value("path", "3", str) == "3"
    assert check.parse_value("rate", "null", float | None) is None


def test_the_output_of_a_checked_class_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("tests.testing.backbones:Printing") == 0
    captured = capsys.readouterr()
    assert "hello" in captured.err
    assert captured.out.startswith("signature ")
    assert "hello" not in captured.out


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("gru", check.Subject("gru", is_architecture=True, is_task=False)),
        ("copy", check.Subject("copy", is_architecture=False, is_task=True)),
        ("my_file:Net", check.Subject("my_file:Net", is_architecture=True, is_task=False)),
        ("folder/card.yaml", check.Subject("folder/card.yaml", is_architecture=False, is_task=True)),
    ],
)
def test_a_name_stands_for_an_architecture_or_a_task(name: str, subject: check.Subject) -> None:
    assert check.identify_subject(name) == subject


def test_a_file_or_its_class_without_the_other_is_answered_with_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_file.py").write_text("class MyNet:\n    pass\n")
    monkeypatch.chdir(tmp_path)
    for name in ("my_file", "my_file.py", "MyNet"):
        with pytest.raises(SeqbenchError, match=f"called '{name}'. .* write my_file:MyNet"):
            check.identify_subject(name)
    with pytest.raises(SeqbenchError, match=r"and [0-9]+ more; `seqbench list` shows all"):
        check.identify_subject("qqqq")
