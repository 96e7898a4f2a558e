from __future__ import annotations

import pytest

from seqbench.utils.errors import NotAtHand, SeqbenchError
from seqbench.utils.python_wording import explain_options, python_wording


@pytest.mark.parametrize(
    ("message", "explanation"),
    [
        (
            "unfinished; add --resume to continue it, or --overwrite.",
            '--resume is existing="resume"; --overwrite is existing="overwrite"',
        ),
        (
            "--trainer.devices 9 asks for more processes than 2 cores.",
            '--trainer.devices is trainer={"devices": ...}',
        ),
        ("give another --runs.", "--runs is runs=FOLDER"),
        ("lower --optim.batch_size or --task.length.", '--task.length is task={"name": ..., "length": ...}'),
        ("match it with --match-params 31k.", "--match-params is match_params=NUMBER"),
    ],
)
def test_each_option_of_a_message_is_explained(message: str, explanation: str) -> None:
    explained = explain_options(message)
    assert explained.startswith(message.rstrip("."))
    assert explanation in explained
    assert explained.endswith(".")


@pytest.mark.parametrize(
    "message",
    [
        "unknown architecture 'gruu'. Did you mean 'gru'?",
        "run `seqbench sweep --resume --task copy` again.",
        "--speed 'tset' is unknown.",
        "see x--resume and the rule ---.",
    ],
)
def test_other_messages_stay_as_they_are(message: str) -> None:
    assert explain_options(message) == message


def test_an_option_is_explained_once() -> None:
    assert explain_options("--resume, or again --resume").count("existing=") == 1


def test_the_error_keeps_its_type_and_its_cause() -> None:
    cause = ValueError("disk")

    @python_wording()
    def fail() -> None:
        raise NotAtHand("add --task.data_dir FOLDER.") from cause

    with pytest.raises(NotAtHand, match=r"In Python, --task.data_dir is task=") as caught:
        fail()
    assert caught.value.__cause__ is cause


def test_other_errors_pass_unchanged() -> None:
    with pytest.raises(ValueError, match=r"^--resume$"), python_wording():
        raise ValueError("--resume")
    with pytest.raises(SeqbenchError, match=r"^a fact$"), python_wording():
        raise SeqbenchError("a fact")
