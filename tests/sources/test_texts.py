from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest

from seqbench.errors import SeqbenchError
from seqbench.sources import hub, table, texts

PTB = ("ptb.train.txt", "ptb.valid.txt", "ptb.test.txt")


def put(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return folder


def test_one_text_is_cut_90_5_5_in_order(tmp_path: Path) -> None:
    text = "".join(chr(97 + i % 26) for i in range(1000))
    found = texts.read("tinyshakespeare", str(put(tmp_path, mine=text)))
    assert [len(found.splits[s]) for s in texts.SPLITS] == [900, 50, 50]
    assert "".join(found.splits[s] for s in texts.SPLITS) == text
    assert found.checksums == {"all/mine.txt": hashlib.sha256(text.encode()).hexdigest()}
    assert not found.published


def test_files_named_for_splits_are_the_splits(tmp_path: Path) -> None:
    found = texts.read("ptb", str(put(tmp_path, wiki_train="aa", wiki_valid="bb", wiki_test="cc")))
    assert found.splits == {"train": "aa", "validation": "bb", "test": "cc"}


def test_other_files_are_joined_in_the_order_of_their_names(tmp_path: Path) -> None:
    found = texts.read("tinyshakespeare", str(put(tmp_path, b="b" * 10, a="a" * 10)))
    assert "".join(found.splits.values()) == "a" * 10 + "b" * 10


def test_a_single_file_will_do(tmp_path: Path) -> None:
    folder = put(tmp_path, one="x" * 40, two="y" * 40)
    assert set("".join(texts.read("tinyshakespeare", str(folder / "one.txt")).splits.values())) == {"x"}


def test_line_ends_are_kept_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "dos.txt").write_bytes(b"a\r\nb\r\n" * 20)
    assert "\r\n" in texts.read("tinyshakespeare", str(tmp_path)).splits["train"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "is empty"), (b"\xff\xfe\x00abc", r"not a text in UTF-8 \(byte 0 is 0xff\)"), (b"a\0b", "holds zero bytes")],
)
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "input.txt").write_bytes(content)
    with pytest.raises(SeqbenchError, match=sentence):
        texts.read("tinyshakespeare", str(tmp_path))


def test_a_folder_without_texts_names_what_was_expected(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"")
    with pytest.raises(SeqbenchError, match=r"expected ptb\.train\.txt, ptb\.valid\.txt.* found photo\.png"):
        texts.locate("ptb", str(tmp_path))
    with pytest.raises(SeqbenchError, match="neither a folder nor a file"):
        texts.locate("ptb", str(tmp_path / "none"))


@pytest.mark.usefixtures("no_data")
def test_neither_network_nor_folder_fails_at_once_with_three_ways_out() -> None:
    start = time.perf_counter()
    with pytest.raises(SeqbenchError) as caught:
        texts.locate("ptb")
    assert time.perf_counter() - start < 2
    assert all(way in str(caught.value) for way in ("(1)", "(2)", "(3)", *PTB))


def test_an_unreachable_hub_fails_within_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEQBENCH_DATA", raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    start = time.perf_counter()
    with pytest.raises(SeqbenchError, match="cannot be reached"):
        texts.locate("ptb")
    assert time.perf_counter() - start < 2


def test_a_changed_file_in_the_data_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tinyshakespeare").mkdir()
    (tmp_path / "tinyshakespeare" / "input.txt").write_text("not the plays " * 50)
    monkeypatch.setenv("SEQBENCH_DATA", str(tmp_path))
    with pytest.raises(SeqbenchError, match=r"input\.txt of 'tinyshakespeare' .* is not the published file"):
        texts.read("tinyshakespeare")


def test_an_unknown_data_set_gets_the_close_matches() -> None:
    with pytest.raises(SeqbenchError, match="Did you mean 'ptb'"):
        table.get("ptbb")


@pytest.mark.parametrize(
    ("name", "lengths"),
    [("tinyshakespeare", (1_003_854, 55_770, 55_770)), ("ptb", (5_101_618, 399_782, 449_945))],
)
def test_the_published_files(real_data: Path, name: str, lengths: tuple[int, ...]) -> None:
    found = texts.read(name)
    assert found.published
    assert tuple(len(found.splits[s]) for s in texts.SPLITS) == lengths
    named = texts.read(name, str(real_data / table.get(name).folder))
    assert named == found
    assert texts.read(name, str(real_data)) == found


def test_the_hub_gives_the_same_text_as_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A local parquet repository of the hub's layout, read by `datasets` for real."""
    import datasets

    repository = tmp_path / "repository"
    lines = {"train": ["a b", "c"], "validation": ["d <unk>"], "test": ["e"]}
    for split, rows in lines.items():
        (repository / split).mkdir(parents=True)
        datasets.Dataset.from_dict({"sentence": rows}).to_parquet(str(repository / split / f"{split}.parquet"))
    (repository / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files:\n"
        + "".join(f"  - split: {s}\n    path: {s}/*.parquet\n" for s in lines)
        + "---\n"
    )
    published = {"ptb.train.txt": " a b \n c \n", "ptb.valid.txt": " d <unk> \n", "ptb.test.txt": " e \n"}
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SEQBENCH_DATA", raising=False)
    monkeypatch.setattr(hub, "reachable", lambda: True)
    entry = table.get("ptb")
    local = table.Dataset(
        **{
            **entry.__dict__,
            "hub": str(repository),
            "sha256": {name: hashlib.sha256(text.encode()).hexdigest() for name, text in published.items()},
        }
    )
    monkeypatch.setattr(table, "DATASETS", {"ptb": local})
    found = texts.read("ptb")
    assert found.published
    assert found.splits == dict(zip(texts.SPLITS, published.values(), strict=True))

    wrong = table.Dataset(**{**local.__dict__, "sha256": entry.sha256})
    monkeypatch.setattr(table, "DATASETS", {"ptb": wrong})
    with pytest.raises(SeqbenchError, match="from the hub is not the published file"):
        texts.read("ptb")

    missing = table.Dataset(**{**local.__dict__, "column": "words"})
    monkeypatch.setattr(table, "DATASETS", {"ptb": missing})
    with pytest.raises(SeqbenchError, match="could not be read from the hub"):
        texts.read("ptb")
