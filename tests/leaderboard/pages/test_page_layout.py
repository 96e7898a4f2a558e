"""The layout of a board's page in a real browser: its first screen, its edges, its anchors, and boards of many rows."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seqbench.leaderboard.board_data import BoardData
from seqbench.leaderboard.pages import html_page
from seqbench.leaderboard.task_data import RowData, count_verifications
from tests.leaderboard import browser as browsers
from tests.leaderboard import kit, sample
from tests.leaderboard.browser import Browser

pytestmark = pytest.mark.skipif(bool(browsers.missing_programs()), reason=browsers.missing_programs())

WIDTHS = {1400: 900, 390: 844}
"""Heights of the windows by their widths: a laptop and a phone."""

ARCHITECTURES, SEEDS, TASKS = 200, 50, 6
MOST_BYTES = 8_000_000
"""Largest size of the page of a board with 200 architectures, 50 seeds and six tasks."""

BOX = """
const box = document.querySelector(arguments[0]).getBoundingClientRect();
return {top: box.top, bottom: box.bottom, left: box.left, right: box.right};
"""

LOW_CONTRAST = """
const parse = text => (text.match(/[\\d.]+/g) ?? []).map(Number);
const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
/* The colour as it is painted over another one; the canvas resolves every notation. */
const paint = (colour, under) => {
  canvas.globalAlpha = 1; canvas.fillStyle = `rgb(${under})`; canvas.fillRect(0, 0, 1, 1);
  canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
};
const light = rgb => {
  const [r, g, b] = rgb.map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b;
};
const behind = element => {
  const chain = [];
  for (let e = element; e; e = e.parentElement) chain.unshift(getComputedStyle(e).backgroundColor);
  return chain.reduce((under, colour) => paint(colour, under), [255, 255, 255]);
};
const found = [];
for (const element of document.querySelectorAll(arguments[0])) {
  if (!element.checkVisibility()) continue;
  const under = behind(element);
  const [a, b] = [light(under), light(paint(getComputedStyle(element).color, under))].sort((x, y) => y - x);
  if ((a + .05) / (b + .05) < 4.5) found.push(`${element.textContent.trim().slice(0, 40)}: ${(a + .05) / (b + .05)}`);
}
return found;
"""


def many_rows(data: BoardData) -> BoardData:
    """Return a board of so many architectures and seeds in each of six tasks, worse with each number."""
    generator = random.Random(0)
    row = data.tasks[0].rows[0]

    def named(number: int) -> RowData:
        mean = 1 - number / ARCHITECTURES
        seeds = [
            replace(row.seeds[0], seed=seed, value=value, score=value)
            for seed in range(SEEDS)
            for value in [min(1.0, max(0.0, mean + generator.gauss(0, 0.01)))]
        ]
        name = f"net-{number}"
        return replace(
            row, label=name, architecture=name, rank=1 + number // 10 * 10, mean=mean, half_width=0.01, seeds=seeds
        )

    names = ["copy", "parity", "adding", "music-jsb", "char-lm-shakespeare", "translation-multi30k-en-de"][:TASKS]
    tasks = [replace(data.tasks[0], task=name, rows=list(map(named, range(ARCHITECTURES)))) for name in names]
    return replace(
        data,
        board=replace(data.board, seeds=SEEDS),
        records=ARCHITECTURES * SEEDS * TASKS,
        verification=count_verifications(tasks),
        tasks=tasks,
        overall=None,
        published=[],
    )


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the pages of a board with all kinds of rows, an empty board, and a board of many rows."""
    folder = tmp_path_factory.mktemp("pages")
    data = sample.example_board_data(tmp_path_factory.mktemp("records"))
    empty = kit.board_data(kit.example_board(), tmp_path_factory.mktemp("empty"))
    for name, board in (("sample", data), ("empty", empty), ("many", many_rows(data))):
        (folder / f"{name}.html").write_text(html_page.render_html(board), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsers.start_browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


def open_page(window: Browser, pages: Path, name: str, width: int, scheme: str = "light") -> None:
    window.resize(width, WIDTHS[width], mobile=width < 600)
    window.set_colour_scheme(scheme)
    window.open((pages / f"{name}.html").as_uri())


def box(window: Browser, css: str) -> dict[str, float]:
    found: dict[str, float] = window.run(BOX, css)
    return found


@pytest.mark.parametrize("width", WIDTHS)
def test_the_first_screen_holds_the_result_and_the_scores(window: Browser, pages: Path, width: int) -> None:
    open_page(window, pages, "sample", width)
    result, table = box(window, ".result"), box(window, ".heat")
    assert 0 < result["top"] < result["bottom"] <= table["top"]
    assert table["bottom"] <= WIDTHS[width], "all rows of the table are on the first screen"
    assert box(window, "#guide")["top"] > table["bottom"], "rules and the guide come later"
    folded = window.run('return [...document.querySelectorAll("#guide, #rules details")].map(part => part.open)')
    assert folded == [False, False]


@pytest.mark.parametrize("width", WIDTHS)
def test_the_first_rows_of_a_large_board_are_on_the_first_screen(window: Browser, pages: Path, width: int) -> None:
    open_page(window, pages, "many", width)
    assert box(window, ".heat tbody tr:nth-child(10)")["bottom"] <= WIDTHS[width]


@pytest.mark.parametrize("name", ["sample", "empty", "many"])
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_window(window: Browser, pages: Path, width: int, name: str) -> None:
    open_page(window, pages, name, width)
    window.run('document.querySelectorAll("details").forEach(part => part.open = part.closest("table") === null)')
    assert window.run("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", WIDTHS)
def test_a_wide_table_shows_that_it_goes_on_until_its_end_is_reached(window: Browser, pages: Path, width: int) -> None:
    open_page(window, pages, "sample", width)
    state = (
        "const frames = [...document.querySelectorAll('.scroll')].filter(frame => frame.checkVisibility());"
        "return frames.map(frame => [frame.scrollWidth > frame.clientWidth + 2, frame.hasAttribute('data-more')])"
    )
    found = window.run(state)
    assert all(wide == marked for wide, marked in found)
    if width < 600:
        assert any(wide for wide, _ in found)
        window.run("document.querySelectorAll('.scroll').forEach(frame => frame.scrollLeft = 1e6)")
        window.run("return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert not any(marked for _, marked in window.run(state))


@pytest.mark.parametrize("name", ["sample", "many"])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_bar_covers_no_heading_that_a_link_leads_to(window: Browser, pages: Path, width: int, name: str) -> None:
    open_page(window, pages, name, width)
    anchors = window.run('return [...document.querySelectorAll("nav a, .heat a")].map(a => a.getAttribute("href"))')
    for anchor in sorted(set(anchors)):
        window.run("location.hash = arguments[0]", anchor)
        heading, bar = box(window, f"{anchor} h2"), box(window, ".bar")
        assert bar["top"] >= 0
        assert heading["top"] >= bar["bottom"], anchor
        assert heading["top"] < WIDTHS[width], anchor


def test_each_score_of_the_first_screen_is_a_link_to_its_task(window: Browser, pages: Path) -> None:
    open_page(window, pages, "sample", 1400)
    links = window.run('return [...document.querySelectorAll(".heat tbody tr:first-child a")].map(a => a.hash)')
    assert links == ["#copy", "#parity", "#music-jsb"]
    window.click(".heat tbody tr:first-child a")
    assert window.run("return location.hash") == "#copy"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_have_contrast_in_both_colour_schemes(window: Browser, pages: Path, scheme: str) -> None:
    open_page(window, pages, "sample", 1400, scheme)
    window.run('document.querySelectorAll("details").forEach(part => part.open = true)')
    texts = "h1, h2, p, li, th, td, dt, dd, a, summary, label, small, .pm, .heat td a, figcaption, code"
    assert window.run(LOW_CONTRAST, texts) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_higher_scores_have_stronger_colours(window: Browser, pages: Path, scheme: str) -> None:
    """The lightness alone tells scores apart, so that the table is readable without colours."""
    open_page(window, pages, "sample", 1400, scheme)
    light: list[float] = window.run(
        "const pen = document.createElement('canvas').getContext('2d', {willReadFrequently: true});"
        "return [...document.querySelectorAll('.ramp i')].map(part => {"
        "  pen.fillStyle = getComputedStyle(part).backgroundColor; pen.fillRect(0, 0, 1, 1);"
        "  const [r, g, b] = pen.getImageData(0, 0, 1, 1).data; return .3 * r + .59 * g + .11 * b; })"
    )
    assert len(light) == 11
    assert light == sorted(light, reverse=scheme == "light")
    assert len(set(light)) == 11


def test_the_costs_of_all_tables_are_switched_by_one_box(window: Browser, pages: Path) -> None:
    open_page(window, pages, "sample", 1400)
    seen = 'return [...document.querySelectorAll(".cost")].filter(cell => cell.checkVisibility()).length'
    assert window.run(seen) > 20
    window.click('label[for="costs"]')
    assert window.run(seen) == 0
    open_page(window, pages, "sample", 390)
    assert window.run(seen) == 0, "a phone begins without costs"


def test_a_page_of_many_rows_is_bounded_and_shows_the_first_ones(window: Browser, pages: Path) -> None:
    assert (pages / "many.html").stat().st_size < MOST_BYTES
    open_page(window, pages, "many", 1400)
    shown = (
        "return [...document.querySelectorAll('tbody.rows')].filter(body => body.querySelector('[data-key]'))"
        ".map(body => [...body.rows].filter(row => row.checkVisibility()).length)"
    )
    assert window.run(shown) == [30] * (1 + TASKS)
    window.click('.more label[for="all-rows"]')
    assert window.run(shown) == [ARCHITECTURES] * (1 + TASKS)
    assert window.run('return [...document.querySelectorAll(".more")].every(text => !text.checkVisibility())')


def test_the_filter_finds_rows_that_are_not_shown(window: Browser, pages: Path) -> None:
    open_page(window, pages, "many", 1400)
    window.type("#filter", "net-199")
    names = 'return [...document.querySelectorAll("#copy tbody.rows tr")].filter(row => row.checkVisibility())'
    assert window.run(names + ".map(row => row.dataset.key)") == ["net-199"]
    assert window.run('return document.getElementById("shown").textContent') == f"{1 + TASKS} of {1400} rows"


def test_after_sorting_the_first_rows_of_the_new_order_are_shown(window: Browser, pages: Path) -> None:
    open_page(window, pages, "many", 1400)
    window.click("#copy thead tr > :nth-child(3) button")
    names: list[str] = window.run(
        'return [...document.querySelectorAll("#copy tbody.rows tr")].filter(row => row.checkVisibility())'
        ".map(row => row.dataset.key)"
    )
    assert len(names) == 30
    assert names[0] == "net-199", "the lowest score comes first"


def test_many_seeds_are_folded_into_a_few_lines(window: Browser, pages: Path) -> None:
    open_page(window, pages, "many", 1400)
    details = "#copy tbody.rows details"
    window.click(f"{details} summary")
    lines: list[str] = window.run("return document.querySelector(arguments[0]).innerText.trim().split('\\n')", details)
    assert len(lines) <= 5
    assert any(line.startswith("seeds 0 to 49: ") for line in lines)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_page_of_many_rows_stays_usable(window: Browser, pages: Path, width: int) -> None:
    """Loading, filtering and resizing take no more than some seconds; the limits are ten times what was measured."""
    open_page(window, pages, "many", width)
    timing: dict[str, Any] = window.run(
        "const times = {}; const time = (name, action) => {"
        "  const start = performance.now(); action(); document.body.offsetHeight;"
        "  times[name] = performance.now() - start; };"
        "times.load = performance.getEntriesByType('navigation')[0].loadEventEnd;"
        "const filter = text => { const box = document.getElementById('filter'); box.value = text;"
        "  box.dispatchEvent(new Event('input')); };"
        "time('filter', () => filter('net-19')); time('clear', () => filter(''));"
        "time('costs', () => document.getElementById('costs').click());"
        "return times;"
    )
    assert timing["load"] < 15_000
    assert max(timing["filter"], timing["clear"], timing["costs"]) < 3_000


def test_without_javascript_the_boxes_switch_columns_and_rows(window: Browser, pages: Path) -> None:
    window.devtools("Emulation.setScriptExecutionDisabled", value=True)
    try:
        open_page(window, pages, "many", 1400)
        shown = (
            'return [...document.querySelectorAll("#copy tbody.rows tr")].filter(row => row.checkVisibility()).length'
        )
        costs = 'return document.querySelector("#copy .cost").checkVisibility()'
        before = window.run(shown), window.run(costs)
        window.click('.bar label[for="all-rows"]')
        window.click('.bar label[for="costs"]')
        after = window.run(shown), window.run(costs)
    finally:
        window.devtools("Emulation.setScriptExecutionDisabled", value=False)
    assert before == (30, True)
    assert after == (ARCHITECTURES, False)
