from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from seqbench.datamodules.sources import data_contents, data_location, published_datasets, texts
from seqbench.protocol.splits import SPLITS
from seqbench.utils.errors import SeqbenchError


def read(dataset: str, data_dir: str | None = None) -> texts.TextSplits:
    return texts.read_texts(data_location.locate_data(dataset, data_dir))


def put(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return folder


def test_a_text_without_splits_is_divided_90_5_5_in_order(tmp_path: Path) -> None:
    text = "".join(chr(97 + i % 26) for i in range(1000))
    result = read("tinyshakespeare", str(put(tmp_path, mine=text)))
    assert [len(result.splits[s]) for s in SPLITS] == [900, 50, 50]
    assert "".join(result.splits[s] for s in SPLITS) == text
    sums = data_contents.file_checksums(data_location.locate_data("tinyshakespeare", str(tmp_path)))
    assert sums == {"all/mine.txt": hashlib.sha256(text.encode()).hexdigest()}
    assert not data_contents.is_published("tinyshakespeare", sums)


def test_files_with_the_name_of_a_split_are_this_split(tmp_path: Path) -> None:
    result = read("ptb", str(put(tmp_path, wiki_train="aa", wiki_valid="bb", wiki_test="cc")))
    assert result.splits == {"train": "aa", "validation": "bb", "test": "cc"}


def test_other_files_are_joined_in_alphabetical_order(tmp_path: Path) -> None:
    result = read("tinyshakespeare", str(put(tmp_path, b="b" * 10, a="a" * 10)))
    assert "".join(result.splits.values()) == "a" * 10 + "b" * 10


def test_a_single_file_is_a_whole_text(tmp_path: Path) -> None:
    folder = put(tmp_path, one="x" * 40, two="y" * 40)
    assert set("".join(read("tinyshakespeare", str(folder / "one.txt")).splits.values())) == {"x"}


def test_line_ends_are_not_changed(tmp_path: Path) -> None:
    (tmp_path / "dos.txt").write_bytes(b"a\r\nb\r\n" * 20)
    assert "\r\n" in read("tinyshakespeare", str(tmp_path)).splits["train"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"\xff\xfe\x00", "not a text in it"),
        (b"abc\xe9", r"not a text in UTF-8 \(line 1, byte 3 is 0xe9\)"),
        (b"a\0b", "contains zero bytes"),
    ],
)
def test_a_file_that_is_not_text_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "input.txt").write_bytes(content)
    with pytest.raises(SeqbenchError, match=sentence):
        read("tinyshakespeare", str(tmp_path))


@pytest.mark.parametrize(
    ("name", "lengths"),
    [("tinyshakespeare", (1_003_854, 55_770, 55_770)), ("ptb", (5_101_618, 399_782, 449_945))],
)
def test_the_published_texts_have_their_published_size(real_data: Path, name: str, lengths: tuple[int, ...]) -> None:
    result = read(name)
    assert tuple(len(result.splits[s]) for s in SPLITS) == lengths
    assert tuple(published_datasets.find_dataset(name).rows.values()) == lengths
    folder = next(iter(published_datasets.find_dataset(name).files.values())).partition("/")[0]
    for place in (real_data / folder, real_data):
        assert read(name, str(place)) == result
        assert data_contents.is_published(
            name, data_contents.file_checksums(data_location.locate_data(name, str(place)))
        )


def test_a_synthetic_text_has_a_known_entropy() -> None:
    result = texts.read_texts(data_location.locate_data("ptb", source="synthetic"))
    assert result.entropy is not None
    assert result.accuracy is not None
    assert set(result.splits) == set(SPLITS)


def test_a_byte_order_mark_is_not_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_bytes(b"\xef\xbb\xbf" + b"abc " * 50)
    assert "".join(read("ptb", str(tmp_path)).splits.values()) == "abc " * 50


def test_what_is_joined_divided_and_decoded_is_said(tmp_path: Path) -> None:
    folder = put(tmp_path, b="b" * 10)
    (folder / "a.txt").write_bytes(("a\r\n" * 10).encode("utf-16"))
    assert read("tinyshakespeare", str(folder)).notes == (
        "a.txt is read as UTF-16, because of its byte-order mark",
        "a.txt and b.txt are joined in this order and divided in order into 36 train, 2 validation, 2 test characters",
        r"lines end in \r\n; both characters are part of the text",
    )
    assert read("ptb", str(put(tmp_path / "splits", train="aa", dev="bb", test="cc"))).notes == ()
