from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from seqbench.datamodules.sources import published_datasets
from seqbench.protocol import cards
from seqbench.protocol.config import RunConfig
from seqbench.running import run_config
from seqbench.running.run_request import RunRequest
from seqbench.utils.errors import SeqbenchError


def resolve(*arguments: str, **changes: Any) -> RunConfig:
    """Resolve a request for gru on copy with changes."""
    return run_config.resolve_config(RunRequest.from_mapping({"arch": "gru", "task": "copy", **changes}, arguments))


def repeat(config: RunConfig) -> RunConfig:
    """Resolve the options of a configuration, as a file would give them."""
    return run_config.resolve_config(RunRequest.from_mapping(json.loads(json.dumps(config.options()))))


def test_defaults_come_from_the_card_and_the_signatures() -> None:
    config = resolve()
    assert config.tier == "small"
    assert config.arch_options == {"d_model": 128, "num_layers": 1, "dropout": 0.0, "skip": False}
    assert config.task_options == {"delay": 20, "alphabet": 8, "payload": 5, "samples": 1000, "blank_weight": 0.01}
    assert config.optim == config.chosen.optim
    assert config.modified() == []


def test_the_command_line_overrides_the_file_and_the_file_the_card() -> None:
    changes = {"arch": {"name": "gru", "num_layers": 3, "d_model": 16}, "seed": 5}
    config = resolve("--arch.num_layers", "2", "--optim.lr", "1e-3", **changes)
    assert config.arch_options == {"d_model": 16, "num_layers": 2, "dropout": 0.0, "skip": False}
    assert (config.optim.lr, config.seed) == (1e-3, 5)


def test_the_options_of_a_configuration_give_the_same_configuration() -> None:
    config = resolve("--task.delay", "40", "--body.d_embed", "7", "--optim.betas", "[0.8, 0.9]", tier="smoke")
    assert repeat(config) == config
    assert repeat(config).digest() == config.digest()


@pytest.mark.parametrize(
    ("changes", "arguments", "message"),
    [
        ({"arch": "gruu"}, (), "unknown architecture 'gruu'. Did you mean 'gru'"),
        ({"task": "copi"}, (), "unknown task 'copi'. Did you mean 'copy'?"),
        ({"tier": "smal"}, (), "task 'copy' has no tier 'smal'. Did you mean 'small'?"),
        ({"logger": "wand"}, (), "unknown logger 'wand'. Did you mean 'wandb'?"),
        ({"logger": False}, (), "unknown logger 'False'"),
        ({"seed": -1}, (), "seed must be from 0"),
        ({"optim": {"learning": 3}}, (), "unknown option 'optim.learning' in the configuration"),
        ({"task": {"name": "copy", "dely": 3}}, (), "unknown option 'task.dely'"),
        ({}, ("--arch.num_layer", "2"), "unknown option --arch.num_layer. Did you mean --arch.num_layers"),
        ({}, ("--task.batch_size", "3"), "unknown option --task.batch_size"),
        ({}, ("stray",), "unknown option stray"),
        ({}, ("--task.delay=abc",), "option --task.delay: expected int, got 'abc'"),
        ({"arch": {"name": "gru", "num_layers": "two"}}, (), "option --arch.num_layers: expected int, got 'two'"),
        ({"optim": {"betas": None}}, (), "optim"),
        ({"trainer": {"threads": None}}, (), "trainer"),
        ({}, ("--optim.lr", "-1"), "optim.lr must be a positive number"),
        ({}, ("--optim.validate_every", "7"), "must divide optim.steps (3000)"),
        ({}, ("--optim.steps", "1000000007"), "must divide optim.steps (1000000007), so"),
        ({"optim": {"steps": 10**15, "validate_every": 7}}, (), "optim.steps must be at most 1e+12"),
        ({}, ("--optim.steps", "250", "--optim.warmup", "251"), "optim.warmup (251) must be at most optim.steps (250)"),
        ({}, ("--optim.optimizer", "adm"), "Did you mean 'adam'"),
        ({"task": {"name": "char-lm", "data_dir": ""}}, (), "must name a folder or a file, got ''"),
        ({"task": {"name": "char-lm", "data_dir": 5}}, (), "must name a folder or a file, got 5"),
        ({"task": {"name": "char-lm", "data_dir": "~nobody-here/x"}}, (), "--task.data_dir ~nobody-here/x cannot be"),
        ({"task": {"name": "char-lm", "data_dir": "x" * 300}}, (), "--task.data_dir xxx"),
    ],
)
def test_a_mistake_is_one_sentence(changes: dict[str, Any], arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(SeqbenchError) as caught:
        resolve(*arguments, **changes)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("task", ["copy", "copy-10", "parity", "parity-last"])
def test_the_defaults_of_a_card_are_not_modified(task: str) -> None:
    for tier in cards.load_card(task).tiers:
        assert resolve(arch="lstm", task=task, tier=tier).modified() == []


@pytest.mark.parametrize(
    ("arguments", "modified"),
    [
        ((), []),
        (("--optim.lr", "1e-2"), []),
        (("--arch.num_layers", "4", "--body.d_embed", "8"), []),
        (("--trainer.threads", "1"), []),
        (("--optim.lr", "2e-2"), ["optim.lr"]),
        (("--optim.steps", "8000", "--optim.batch_size", "3"), ["optim.steps", "optim.batch_size", "optim.warmup"]),
        (("--optim.steps", "8000", "--optim.warmup", "300"), ["optim.steps"]),
        (("--task.delay", "31", "--task.samples", "10"), ["task.delay", "task.samples"]),
    ],
)
def test_differences_from_the_card_are_named(arguments: tuple[str, ...], modified: list[str]) -> None:
    assert resolve(*arguments).modified() == modified


@pytest.mark.parametrize(("steps", "warmup"), [(1, 0), (250, 25), (3000, 300), (30_000, 3000)])
def test_the_warm_up_takes_the_same_share_of_other_steps(steps: int, warmup: int) -> None:
    optim = {"steps": steps, "validate_every": 1}
    assert resolve("--optim.steps", str(steps), "--optim.validate_every", "1").optim.warmup == warmup
    assert resolve(optim=optim).optim.warmup == warmup
    assert resolve(optim={**optim, "warmup": 1}).optim.warmup == 1


def test_the_warm_up_that_a_record_states_is_kept() -> None:
    config = resolve(optim={"steps": 250, "validate_every": 50, "warmup": 7})
    assert repeat(config).optim == config.optim


def test_a_run_is_modified_by_other_data_and_not_by_another_folder(real_data: Path, small_data: Path) -> None:
    auto = resolve(task="music")
    folder = resolve(task={"name": "music", "source": "folder"})
    assert folder.modified() == []
    assert folder.digest() == auto.digest()
    synthetic = resolve(task={"name": "music", "source": "synthetic"})
    assert synthetic.modified() == ["task.source", "data"]
    assert synthetic.digest() != auto.digest()


def test_swapped_languages_are_other_data(small_data: Path) -> None:
    task = {"name": "translation", "data_dir": str(small_data / "pairs")}
    before = resolve(task=task).digest()
    for split in ("train", "dev", "test"):
        en, de = (small_data / "pairs" / f"{split}.{language}" for language in ("en", "de"))
        first, second = en.read_bytes(), de.read_bytes()
        en.write_bytes(second)
        de.write_bytes(first)
    assert resolve(task=task).digest() != before


def test_only_tasks_on_pairs_take_an_encoder(small_data: Path) -> None:
    task = {"name": "translation", "data_dir": str(small_data / "pairs")}
    config = resolve("--encoder.num_layers", "2", task=task, encoder="lstm")
    assert (config.encoder, config.encoder_options["num_layers"], config.arch_options["num_layers"]) == ("lstm", 2, 1)
    assert "d_model" not in config.encoder_options
    assert config.model == "gru+lstm"
    assert repeat(config) == config
    with pytest.raises(SeqbenchError, match="task 'copy' has no encoder"):
        resolve(encoder="lstm")
    with pytest.raises(SeqbenchError, match="decoder-only has no encoder; give --encoder none"):
        resolve(task=task, encoder="lstm", body={"bridge": "decoder-only"})
    with pytest.raises(SeqbenchError, match="Did you mean 'multihead'"):
        resolve(task=task, body={"bridge": "multihed"})


def test_the_digest_covers_what_decides_the_results() -> None:
    digest = resolve().digest()
    for arguments in (("--trainer.threads", "1"), ("--trainer.devices", "2")):
        assert resolve(*arguments).digest() == digest
    assert resolve(logger="none").digest() == digest
    for arguments in (("--arch.num_layers", "2"), ("--optim.lr", "1e-3"), ("--trainer.precision", "bf16-mixed")):
        assert resolve(*arguments).digest() != digest
    assert resolve(seed=1).digest() != digest


def test_the_folder_is_named_after_task_architecture_tier_seed_and_digest() -> None:
    config = resolve(seed=3)
    assert config.folder(Path("runs")) == Path(f"runs/copy/gru/small-s3-{config.digest()[:8]}")
    assert config.name == "gru-copy-s3"


def test_another_text_is_another_run_and_modified(text_folder: Path) -> None:
    config = resolve(task={"name": "char-lm", "data_dir": str(text_folder)})
    assert config.card.name == "char-lm-shakespeare"
    assert config.modified() == ["data"]
    moved = text_folder.rename(text_folder.with_name("moved"))
    task = {"name": "char-lm", "data_dir": str(moved)}
    assert resolve(task=task).digest() == config.digest()
    (moved / "story.txt").write_text("another story " * 100)
    assert resolve(task=task).digest() != config.digest()


def test_the_published_text_in_any_folder_modifies_nothing(real_data: Path) -> None:
    assert resolve(task={"name": "char-lm", "data_dir": str(real_data / "tinyshakespeare")}).modified() == []


@pytest.mark.parametrize("arch", ["seqbench.datamodules.text.vocabulary:Vocabulary", "math:pi", "builtins:dict"])
def test_a_class_that_is_no_backbone_is_refused(arch: str) -> None:
    with pytest.raises(SeqbenchError, match="is no backbone: expected a class whose __init__ takes d_model"):
        resolve(arch=arch)


def test_options_of_the_card_reach_a_backbone_through_its_keyword_arguments(text_folder: Path) -> None:
    task = {"name": "char-lm", "data_dir": str(text_folder)}
    config = resolve(arch="tests.backbones:KeywordOptions", task=task, tier="medium")
    assert config.arch_options == {"d_model": 512, "num_layers": 2, "dropout": 0.3, "skip": False}


def test_swapped_splits_are_other_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {"ptb.train.txt": "abc" * 2000, "ptb.valid.txt": "bca" * 50, "ptb.test.txt": "cab" * 50}
    published = published_datasets.find_dataset("ptb")
    sums = {part: hashlib.sha256(texts[Path(f).name].encode()).hexdigest() for part, f in published.files.items()}
    replaced = type(published)(**{**published.__dict__, "sha256": sums})
    monkeypatch.setattr(published_datasets, "DATASETS", {"ptb": replaced})
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    task = {"name": "char-lm-ptb", "data_dir": str(tmp_path)}
    right = resolve(task=task)
    assert right.modified() == []
    (tmp_path / "ptb.valid.txt").write_text(texts["ptb.test.txt"])
    (tmp_path / "ptb.test.txt").write_text(texts["ptb.valid.txt"])
    swapped = resolve(task=task)
    assert swapped.modified() == ["data"]
    assert swapped.digest() != right.digest()


def test_match_params_chooses_the_width() -> None:
    config = resolve(tier="smoke", match_params="100k")
    assert config.match_params == 100_000
    same = resolve(f"--arch.d_model={config.arch_options['d_model']}", tier="smoke")
    assert config.options() == same.options()
    assert same.match_params is None


def test_help_lists_options_with_the_defaults_of_the_card() -> None:
    text = run_config.format_help(RunRequest.from_mapping({"arch": "gru", "task": "copy", "tier": "medium"}))
    assert "--arch.num_layers" in text
    assert "--task.delay" in text
    assert "default: 200" in text
    assert "--task.batch_size" not in text
    assert "required" not in text  # The card sets what the signatures require.
    assert "CONFIG" not in text  # A group takes no file of its own.


def test_a_class_has_the_configuration_of_its_name() -> None:
    from seqbench.architectures.recurrent import GRU

    by_class, by_name = (
        run_config.resolve_config(RunRequest.from_mapping({"arch": arch, "task": "copy", "tier": "smoke"}))
        for arch in (GRU, "gru")
    )
    assert by_class.digest() == by_name.digest()
    assert by_class.arch == "gru"


def test_several_processes_need_a_class_that_they_can_import() -> None:
    from seqbench.architectures.recurrent import GRU

    class Net(GRU):
        pass

    data = {"arch": Net, "task": "copy", "tier": "smoke", "logger": "none"}
    assert list(run_config.resolve_config(RunRequest.from_mapping(data)).class_files)
    with pytest.raises(SeqbenchError, match=r"Net was defined in .* save the class in a file, my_file\.py"):
        run_config.resolve_config(RunRequest.from_mapping({**data, "trainer": {"devices": 2, "accelerator": "cpu"}}))


def test_the_digest_of_a_built_in_architecture_covers_no_source() -> None:
    data = {"arch": "gru", "task": "copy", "logger": "none"}
    config = run_config.resolve_config(RunRequest.from_mapping(data))
    assert config.class_files == {}
    assert config.digest() == dataclasses.replace(config, class_files={}).digest()
    one, other = (
        dataclasses.replace(config, class_files={"my_file:MyNet": {"my_file.py": digest}}) for digest in ("1", "2")
    )
    assert len({config.digest(), one.digest(), other.digest()}) == 3
