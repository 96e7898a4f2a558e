"""How the kit finds a task's card and builds its datamodule."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from seqbench.testing.task_subject import TRAINING_BATCHES, TaskSubject, find_card
from seqbench.utils.errors import SeqbenchError
from tests.testing import tasks
from tests.testing.tasks import card


def test_a_card_is_found_by_its_name_or_given_itself() -> None:
    assert find_card("parity").name == "parity"
    mine = card()
    assert find_card(mine) is mine


@pytest.mark.parametrize(
    ("task", "sentence"),
    [("coppy", "unknown task 'coppy'. Did you mean 'copy'"), ("none.yaml", "none.yaml cannot be read")],
)
def test_a_card_that_does_not_exist_is_refused(task: str, sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        find_card(task)


def test_a_card_file_may_name_a_datamodule_of_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.yaml"
    optim = "{steps: 10, batch_size: 64, validate_every: 5, lr: 1.0e-3}"
    path.write_text(
        "name: mine\nversion: 1\nsummary: say the token before\nexample: 3 1 4\nlicence: generated\ncitation: ours\n"
        "datamodule: local_task_of_a_test:PreviousToken\nmetric: {name: accuracy, direction: max}\ntiers:\n"
        f"  smoke: {{arch: {{d_model: 8}}, optim: {optim}}}\n"
    )
    (tmp_path / "local_task_of_a_test.py").write_text("from tests.testing.tasks import PreviousToken\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["", *__import__("sys").path])
    assert TaskSubject(find_card(path), "smoke", {}).data.batch_size == 64


def test_options_replace_the_cards() -> None:
    assert len(TaskSubject(card(), "smoke", {"samples": 100}).batches("test")) == 2
    assert len(TaskSubject(card(), "smoke", {}).batches("test")) == 3
    assert len(TaskSubject(card(), "smoke", {}).batches("train")) == TRAINING_BATCHES


@pytest.mark.parametrize(
    ("cls", "options", "sentence"),
    [
        (tasks.PreviousToken, {"sample": 3}, "task 'previous' cannot be built, it raised TypeError: .*sample"),
        (tasks.ExitingInit, {}, "task 'previous' cannot be built, it raised SystemExit: no licence"),
    ],
)
def test_a_datamodule_that_cannot_be_built_is_one_error(cls: type, options: dict[str, object], sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        _ = TaskSubject(card(cls), "smoke", options).data


def test_the_oracle_does_not_see_the_targets() -> None:
    seen: list[torch.Tensor] = []
    task = TaskSubject(card(), "smoke", {}, oracle=lambda batch: seen.append(batch.targets))
    batch = task.batches("test")[0]
    assert task.solve(batch) is None
    assert batch.targets.any()
    assert not seen[0].any()


def test_the_objective_takes_what_a_head_would_give() -> None:
    objective = TaskSubject(card(), "smoke", {}).build_objective()
    logits = torch.randn(2, 3, 8)
    assert objective.head(logits) is logits


def test_the_seed_of_the_run_is_0_and_that_of_the_other_datamodule_1() -> None:
    task = TaskSubject(card(), "smoke", {})
    assert (task.data.keys.seed, task.data_of_other_seed.keys.seed) == (0, 1)
    assert task.evaluation_splits == ("validation", "test", "length-10", "length-20")
