"""The table of published data sets."""

from __future__ import annotations

import string

import pytest

from seqbench.datamodules.sources import folder_layouts
from seqbench.datamodules.sources.published_datasets import DATASETS, find_dataset
from seqbench.protocol.splits import SPLITS
from seqbench.utils.errors import SeqbenchError


@pytest.mark.parametrize("name", DATASETS)
def test_each_entry_is_complete(name: str) -> None:
    entry = DATASETS[name]
    assert entry.format in folder_layouts.LAYOUTS
    assert set(entry.files) == set(entry.sha256)
    assert tuple(entry.rows) == SPLITS
    assert all(count > 0 for count in entry.rows.values())
    assert all(len(value) == 64 and set(value) <= set(string.hexdigits) for value in entry.sha256.values())
    assert entry.licence
    assert entry.citation


@pytest.mark.parametrize("name", [name for name, entry in DATASETS.items() if entry.hub])
def test_the_rows_of_the_hub_make_each_part(name: str) -> None:
    entry = DATASETS[name]
    assert entry.hub is not None
    parts = {
        f"{split}/{suffix}" if suffix else split for split in entry.hub.splits for suffix in entry.hub.row_templates
    }
    assert parts == set(entry.files) or set(entry.files) == {"all"}


def test_the_sizes_are_those_of_the_publications() -> None:
    sizes = {name: tuple(entry.rows.values()) for name, entry in DATASETS.items()}
    assert sizes == {
        "tinyshakespeare": (1_003_854, 55_770, 55_770),
        "ptb": (5_101_618, 399_782, 449_945),
        "sst2": (6920, 872, 1821),
        "sst2-phrases": (67_349, 872, 1821),
        "jsb": (229, 76, 77),
        "nottingham": (694, 173, 170),
        "multi30k": (29_000, 1014, 1000),
    }


def test_both_forms_of_sst2_share_their_test_set() -> None:
    assert DATASETS["sst2"].sha256["test"] == DATASETS["sst2-phrases"].sha256["test"]


def test_only_pairs_have_languages() -> None:
    assert find_dataset("multi30k").languages == ("en", "de")
    assert find_dataset("ptb").languages == ()


def test_an_unknown_name_is_refused_with_the_closest_one() -> None:
    with pytest.raises(SeqbenchError, match=r"unknown data set 'ptbb'\. Did you mean 'ptb'"):
        find_dataset("ptbb")
