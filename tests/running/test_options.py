from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from seqbench.protocol import cards, records
from seqbench.protocol.config import RunConfig
from seqbench.running import options
from seqbench.utils.errors import SeqbenchError

COPY = {"arch": "gru", "task": "copy"}


def resolve(*arguments: str, **given: Any) -> RunConfig:
    return options.resolve_options({**COPY, **given}, arguments)


def test_defaults_come_from_the_card_and_the_signatures() -> None:
    config = resolve()
    assert config.tier == "small"
    assert config.arch_options == {"d_model": 128, "num_layers": 1, "dropout": 0.0, "skip": False}
    assert config.task_options == {"delay": 30, "alphabet": 8, "payload": 10, "samples": 1000, "blank_weight": 0.01}
    assert config.optim == config.chosen.optim
    assert config.modified() == []


def test_the_command_line_wins_over_the_file_and_the_file_over_the_card() -> None:
    given = {"arch": {"name": "gru", "num_layers": 3, "d_model": 16}, "seed": 5}
    config = resolve("--arch.num_layers", "2", "--optim.lr", "1e-3", **given)
    assert config.arch_options == {"d_model": 16, "num_layers": 2, "dropout": 0.0, "skip": False}
    assert (config.optim.lr, config.seed) == (1e-3, 5)


def test_a_written_configuration_gives_the_same_run() -> None:
    config = resolve("--task.delay", "40", "--body.d_embed", "7", "--optim.betas", "[0.8, 0.9]", tier="smoke")
    again = options.resolve_options(json.loads(json.dumps(config.options())))
    assert again == config
    assert again.digest() == config.digest()


@pytest.mark.parametrize("kind", ["yaml", "record", "folder"])
def test_a_run_can_be_repeated_from_any_of_its_files(tmp_path: Path, kind: str) -> None:
    from seqbench.running.provenance import to_yaml

    config = resolve("--arch.num_layers", "2")
    (tmp_path / "config.yaml").write_text(to_yaml(config.options()))
    records.Record({"status": "ok"}, {}, {"options": config.options()}).write(tmp_path)
    path = {"yaml": tmp_path / "config.yaml", "record": tmp_path / "result.json", "folder": tmp_path}[kind]
    assert options.resolve_options(options.read_config(path)) == config


@pytest.mark.parametrize(
    ("given", "arguments", "sentence"),
    [
        ({"arch": "gruu"}, (), "unknown architecture 'gruu'. Did you mean 'gru'"),
        ({"task": "copi"}, (), "unknown task 'copi'. Did you mean 'copy'?"),
        ({"tier": "smal"}, (), "task 'copy' has no tier 'smal'. Did you mean 'small'?"),
        ({"logger": "wand"}, (), "unknown logger 'wand'. Did you mean 'wandb'?"),
        ({"sed": 1}, (), "unknown key 'sed' in the configuration. Did you mean 'seed'?"),
        ({"seed": "one"}, (), "seed must be a whole number, got 'one'"),
        ({"seed": -1}, (), "seed must be from 0"),
        ({"arch": None}, (), "no architecture was given; add --arch NAME"),
        ({"optim": 3}, (), "'optim' must be a mapping of options, got 3"),
        ({"optim": {"learning": 3}}, (), "unknown option 'optim.learning' in the configuration"),
        ({"task": {"name": "copy", "dely": 3}}, (), "unknown option 'task.dely'"),
        ({}, ("--arch.num_layer", "2"), "unknown option --arch.num_layer. Did you mean --arch.num_layers"),
        ({}, ("--arch.num_layers", "two"), "option --arch.num_layers: expected int, got two"),
        ({}, ("--task.delay=abc",), "option --task.delay: expected int, got abc"),
        ({}, ("--body.d_embed", "x"), "option --body.d_embed: expected int or null, got x"),
        ({"arch": {"name": "gru", "num_layers": "two"}}, (), "option --arch.num_layers: expected int, got two"),
        ({}, ("--optim.lr", "-1"), "optim.lr must be a positive number"),
        ({}, ("--optim.validate_every", "7"), "must divide optim.steps (4000)"),
        ({}, ("--optim.optimizer", "adm"), "Did you mean 'adam'"),
        ({}, ("stray",), "unknown option stray"),
        ({"optim": {"betas": None}}, (), "optim"),
        (
            {"optim": {"clip": float("inf")}},
            (),
            "optim.clip is inf, which JSON cannot hold",
        ),
        ({"trainer": {"threads": None}}, (), "trainer"),
        ({"logger": False}, (), "unknown logger 'False'"),
        ({}, ("--optim.steps", "1000000007"), "must divide optim.steps (1000000007), so"),
        ({"task": {"name": "char-lm", "data_dir": ""}}, (), "must name a folder or a file, got ''"),
        ({"task": {"name": "char-lm", "data_dir": 5}}, (), "must name a folder or a file, got 5"),
        ({"task": {"name": "char-lm", "data_dir": "~nobody-here/x"}}, (), "cannot be looked at"),
        ({"task": {"name": "char-lm", "data_dir": "x" * 300}}, (), "cannot be looked at"),
        ({}, ("--task.batch_size", "3"), "unknown option --task.batch_size"),
    ],
)
def test_a_mistake_is_one_sentence(given: dict[str, Any], arguments: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(SeqbenchError) as caught:
        resolve(*arguments, **given)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("task", ["copy", "parity", "parity-last"])
def test_a_card_run_as_it_is_departs_in_nothing(task: str) -> None:
    for tier in cards.load_card(task).tiers:
        assert options.resolve_options({"arch": "lstm", "task": task, "tier": tier}).modified() == []


@pytest.mark.parametrize(
    ("arguments", "changed"),
    [
        ((), []),
        (("--optim.lr", "1e-2"), []),
        (("--arch.num_layers", "4", "--body.d_embed", "8"), []),
        (("--trainer.threads", "1"), []),
        (("--optim.lr", "2e-2"), ["optim.lr"]),
        (("--optim.steps", "8000", "--optim.batch_size", "3"), ["optim.steps", "optim.batch_size"]),
        (("--task.delay", "31", "--task.samples", "10"), ["task.delay", "task.samples"]),
    ],
)
def test_what_departs_from_the_card_is_named(arguments: tuple[str, ...], changed: list[str]) -> None:
    assert resolve(*arguments).modified() == changed


def test_where_files_lie_modifies_nothing_and_what_they_are_does(real_data: Path, small_data: Path) -> None:
    auto = options.resolve_options({"arch": "gru", "task": "music"})
    folder = options.resolve_options({"arch": "gru", "task": {"name": "music", "source": "folder"}})
    assert folder.modified() == []
    assert folder.digest() == auto.digest()
    synthetic = options.resolve_options({"arch": "gru", "task": {"name": "music", "source": "synthetic"}})
    assert synthetic.modified() == ["task.source", "data"]
    assert synthetic.digest() != auto.digest()


def test_swapped_languages_are_other_data(small_data: Path) -> None:
    task = {"name": "translation", "data_dir": str(small_data / "pairs")}
    before = options.resolve_options({"arch": "gru", "task": task}).digest()
    for split in ("train", "dev", "test"):
        en, de = (small_data / "pairs" / f"{split}.{language}" for language in ("en", "de"))
        first, second = en.read_bytes(), de.read_bytes()
        en.write_bytes(second)
        de.write_bytes(first)
    assert options.resolve_options({"arch": "gru", "task": task}).digest() != before


def test_an_encoder_is_for_pairs_alone(small_data: Path) -> None:
    task = {"name": "translation", "data_dir": str(small_data / "pairs")}
    config = options.resolve_options({"arch": "gru", "task": task, "encoder": "lstm"}, ["--encoder.num_layers", "2"])
    assert (config.encoder, config.encoder_options["num_layers"], config.arch_options["num_layers"]) == ("lstm", 2, 1)
    assert config.model == "gru+lstm"
    assert options.resolve_options(json.loads(json.dumps(config.options()))) == config
    with pytest.raises(SeqbenchError, match="task 'copy' has no encoder"):
        resolve(encoder="lstm")
    with pytest.raises(SeqbenchError, match="decoder-only has no encoder; give --encoder none"):
        options.resolve_options({"arch": "gru", "task": task, "encoder": "lstm", "body": {"bridge": "decoder-only"}})
    with pytest.raises(SeqbenchError, match="Did you mean 'multihead'"):
        options.resolve_options({"arch": "gru", "task": task, "body": {"bridge": "multihed"}})


def test_the_digest_is_of_what_decides_the_results() -> None:
    digest = resolve().digest()
    for same in (("--trainer.threads", "1"), ("--trainer.devices", "2")):
        assert resolve(*same).digest() == digest
    assert resolve(logger="none").digest() == digest
    for other in (("--arch.num_layers", "2"), ("--optim.lr", "1e-3"), ("--trainer.precision", "bf16-mixed")):
        assert resolve(*other).digest() != digest
    assert resolve(seed=1).digest() != digest


def test_the_folder_is_named_for_task_architecture_tier_seed_and_digest() -> None:
    config = resolve(seed=3)
    assert config.folder(Path("runs")) == Path(f"runs/copy/gru/small-s3-{config.digest()[:8]}")
    assert config.name == "gru-copy-s3"


def test_another_text_is_another_run_and_off_the_boards(text_folder: Path) -> None:
    text = {"task": {"name": "char-lm", "data_dir": str(text_folder)}, "arch": "gru"}
    one = options.resolve_options(text)
    assert one.card.name == "char-lm-shakespeare"
    assert one.modified() == ["data"]
    moved = text_folder.rename(text_folder.with_name("moved"))
    assert (
        options.resolve_options({**text, "task": {"name": "char-lm", "data_dir": str(moved)}}).digest() == one.digest()
    )
    (moved / "story.txt").write_text("another story " * 100)
    assert (
        options.resolve_options({**text, "task": {"name": "char-lm", "data_dir": str(moved)}}).digest() != one.digest()
    )


def test_the_published_text_in_any_folder_modifies_nothing(real_data: Path) -> None:
    text = {"task": {"name": "char-lm", "data_dir": str(real_data / "tinyshakespeare")}, "arch": "gru"}
    assert options.resolve_options(text).modified() == []


@pytest.mark.parametrize("arch", ["seqbench.datamodules.text.vocabulary:Vocabulary", "math:pi", "builtins:dict"])
def test_what_is_no_backbone_is_refused(arch: str) -> None:
    with pytest.raises(SeqbenchError, match="is no backbone: expected a class whose __init__ takes d_model"):
        resolve(arch=arch)


def test_the_cards_options_reach_a_backbone_through_its_keywords(text_folder: Path) -> None:
    task = {"name": "char-lm", "data_dir": str(text_folder)}
    config = options.resolve_options({"arch": "tests.backbones:KeywordOptions", "task": task})
    assert config.arch_options == {"d_model": 256, "num_layers": 2, "dropout": 0.2, "skip": False}


def test_swapped_splits_are_another_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hashlib

    from seqbench.datamodules.sources import published_datasets

    texts = {"ptb.train.txt": "abc" * 2000, "ptb.valid.txt": "bca" * 50, "ptb.test.txt": "cab" * 50}
    published = published_datasets.find_dataset("ptb")
    sums = {p: hashlib.sha256(texts[Path(f).name].encode()).hexdigest() for p, f in published.files.items()}
    ours = published_datasets.Dataset(**{**published.__dict__, "sha256": sums})
    monkeypatch.setattr(published_datasets, "DATASETS", {"ptb": ours})
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    given = {"arch": "gru", "task": {"name": "char-lm-ptb", "data_dir": str(tmp_path)}}
    right = options.resolve_options(given)
    assert right.modified() == []
    (tmp_path / "ptb.valid.txt").write_text(texts["ptb.test.txt"])
    (tmp_path / "ptb.test.txt").write_text(texts["ptb.valid.txt"])
    swapped = options.resolve_options(given)
    assert swapped.modified() == ["data"]
    assert swapped.digest() != right.digest()


def test_help_lists_typed_options_with_the_cards_defaults() -> None:
    text = options.help_text({**COPY, "tier": "medium"})
    assert "--arch.num_layers" in text
    assert "--task.delay" in text
    assert "200" in text
    assert "--task.batch_size" not in text


@pytest.mark.parametrize("content", ["[1, 2]", "just text", "a: [", ""])
def test_a_file_without_options_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.yaml").write_text(content)
    with pytest.raises(SeqbenchError):
        options.read_config(tmp_path)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"seed": 2**5000}, "the configuration.seed is a whole number of"),
        ({"optim": {"lr": float("nan")}}, "the configuration.optim.lr is nan"),
        ({"task": {"name": "copy", 3: 4}}, "the configuration.task has the key 3"),
        ({"body": "x" * 100_000}, "'body' must be a mapping of options, got 'xxx"),
        ({"optim": {"steps": 10**15, "validate_every": 7}}, "optim.steps must be at most 1e.12"),
    ],
)
def test_what_could_not_be_recorded_is_refused_at_once(changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=sentence) as caught:
        options.resolve_options({"arch": "gru", "task": "copy", "tier": "smoke", **changed})
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("word", ["-h", "--help", "--print_config", "--help=x"])
def test_no_word_ends_the_process(word: str) -> None:
    with pytest.raises(SeqbenchError, match="unknown option -"):
        options.resolve_options({"arch": "gru", "task": "copy", "tier": "smoke"}, [word])


@pytest.mark.parametrize("word", ["", " ", "\n"])
def test_an_empty_word_is_an_unknown_option(word: str) -> None:
    with pytest.raises(SeqbenchError, match="unknown option ''"):
        options.resolve_options({"arch": "gru", "task": "copy", "tier": "smoke"}, [word])
