"""A board in Markdown: what it says, and that strangers' strings stay letters."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import pytest

from seqbench.leaderboard.pages import markdown_page, wording
from seqbench.protocol import cards
from tests.leaderboard.kit import board_document, example_board, example_record, write_records

HOSTILE = [
    "a|b",
    "a\\|b",
    "\\",
    "`",
    "``a",
    "one `tick",
    "<script>alert(1)</script>",
    "<!-- c",
    "<http://x.y>",
    "[x](javascript:alert(1))",
    "![i](http://x/y)",
    "[a]: http://x",
    "# head",
    "- item",
    "+ item",
    "* item",
    "1. one",
    "12) x",
    "> quoted",
    "===",
    "---",
    "***",
    "**bold** _em_ ~~gone~~ $x$",
    "http://e.il www.e.il",
    "a@b.example",
    "&lt;b&gt; &copy;",
    "line one\n\n# line two\r\n\tend",
    "\u202elive",
]


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two tasks and an anchor; a row of each state, a diverged seed, one at chance, one set aside, a task unknown."""
    folder = tmp_path_factory.mktemp("runs")
    values = {"gru": 0.97, "rnn": 0.126, "<b>|`x`": 0.5}
    records = [
        example_record(task, arch, seed, (8 + seed / 100 if task == "music-jsb" else value + seed / 1000))
        for task in ("copy", "music-jsb")
        for arch, value in values.items()
        for seed in range(3)
    ]
    records += [example_record("copy", "lstm", seed, 1.0) for seed in (0, 1)]
    records.append(example_record("copy", "lstm", 2, status="diverged", reason="the loss is nan | at `step` 7"))
    records += [example_record("copy", "tcn", 0, 0.9), example_record("copy", "gru", 5, 0.9)]
    rules = example_board(
        tasks={"copy": None, "music-jsb": {"anchor": 7.5, "anchor_source": "somebody"}, "no-such": None},
        not_applicable=[{"architecture": "bigru", "task": "copy", "reason": "it looks ahead"}],
        title="A <board>",
    )
    return board_document(rules, write_records(folder, *records))


def test_the_page_has_what_a_board_says(document: dict[str, Any]) -> None:
    page = markdown_page.render_markdown(document)
    assert page.startswith(
        "# A &lt;board&gt;\n\nNothing real.\n\n- Tier `small`, 3 seeds for each cell; 22 records count."
    )
    copy = section(page, "## `copy`")
    rows = {row[1]: row for row in cells(copy)}
    assert rows["architecture"][:4] == ["rank", "architecture", "score", "solved"]
    assert rows["`gru`"][:4] == ["1", "`gru`", "0.9710 ± 0.0025", "0/3"]
    assert rows["`rnn`"][-1] == "not clearly above chance"
    assert rows["`lstm`"][2:4] == ["0.7083 ± 1.3", "2/3"]
    assert rows["`lstm`"][-1] == "1 diverged (1)"
    assert rows["`tcn`"][0] == ""
    assert rows["`tcn`"][2] == "0.9000"
    assert rows["`tcn`"][-1] == "incomplete (2)"
    assert rows["`bigru`"][2:] == ["", *[""] * (len(rows["`gru`"]) - 4), "not applicable (3)"]
    assert rows["*best possible*"][2] == "1.000"
    assert rows["*baseline repeat*"][2] == rows["*chance*"][2] == "0.1250"
    assert "- (1) `lstm`, 1 diverged: seed 1:" not in copy
    assert "- (1) `lstm`, 1 diverged: seed 2: the loss is nan \\| at `step` 7; counted as chance\n" in copy
    assert "- (2) `tcn`, incomplete: seed 1: no record; seed 2: no record\n" in copy
    assert "- (3) `bigru`, not applicable: it looks ahead\n" in copy
    assert "- (1) `lstm`, `tcn`, missing: no record that counts\n" in section(page, "## `music-jsb`")
    music = section(page, "## `music-jsb`")
    rows = {row[1]: row for row in cells(music)}
    assert rows["`lstm`"][-1].startswith("missing (")
    assert [rows["`gru`"][4], rows["`rnn`"][4], rows["*anchor*"][2]] == ["8.43", "8.91", "7.500"]
    assert (
        "The best possible is unknown: nobody knows.\n- Across tasks, the anchor 7.5 (somebody) counts as 1." in music
    )
    assert (
        "Published: `lstm` 8.45, `gru` 8.43, `rnn` 8.91, `tcn` 8.1 (300K parameters, Bai, Kolter &amp; Koltun" in music
    )
    assert "- no-such: unknown task 'no-such'." in section(page, "## Tasks that cannot be used")
    aside = section(page, "## Records set aside")
    assert re.search(r"- `copy/\S+/result.json`: its seed is 5; the board's seeds are 0 to 2\n", aside)
    assert "seqbench leaderboard build test --from leaderboards/test/results" in section(page, "## Check it")


def test_costs_are_in_human_units_and_said_once_where_all_rows_agree(document: dict[str, Any]) -> None:
    copy = section(markdown_page.render_markdown(document), "## `copy`")
    assert "In all rows: parameters 100,000; state 512 B; FLOPs/token 200k; training tokens/s 10.0k;" in copy
    assert "peak memory 381 MiB; device a processor, 1 thread; learning rate 0.005; rates tried 0; distribution" in copy
    heads, _, gru, *_ = cells(copy)
    assert (heads[4:], gru[4]) == (["time", "remarks"], "61.0 s")


def test_rows_are_compared_across_tasks(document: dict[str, Any]) -> None:
    across = section(markdown_page.render_markdown(document), "## Across tasks")
    heads, _, first, second, *_ = cells(across)
    assert heads == ["architecture", "IQM", "95 % interval", "the first is better", "`copy`", "`music-jsb`"]
    assert (first[0], first[3], first[4]) == ("`gru`", "", "0.967")
    assert second[0] == "<code>&#60;b&#62;&#124;&#96;x&#96;</code>"
    assert re.fullmatch(r"[01]\.\d\d \([01]\.\d\d to [01]\.\d\d\)", second[3])
    assert "- `lstm`: no place without music-jsb" in across


def test_published_figures_stand_beside_ours(tmp_path: Path) -> None:
    data = {"metric": "nll_per_frame", "direction": "min", "setting": "300K", "needs": "a day"}
    rules = example_board(
        seeds=2,
        tier="paper",
        size=None,
        tasks={"music-jsb": None},
        source="Bai",
        published=[
            {"name": "JSB", "task": "music-jsb", "values": {"gru": 8.43, "tcn": 8.1}, **data},
            {"name": "text8", "values": {"gru": 1.5}, **data},
        ],
    )
    options = cards.load_card("music-jsb").tier("paper").arch
    runs = [
        example_record("music-jsb", "gru", s, 8.4 + s / 10, "paper", arch_options=options, parameters=678_688)
        for s in range(2)
    ]
    page = markdown_page.render_markdown(board_document(rules, write_records(tmp_path, *runs)))
    body = section(page, "## Published and ours")
    _, _, gru, tcn, text8 = cells(body)
    command = "seqbench sweep --arch gru --task music-jsb --tier paper --seeds 2"
    ours = ["8.43", "8.450 ± 0.64", "2/2", "678,688", "11.09"]
    assert gru == ["JSB", "`gru`", *ours, "+0.02", "agrees", f"`{command}`"]
    assert tcn[2:9] == ["8.1", "", "", "", "", "", "not run: needs a day"]
    assert text8[8:] == ["no such task yet", ""]
    deviations = cards.load_card("music-jsb").tier("paper").deviations
    assert deviations
    assert "Where `music-jsb` at tier `paper` departs from the published recipe:\n\n- " in body
    assert body.count("\n- ") == len(deviations) + 2  # Two rows of the table.
    assert "Source: Bai." in body
    assert "- JSB: nll_per_frame, lower is better, 300K" in body


def test_the_best_of_our_seeds_is_never_taken_for_their_mean(document: dict[str, Any]) -> None:
    best = {
        **_CELL,
        "statistic": "best",
        "ours": 1.0,
        "verdict": "",
        "command": "",
        "seeds": 3,
        "setting": "maximum of 10 seeds",
    }
    body = section(markdown_page.render_markdown({**document, "published": [best]}), "## Published and ours")
    assert cells(body)[2][3] == "1.000, best of 3 seeds"
    assert "- x: m, higher is better, maximum of 10 seeds; ours is the best of our seeds" in body


def test_the_rules_say_where_ranks_err_more_often_than_promised(document: dict[str, Any]) -> None:
    rules = " ".join(markdown_page.render_markdown(document).partition("\n## ")[0].split())
    assert wording.RANK_ERRORS in rules


def test_a_page_without_records_or_tasks_says_so(tmp_path: Path) -> None:
    page = markdown_page.render_markdown(board_document(example_board(), tmp_path))
    assert page.count("No record counts yet.") == 2
    excused = [{"architecture": "bigru", "task": "copy", "reason": "it looks ahead"}]
    (heads, *_) = cells(markdown_page.render_markdown(board_document(example_board(not_applicable=excused), tmp_path)))
    assert heads == ["rank", "architecture", "score", "solved", "remarks"]
    assert "Across tasks" not in page
    assert "Published and ours" not in page
    assert "set aside" not in page


def test_many_records_set_aside_are_counted(document: dict[str, Any]) -> None:
    aside = [{"origin": f"r{n}", "reason": "no"} for n in range(markdown_page.MOST_ASIDE + 1234)]
    body = section(markdown_page.render_markdown({**document, "set_aside": aside}), "## Records set aside")
    assert body.count("\n- `r") == markdown_page.MOST_ASIDE
    assert "- and 1,234 more, which `board.json` names" in body


def test_the_page_is_the_same_to_the_byte_and_ends_in_one_newline(document: dict[str, Any]) -> None:
    page = markdown_page.render_markdown(document)
    assert page == markdown_page.render_markdown(document)
    assert page.endswith("```\n")
    assert "\n\n\n" not in page


@pytest.mark.parametrize("text", HOSTILE)
def test_a_strangers_string_is_only_letters_wherever_it_stands(text: str, document: dict[str, Any]) -> None:
    row = {"label": text, "architecture": text, "state": "missing", "reason": text, "rank": None, "seeds": []}
    cells_ = [{**_CELL, "row": text, "architecture": text, "verdict": text, "command": text, "aside": [text]}]
    cells_[0] |= {"task": text, "deviations": [text], "setting": text}
    task = document["tasks"][0]
    changed = {
        **document,
        "board": {**document["board"], "title": text, "summary": text, "source": text},
        "tasks": [
            {**task, "summary": text, "baselines": {text: 0.5}, "rows": [row], "best_unknown": text, "best": None}
        ],
        "published": cells_,
        "set_aside": [{"origin": text, "reason": text}],
        "problems": [text],
        "unrelated": {text: 1},
    }
    written = markdown_page.render_markdown(changed)
    page = written.replace("\\`", "")
    shape = re.sub(r"[^\n|]+", "", re.sub(r"`[^`\n]*`|\\\|", "", page))
    harmless = re.sub(r"[^\n|]+", "", re.sub(r"`[^`\n]*`", "", markdown_page.render_markdown(_harmless(changed))))
    assert shape == harmless, "a line or a cell more than there should be"
    outside = re.sub(r"(?ms)```.*?```|`[^`\n]*`|</?code>|^##? |&#", "", page)
    assert not re.search(r"<|(?<!\\)[\[\]~$#`]|://|www\.|@", outside)
    assert wording.visible_line(text) in html.unescape(re.sub(r"</?code>|\\\\(?=`)", "", written))


def test_it_renders_as_the_letters_it_was_given() -> None:
    reader = pytest.importorskip("markdown_it").MarkdownIt("gfm-like", {"html": True, "linkify": False})
    for text in HOSTILE:
        for context in ("- {}", "said: {}", "{}", "# {}", "| a | b |\n| --- | --- |\n| {} | y |"):
            for written in (markdown_page.inline_code(text), markdown_page._prose(text)):
                shown = html.unescape(re.sub(_OWN, "", reader.render(context.format(written))))
                assert wording.visible_line(text).replace("`", "") in shown.replace("`", ""), (context, written)
                assert not re.search(_TAG, re.sub(_OWN, "", reader.render(context.format(written)))), (context, written)


_OWN = r"</?(code|p|ul|li|h1|table|thead|tbody|tr|td|th)>"
_TAG = r"</?[a-z!]"
_CELL = {
    **{"row": "x", "setting": "", "metric": "m", "direction": "max", "architecture": "a", "task": "t"},
    **{"published": 1.0, "ours": None, "half_width": None, "seeds": 0, "difference": None, "chance": None},
    **{"statistic": "mean", "parameters": None, "deviations": []},
}


def _harmless(document: dict[str, Any]) -> dict[str, Any]:
    """The same with one plain word in the place of the hostile string."""
    text = document["board"]["title"]

    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            return {clean(key): clean(item) for key, item in value.items()}
        if isinstance(value, list):
            return [clean(item) for item in value]
        return "word" if value == text else value

    return dict(clean(document))


def section(page: str, heading: str) -> str:
    """From a heading to the next one of its kind."""
    assert f"\n{heading}\n" in page
    return page.partition(f"\n{heading}\n")[2].partition("\n## ")[0]


def cells(text: str) -> list[list[str]]:
    """The cells of the first table."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
