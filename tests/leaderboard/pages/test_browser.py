"""A board's page in a real browser: sorting, filtering, narrow screens, and records that attack the page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from seqbench.leaderboard.pages import html_page
from tests.leaderboard import browser as browsers
from tests.leaderboard import sample
from tests.leaderboard.browser import Browser
from tests.leaderboard.hostile import insert_attacks

pytestmark = pytest.mark.skipif(bool(browsers.missing_programs()), reason=browsers.missing_programs())

NAMES = """
return [...document.querySelectorAll("#copy tbody.rows tr:not([hidden])")]
  .map(row => row.querySelector("bdi").textContent)
"""


@pytest.fixture(scope="module")
def requests() -> list[str]:
    return []


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, requests: list[str]) -> Iterator[str]:
    data = sample.example_board_data(tmp_path_factory.mktemp("records"))
    folder = tmp_path_factory.mktemp("pages")
    (folder / "page.html").write_text(html_page.render_html(data), encoding="utf-8")
    (folder / "hostile.html").write_text(html_page.render_html(insert_attacks(data)), encoding="utf-8")
    with browsers.serve_folder(folder, requests) as url:
        yield url


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsers.start_browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def browser(window: Browser, address: str) -> Browser:
    window.resize(1280, 900)
    window.set_colour_scheme("light")
    window.open(f"{address}/page.html")
    return window


def row_names(browser: Browser) -> list[str]:
    """Return the names of the visible rows of the first task's table, in their order."""
    names: list[str] = browser.run(NAMES)
    return names


def head_button(browser: Browser, title: str) -> str:
    """Return the selector of the sort button of the first task's column whose title begins with a text."""
    place = browser.run(
        'return [...document.querySelectorAll("#copy thead tr > *")]'
        ".findIndex(head => head.textContent.trim().startsWith(arguments[0]))",
        title,
    )
    return f"#copy thead tr > :nth-child({place + 1}) button"


def test_a_click_sorts_by_number_and_a_second_click_reverses(browser: Browser) -> None:
    score = head_button(browser, "accuracy")
    browser.click(score)
    rising = row_names(browser)
    assert rising == ["rnn", "lstm", "mamba", "gru", "transformer"]
    browser.click(score)
    assert row_names(browser) == rising[::-1]
    sorts = browser.run(
        'return [...document.querySelectorAll("#copy [aria-sort]")].map(h => h.getAttribute("aria-sort"))'
    )
    assert sorts == ["descending"]


def test_numbers_in_units_sort_as_numbers_and_names_as_words(browser: Browser) -> None:
    browser.click(head_button(browser, "Time"))
    times = browser.run(
        'return [...document.querySelectorAll("#copy tbody.rows tr")].map(row => [...row.cells])'
        ".flatMap(cells => cells.filter(cell => / (min|s)$/.test(cell.textContent)))"
        ".map(cell => Number(cell.dataset.v))"
    )
    assert len(times) == 5
    assert times == sorted(times)
    browser.click(head_button(browser, "Architecture"))
    assert row_names(browser) == ["gru", "lstm", "mamba", "rnn", "transformer"]


def test_rows_with_equal_values_keep_their_order(browser: Browser) -> None:
    before = row_names(browser)[:5]
    browser.click(head_button(browser, "State"))
    assert row_names(browser)[:5] == before
    browser.click(head_button(browser, "State"))
    assert row_names(browser)[:5] == before


def test_the_enter_key_sorts_and_opens_the_seeds(browser: Browser) -> None:
    browser.type(head_button(browser, "Architecture"), browsers.ENTER)
    assert row_names(browser)[0] == "gru"
    assert browser.run("return document.activeElement.textContent") == "Architecture"
    browser.type("#copy tbody.rows details summary", browsers.ENTER)
    assert browser.run('return document.querySelector("#copy tbody.rows details").innerText').count("seed ") == 3


def test_references_stay_at_the_end_after_sorting_and_filtering(browser: Browser) -> None:
    browser.click(head_button(browser, "accuracy"))
    browser.type("#filter", "gru")
    lines = 'return document.querySelector("#copy table").tBodies[1].innerText'
    assert browser.run(lines).split()[0] == "chance"


def test_the_filter_applies_to_all_tables_and_charts(browser: Browser) -> None:
    total = browser.run('return document.querySelectorAll("tr[data-key]").length')
    browser.type("#filter", "GRU")
    assert row_names(browser) == ["gru"]
    seen = browser.run('return document.querySelectorAll("tr[data-key]:not([hidden])").length')
    assert browser.run('return document.getElementById("shown").textContent') == f"{seen} of {total} rows"
    bright = browser.run('return [...document.querySelectorAll("g[data-key]:not(.dim)")].map(g => g.dataset.key)')
    assert set(bright) == {"gru"}
    browser.run(
        'const box = document.getElementById("filter"); box.value = "other-pack"; box.dispatchEvent(new Event("input"))'
    )
    assert row_names(browser) == ["mamba"], "the filter also finds a distribution"


def test_on_a_narrow_screen_tables_scroll_and_the_page_does_not(browser: Browser) -> None:
    browser.resize(360, 800, mobile=True)
    wide = browser.run(
        'document.querySelectorAll("details").forEach(d => d.open = true);'
        "const table = document.querySelector('#copy .scroll');"
        "return [document.documentElement.scrollWidth, innerWidth, table.scrollWidth]"
    )
    assert wide[0] <= 360 == wide[1] < wide[2]


@pytest.mark.parametrize(("scheme", "dark"), [("dark", True), ("light", False)])
def test_the_page_follows_the_preferred_colour_scheme(browser: Browser, scheme: str, dark: bool) -> None:
    browser.set_colour_scheme(scheme)
    paper, ink, series = browser.run(
        "const light = (what, key) => getComputedStyle(document.querySelector(what))[key].match(/[0-9.]+/g).slice(0, 3)"
        ".reduce((sum, part) => sum + Number(part), 0) / 3;"
        'return [light("body", "backgroundColor"), light("body", "color"), light(".series.s0", "color")]'
    )
    assert (paper < 60, ink > 180) == (dark, dark)
    assert abs(series - paper) > 80


def test_the_page_makes_no_request_and_logs_no_error(browser: Browser, address: str, requests: list[str]) -> None:
    browser.console_messages()
    requests.clear()
    browser.open(f"{address}/page.html?again")
    loaded = browser.run('return performance.getEntriesByType("resource").map(entry => entry.name)')
    assert [address for address in loaded if not address.startswith("data:")] == []
    assert requests == ["/page.html?again"]
    assert browser.console_messages() == []


def test_hostile_names_run_no_script_and_add_no_element(browser: Browser, address: str, requests: list[str]) -> None:
    kinds = "return [...new Set([...document.querySelectorAll('*')].map(e => e.tagName.toLowerCase()))].sort()"
    usual = browser.run(kinds)
    requests.clear()
    browser.open(f"{address}/hostile.html")
    assert not browser.has_alert()
    assert browser.run(kinds) == usual
    assert browser.run('return document.querySelectorAll("script").length') == 1
    assert requests == ["/hostile.html"]
    assert browser.console_messages() == []
    browser.type("#filter", "onerror=alert(1)>gru")
    assert browser.run('return document.querySelectorAll("tr[data-key]:not([hidden])").length') > 2
    browser.resize(360, 800, mobile=True)
    assert browser.run("return document.documentElement.scrollWidth") <= 360


def test_the_policy_blocks_an_injected_script(browser: Browser) -> None:
    """The Content-Security-Policy is a second protection after escaping."""
    browser.run('document.body.insertAdjacentHTML("beforeend", "<img src=x onerror=\'window.broken = 1\'>");')
    browser.run(
        'const s = document.createElement("script"); s.textContent = "window.broken = 1"; document.body.append(s)'
    )
    assert browser.run("return window.broken === undefined")
    assert all("Content Security Policy" in message for message in browser.console_messages())


def test_without_javascript_the_page_shows_everything(browser: Browser, address: str) -> None:
    browser.devtools("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(f"{address}/page.html")
        state = browser.run(
            'return [document.querySelectorAll("button").length, document.querySelector(".filter").hidden,'
            'document.querySelectorAll("[hidden]").length, document.querySelector("#copy tbody.rows").innerText]'
        )
    finally:
        browser.devtools("Emulation.setScriptExecutionDisabled", value=False)
    assert state[:3] == [0, True, 1], "only the filter needs JavaScript"
    assert "transformer" in state[3]
