"""A board's page in a real browser: what a reader does with it, and what a hostile record cannot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from seqbench.leaderboard.pages import html_page
from tests.leaderboard import browser as browsers
from tests.leaderboard import sample
from tests.leaderboard.browser import Browser
from tests.leaderboard.hostile import insert_attacks

pytestmark = pytest.mark.skipif(bool(browsers.missing_programs()), reason=browsers.missing_programs())

NAMES = """
return [...document.querySelectorAll("#task-1 tbody.rows tr:not([hidden])")]
  .map(row => row.querySelector("bdi").textContent)
"""


@pytest.fixture(scope="module")
def asked() -> list[str]:
    return []


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory, asked: list[str]) -> Iterator[str]:
    document = sample.example_document(tmp_path_factory.mktemp("records"))
    folder = tmp_path_factory.mktemp("pages")
    (folder / "page.html").write_text(html_page.render_html(document), encoding="utf-8")
    (folder / "hostile.html").write_text(html_page.render_html(insert_attacks(document)), encoding="utf-8")
    with browsers.serve_folder(folder, asked) as address:
        yield address


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsers.start_browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def browser(window: Browser, at: str) -> Browser:
    window.screen(1280, 900)
    window.scheme("light")
    window.open(f"{at}/page.html")
    return window


def names(browser: Browser) -> list[Any]:
    """Of the rows of the first task's table that are shown, in their order."""
    found: list[Any] = browser.run(NAMES)
    return found


def head(browser: Browser, words: str) -> str:
    """The selector of the button of the first task's column whose title begins so."""
    place = browser.run(
        'return [...document.querySelectorAll("#task-1 thead tr > *")]'
        ".findIndex(head => head.textContent.trim().startsWith(arguments[0]))",
        words,
    )
    return f"#task-1 thead tr > :nth-child({place + 1}) button"


def test_a_click_sorts_by_number_and_another_turns_it_around(browser: Browser) -> None:
    score = head(browser, "accuracy")
    browser.click(score)
    rising = names(browser)
    assert rising == ["rnn", "lstm", "mamba", "gru", "transformer", "bigru"]
    browser.click(score)
    assert names(browser) == [*rising[-2::-1], "bigru"], "what has no number stays last"
    sorts = browser.run(
        'return [...document.querySelectorAll("#task-1 [aria-sort]")].map(h => h.getAttribute("aria-sort"))'
    )
    assert sorts == ["descending"]


def test_numbers_in_units_sort_as_numbers_and_names_as_words(browser: Browser) -> None:
    browser.click(head(browser, "Time"))
    times = browser.run(
        'return [...document.querySelectorAll("#task-1 tbody.rows tr")].map(row => [...row.cells])'
        ".flatMap(cells => cells.filter(cell => / (min|s)$/.test(cell.textContent)))"
        ".map(cell => Number(cell.dataset.v))"
    )
    assert len(times) == 5
    assert times == sorted(times)
    browser.click(head(browser, "Architecture"))
    assert names(browser) == ["bigru", "gru", "lstm", "mamba", "rnn", "transformer"]


def test_equal_rows_keep_their_order(browser: Browser) -> None:
    before = names(browser)[:5]
    browser.click(head(browser, "State"))
    assert names(browser)[:5] == before
    browser.click(head(browser, "State"))
    assert names(browser)[:5] == before


def test_the_keyboard_sorts_and_opens_the_seeds(browser: Browser) -> None:
    browser.type(head(browser, "Architecture"), browsers.ENTER)
    assert names(browser)[0] == "bigru"
    assert browser.run("return document.activeElement.textContent") == "Architecture"
    browser.type("#task-1 tbody.rows details summary", browsers.ENTER)
    assert browser.run('return document.querySelector("#task-1 tbody.rows details").innerText').count("seed ") == 3


def test_reference_lines_stay_on_top_whatever_is_sorted_or_sought(browser: Browser) -> None:
    browser.click(head(browser, "accuracy"))
    browser.type("#filter", "gru")
    lines = 'return document.querySelector("#task-1 tbody").innerText'
    assert browser.run(lines).split()[0] == "chance"


def test_the_filter_keeps_what_is_sought_in_all_tables_and_charts(browser: Browser) -> None:
    total = int(browser.run('return document.getElementById("shown").textContent').split()[2])
    browser.type("#filter", "GRU")
    assert names(browser) == ["gru", "bigru"]
    seen = browser.run('return document.querySelectorAll("tr[data-key]:not([hidden])").length')
    assert browser.run('return document.getElementById("shown").textContent') == f"{seen} of {total} rows"
    bright = browser.run('return [...document.querySelectorAll("g[data-key]:not(.dim)")].map(g => g.dataset.key)')
    assert set(bright) == {"gru"}
    browser.run(
        'const box = document.getElementById("filter"); box.value = "other-pack"; box.dispatchEvent(new Event("input"))'
    )
    assert names(browser) == ["mamba"], "a distribution is sought as well"


def test_a_phone_scrolls_tables_and_never_the_page(browser: Browser) -> None:
    browser.screen(360, 800, mobile=True)
    wide = browser.run(
        'document.querySelectorAll("details").forEach(d => d.open = true);'
        "const table = document.querySelector('#task-1 .scroll');"
        "return [document.documentElement.scrollWidth, innerWidth, table.scrollWidth]"
    )
    assert wide[0] <= 360 == wide[1] < wide[2]


@pytest.mark.parametrize(("scheme", "dark"), [("dark", True), ("light", False)])
def test_the_page_is_as_dark_as_its_reader_likes(browser: Browser, scheme: str, dark: bool) -> None:
    browser.scheme(scheme)
    paper, ink, series = browser.run(
        "const light = (what, key) => getComputedStyle(document.querySelector(what))[key].match(/[0-9.]+/g).slice(0, 3)"
        ".reduce((sum, part) => sum + Number(part), 0) / 3;"
        'return [light("body", "backgroundColor"), light("body", "color"), light(".series.s0", "color")]'
    )
    assert (paper < 60, ink > 180) == (dark, dark)
    assert abs(series - paper) > 80


def test_nothing_is_asked_of_the_network_and_nothing_complained_of(browser: Browser, at: str, asked: list[str]) -> None:
    browser.complaints()
    asked.clear()
    browser.open(f"{at}/page.html?again")
    loaded = browser.run('return performance.getEntriesByType("resource").map(entry => entry.name)')
    assert [address for address in loaded if not address.startswith("data:")] == []
    assert asked == ["/page.html?again"]
    assert browser.complaints() == []


def test_hostile_names_neither_run_nor_add_anything(browser: Browser, at: str, asked: list[str]) -> None:
    kinds = "return [...new Set([...document.querySelectorAll('*')].map(e => e.tagName.toLowerCase()))].sort()"
    usual = browser.run(kinds)
    asked.clear()
    browser.open(f"{at}/hostile.html")
    assert not browser.alerted()
    assert browser.run(kinds) == usual
    assert browser.run('return document.querySelectorAll("script").length') == 1
    assert asked == ["/hostile.html"]
    assert browser.complaints() == []
    browser.type("#filter", "onerror=alert(1)>gru")
    assert browser.run('return document.querySelectorAll("tr[data-key]:not([hidden])").length') > 2
    browser.screen(360, 800, mobile=True)
    assert browser.run("return document.documentElement.scrollWidth") <= 360


def test_an_injected_script_would_not_run(browser: Browser) -> None:
    """The second wall: what escaping missed, the policy stops."""
    browser.run('document.body.insertAdjacentHTML("beforeend", "<img src=x onerror=\'window.broken = 1\'>");')
    browser.run(
        'const s = document.createElement("script"); s.textContent = "window.broken = 1"; document.body.append(s)'
    )
    assert browser.run("return window.broken === undefined")
    assert all("Content Security Policy" in said for said in browser.complaints())


def test_without_scripts_everything_is_shown(browser: Browser, at: str) -> None:
    browser.devtools("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(f"{at}/page.html")
        state = browser.run(
            'return [document.querySelectorAll("button").length, document.querySelector(".filter").hidden,'
            'document.querySelectorAll("[hidden]").length, document.querySelector("#task-1 tbody.rows").innerText]'
        )
    finally:
        browser.devtools("Emulation.setScriptExecutionDisabled", value=False)
    assert state[:3] == [0, True, 1]
    assert "transformer" in state[3]
