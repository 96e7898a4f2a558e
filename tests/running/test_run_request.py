from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seqbench.running import run_request
from seqbench.running.run_request import RunRequest
from seqbench.utils.errors import SeqbenchError
from tests.record_data import complete_record

COPY = {"arch": "gru", "task": "copy"}


def test_names_and_options_are_separated() -> None:
    data = {"arch": {"name": "gru", "num_layers": 2}, "task": "copy", "encoder": "lstm", "optim": {"lr": 0.1}}
    request = RunRequest.from_mapping(data, ["--task.delay", "3"])
    assert (request.arch, request.task, request.encoder) == ("gru", "copy", "lstm")
    assert request.options == {"arch": {"num_layers": 2}, "optim": {"lr": 0.1}}
    assert request.arguments == {"task.delay": "3"}
    assert request.group("task") == {"delay": "3"}


def test_missing_options_have_their_defaults() -> None:
    request = RunRequest.from_mapping({**COPY, "tier": None, "encoder": None, "match_params": None})
    assert request == RunRequest("gru", "copy", tier="small", seed=0, logger="wandb")


def test_the_command_line_overrides_options_of_a_group() -> None:
    request = RunRequest.from_mapping({**COPY, "task": {"name": "copy", "delay": 1, "samples": 2}}, ["--task.delay=5"])
    assert request.group("task") == {"delay": "5", "samples": 2}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"sed": 1}, "unknown key 'sed' in the configuration. Did you mean 'seed'?"),
        ({"match_param": 1}, "Did you mean 'match_params' or"),
        ({"seed": "one"}, "seed must be a whole number, got 'one'"),
        ({"seed": True}, "seed must be a whole number, got True"),
        ({"arch": None}, "no architecture was given; add --arch NAME"),
        ({"task": {"delay": 3}}, "no task was given; add --task NAME"),
        ({"encoder": {"num_layers": 3}}, "the options of 'encoder' have no name"),
        ({"optim": 3}, "'optim' must be a mapping of options, got 3"),
        ({"body": "x" * 100_000}, "'body' must be a mapping of options, got 'xxx"),
        ({"seed": 2**5000}, "the configuration.seed is a whole number of"),
        ({"optim": {"lr": float("nan")}}, "the configuration.optim.lr is nan"),
        ({"optim": {"clip": float("inf")}}, "optim.clip is inf, which JSON cannot hold"),
        ({"task": {"name": "copy", 3: 4}}, "the configuration.task has the key 3"),
        ({"match_params": "many"}, "match_params must be a number of parameters"),
    ],
)
def test_a_wrong_request_is_refused_in_one_sentence(data: dict[str, Any], message: str) -> None:
    with pytest.raises(SeqbenchError) as caught:
        RunRequest.from_mapping({**COPY, **data})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("arguments", [["--arch.d_model", "8"], ["--arch.d_model=8"]])
def test_match_params_and_a_width_exclude_each_other(arguments: list[str]) -> None:
    with pytest.raises(SeqbenchError, match=r"finds the width that arch\.d_model gives; choose one"):
        RunRequest.from_mapping({**COPY, "match_params": "20k"}, arguments)
    with pytest.raises(SeqbenchError, match="choose one"):
        RunRequest.from_mapping({"arch": {"name": "gru", "d_model": 8}, "task": "copy", "match_params": "20k"})


def test_the_last_of_two_equal_arguments_counts() -> None:
    assert run_request.split_arguments(["--optim.lr=1", "--optim.lr", "2"]) == {"optim.lr": "2"}


def test_a_negative_number_and_an_empty_text_are_values() -> None:
    assert run_request.split_arguments(["--a.b", "-1", "--a.c", "", "--a.d="]) == {"a.b": "-1", "a.c": "", "a.d": ""}


@pytest.mark.parametrize("word", ["-h", "--help", "--help=x", "stray", "--", "", " ", "\n", "--=3"])
def test_a_word_that_is_no_option_is_refused(word: str) -> None:
    with pytest.raises(SeqbenchError, match="unknown option"):
        run_request.split_arguments([word])


@pytest.mark.parametrize("words", [["--arch.num_layers"], ["--arch.num_layers", "--task.delay", "3"]])
def test_an_option_without_a_value_is_refused(words: list[str]) -> None:
    with pytest.raises(SeqbenchError, match=r"option --arch\.num_layers has no value"):
        run_request.split_arguments(words)


def test_options_are_read_from_a_configuration_a_record_or_a_folder(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("arch: gru\ntask: copy\n")
    record = complete_record()
    record.write(tmp_path)
    for path in (tmp_path / "config.yaml", tmp_path / "result.json", tmp_path):
        expected = record.config.options.to_dict() if path.suffix == ".json" else COPY
        assert run_request.read_options_file(path) == expected


@pytest.mark.parametrize("content", ["[1, 2]", "just text", "a: [", ""])
def test_a_file_without_options_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.yaml").write_text(content)
    with pytest.raises(SeqbenchError):
        run_request.read_options_file(tmp_path)


def test_a_class_is_a_name_and_the_class_itself() -> None:
    from seqbench.architectures.recurrent import GRU, LSTM

    request = RunRequest.from_mapping({"arch": {"name": GRU, "num_layers": 2}, "encoder": LSTM, "task": "copy"})
    assert (request.arch, request.encoder) == (
        "seqbench.architectures.recurrent:GRU",
        "seqbench.architectures.recurrent:LSTM",
    )
    assert request.classes == {"arch": GRU, "encoder": LSTM}
    assert request.options["arch"] == {"num_layers": 2}


@pytest.mark.parametrize("arch", [object(), {"name": object()}])
def test_an_object_is_no_architecture_of_a_run(arch: object) -> None:
    with pytest.raises(SeqbenchError, match="arch must be a name or a class, got an object of object"):
        RunRequest.from_mapping({"arch": arch, "task": "copy"})
