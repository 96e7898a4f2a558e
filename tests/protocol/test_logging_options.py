from __future__ import annotations

from typing import Any

import pytest

from seqbench.protocol.logging_options import WandbOptions, parse_loggers
from seqbench.running import run_config
from seqbench.running.run_request import RunRequest
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.strict_model import validate

BASE: dict[str, Any] = {"arch": "gru", "task": "copy", "tier": "smoke"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mode": "onlin"}, "wandb.mode must be one of online, offline, disabled, got 'onlin'"),
        ({"project": ""}, "wandb.project is empty"),
        ({"tags": []}, "wandb.tags is empty"),
    ],
)
def test_wrong_values_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SeqbenchError, match=words):
        validate(WandbOptions, options, "wandb")


@pytest.mark.parametrize("tags", ["ablation, lab", ["ablation", "lab"]])
def test_tags_are_a_list_or_a_text_with_commas(tags: object) -> None:
    assert validate(WandbOptions, {"tags": tags}, "wandb").tag_list == ["ablation", "lab"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("wandb,tensorbord", "Did you mean 'tensorboard'"),
        ("none,csv", "excludes all others"),
        ("", "unknown logger ''"),
    ],
)
def test_unknown_loggers_are_refused(text: str, words: str) -> None:
    with pytest.raises(SeqbenchError, match=words):
        parse_loggers(text)


@pytest.mark.parametrize("words", [["--wandb.name=123"], ["--wandb.notes", "a: b"], ["--wandb.tags=x,y"]])
def test_options_of_the_command_line_stay_texts(words: list[str]) -> None:
    config = run_config.resolve_config(RunRequest.from_mapping(BASE, words))
    (value,) = config.wandb.given().values()
    assert value == words[-1].rpartition("=")[2]


def test_options_of_wandb_change_neither_digest_nor_modified_nor_record() -> None:
    plain = run_config.resolve_config(RunRequest.from_mapping(BASE))
    named = run_config.resolve_config(RunRequest.from_mapping({**BASE, "wandb": {"project": "p", "name": "n"}}))
    assert named.digest() == plain.digest()
    assert named.modified() == []
    assert "wandb" not in named.options()
    assert named.options_to_repeat()["wandb"] == {"project": "p", "name": "n"}
    again = run_config.resolve_config(RunRequest.from_mapping(named.options_to_repeat()))
    assert again.wandb == named.wandb


@pytest.mark.parametrize("logger", ["none", "csv", "tensorboard,csv"])
def test_options_of_wandb_need_its_logger(logger: str) -> None:
    with pytest.raises(SeqbenchError, match=r"the logger is .*, so wandb.project would have no effect"):
        run_config.resolve_config(RunRequest.from_mapping({**BASE, "logger": logger, "wandb": {"project": "p"}}))


def test_an_unknown_option_of_wandb_is_refused_with_the_close_one() -> None:
    with pytest.raises(SeqbenchError, match=r"unknown option --wandb.projet. Did you mean --wandb.project"):
        run_config.resolve_config(RunRequest.from_mapping(BASE, ["--wandb.projet=x"]))
