from __future__ import annotations

import base64
import copy
import hashlib
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest

from seqbench.leaderboard.pages import html_page, wording
from tests.leaderboard import kit, sample
from tests.leaderboard.hostile import insert_attacks

VOID = {"meta", "link", "input"}


class Tree(HTMLParser):
    """Names of tags and attributes, the text between them, and whether all that was opened was closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[tuple[str, str]] = set()
        self.tags: list[str] = []
        self.values: list[tuple[str, str]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.names |= {(tag, name) for name, _ in [*attrs, ("", None)]}
        self.values += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return sample.example_document(tmp_path_factory.mktemp("records"))


@pytest.fixture(scope="module")
def page(document: dict[str, Any]) -> str:
    return html_page.render_html(document)


def plain(page: str) -> str:
    """The page as it is read."""
    body = re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.S)
    return " ".join(" ".join(Tree(body).text).split())


def section(page: str, title: str) -> str:
    return next(part for part in re.findall(r"<section.*?</section>", page, re.S) if f"<h2>{title}</h2>" in part)


def row_of(part: str, label: str) -> str:
    rows = re.findall(r"<tr data-key.*?</tr>", part, re.S)
    return plain(next(row for row in rows if f'data-key="{label}"' in row))


def test_a_page_is_one_whole_document_and_the_same_to_the_byte(document: dict[str, Any], page: str) -> None:
    assert Tree(page).open == []
    assert page == html_page.render_html(copy.deepcopy(document))


def test_a_page_loads_nothing_and_names_no_address(page: str) -> None:
    tree = Tree(page)
    assert not {"img", "iframe", "object", "embed", "form", "base", "video", "image", "use"} & set(tree.tags)
    assert {value for name, value in tree.values if name in ("href", "src", "xlink:href") and value[:1] != "#"} == {
        "data:,"
    }
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    assert "@import" not in page
    assert "url(" not in page


def test_the_policy_allows_this_style_and_this_script_and_nothing_else(page: str) -> None:
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
    assert not [name for name, _ in Tree(page).values if name == "style" or name.startswith("on")]


def test_strings_of_others_never_become_markup(document: dict[str, Any], page: str) -> None:
    """Every string of the document is an attack: the page has the same tags and attributes, and one script, ours."""
    attack = html_page.render_html(insert_attacks(document))
    tree, ours = Tree(attack), Tree(page)
    assert tree.names == ours.names
    assert tree.open == []
    assert re.findall(r"<script.*?</script>", attack, re.S) == re.findall(r"<script.*?</script>", page, re.S)
    assert re.findall(r"<style.*?</style>", attack, re.S) == re.findall(r"<style.*?</style>", page, re.S)
    assert "\u202e" not in attack
    assert "\x00" not in attack
    assert "{{7*7}}" in attack
    assert "onerror=alert(1)>gru</style>" in plain(attack)


def test_the_head_says_by_which_rules(page: str, document: dict[str, Any]) -> None:
    words = plain(page[: page.index("<main>")])
    for said in ("A board & more", "Nothing real.", "test, version 1", "small", document["board"]["digest"][:12]):
        assert said in words
    for said in ("Welch", "parametric bootstrap", "95 % interval", "counts at chance"):
        assert said in words
    assert document["tasks"][0]["card"]["digest"][:12] in plain(section(page, "Rules"))


def test_a_row_has_its_rank_score_seeds_and_costs(page: str) -> None:
    gru = row_of(section(page, "copy"), "gru")
    assert re.match(
        r"2 gru 0\.9\d{3} ± 0\.0\d{3} seed 0: 0\.9\d+ seed 1: 0\.9\d+ seed 2: 0\.9\d+ 0/3 0\.9\d\d 1\d\dk|99\.", gru
    )
    for said in ("512 B", "200k", "10.0k", "900", " MiB", " min", "0.005", "seqbench 0.1.0"):
        assert said in gru
    assert re.search(r'<summary title="seed 0: 0\.\d+; seed 1: 0\.\d+; seed 2: 0\.\d+">', section(page, "copy"))


def test_reference_lines_stand_first_and_do_not_rank(page: str) -> None:
    part = section(page, "music-jsb")
    references = re.findall(r'<tbody class="references">.*?</tbody>', part, re.S)[0]
    words = plain(references)
    for said in ("chance 11.09", "unknown nobody knows", "anchor 8.1", "counts as 1: somebody's", "baseline repeat"):
        assert said in words
    assert "published lstm 8.45 300K parameters; Bai" in words
    assert "data-key" not in references
    assert "data-v" not in references
    assert "8.45" in row_of(part, "lstm")


def test_secondary_metrics_stand_beside_the_one_that_decides(page: str) -> None:
    part = section(page, "parity")
    assert "beside the score longer_score (chance 0, best possible 1), by which nobody ranks" in plain(part)
    heads = re.findall(r"<th scope=\"col\".*?</th>", part)
    assert "nobody ranks by it" in next(head for head in heads if ">longer_score<" in head)
    row = next(row for row in re.findall(r"<tr data-key.*?</tr>", part, re.S) if 'data-key="gru"' in row)
    assert '<td class="n" data-v="0.485">0.4850 ± 0</td>' in row
    assert "longer_score" not in section(page, "copy")


def test_what_is_wrong_with_a_row_stands_beside_its_name(page: str) -> None:
    part = section(page, "copy")
    assert "not clearly above chance" in row_of(part, "rnn")
    assert "the loss is nan at step 7" in row_of(part, "lstm")
    assert "seed 1: 0.125, diverged" in row_of(part, "lstm")
    assert "incomplete: seed 2: no record" in row_of(part, "mamba")
    assert row_of(part, "mamba").startswith("– mamba")
    assert row_of(part, "bigru") == "bigru not applicable: it looks ahead"
    assert row_of(section(page, "parity"), "mamba") == "mamba missing: no record that counts"


def test_below_chance_is_said_so(document: dict[str, Any]) -> None:
    worse = copy.deepcopy(document)
    row = next(row for row in worse["tasks"][0]["rows"] if row["label"] == "rnn")
    row["below_chance"] = True
    assert "below chance" in row_of(section(html_page.render_html(worse), "copy"), "rnn")


def test_numbers_are_sorted_as_numbers(page: str) -> None:
    part = section(page, "copy")
    sizes = [float(value) for value in re.findall(r'data-v="(\d+)">[\d.]+k<', part)]
    assert all(98_000 < size < 102_000 for size in sizes)
    assert len(sizes) >= 5


def test_what_all_rows_share_is_said_once(page: str) -> None:
    assert "device a processor, 1 thread" in plain(section(page, "copy"))
    assert ">Device<" not in section(page, "copy")
    assert ">Distribution<" in section(page, "copy"), "one of them is from another package"


def test_the_overall_section_says_who_is_compared_and_who_is_not(page: str, document: dict[str, Any]) -> None:
    part = section(page, "Overall")
    words = plain(part)
    assert "Over copy, parity, music-jsb" in words
    assert "mamba : no place without copy, parity" in words
    gru = row_of(part, "gru")
    assert re.match(
        r"gru 0\.9\d\d 0\.9\d\d to 0\.9\d\d 0\.9\d\d 0\.9\d\d 0\.9\d\d 0\.\d\d \(0\.\d\d to 1\.00\)", gru
    ), gru
    count = len(document["overall"]["rows"])
    assert len(re.findall(r'<td class="p\d+">', part)) == count * (count - 1)


def test_published_figures_stand_beside_ours(page: str) -> None:
    part = section(page, "Published figures beside ours")
    gru, tcn = row_of(part, "gru"), row_of(part, "tcn")
    assert re.match(
        r"gru copy memory accuracy ↑ 0\.98 0\.9\d+ ± 0\.\d+ 3 (100|99|101),\d{3} -0\.\d+ 0\.125 agrees", gru
    ), gru
    assert "--arch gru --task copy --tier small" in gru
    assert re.match(r"tcn copy memory accuracy ↑ 0\.5 not run: needs ten minutes T = 1000", tcn), tcn
    assert "it is not of the recipe" in plain(part), "why the records of JSB are not those of the published table"


def test_the_published_table_says_how_it_departs_and_what_of_our_seeds_it_shows(document: dict[str, Any]) -> None:
    changed = copy.deepcopy(document)
    changed["published"][0] |= {"deviations": ["fewer <steps>"], "statistic": "best", "half_width": None}
    part = section(html_page.render_html(changed), "Published figures beside ours")
    assert re.match(r"gru copy memory accuracy ↑ 0\.98 0\.9\d+ best of 3 seeds 3", row_of(part, "gru"))
    assert "T = 1000; ours is the best of our seeds" in row_of(part, "gru")
    assert "Where copy at tier small departs from the published recipe fewer <steps>" in plain(part)


def test_the_page_says_what_is_only_the_submitters_word(page: str) -> None:
    words = " ".join(plain(page).split())
    assert "as the submitter’s machine, which is named, measured them" in words
    assert "Neither is verified." in words
    assert "Verified, as submitted" in section(page, "Records")


def test_the_page_says_where_ranks_err_more_often(page: str) -> None:
    words = " ".join(plain(page[: page.index("<main>")]).split())
    assert wording.RANK_ERRORS in words


def test_every_record_is_named_with_its_checksum(page: str, document: dict[str, Any]) -> None:
    part = section(page, "Records")
    for task in document["tasks"]:
        for row in task["rows"]:
            for seed in row["seeds"]:
                if "record" in seed:
                    assert seed["record"] in part
                    assert seed["checksum"] in part
    assert f"{document['records']} records that count" in part
    assert f"Verified 0 of {document['records']}" in plain(page)
    assert "only unmodified runs rank" in part
    assert "seqbench leaderboard build test --from" in plain(part)
    assert "unknown task 'no-such-task'" in plain(section(page, "Problems"))


def test_a_board_without_records_is_a_page(tmp_path_factory: pytest.TempPathFactory) -> None:
    document = kit.board_document(kit.example_board(), tmp_path_factory.mktemp("empty"))
    page = html_page.render_html(document)
    assert Tree(page).open == []
    assert "No record counts yet" in page
    assert "Overall" not in page


def test_one_seed_has_no_interval_and_no_rank(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = kit.write_records(
        tmp_path_factory.mktemp("one"), kit.example_record(value=0.5), kit.example_record("parity", value=0.9)
    )
    page = html_page.render_html(kit.board_document(kit.example_board(seeds=1), folder))
    assert "– gru 0.5000 one seed" in row_of(section(page, "copy"), "gru")
    assert "nobody ranks" in page


def many(document: dict[str, Any], rows: int, tasks: int) -> dict[str, Any]:
    def labelled(found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for number in range(rows):
            yield {**found[number % len(found)], "label": f"net-{number}", "architecture": f"net-{number}"}

    ranked = [row for row in document["tasks"][0]["rows"] if row["seeds"]]
    task = {**document["tasks"][0], "rows": list(labelled(ranked))}
    return {**document, "tasks": [{**task, "task": f"task-{number}"} for number in range(tasks)]}


def test_five_hundred_records_take_a_fraction_of_a_second(document: dict[str, Any]) -> None:
    big = many(document, 28, 6)
    html_page.render_html(big)
    begun = time.process_time()
    page = html_page.render_html(big)
    assert time.process_time() - begun < 0.5
    assert len(page) < 1.5e6


def test_importing_the_page_needs_no_heavy_library() -> None:
    code = "import sys, seqbench.leaderboard.pages.html_page; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "lightning", "matplotlib", "pandas", "scipy"} & set(loaded)
