"""``seqbench run``, in this process: a configuration file, ``--match-params``, and several ranks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seqbench.cli.commands import run
from seqbench.cli.main import build_parser, main
from seqbench.protocol.config import RunConfig
from seqbench.utils.errors import SeqbenchError

TINY = ["--optim.steps", "2", "--optim.validate_every", "2", "--optim.batch_size", "4", "--logger", "none"]
COPY = ["--arch", "gru", "--task", "copy", "--tier", "smoke", "--task.delay", "2", "--task.samples", "8"]


@pytest.fixture(autouse=True)
def _in_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_width_is_chosen_for_the_number_of_parameters_and_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", *COPY, *TINY, "--match-params", "10k"]) == 0
    err = capsys.readouterr().err
    (path,) = tmp_path.rglob("result.json")
    config = json.loads(path.read_text())["config"]
    width, count = config["options"]["arch"]["d_model"], config["parameters"]
    assert abs(count - 10_000) <= 200
    assert config["match_params"] == 10_000
    assert f"d_model {width} for 10,000 parameters: {count:,} parameters" in err
    # The configuration in the run folder names the width, so this is the same run.
    assert main(["run", "--config", str(path.parent), "--resume"]) == 0
    assert main(["run", *COPY, *TINY, "--arch.d_model", str(width)]) == 2
    assert "this run is finished" in capsys.readouterr().err
    assert main(["run", "--config", str(path.parent), "--match-params", "10k"]) == 2
    assert "match_params finds the width that arch.d_model gives; choose one" in capsys.readouterr().err


def test_the_command_line_overrides_the_size_of_the_configuration_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("arch: gru\ntask: {name: copy, delay: 2, samples: 8}\ntier: smoke\nmatch_params: 10k\n")
    assert main(["run", "--config", str(file), *TINY]) == 0
    assert " for 10,000 parameters: " in capsys.readouterr().err
    assert main(["run", "--config", str(file), *TINY, "--match-params", "1e5"]) == 0
    assert " for 100,000 parameters: " in capsys.readouterr().err
    file.write_text("{arch: gru, task: copy, tier: smoke, match_params: null, optim: {stepz: 1}}")
    assert main(["run", "--config", str(file)]) == 2
    assert "unknown option 'optim.stepz'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--match-params", "lots"], "match_params must be a number of parameters such as 100k, 1.5M, 2e5 or 100000"),
        (["--match-params", "10k", "--arch.d_model=8"], "choose one of the two"),
        (
            ["--match-params", "60"],
            "no size of 'gru' on 'copy' comes within 2 % of 60 parameters: d_model 1, num_",
        ),
    ],
)
def test_a_mistake_is_reported_and_nothing_is_written(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", *COPY, *words]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_only_the_first_process_logs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from seqbench.running import runner

    def stop(config: RunConfig, *_: object, **__: object) -> None:
        raise SeqbenchError(f"width {config.arch_options['d_model']}")

    monkeypatch.setattr(runner, "run", stop)
    words = ["run", "--arch", "gru", "--task", "copy", "--tier", "smoke", "--match-params", "10k"]
    lines = {}
    for rank in ("0", "1"):
        monkeypatch.setenv("LOCAL_RANK", rank)
        assert main(words) == 2
        lines[rank] = capsys.readouterr().err.splitlines()
    assert lines["0"][0].startswith("gru-copy-s0, tier smoke")
    assert lines["1"] == lines["0"][-1:]


def test_options_of_the_file_are_kept_for_the_architecture_that_it_names(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("arch: {name: gru, num_layers: 2}\nencoder: bigru\ntask: copy\nseed: 3\n")
    parser = build_parser(["run"])

    def merge(*words: str) -> dict[str, object]:
        return run.merge_options(parser.parse_args(["run", "--config", str(file), *words]))

    in_file = {"name": "gru", "num_layers": 2}
    assert merge() == {"arch": in_file, "encoder": "bigru", "task": "copy", "seed": 3}
    assert merge("--arch", "gru", "--seed", "4")["arch"] == in_file
    assert merge("--arch", "lstm")["arch"] == "lstm"
    assert merge("--seed", "4")["seed"] == 4
    assert "encoder" not in merge("--encoder", "none")


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["--arch", "gru,lstm", "--task", "copy"], "--arch gru,lstm --task copy"),
        (["--arch", "gru", "--task", "copy,parity"], "--arch gru --task copy,parity"),
    ],
)
def test_several_names_point_to_the_sweep_that_runs_them(
    words: list[str], command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", *words]) == 2
    assert f"for several, use `seqbench sweep {command}`" in capsys.readouterr().err
