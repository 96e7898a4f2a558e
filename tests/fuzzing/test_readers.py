"""Broken data files for each reader, the cache of prepared data and the tokenizer."""

from __future__ import annotations

import gzip
import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import savemat

from seqbench.datamodules.sources import data_location, labelled_sentences, prepared_cache, rolls, sentence_pairs, texts
from seqbench.datamodules.text.tokenization import Tokenizer
from seqbench.utils.errors import SeqbenchError
from tests.fuzzing import strategies
from tests.fuzzing.guard import only_within

Reader = Callable[[data_location.DataLocation], Any]
READERS: dict[str, tuple[str, tuple[str, ...], Reader]] = {
    "texts": ("ptb", (), texts.read_texts),
    "sentences": ("sst2", (), labelled_sentences.read_labelled_sentences),
    "rolls": ("jsb", (), rolls.read_rolls),
    "matlab": ("jsb", (), rolls.read_rolls),
    "packed": ("jsb", (), rolls.read_rolls),
    "pairs": ("multi30k", ("en", "de"), sentence_pairs.read_sentence_pairs),
}


@pytest.fixture
def folder(small_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of small data for each reader."""
    (small_data / "texts").mkdir()
    for split in ("train", "valid", "test"):
        (small_data / "texts" / f"{split}.txt").write_text("to be, or not to be\n" * 20)
    for path in list((small_data / "pairs").iterdir()):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    for name in ("matlab", "packed"):
        written = io.BytesIO()
        savemat(
            written, {key: _cells() for key in ("traindata", "validdata", "testdata")}, do_compression=name == "packed"
        )
        (small_data / name).mkdir()
        (small_data / name / "tunes.mat").write_bytes(written.getvalue())
    monkeypatch.setenv("SEQBENCH_CACHE", str(small_data / "cache"))
    monkeypatch.chdir(small_data)
    return small_data


def _cells() -> np.ndarray:
    found = np.empty((1, 2), object)
    for number in range(2):
        found[0, number] = np.eye(3 + number, 88, dtype=np.uint8)
    return found


def broken(data: bytes, name: str) -> st.SearchStrategy[bytes]:
    """Return a strategy that breaks the bytes of a file, and of a compressed file also its contents."""
    if name.endswith(".gz"):
        return strategies.broken_bytes(data) | broken(gzip.decompress(data), "").map(gzip.compress)
    changed = strategies.broken_bytes(data, most=6) | st.binary(max_size=80)
    if name.endswith(".mat"):
        return changed | st.builds(_flipped, st.just(data), st.lists(st.integers(0, 8 * len(data) - 1), max_size=6))
    return changed | strategies.broken_text([data.decode()])


def _flipped(data: bytes, bits: list[int]) -> bytes:
    found = bytearray(data)
    for bit in bits:
        found[bit // 8] ^= 1 << bit % 8
    return bytes(found)


def fuzz(name: str, examples: int, folder: Path, random: bool = False) -> int:
    """Give broken files to a reader; return the number of cases."""
    dataset, languages, read = READERS[name]
    origins = {path.name: path.read_bytes() for path in (folder / name).iterdir()}
    files = st.one_of([st.tuples(st.just(file), broken(data, file)) for file, data in sorted(origins.items())])
    count = 0

    @strategies.tried(examples, random)
    @given(files)
    def each(one: tuple[str, bytes]) -> None:
        nonlocal count
        count += 1
        file, data = one
        (folder / name / file).write_bytes(data)
        try:
            with only_within(folder):
                read(data_location.locate_data(dataset, str(folder / name), languages=languages))
        except SeqbenchError as error:
            assert str(error)
        finally:
            (folder / name / file).write_bytes(origins[file])

    read(data_location.locate_data(dataset, str(folder / name), languages=languages))
    each()
    return count


def fuzz_cache(examples: int, folder: Path, random: bool = False) -> int:
    """Damage entries of the cache; the data must be loaded or prepared again. Return the number of cases."""
    made: dict[str, np.ndarray] = {"a": np.arange(24).reshape(4, 6), "b": np.zeros((0, 3), np.uint8)}
    prepared_cache.load_or_prepare("fuzzed", {}, lambda: made)
    (entry,) = (folder / "cache" / "prepared").glob("fuzzed-*")
    whole = {path.name: path.read_bytes() for path in entry.iterdir()}
    pickled = io.BytesIO()
    np.save(pickled, np.array([{"a": 1}, None], object), allow_pickle=True)
    damage = {name: broken(data, ".mat") | st.just(pickled.getvalue()) for name, data in whole.items()}
    count = 0

    @strategies.tried(examples, random)
    @given(st.one_of([st.tuples(st.just(name), data) for name, data in sorted(damage.items())]))
    def each(one: tuple[str, bytes]) -> None:
        nonlocal count
        count += 1
        shutil.rmtree(entry, ignore_errors=True)
        entry.mkdir()
        for name, data in whole.items():
            (entry / name).write_bytes(one[1] if name == one[0] else data)
        with only_within(folder) as watch:
            found = prepared_cache.load_or_prepare("fuzzed", {}, lambda: made)
        assert set(found) == {"a", "b"}
        assert all(array.dtype != object for array in found.values())
        assert "pickle" not in watch.imported

    each()
    return count


def fuzz_tokenizers(examples: int, folder: Path, random: bool = False) -> int:
    """Read broken tokenizers; return the number of cases."""
    saved = Tokenizer.bpe(["to be, or not to be"], 280, ("[START]",)).to_json(), Tokenizer.words(["a b"], 1).to_json()
    count = 0

    @strategies.tried(examples, random)
    @given(strategies.broken_text(list(saved)))
    def each(data: bytes) -> None:
        nonlocal count
        count += 1
        with only_within(folder):
            try:
                tokenizer = Tokenizer.from_json(data.decode("utf-8", "replace"))
            except SeqbenchError:
                return
            assert len(tokenizer) >= 0

    each()
    return count


@pytest.mark.parametrize("name", READERS)
def test_a_broken_data_file_is_read_or_refused_in_a_sentence(name: str, folder: Path) -> None:
    assert fuzz(name, strategies.FAST // 2, folder) >= strategies.FAST // 4


def test_a_damaged_cache_is_prepared_again(folder: Path) -> None:
    assert fuzz_cache(strategies.FAST // 2, folder) >= strategies.FAST // 4


def test_a_broken_tokenizer_is_refused_in_a_sentence(folder: Path) -> None:
    assert fuzz_tokenizers(strategies.FAST // 2, folder) >= strategies.FAST // 4


@pytest.mark.slow
@pytest.mark.exhaustive
def test_thousands_of_broken_data_files_are_read_or_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counts = {name: fuzz(name, 400, folder, True) for name in READERS}
    counts |= {"cache": fuzz_cache(400, folder, True), "tokenizers": fuzz_tokenizers(400, folder, True)}
    with capsys.disabled():
        print(counts)
    assert sum(counts.values()) >= 2500
