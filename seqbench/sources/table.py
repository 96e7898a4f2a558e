"""The one table of published data sets: ids, revisions, files, checksums, licence, citation.

A wrong hub id or a changed file fails loudly against these checksums and is mended in one line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seqbench.errors import SeqbenchError, did_you_mean


@dataclass(frozen=True)
class Dataset:
    """One published data set.

    Args:
        folder: its folder under ``$SEQBENCH_DATA``.
        files: file name of each split; one file under ``all`` is cut 90/5/5.
        sha256: of each file, hex.
        hub: repository id on the Hugging Face hub.
        revision: revision of that repository.
        column: the column that holds the text, on the hub.
        line: how one hub row is written as text, so that the splits equal the published files.
        hub_splits: the hub's names of the splits, by ours.
        licence: as its publishers state it.
        citation: what to cite.
    """

    folder: str
    files: Mapping[str, str]
    sha256: Mapping[str, str]
    hub: str
    revision: str
    column: str
    line: str
    hub_splits: Mapping[str, str]
    licence: str
    citation: str


# The parquet copies that the hub itself makes: `datasets` no longer runs these repositories' scripts.
_PARQUET = "refs/convert/parquet"

DATASETS: Mapping[str, Dataset] = {
    "tinyshakespeare": Dataset(
        folder="tinyshakespeare",
        files={"all": "input.txt"},
        sha256={"input.txt": "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"},
        hub="karpathy/tiny_shakespeare",
        revision=_PARQUET,
        column="text",
        line="{}",
        hub_splits={"train": "train", "validation": "validation", "test": "test"},
        licence="public domain text; its repository states no licence",
        citation="Karpathy 2015, char-rnn (github.com/karpathy/char-rnn)",
    ),
    "ptb": Dataset(
        folder="ptb",
        files={"train": "ptb.train.txt", "validation": "ptb.valid.txt", "test": "ptb.test.txt"},
        sha256={
            "ptb.train.txt": "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf",
            "ptb.valid.txt": "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2",
            "ptb.test.txt": "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0",
        },
        hub="ptb-text-only/ptb_text_only",
        revision=_PARQUET,
        column="sentence",
        line=" {} \n",
        hub_splits={"train": "train", "validation": "validation", "test": "test"},
        licence="none stated; derived from the LDC Penn Treebank, for research",
        citation="Marcus et al. 1993; preprocessed by Mikolov et al. 2010",
    ),
}


def get(name: str) -> Dataset:
    """The data set of that name.

    Raises:
        SeqbenchError: the table has none such.
    """
    if name not in DATASETS:
        raise SeqbenchError(f"unknown data set '{name}'.{did_you_mean(name, DATASETS)}")
    return DATASETS[name]
