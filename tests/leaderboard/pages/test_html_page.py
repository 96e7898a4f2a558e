"""A board as an HTML page: what it shows, and that no text of a record becomes markup or code."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
import time
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from seqbench.leaderboard.board_data import BoardData
from seqbench.leaderboard.pages import html_page, html_sections, wording
from seqbench.leaderboard.task_data import RowData
from seqbench.protocol.cards import load_card
from tests.leaderboard import kit, sample
from tests.leaderboard.hostile import insert_attacks
from tests.leaderboard.kit import with_overall_order

VOID = {"meta", "link", "input"}


class Page(HTMLParser):
    """The tags, attributes and texts of a page; feeding it fails where a tag is not closed properly."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[tuple[str, str]] = set()
        self.tags: list[str] = []
        self.values: list[tuple[str, str]] = []
        self.text: list[str] = []
        self.open_tags: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.names |= {(tag, name) for name, _ in [*attrs, ("", None)]}
        self.values += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open_tags.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open_tags, f"</{tag}> closes nothing"
        assert self.open_tags.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> BoardData:
    return sample.example_board_data(tmp_path_factory.mktemp("records"))


@pytest.fixture(scope="module")
def page(data: BoardData) -> str:
    return html_page.render_html(data)


def visible_text(page: str) -> str:
    """Return the text that a reader sees, on one line."""
    body = re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.S)
    return " ".join(" ".join(Page(body).text).split())


def section(page: str, title: str) -> str:
    return next(part for part in re.findall(r"<section.*?</section>", page, re.S) if f"<h2>{title}</h2>" in part)


def guide_text(page: str) -> str:
    """Return the folded part of a page that says how to read it."""
    start = page.index('<details id="guide"')
    return page[start : page.index("</details>", start) + len("</details>")]


def row_text(part: str, label: str) -> str:
    """Return the text of a row by its label."""
    rows = re.findall(r"<tr data-key.*?</tr>", part, re.S)
    return visible_text(next(row for row in rows if f'data-key="{label}"' in row))


def test_a_page_closes_all_tags_and_equal_data_give_equal_bytes(data: BoardData, page: str) -> None:
    assert Page(page).open_tags == []
    assert page == html_page.render_html(replace(data))


def test_a_page_loads_nothing_and_names_no_address(page: str) -> None:
    parsed = Page(page)
    assert not {"img", "iframe", "object", "embed", "form", "base", "video", "image", "use"} & set(parsed.tags)
    addresses = {value for name, value in parsed.values if name in ("href", "src", "xlink:href") and value[:1] != "#"}
    assert addresses == {"data:,"}
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    assert "@import" not in page
    assert "url(" not in page


def test_the_policy_allows_only_the_style_and_script_of_the_page(page: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    allowed = policy[1].replace("&#39;", "'")
    assert allowed.startswith("default-src 'none'; ")
    assert "unsafe" not in allowed
    for tag, rule in (("style", "style-src"), ("script", "script-src")):
        texts = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.S)
        assert len(texts) == 1
        digest = base64.b64encode(hashlib.sha256(texts[0].encode()).digest()).decode()
        assert f"{rule} 'sha256-{digest}'" in allowed
    assert page.index("Content-Security-Policy") < page.index("<style>")
    assert not [name for name, _ in Page(page).values if name == "style" or name.startswith("on")]


def test_no_text_of_a_record_becomes_markup(data: BoardData, page: str) -> None:
    """With an attack in every text, the page has the same tags and attributes, and no other script or style."""
    attacked = html_page.render_html(insert_attacks(data))
    parsed, ours = Page(attacked), Page(page)
    assert parsed.names == ours.names
    assert parsed.open_tags == []
    assert re.findall(r"<script.*?</script>", attacked, re.S) == re.findall(r"<script.*?</script>", page, re.S)
    assert re.findall(r"<style.*?</style>", attacked, re.S) == re.findall(r"<style.*?</style>", page, re.S)
    assert "\u202e" not in attacked
    assert "\x00" not in attacked
    assert "{{7*7}}" in attacked
    assert "onerror=alert(1)>gru</style>" in visible_text(attacked)


def test_the_head_states_board_and_rules(page: str, data: BoardData) -> None:
    text = visible_text(page[: page.index("<main>")])
    for words in ("A board & more", "tier small", "3 seeds", f"{data.records} records"):
        assert words in text
    guide = visible_text(guide_text(page))
    for words in ("Welch", "parametric bootstrap", "95 % interval", "diverged"):
        assert words in guide
    rules = visible_text(section(page, "Rules"))
    for words in ("test, version 1", data.board.digest[:12], data.tasks[0].card.digest[:12]):
        assert words in rules


def test_a_row_has_rank_score_seeds_and_costs(page: str) -> None:
    gru = row_text(section(page, "copy"), "gru")
    assert re.match(
        r"2 gru 0\.9\d{3} ± 0\.0\d{3} seed 0: 0\.9\d+ seed 1: 0\.9\d+ seed 2: 0\.9\d+ 0/3 0\.9\d\d (1\d\d|99\.\d)k", gru
    )
    for words in ("512 B", "200k", "10.0k", "900", " MiB", " to ", " min", "seqbench 0.1.0"):
        assert words in gru
    assert re.search(r'<summary title="seed 0: 0\.\d+; seed 1: 0\.\d+; seed 2: 0\.\d+">', section(page, "copy"))


def test_a_task_says_what_its_score_does_not_say(page: str, data: BoardData) -> None:
    before, code, after = load_card("parity").limits.strip().split("`")
    assert f"<p>{before}<code>{code}</code>{after}</p>" in page
    silent = replace(data, tasks=[replace(task, limits="") for task in data.tasks])
    assert f"<code>{code}</code>" not in html_page.render_html(silent)


def test_references_are_below_the_rows_and_have_no_rank(page: str) -> None:
    part = section(page, "music-jsb")
    references = re.findall(r'<tbody class="references">.*?</tbody>', part, re.S)[0]
    text = visible_text(references)
    for words in ("chance 11.09", "unknown nobody knows", "anchor 8.1", "counts as 1: somebody's", "baseline repeat"):
        assert words in text
    assert "published lstm 8.45 300K parameters; Bai" in text
    assert "data-key" not in references
    assert "data-v" not in references
    assert "8.45" in row_text(part, "lstm")


def test_secondary_metrics_have_a_column_and_a_phrase(page: str) -> None:
    part = section(page, "parity")
    assert "longer_score (chance 0, best possible 1)" in visible_text(part)
    heads = re.findall(r"<th scope=\"col\".*?</th>", part)
    assert html_sections.SECONDARY_MEANING in next(head for head in heads if ">longer_score<" in head)
    row = next(row for row in re.findall(r"<tr data-key.*?</tr>", part, re.S) if 'data-key="gru"' in row)
    assert '<td class="n" data-v="0.485">0.4850, all seeds</td>' in row
    assert "longer_score" not in section(page, "copy")


def test_remarks_are_below_the_name_of_a_row(page: str) -> None:
    part = section(page, "copy")
    assert "not clearly above chance" in row_text(part, "rnn")
    assert "the loss is nan at step 7" in row_text(part, "lstm")
    assert "seed 1: 0.125, diverged" in row_text(part, "lstm")
    assert "incomplete: seed 2: no record" in row_text(part, "mamba")
    assert row_text(part, "mamba").startswith("– mamba")
    assert "1 row without a score bigru : not applicable: it looks ahead." in visible_text(part)
    assert "mamba : missing: no record that counts." in visible_text(section(page, "parity"))


def test_a_row_below_chance_has_a_remark(data: BoardData) -> None:
    worse = kit.change_task(data, kit.change_row(data.tasks[0], "rnn", below_chance=True))
    assert "below chance" in row_text(section(html_page.render_html(worse), "copy"), "rnn")


def test_a_column_of_numbers_is_sorted_by_exact_values(page: str) -> None:
    sizes = [float(value) for value in re.findall(r'data-v="(\d+)">[\d.]+k<', section(page, "copy"))]
    assert all(98_000 < size < 102_000 for size in sizes)
    assert len(sizes) >= 5


def test_a_device_that_all_rows_share_has_no_column(page: str) -> None:
    assert "device a processor, 1 thread" in visible_text(section(page, "copy"))
    assert ">Device<" not in section(page, "copy")
    assert ">Distribution<" in section(page, "copy"), "one row is of another package"


def test_a_board_of_few_tasks_counts_firsts_and_lasts_and_says_why(page: str) -> None:
    part = section(page, "Overall")
    text = visible_text(part)
    assert "no overall order, because 3 tasks cannot carry one" in text
    assert "copy, parity, music-jsb" in text
    assert re.search(r"mamba : [^:]*copy, parity", text)
    assert re.match(r"gru \d \d 0\.9\d\d 0\.9\d\d 0\.9\d\d", row_text(part, "gru"))
    assert "IQM" not in text
    assert not re.findall(r'<td class="p\d+">', part)


def test_the_overall_order_names_rows_and_their_figures(data: BoardData) -> None:
    ordered = with_overall_order(data)
    part = section(html_page.render_html(ordered), "Overall")
    assert "Friedman" in visible_text(part)
    gru = row_text(part, "gru")
    number = r"0\.\d{3} \(-?0\.\d{3} to \d\.\d{3}\)"
    assert re.match(rf"gru {number} {number} [12]\.\d\d (0\.9\d\d ){{3}}0\.\d\d \(", gru), gru
    assert ordered.overall
    count = len(ordered.overall.rows)
    assert len(re.findall(r'<td class="p\d+">', part)) == count * (count - 1)


def test_published_figures_are_beside_ours(page: str) -> None:
    part = section(page, "Published figures beside ours")
    gru, tcn = row_text(part, "gru"), row_text(part, "tcn")
    assert re.match(
        r"gru copy memory accuracy ↑ 0\.98 0\.9\d+ ± 0\.\d+ 3 (100|99|101),\d{3} -0\.\d+ 0\.125 agrees", gru
    ), gru
    assert "--arch gru --task copy --tier small" in gru
    assert re.match(r"tcn copy memory accuracy ↑ 0\.5 not run: needs ten minutes T = 1000", tcn), tcn
    assert "published figures without one of ours" in visible_text(part) or "1 published figure without" in part
    assert "recipe" in visible_text(part), "records with other options than the recipe are listed with the reason"


def test_the_published_table_has_deviations_and_names_its_statistic_once(data: BoardData) -> None:
    cell = replace(data.published[0], deviations=["fewer <steps>"], statistic="best", half_width=None)
    changed = replace(data, published=[cell, *data.published[1:]])
    part = section(html_page.render_html(changed), "Published figures beside ours")
    assert re.match(r"gru copy memory accuracy ↑ 0\.98 0\.9\d+ 3", row_text(part, "gru"))
    assert part.count("best of the seeds") == 1
    assert re.search(r"copy at tier small \w+ from the published recipe fewer <steps>", visible_text(part))


def test_the_page_says_which_values_are_not_verified(page: str) -> None:
    assert "are the submitter’s word" in visible_text(guide_text(page))
    assert "checkpoint scored again, stated by the submitter" in section(page, "Records")


def test_the_page_states_how_often_ranks_are_wrong(page: str) -> None:
    assert wording.RANK_ERRORS in visible_text(guide_text(page))


def test_every_record_is_listed_with_its_checksum(page: str, data: BoardData) -> None:
    part = section(page, "Records")
    seeds = [seed for task in data.tasks for row in task.rows for seed in row.seeds if seed.record]
    assert len(seeds) == data.records
    for seed in seeds:
        assert seed.record
        assert seed.checksum
        assert seed.record in part
        assert seed.checksum in part
    assert f"{data.records} records that count" in part
    assert f"Verified 0 of {data.records}" in visible_text(page)
    assert "optim.steps" in part, "the record that was set aside is listed with the reason"
    assert "seqbench leaderboard build test --from" in visible_text(part)
    assert "unknown task 'no-such-task'" in visible_text(section(page, "Problems"))


def test_a_board_without_records_has_a_page(tmp_path_factory: pytest.TempPathFactory) -> None:
    page = html_page.render_html(kit.board_data(kit.example_board(), tmp_path_factory.mktemp("empty")))
    assert Page(page).open_tags == []
    assert "No record counts yet" in page
    assert "Overall" not in page


def test_one_seed_has_no_interval_and_no_rank(tmp_path_factory: pytest.TempPathFactory) -> None:
    records = kit.example_record(value=0.5), kit.example_record("parity", value=0.9)
    folder = kit.write_records(tmp_path_factory.mktemp("one"), *records)
    page = html_page.render_html(kit.board_data(kit.example_board(seeds=1), folder))
    assert "– gru 0.5000 one seed" in row_text(section(page, "copy"), "gru")
    assert "With one seed" in visible_text(page)


def large_board(data: BoardData, rows: int, tasks: int) -> BoardData:
    """Return a board with so many rows in so many tasks."""
    ranked = [row for row in data.tasks[0].rows if row.seeds]

    def named(number: int) -> RowData:
        return replace(ranked[number % len(ranked)], label=f"net-{number}", architecture=f"net-{number}")

    task = replace(data.tasks[0], rows=[named(number) for number in range(rows)])
    return replace(data, tasks=[replace(task, task=f"task-{number}") for number in range(tasks)])


def test_the_time_and_the_size_of_a_page_grow_linearly_with_its_rows(data: BoardData) -> None:
    """Compare 42 with 168 rows, because absolute times differ between machines; benchmarks/ has those."""

    def seconds_and_size(board: BoardData) -> tuple[float, int]:
        def once() -> tuple[float, int]:
            start = time.process_time()
            page = html_page.render_html(board)
            return time.process_time() - start, len(page)

        return min(once() for _ in range(3))

    small, large = seconds_and_size(large_board(data, 7, 6)), seconds_and_size(large_board(data, 28, 6))
    assert large[0] < 8 * small[0]
    assert large[1] < 1.5e6


def test_importing_the_page_imports_no_heavy_library() -> None:
    code = "import sys, seqbench.leaderboard.pages.html_page; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "lightning", "matplotlib", "pandas", "scipy"} & set(loaded)
