from __future__ import annotations

from pathlib import Path

import pytest

from seqbench.protocol.cards import load_card
from seqbench.protocol.reference import task_reference
from seqbench.utils.errors import SeqbenchError

FOLDER = Path(__file__).parents[3] / "docs" / "tasks"
AGAIN = "run `python -m seqbench.protocol.reference.task_reference docs/tasks`"


def test_the_committed_pages_are_current() -> None:
    files = task_reference.reference_files()
    assert {path.name for path in FOLDER.iterdir()} == set(files), AGAIN
    for name, text in files.items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, f"{name}: {AGAIN}"


@pytest.mark.parametrize("name", task_reference.task_names())
def test_each_task_is_described_with_tiers_and_published_scores(name: str) -> None:
    card, page = load_card(name), (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    assert len(card.description.split()) > 20
    assert [tier for tier in card.tiers if f"| {tier} |" not in page] == []
    for reference in card.references:
        assert reference.source in page
    for tier in card.tiers.values():
        assert all(deviation in page for deviation in tier.deviations)
    assert f"[`{name}`]({name}.md)" in (FOLDER / "index.md").read_text(encoding="utf-8")


def test_a_page_of_a_removed_task_is_removed(tmp_path: Path) -> None:
    task_reference.main(tmp_path)
    (tmp_path / "gone.md").write_text("old")
    task_reference.main(tmp_path)
    assert not (tmp_path / "gone.md").exists()
    assert (tmp_path / "copy.svg").is_file()


def test_a_folder_with_other_files_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "index.md").write_text("# My documentation\n")
    with pytest.raises(SeqbenchError, match="holds other files than pages of tasks"):
        task_reference.main(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["index.md"]


def test_a_bar_in_a_cell_is_escaped() -> None:
    assert task_reference._table(("a",), [("x|y",)]).endswith("| x\\|y |")
