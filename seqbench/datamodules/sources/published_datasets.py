"""The table of published data sets: files, checksums, sizes, licences, citations, and repositories on the hub.

Data with other checksums raise an error. Files are named by *part*: a split, ``split/language``, or ``all`` for a file
that contains all splits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from seqbench.utils.errors import SeqbenchError, did_you_mean

_PARQUET = "refs/convert/parquet"
"""Revision with the parquet files that the hub generates; ``datasets`` no longer runs the scripts of repositories."""


@dataclass(frozen=True)
class HubRepository:
    """A repository on the Hugging Face hub, with the templates that turn its rows into the published files.

    Args:
        id: name of the repository.
        row_templates: format string that writes the columns of one row into a part, by the suffix of the part (a
            language), or by "" if parts are splits.
        revision: revision of the repository; None for the latest one.
        splits: name of each split on the hub.
    """

    id: str
    row_templates: Mapping[str, str]
    revision: str | None = None
    splits: Mapping[str, str] = field(
        default_factory=lambda: {"train": "train", "validation": "validation", "test": "test"}
    )


@dataclass(frozen=True)
class PublishedDataset:
    """One published data set.

    Args:
        format: format of the files: text, sentences, rolls or pairs.
        files: path of each part in a data folder; a file in ``.gz`` may also be unpacked.
        sha256: SHA-256 (hex) of the unpacked bytes of each part.
        rows: number of sequences (for a text, of characters) in each split.
        licence: licence that the publishers state.
        citation: publications to cite.
        hub: repository on the hub; None if there is none.
    """

    format: str
    files: Mapping[str, str]
    sha256: Mapping[str, str]
    rows: Mapping[str, int]
    licence: str
    citation: str
    hub: HubRepository | None = None

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages of a data set of pairs in the order of the files; empty for other formats."""
        suffixes = (part.partition("/")[2] for part in self.files)
        return tuple(dict.fromkeys(suffix for suffix in suffixes if suffix))


DATASETS: Mapping[str, PublishedDataset] = {
    "tinyshakespeare": PublishedDataset(
        format="text",
        files={"all": "tinyshakespeare/input.txt"},
        sha256={"all": "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"},
        rows={"train": 1_003_854, "validation": 55_770, "test": 55_770},
        licence="public domain text; its repository states no licence",
        citation="Karpathy 2015, char-rnn (github.com/karpathy/char-rnn)",
        hub=HubRepository("karpathy/tiny_shakespeare", {"": "{text}"}, _PARQUET),
    ),
    "ptb": PublishedDataset(
        format="text",
        files={"train": "ptb/ptb.train.txt", "validation": "ptb/ptb.valid.txt", "test": "ptb/ptb.test.txt"},
        sha256={
            "train": "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf",
            "validation": "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2",
            "test": "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0",
        },
        rows={"train": 5_101_618, "validation": 399_782, "test": 449_945},
        licence="none stated; derived from the LDC Penn Treebank, for research",
        citation="Marcus et al. 1993; preprocessed by Mikolov et al. 2010",
        hub=HubRepository("ptb-text-only/ptb_text_only", {"": " {sentence} \n"}, _PARQUET),
    ),
    "sst2": PublishedDataset(
        format="sentences",
        files={
            "train": "sst2-sentences/train.tsv",
            "validation": "sst2-sentences/dev.tsv",
            "test": "sst2-sentences/test.tsv",
        },
        sha256={
            "train": "ec192f833a64da08f475488a77b0d0b47db47acd0f458bd18433fc793b569920",
            "validation": "eddea6b39e601dd4e7a672b53cc40fdf6019fa80522f351206c24340ca5d9359",
            "test": "831169c7e2e429d6026e1bdbb542f33b636e3e596caad9602ebc953c205928b7",
        },
        rows={"train": 6920, "validation": 872, "test": 1821},
        licence="none stated by the source; the authors' own terms",
        citation="Socher et al. 2013, the sentences with two classes",
        hub=HubRepository("SetFit/sst2", {"": "{text}\t{label}\n"}),
    ),
    "sst2-phrases": PublishedDataset(
        format="sentences",
        # The labels of the GLUE test set are not public; they are public for the same sentences of `sst2`.
        files={"train": "sst2/train.tsv", "validation": "sst2/dev.tsv", "test": "sst2-sentences/test.tsv"},
        sha256={
            "train": "48eac26399f8456935f81dd9e3a745c1430adb6c62e233ccfe22db4a0d15d1d1",
            "validation": "54a9c12c77e402fc14d6a66a506f24d999f596b0176eb777c972cccc2f9cc4b0",
            "test": "831169c7e2e429d6026e1bdbb542f33b636e3e596caad9602ebc953c205928b7",
        },
        rows={"train": 67_349, "validation": 872, "test": 1821},
        licence="none stated by the source; GLUE lists it under its authors' terms",
        citation="Socher et al. 2013, the phrases as in GLUE (Wang et al. 2018)",
    ),
    "jsb": PublishedDataset(
        format="rolls",
        files={"all": "jsb-chorales/JSB_Chorales.mat"},
        sha256={"all": "ac0e608527cc411c7e21ef7d38be47f0de7fb6b13b3ae168b8eccf1c2a9b18d4"},
        rows={"train": 229, "validation": 76, "test": 77},
        licence="none stated; music in the public domain",
        citation="Allan & Williams 2005; split of Boulanger-Lewandowski, Bengio & Vincent 2012",
    ),
    "nottingham": PublishedDataset(
        format="rolls",
        files={"all": "nottingham/Nottingham.mat"},
        sha256={"all": "d154f7ca2e90799dc1dc011d8fc048f2fc6ef3f7c69d974b9cf27a471634fbea"},
        rows={"train": 694, "validation": 173, "test": 170},
        licence="none stated",
        citation="Boulanger-Lewandowski, Bengio & Vincent 2012",
    ),
    "multi30k": PublishedDataset(
        format="pairs",
        files={
            f"{split}/{language}": f"multi30k-en-de/{name}.{language}.gz"
            for split, name in (("train", "train"), ("validation", "val"), ("test", "test_2016_flickr"))
            for language in ("en", "de")
        },
        sha256={
            "train/en": "460a15fbd157e34a7a9957ee388c1ca247fe47af3ef25fb50442af6c274e0fc6",
            "train/de": "2c2b73fd2b548fbcde3a875e0a78d6ee94d498bfdee6bd3eae3945779e9ddf72",
            "validation/en": "1f2a23d992769b5b3d209b0a10dd0b77c08cceb1f20dfb97ed0aafa49d107227",
            "validation/de": "660e09eb7e1da2f856ea13ee5ad3cf6d36b3d5b0b733c857e94c5747a3dfc660",
            "test/en": "399a4382932c1aadd3ceb9bef1008d388a64c76d4ae4e9d4728c6f4301cac182",
            "test/de": "4be6b5b3236b79c25475c6bb829800a7ce559e9ba7a1f6c2394fe4d40be46d16",
        },
        rows={"train": 29_000, "validation": 1014, "test": 1000},
        licence="for non-commercial research and education",
        citation="Elliott et al. 2016; the captions derive from Flickr30k (Young et al. 2014)",
        hub=HubRepository("bentrevett/multi30k", {"en": "{en}\n", "de": "{de}\n"}),
    ),
}


def find_dataset(name: str) -> PublishedDataset:
    """Return the data set with this name.

    Raises:
        SeqbenchError: there is no data set of this name.

    >>> find_dataset("ptb").format
    'text'
    """
    if name not in DATASETS:
        raise SeqbenchError(f"unknown data set '{name}'.{did_you_mean(name, DATASETS)}")
    return DATASETS[name]
