from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from seqbench.protocol import card_lookup, registry
from seqbench.utils.errors import SeqbenchError
from tests import distributions


def test_the_file_of_a_task_is_read_with_its_origin() -> None:
    file = card_lookup.read_card_file("copy")
    assert (file.entry.name, file.data["name"]) == ("copy", "copy")
    assert file.origin == f"copy.yaml (from seqbench {file.entry.version})"


def test_a_short_name_is_followed_to_its_task() -> None:
    assert card_lookup.read_card_file("char-lm").entry.name == "char-lm-shakespeare"


def test_the_summary_is_one_line_or_names_the_task_that_a_short_name_stands_for() -> None:
    summary = card_lookup.card_summary("copy")
    assert summary
    assert "\n" not in summary
    assert card_lookup.card_summary("char-lm") == "stands for char-lm-shakespeare"
    assert all(card_lookup.card_summary(name) for name in registry.list_entries(registry.TASKS))


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(SeqbenchError, match="unknown task 'copi'"):
        card_lookup.read_card_file("copi")


def test_a_missing_card_is_reported_with_the_folders_that_were_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with distributions.site(tmp_path, monkeypatch) as site:
        site.install("their-tasks", {}, {"job": "their_tasks", "other": "no_such_package"}, {"their_tasks/a.txt": ""})
        with pytest.raises(SeqbenchError, match=r"task 'job' .*has no card: looked for job\.yaml in .*their_tasks"):
            card_lookup.read_card_file("job")
        with pytest.raises(SeqbenchError, match="no_such_package, which is no package that is installed"):
            card_lookup.card_summary("other")


def test_summaries_are_read_without_pydantic() -> None:
    code = (
        "import sys; from seqbench.protocol import card_lookup; card_lookup.card_summary('copy');"
        "assert not {'pydantic', 'pydantic_core', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
