from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from seqbench.protocol.cards import load_card
from seqbench.protocol.config import PairOptions, RunConfig, SingleOptions, TrainerOptions
from seqbench.protocol.registry import ARCHITECTURES, Entry, find_entry
from seqbench.utils.errors import SeqbenchError

CARD = load_card("copy")
TIER = CARD.tier("smoke")
GRU, LSTM = (find_entry(ARCHITECTURES, name) for name in ("gru", "lstm"))


def config(**changes: Any) -> RunConfig:
    values = {
        "card": CARD,
        "tier": "smoke",
        "arch_entry": GRU,
        "seed": 0,
        "arch_options": {"d_model": 8, "sizes": (1, 2)},
        "task_options": {"delay": 3, "source": "auto", "data_dir": None},
        "task_standard": {"delay": 3, "source": "auto", "data_dir": None},
        "body": {"dropout": 0.0},
        "optim": TIER.optim,
    }
    return RunConfig(**{**values, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"logger": "none"},
        {"keep": "none"},
        {"trainer": TrainerOptions(devices=2, threads=3)},
        {"task_options": {"delay": 3, "source": "hub", "data_dir": None}},
        {"task_options": {"delay": 3, "source": "auto", "data_dir": "/elsewhere"}},
        {"match_params": 1000},
        {"tuning": {"seed": 1, "split": "validation", "metric": "accuracy", "tried": [], "lr": 0.1}},
        {"arch_options": {"d_model": 8, "sizes": [1, 2]}},
        {"published": False},
    ],
)
def test_the_digest_does_not_depend_on_where_and_how_a_run_runs(changes: dict[str, Any]) -> None:
    assert config(**changes).digest() == config().digest()


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"arch_entry": LSTM},
        {"arch_options": {"d_model": 9, "sizes": (1, 2)}},
        {"task_options": {"delay": 4, "source": "auto", "data_dir": None}},
        {"task_options": {"delay": 3, "source": "synthetic", "data_dir": None}},
        {"body": {"dropout": 0.5}},
        {"optim": dataclasses.replace(TIER.optim, lr=0.3)},
        {"trainer": TrainerOptions(precision="bf16-mixed")},
        {"checksums": {"train/a.txt": "0" * 64}},
        {"encoder_entry": GRU},
        {"tier": "small"},
    ],
)
def test_the_digest_depends_on_everything_that_decides_the_results(changes: dict[str, Any]) -> None:
    assert config(**changes).digest() != config().digest()


def test_a_registered_architecture_counts_by_its_name_and_its_distribution_and_not_by_its_file() -> None:
    for key, entry in (("arch_entry", GRU), ("encoder_entry", LSTM)):
        moved = dataclasses.replace(entry, value="seqbench.elsewhere:Moved", version="9.9")
        assert config(**{key: moved}).digest() == config(**{key: entry}).digest()
        other = dataclasses.replace(entry, distribution="their-nets")
        assert config(**{key: other}).digest() != config(**{key: entry}).digest()


def test_options_with_their_neutral_values_are_not_in_the_digest() -> None:
    assert config(body={}).digest() == config(body={"dropout": 0.0, "d_embed": None}).digest()
    assert config(body={"dropout": 0.1}).digest() != config(body={}).digest()


def test_a_pickled_configuration_keeps_its_registry_entries_and_its_digest() -> None:
    """Workers of a sweep get it pickled and look nothing up."""
    run = config(encoder_entry=LSTM)
    loaded = pickle.loads(pickle.dumps(run))
    assert (loaded.arch_entry, loaded.encoder_entry, loaded.digest()) == (GRU, LSTM, run.digest())


def test_the_names_of_data_files_do_not_count() -> None:
    one, other = (config(checksums={f"train/{name}": "0" * 64}) for name in ("a.txt", "b.txt"))
    assert one.digest() == other.digest()


def test_options_are_complete_plain_data() -> None:
    options = config(encoder_entry=LSTM, encoder_options={"d_model": 8}).options()
    assert options["arch"] == {"name": "gru", "d_model": 8, "sizes": (1, 2)}
    assert options["encoder"] == {"name": "lstm", "d_model": 8}
    assert options["optim"]["betas"] == list(TIER.optim.betas)
    assert list(options) == ["arch", "encoder", "task", "tier", "seed", "optim", "body", "trainer", "logger"]


def test_the_folder_names_task_architecture_tier_seed_and_digest() -> None:
    run = config(seed=3)
    assert run.folder(Path("runs")) == Path("runs", "copy", "gru", f"smoke-s3-{run.digest()[:8]}")
    assert config(encoder_entry=LSTM).folder(Path("runs")).parent.name == "gru+lstm"
    assert (run.name, config(encoder_entry=LSTM).model) == ("gru-copy-s3", "gru+lstm")


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "..", "a/b", "\0", "x" * 10 + "\n"])
def test_the_name_of_an_architecture_cannot_lead_out_of_the_folder(name: str) -> None:
    folder = config(arch_entry=Entry(name, "package.module:Class", None, None)).folder(Path("runs"))
    assert folder.parent.parent == Path("runs", "copy")
    assert not folder.parent.name.startswith(".")


@pytest.mark.parametrize(
    ("changes", "modified"),
    [
        ({}, []),
        ({"task_options": {"delay": 4, "source": "auto", "data_dir": "here"}}, ["task.delay"]),
        ({"task_options": {"delay": 3, "source": "folder", "data_dir": None}}, []),
        ({"task_options": {"delay": 3, "source": "synthetic", "data_dir": None}}, ["task.source"]),
        ({"optim": dataclasses.replace(TIER.optim, clip=9.0)}, ["optim.clip"]),
        ({"optim": dataclasses.replace(TIER.optim, lr=0.123)}, ["optim.lr"]),
        ({"published": False}, ["data"]),
    ],
)
def test_differences_from_the_card_are_named(changes: dict[str, Any], modified: list[str]) -> None:
    assert config(**changes).modified() == modified


def test_a_learning_rate_of_the_grid_is_no_modification() -> None:
    small = CARD.tier("small")
    other = next(rate for rate in small.learning_rates if rate != small.optim.lr)
    assert config(tier="small", optim=dataclasses.replace(small.optim, lr=other)).modified() == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"logger": "wandbb"}, "unknown logger 'wandbb'. Did you mean 'wandb'"),
        ({"seed": -1}, "seed must be from 0"),
        ({"seed": 2**32}, "seed must be from 0"),
        ({"arch_options": {"d_model": float("inf")}}, "options.arch.d_model is inf"),
        ({"arch_options": {"d_model": object()}}, "options.arch.d_model is a object"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SeqbenchError) as caught:
        config(**changes)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("changes", [{"seed": "0"}, {"optim": None}, {"checksums": {"a": 5}}, {"colour": "red"}])
def test_a_value_of_another_type_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        config(**changes)


@pytest.mark.parametrize(
    ("options", "values", "sentence"),
    [
        (SingleOptions, {"d_embed": 0}, "body.d_embed must be at least 1"),
        (SingleOptions, {"dropout": 1.0}, r"body.dropout must be in \[0, 1\)"),
        (SingleOptions, {"embedding_std": 0.0}, "body.embedding_std must be a positive number"),
        (PairOptions, {"bridge": "vectr"}, "Did you mean 'vector'"),
        (PairOptions, {"heads": 0}, "body.heads must be at least 1"),
        (PairOptions, {"dropout": -0.1}, "body.dropout"),
        (TrainerOptions, {"threads": -1}, "trainer.threads must not be negative"),
    ],
)
def test_an_option_out_of_range_is_refused(options: type, values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        options(**values)


@pytest.mark.parametrize(
    ("trainer", "several", "processes"),
    [
        (TrainerOptions(), False, 1),
        (TrainerOptions(devices=2), True, 2),
        (TrainerOptions(devices="1"), False, 1),
        (TrainerOptions(devices="auto"), True, 1),
        (TrainerOptions(num_nodes=2), True, 1),
        (TrainerOptions(devices=-1), True, 1),
    ],
)
def test_several_processes_are_recognised(trainer: TrainerOptions, several: bool, processes: int) -> None:
    assert (trainer.several, trainer.processes) == (several, processes)


def test_only_known_checkpoints_can_be_kept_and_the_choice_is_no_option_of_the_run() -> None:
    assert config(keep="best").options() == config().options()
    with pytest.raises(SeqbenchError, match=r"keep must be one of best, last, none, all, got 'some'\."):
        config(keep="some")
