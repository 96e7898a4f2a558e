"""A board as LaTeX: what the tables say, and that no string of a stranger is a command."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from seqbench.leaderboard.pages import latex_tables
from seqbench.protocol import cards
from tests.leaderboard.kit import board_document, example_board, example_record, write_records

HOSTILE = [
    r"\input{/etc/passwd}",
    r"\\",
    "{",
    "}}",
    "100 % & $x_1^2$ #1 ~",
    "a\nb\n\n% c",
    "[2ex]",
    "*",
    "<x> | \"q\" `t` 'u'",
    "Über-RNN ± µ 模型",
    r"\end{table}",
]


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("runs")
    records = [
        example_record(task, arch, seed, (8 + (1 - value) + seed / 100 if task == "music-jsb" else value + seed / 1000))
        for task in ("copy", "music-jsb")
        for arch, value in (("gru", 0.97), ("s4_d&co", 0.97), ("rnn", 0.126))
        for seed in range(3)
    ]
    records += [example_record("copy", "lstm", seed, 0.5) for seed in (0, 1)]
    records += [
        example_record("copy", "lstm", 2, status="diverged", reason="nan"),
        example_record("copy", "tcn", 0, 0.9),
    ]
    rules = example_board(
        tasks={"copy": None, "music-jsb": {"anchor": 7.5, "anchor_source": "somebody"}},
        not_applicable=[{"architecture": "bigru", "task": "copy", "reason": "it looks ahead"}],
        title="5 % & more",
    )
    return board_document(rules, write_records(folder, *records))


def published(folder: Path, ours: float) -> dict[str, Any]:
    data = {"metric": "mse", "direction": "min", "setting": "70K", "task": "adding", "needs": "an hour"}
    rules = example_board(
        tier="paper",
        seeds=1,
        size=None,
        source="Bai & Kolter",
        tasks={"adding": None},
        published=[
            {"name": "adding, T = 600", "values": {"gru": 5.3e-5, "tcn": 5.8e-5}, **data},
            {"name": "other", "values": {"gru": 1}, **{**data, "task": None}},
        ],
    )
    options = cards.load_card("adding").tier("paper").arch
    ours_ = example_record("adding", "gru", 0, ours, "paper", arch_options=options, parameters=70_123)
    return board_document(rules, write_records(folder, ours_))


def rows(text: str) -> dict[str, list[str]]:
    """The cells of each line of the tables, by the first."""
    found = [re.split(r"(?<!\\)&", line.strip().removesuffix(r"\\")) for line in text.splitlines() if r" \\" in line]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in found}


def test_the_best_group_is_bold_and_marks_are_explained(document: dict[str, Any]) -> None:
    text = latex_tables.render_latex(document)
    assert "% test, version 1, digest " in text.splitlines()[0]
    assert r"\caption{5 \% \& more. Test scores at tier small: means over 3 seeds, $\pm$ half of the 95\,\% int" in text
    assert r"\label{tab:test}" in text
    table = rows(text)
    assert table["architecture"] == ["copy", "music-jsb", "across tasks"]
    assert table[""] == [r"accuracy $\uparrow$", r"nll\_per\_frame $\downarrow$", "IQM"]
    for name in ("gru", r"s4\_d\&co"):
        assert table[name][:2] == [r"$\mathbf{0.9710 \pm 0.0025}$", r"$\mathbf{8.040 \pm 0.025}$"]
    assert table["rnn"][0] == r"$0.1270 \pm 0.0025^{\circ}$"
    # A diverged seed tells nothing apart.
    assert table["lstm"] == [r"$\mathbf{0.3750 \pm 0.54}^{\ddagger}$", "--", "--"]
    assert table["tcn"][0] == r"$0.9000^{\dagger}$"
    assert table["bigru"] == ["n/a", "--", "--"]
    assert table["best possible"] == ["$1.000$", "--", "$1$"]
    assert table["anchor"] == ["--", "$7.500$", "$1$"]
    assert table["chance"] == ["$0.1250$", "$11.09$", "$0$"]
    for mark in (r"$\dagger$: not all", r"$\ddagger$: a seed diverged", r"$\circ$: not clearly above chance."):
        assert mark in text


def test_marks_that_do_not_occur_are_not_explained(document: dict[str, Any]) -> None:
    task = document["tasks"][1]
    text = latex_tables.render_latex({**document, "tasks": [task], "overall": None})
    assert r"\dagger" not in text
    assert "IQM" not in text
    assert rows(text)["architecture"] == ["music-jsb"]


def test_published_figures_stand_beside_ours(tmp_path: Path) -> None:
    text = latex_tables.render_latex(published(tmp_path, 4e-4))
    assert r"\label{tab:test-published}" in text
    assert r"\caption{A test. Published: Bai \& Kolter.}" in text
    below = text.partition(r"\end{tabular}")[2]
    deviations = cards.load_card("adding").tier("paper").deviations
    assert r"\footnotesize adding departs from the published recipe: " in below
    assert all(latex_tables.escape_latex(words.rstrip(".")) in below for words in deviations)
    body = [line.strip() for line in text.partition("published}")[2].splitlines() if r" \\" in line]
    assert body[1:] == [
        r"adding, T = 600 & mse $\downarrow$ & gru & $5.3\cdot 10^{-5}$ & $4.00\cdot 10^{-4}$ & 70,123 & "
        r"$0.1667$ & agrees: both solve it \\",
        r"&  & tcn & $5.8\cdot 10^{-5}$ & -- & -- & -- & not run \\",
        r"other & mse $\downarrow$ & gru & $1$ & -- & -- & -- & no such task yet \\",
    ]


def test_the_best_of_our_seeds_is_never_taken_for_their_mean(tmp_path: Path) -> None:
    document = published(tmp_path, 4e-4)
    cell = {**document["published"][0], "statistic": "best", "half_width": None, "seeds": 3}
    assert r" & $4.00\cdot 10^{-4}$ (best of 3 seeds) & " in latex_tables.render_latex(
        {**document, "published": [cell]}
    )


def test_a_board_without_records_still_has_its_published_table(tmp_path: Path) -> None:
    empty = published(tmp_path, 0.1) | {"tasks": []}
    assert latex_tables.render_latex(empty).count(r"\begin{table}") == 1
    assert r"\begin" not in latex_tables.render_latex({**empty, "published": []})


@pytest.mark.parametrize("text", HOSTILE)
def test_a_strangers_string_is_set_as_its_letters(text: str, document: dict[str, Any]) -> None:
    task = document["tasks"][0]
    row = {**task["rows"][0], "label": text, "architecture": text}
    cell = {
        **{"row": text, "metric": text, "direction": "max", "architecture": text, "verdict": text, "ours": 1.0},
        **{"published": -1e-9, "half_width": 1.5e-7, "chance": None},
        **{"statistic": "mean", "parameters": 7, "task": text, "deviations": [text]},
    }
    changed = {
        **document,
        "board": {**document["board"], "title": text, "source": text},
        "tasks": [{**task, "task": text, "metric": text, "rows": [row]}],
        "overall": {"rows": [], "left_out": {text: "x"}},
        "published": [cell],
    }
    made_ = latex_tables.render_latex(changed)
    assert latex_tables.escape_latex(text) in made_
    check(made_)


def test_letters_beyond_ascii_stay() -> None:
    assert latex_tables.escape_latex("Über-RNN ± µ 模型") == "Über-RNN ± µ 模型"
    assert latex_tables.escape_latex("a\n\n\tb\u202ec") == "a b\ufffdc"


def test_the_tables_are_the_same_to_the_byte_and_sound(document: dict[str, Any], tmp_path: Path) -> None:
    for one in (document, published(tmp_path, 0.1)):
        text = latex_tables.render_latex(one)
        assert text == latex_tables.render_latex(one)
        assert text.endswith("\\end{table}\n")
        check(text)


COMMANDS = (
    *("begin", "end", "centering", "caption", "label", "toprule", "midrule", "bottomrule", "mathbf", "pm", "cdot"),
    *("uparrow", "downarrow", "dagger", "ddagger", "circ", "textbackslash", "textasciicircum", "textasciitilde"),
    *(
        "par",
        "medskip",
        "parbox",
        "linewidth",
        "footnotesize",
        "textless",
        "textgreater",
        "textbar",
        "textasciigrave",
        "usepackage",
    ),
)


def check(text: str) -> None:
    """A strict reading of what the tables are made of: known commands, balanced groups, rows of equal length."""
    head, *body = text.split("\n\n")
    assert all(line.startswith("%") for line in head.splitlines())
    for table in body:
        assert table.startswith("\\begin{table}\n")
        bare = re.sub(r"\\\\(?=\n)", "END", table)
        assert set(re.findall(r"\\([A-Za-z]+)", bare)) <= set(COMMANDS)
        assert set(re.findall(r"\\([^A-Za-z])", bare)) <= set("{}$&#%_,")
        bare = re.sub(r"\\[^A-Za-z]", "", bare)  # What is left of these letters has a meaning.
        assert not set("%#~") & set(bare)
        assert bare.count("$") % 2 == 0
        outside = re.sub(r"\$[^$]*\$", "", bare)
        assert not set("^_<>|`") & set(outside)
        assert not re.search(r"(?<!\{)[\[*]", outside)
        depth = 0
        for letter in bare:
            depth += (letter == "{") - (letter == "}")
            assert depth >= 0
        assert depth == 0
        columns = len(re.search(r"\\begin\{tabular\}\{([lr]+)\}", table)[1])  # type: ignore[index]
        cells = [line.count("&") for line in bare.splitlines() if line.endswith("END")]
        assert cells
        assert set(cells) == {columns - 1}
