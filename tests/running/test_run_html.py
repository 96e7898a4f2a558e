from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from seqbench.running import run_html
from seqbench.running.attempt import Run
from tests.leaderboard.kit import example_record


class Cells(HTMLParser):
    """The texts of all cells, and the tags that are still open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] in (["td"], ["th"]):
            self.cells.append(data)


def test_the_table_has_a_row_for_each_test_metric_and_the_deciding_one_is_first() -> None:
    record = example_record(value=0.75)
    page = Cells(run_html.render_run(record, Path("runs/x")))
    metrics = record.results.metrics["test"]
    assert page.open == []
    assert page.cells[:4] == ["test metric", "value", "chance", "best possible"]
    assert page.cells[4:6] == [record.config.card.metric, "0.75"]
    assert len(page.cells) == 4 * (1 + len(metrics))


def test_a_run_shows_itself_in_a_notebook() -> None:
    run = Run(example_record(), Path("runs/<b>"))
    assert run._repr_html_() == run_html.render_run(run.record, run.folder)
    assert "runs/&lt;b&gt;" in run._repr_html_()


def test_a_run_without_scores_shows_the_reason() -> None:
    text = run_html.render_run(example_record(status="failed"), Path("runs/x"))
    assert "<table>" not in text
    assert "failed" in text
