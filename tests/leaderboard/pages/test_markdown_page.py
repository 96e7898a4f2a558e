"""A board in Markdown: what it shows, and that texts of records are never taken for Markdown."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from pathlib import Path

import pytest

from seqbench.leaderboard import verdicts
from seqbench.leaderboard.board_data import BoardData, OverallData, PublishedCell
from seqbench.leaderboard.data.record_collection import ExcludedRecord
from seqbench.leaderboard.pages import markdown_page, wording
from seqbench.leaderboard.task_data import RowData
from seqbench.protocol import cards
from seqbench.utils.visible_text import visible_line
from tests.leaderboard.hostile import MARKDOWN_TEXTS
from tests.leaderboard.kit import board_data, example_board, example_record, with_overall_order, write_records

CELL = PublishedCell(
    row="x",
    setting="",
    metric="m",
    direction="max",
    architecture="a",
    task="t",
    published=1.0,
    statistic="mean",
    ours=None,
    half_width=None,
    seeds=0,
    lacking=[],
    diverged=0,
    difference=None,
    chance=None,
    best=None,
    parameters=None,
    seconds=None,
    needs="",
    verdict="not run",
    aside=[],
    deviations=[],
    command=None,
)
"""A cell of a published table without a figure of ours."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> BoardData:
    """Return a board with a row in each state, a diverged seed, a row at chance, an anchor and an unknown task."""
    folder = tmp_path_factory.mktemp("runs")
    means = {"gru": 0.97, "rnn": 0.126, "<b>|`x`": 0.5}
    records = [
        example_record(task, arch, seed, (8 + seed / 100 if task == "music-jsb" else mean + seed / 1000))
        for task in ("copy", "music-jsb")
        for arch, mean in means.items()
        for seed in range(3)
    ]
    records += [example_record("copy", "lstm", seed, 1.0) for seed in (0, 1)]
    records.append(example_record("copy", "lstm", 2, status="diverged", reason="the loss is nan | at `step` 7"))
    records += [example_record("copy", "tcn", 0, 0.9), example_record("copy", "gru", 5, 0.9)]
    board = example_board(
        tasks={"copy": None, "music-jsb": {"anchor": 7.5, "anchor_source": "somebody"}, "no-such": None},
        not_applicable=[{"architecture": "bigru", "task": "copy", "reason": "it looks ahead"}],
        title="A <board>",
    )
    return board_data(board, write_records(folder, *records))


@pytest.fixture(scope="module")
def page(data: BoardData) -> str:
    return markdown_page.render_markdown(data)


def section(page: str, heading: str) -> str:
    """Return the text from a heading to the next one of its kind."""
    assert f"\n{heading}\n" in page
    return page.partition(f"\n{heading}\n")[2].partition("\n## ")[0]


def table_cells(text: str) -> list[list[str]]:
    """Return the cells of all table lines in a text."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_the_page_begins_with_title_and_result_and_ends_with_the_rules(page: str) -> None:
    assert page.startswith("# A &lt;board&gt;\n\n**No overall winner: ")
    places = [page.index(text) for text in ("| architecture ", "\nNothing real.\n", "\n## `copy`\n", "\n## Rules\n")]
    assert places == sorted(places)
    rules = section(page, "## Rules")
    assert rules.startswith("\n- Tier `small`, 3 seeds for each row; 22 records count.")
    assert "seqbench leaderboard build test --from leaderboards/test/results" in section(
        page, "## How to check this page"
    )


def test_a_task_has_a_table_of_rows_and_references(page: str) -> None:
    copy = section(page, "## `copy`")
    rows = {row[1]: row for row in table_cells(copy)}
    assert rows["architecture"][:4] == ["rank", "architecture", "score", "solved"]
    assert rows["`gru`"][:4] == ["1", "`gru`", "0.9710 ± 0.0025", "0/3"]
    assert rows["`rnn`"][-1] == "not clearly above chance"
    assert rows["`lstm`"][2:4] == ["0.7083 ± 1.3", "2/3"]
    assert rows["`tcn`"][0] == ""
    assert rows["`tcn`"][2] == "0.9000"
    assert "`bigru`" not in rows
    assert rows["*best possible*"][2] == "1.000"
    assert rows["*baseline repeat*"][2] == rows["*chance*"][2] == "0.1250"


def test_a_task_says_what_its_score_does_not_say(page: str, data: BoardData) -> None:
    (task,) = [task for task in data.tasks if task.task == "copy"]
    limits = cards.load_card("copy").limits.strip()
    assert task.limits == limits
    assert f"\n\n{limits}\n\nMetric `accuracy`" in page
    silent = replace(data, tasks=[replace(task, limits="")])
    assert limits not in markdown_page.render_markdown(silent)
    assert limits not in silent.to_json()


def test_reasons_are_footnotes_and_rows_with_the_same_reason_share_one(page: str) -> None:
    copy = section(page, "## `copy`")
    rows = {row[1]: row for row in table_cells(copy)}
    assert rows["`lstm`"][-1] == "1 diverged (1)"
    assert rows["`tcn`"][-1] == "incomplete (2)"
    assert "- (1) `lstm`, 1 diverged: seed 2: the loss is nan \\| at `step` 7; counted with the chance score\n" in copy
    assert "- (2) `tcn`, incomplete: seed 1: no record; seed 2: no record\n" in copy


def test_rows_without_a_score_are_listed_below_the_table(page: str) -> None:
    assert "- `bigru`: not applicable: it looks ahead\n" in section(page, "## `copy`")
    assert "- `lstm`, `tcn`: missing: no record that counts\n" in section(page, "## `music-jsb`")


def test_a_task_without_a_best_possible_score_has_its_anchor_and_sources(page: str) -> None:
    music = section(page, "## `music-jsb`")
    rows = {row[1]: row for row in table_cells(music)}
    assert [rows["`gru`"][4], rows["`rnn`"][4], rows["*anchor*"][2]] == ["8.43", "8.91", "7.500"]
    assert "The best possible score is unknown: nobody knows.\n" in music
    assert "the anchor 7.5 (somebody) counts as 1" in music
    assert "`lstm` 8.45, `gru` 8.43, `rnn` 8.91, `tcn` 8.1 (300K parameters, Bai, Kolter &amp; Koltun" in music


def test_unusable_tasks_and_records_set_aside_are_listed(page: str) -> None:
    assert "- no-such: unknown task 'no-such'." in section(page, "## Tasks that cannot be used")
    aside = section(page, "## Records set aside")
    assert re.search(r"- `copy/\S+/result.json`: its seed is 5; the board's seeds are 0 to 2\n", aside)


def test_costs_have_units_and_a_cost_that_all_rows_share_is_stated_once(page: str) -> None:
    copy = section(page, "## `copy`")
    assert "In all rows: parameters 100,000; state 512 B; FLOPs/token 200k; training tokens/s 10.0k;" in copy
    assert (
        "peak memory 381 MiB; device a processor, 1 thread; learning rate 0.005; rates tried 0; search none; " in copy
    )
    heads, _, gru, *_ = table_cells(copy)
    assert (heads[4:], gru[4]) == (["time", "remarks"], "61.0 s (60.0 to 62.0 s)")


def test_rows_are_compared_across_tasks(page: str) -> None:
    across = section(page, "## Across tasks")
    heads, _, first, *_ = table_cells(across)
    assert heads == ["architecture", "first in", "last in", "`copy`", "`music-jsb`"]
    assert (first[0], first[1], first[3]) == ("`gru`", "1", "0.967")
    assert "2 tasks cannot carry one" in across
    assert re.search(r"- `lstm`: .*music-jsb", across)


def test_rows_have_an_overall_order_where_there_are_tasks_enough(data: BoardData) -> None:
    across = section(markdown_page.render_markdown(with_overall_order(data)), "## Across tasks")
    heads, _, first, second, *_ = table_cells(across)
    figures = ["IQM", "95 % interval", "optimality gap", "average rank", "the first is better"]
    assert heads == ["architecture", *figures, "`copy`", "`music-jsb`"]
    assert (first[0], first[5], first[6]) == ("`gru`", "", "0.967")
    assert second[0] == "<code>&#60;b&#62;&#124;&#96;x&#96;</code>"
    assert re.fullmatch(r"[01]\.\d{3} \([01]\.\d{3} to [01]\.\d{3}\)", second[5])
    assert "Friedman's test" in across


def test_published_figures_are_beside_ours(tmp_path: Path) -> None:
    row = {"metric": "nll_per_frame", "direction": "min", "setting": "300K", "needs": "a day"}
    board = example_board(
        seeds=2,
        tier="paper",
        size=None,
        tasks={"music-jsb": None},
        source="Bai",
        published=[
            {"name": "JSB", "task": "music-jsb", "values": {"gru": 8.43, "tcn": 8.1}, **row},
            {"name": "text8", "values": {"gru": 1.5}, **row},
        ],
    )
    options = cards.load_card("music-jsb").tier("paper").arch
    records = [
        example_record("music-jsb", "gru", s, 8.4 + s / 10, "paper", arch_options=options, parameters=678_688)
        for s in range(2)
    ]
    page = markdown_page.render_markdown(board_data(board, write_records(tmp_path, *records)))
    body = section(page, "## Published and ours")
    _, _, gru, tcn, text8 = table_cells(body)
    command = "seqbench sweep --arch gru --task music-jsb --tier paper --seeds 2"
    ours = ["8.43", "8.450 ± 0.64", "2/2", "678,688", "11.09"]
    assert gru == ["JSB", "`gru`", *ours, "+0.02", verdicts.WIDE, f"`{command}`"]
    assert tcn[2:9] == ["8.1", "", "", "", "", "", "not run: needs a day"]
    assert text8[8:] == ["no such task yet", ""]
    deviations = cards.load_card("music-jsb").tier("paper").deviations
    assert deviations
    assert re.search(r"`music-jsb` at tier `paper` \w+ from the published recipe:\n\n- ", body)
    assert body.count("\n- ") == len(deviations) + 2  # And two rows of the table.
    assert "Source: Bai." in body
    assert "- JSB: nll_per_frame, lower is better, 300K" in body


def test_the_statistic_of_a_published_table_is_said_once(data: BoardData) -> None:
    best = replace(CELL, statistic="best", ours=1.0, verdict="", seeds=3, setting="maximum of 10 seeds")
    body = section(markdown_page.render_markdown(replace(data, published=[best])), "## Published and ours")
    assert table_cells(body)[2][3] == "1.000"
    assert body.count("best of the seeds") == 1, "the statistic of a table is said once"
    assert "- x: m, higher is better, maximum of 10 seeds\n" in body


def test_the_rules_state_how_often_ranks_are_wrong(page: str) -> None:
    rules = " ".join(section(page, "## Rules").split())
    assert wording.RANK_ERRORS in rules


def test_a_board_without_records_has_no_comparison_and_no_published_table(tmp_path: Path) -> None:
    page = markdown_page.render_markdown(board_data(example_board(), tmp_path))
    assert page.count("No row has a score yet.") == 2
    assert page.startswith("# A test\n\n**No record counts yet, so this board has no result.**")
    assert "Across tasks" not in page
    assert "Published and ours" not in page
    assert "set aside" not in page


def test_a_task_without_records_has_no_table(tmp_path: Path) -> None:
    excused = [{"architecture": "bigru", "task": "copy", "reason": "it looks ahead"}]
    page = markdown_page.render_markdown(board_data(example_board(not_applicable=excused), tmp_path))
    assert table_cells(page) == []
    assert "No row has a score yet.\n\n- `bigru`: not applicable: it looks ahead\n" in page


def test_many_records_set_aside_are_counted(data: BoardData) -> None:
    aside = [ExcludedRecord(f"r{n}", "no") for n in range(markdown_page.MOST_SET_ASIDE + 1234)]
    body = section(markdown_page.render_markdown(replace(data, set_aside=aside)), "## Records set aside")
    assert body.count("\n- `r") == markdown_page.MOST_SET_ASIDE
    assert "1,234 more" in body


def test_equal_data_give_equal_bytes(data: BoardData, page: str) -> None:
    assert page == markdown_page.render_markdown(data)
    assert page.endswith("```\n")
    assert "\n\n\n" not in page


@pytest.mark.parametrize("text", MARKDOWN_TEXTS)
def test_a_text_of_a_record_changes_no_structure(text: str, data: BoardData) -> None:
    changed = with_text_everywhere(data, text)
    written = markdown_page.render_markdown(changed)
    page = written.replace("\\`", "")
    shape = re.sub(r"[^\n|]+", "", re.sub(r"`[^`\n]*`|\\\|", "", page))
    plain_page = markdown_page.render_markdown(with_text_everywhere(data, "word"))
    plain_shape = re.sub(r"[^\n|]+", "", re.sub(r"`[^`\n]*`", "", plain_page))
    assert shape == plain_shape, "the text added a line or a cell"
    outside = re.sub(r"(?ms)```.*?```|`[^`\n]*`|</?code>|^##? |&#", "", page)
    assert not re.search(r"<|(?<!\\)[\[\]~$#`]|://|www\.|@", outside)
    assert visible_line(text) in html.unescape(re.sub(r"</?code>|\\\\(?=`)", "", written))


def with_text_everywhere(data: BoardData, text: str) -> BoardData:
    """Return a board in which one text stands wherever a text of a record or card can stand."""
    task = data.tasks[0]
    cell = replace(
        CELL, row=text, architecture=text, verdict=text, command=text, aside=[text], task=text, setting=text,
        deviations=[text],
    )  # fmt: skip
    row = RowData(label=text, architecture=text, state="missing", reason=text)
    changed = replace(task, summary=text, baselines={text: 0.5}, rows=[row], best_unknown=text, best=None)
    return replace(
        data,
        board=replace(data.board, title=text, summary=text, source=text),
        tasks=[changed],
        overall=overall_with_text(data, text),
        published=[cell],
        set_aside=[ExcludedRecord(text, text)],
        problems=[text],
        unrelated={text: 1},
    )


def overall_with_text(data: BoardData, text: str) -> OverallData:
    """Return the comparison across tasks with a text for each name and reason."""
    assert data.overall
    rows = [replace(row, label=text) for row in data.overall.rows]
    names = [text for _ in data.overall.tasks]
    return replace(data.overall, rows=rows, tasks=names, left_out={text: text}, incomplete={text: text})
