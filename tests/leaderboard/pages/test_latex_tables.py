"""A board as LaTeX: what its tables show, and that no text of a record is a command."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from seqbench.leaderboard.board_data import BoardData, OverallData
from seqbench.leaderboard.pages import latex_tables
from seqbench.protocol import cards
from tests.leaderboard.kit import board_data, example_board, example_record, with_overall_order, write_records

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
def data(tmp_path_factory: pytest.TempPathFactory) -> BoardData:
    folder = tmp_path_factory.mktemp("runs")
    records = [
        example_record(task, arch, seed, (8 + (1 - value) + seed / 100 if task == "music-jsb" else value + seed / 1000))
        for task in ("copy", "music-jsb")
        for arch, value in (("gru", 0.97), ("s4_d&co", 0.97), ("rnn", 0.126))
        for seed in range(3)
    ]
    records += [example_record("copy", "lstm", seed, 0.5) for seed in (0, 1)]
    records.append(example_record("copy", "lstm", 2, status="diverged", reason="nan"))
    records.append(example_record("copy", "tcn", 0, 0.9))
    board = example_board(
        tasks={"copy": None, "music-jsb": {"anchor": 7.5, "anchor_source": "somebody"}},
        not_applicable=[{"architecture": "bigru", "task": "copy", "reason": "it looks ahead"}],
        title="5 % & more",
    )
    return board_data(board, write_records(folder, *records))


def published_data(folder: Path, ours: float) -> BoardData:
    """Return a board with two published rows, one of them with a figure of ours."""
    row = {"metric": "mse", "direction": "min", "setting": "70K", "task": "adding", "needs": "an hour"}
    board = example_board(
        tier="paper",
        seeds=1,
        size=None,
        source="Bai & Kolter",
        tasks={"adding": None},
        published=[
            {"name": "adding, T = 600", "values": {"gru": 5.3e-5, "tcn": 5.8e-5}, **row},
            {"name": "other", "values": {"gru": 1}, **{**row, "task": None}},
        ],
    )
    options = cards.load_card("adding").tier("paper").arch
    record = example_record("adding", "gru", 0, ours, "paper", arch_options=options, parameters=70_123)
    return board_data(board, write_records(folder, record))


def read_lines(text: str) -> dict[str, list[str]]:
    """Return the cells of each line of the tables, by the first cell."""
    lines = [re.split(r"(?<!\\)&", line.strip().removesuffix(r"\\")) for line in text.splitlines() if r" \\" in line]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines}


def test_first_ranks_are_bold_and_marks_are_explained(data: BoardData) -> None:
    text = latex_tables.render_latex(with_overall_order(data))
    assert "% test, version 1, digest " in text.splitlines()[0]
    assert r"\caption{5 \% \& more. Test scores at tier small: means over 3 seeds, $\pm$ " in text
    assert r"\label{tab:test}" in text
    table = read_lines(text)
    assert table["architecture"] == ["copy", "music-jsb", "across tasks"]
    assert table[""] == [r"accuracy $\uparrow$", r"nll\_per\_frame $\downarrow$", "IQM"]
    for name in ("gru", r"s4\_d\&co"):
        assert table[name][:2] == [r"$\mathbf{0.9710 \pm 0.0025}$", r"$\mathbf{8.040 \pm 0.025}$"]
    assert table["rnn"][0] == r"$0.1270 \pm 0.0025^{\circ}$"
    # The interval is so wide that no row is significantly better.
    assert table["lstm"] == [r"$\mathbf{0.3750 \pm 0.54}^{\ddagger}$", "--", "--"]
    assert table["tcn"][0] == r"$0.9000^{\dagger}$"
    assert table["bigru"] == ["n/a", "--", "--"]
    assert table["best possible"] == ["$1.000$", "--", "$1$"]
    assert table["anchor"] == ["--", "$7.500$", "$1$"]
    assert table["chance"] == ["$0.1250$", "$11.09$", "$0$"]
    for mark, meaning in latex_tables.MARKS.items():
        assert f"${mark}$: {meaning}." in text


def test_a_board_of_few_tasks_has_no_column_across_tasks(data: BoardData) -> None:
    text = latex_tables.render_latex(data)
    assert read_lines(text)["architecture"] == ["copy", "music-jsb"]
    assert "IQM" not in text


def test_marks_that_do_not_occur_are_not_explained(data: BoardData) -> None:
    task = data.tasks[1]
    text = latex_tables.render_latex(replace(data, tasks=[task], overall=None))
    assert r"\dagger" not in text
    assert "IQM" not in text
    assert read_lines(text)["architecture"] == ["music-jsb"]


def test_published_figures_are_beside_ours(tmp_path: Path) -> None:
    text = latex_tables.render_latex(published_data(tmp_path, 4e-4))
    assert r"\label{tab:test-published}" in text
    assert r"\caption{A test. Published: Bai \& Kolter. Our figures are means over seeds, $\pm$ " in text
    note = text.partition(r"\end{tabular}")[2]
    deviations = cards.load_card("adding").tier("paper").deviations
    assert r"\footnotesize adding " in note
    assert all(latex_tables.escape_latex(deviation.rstrip(".")) in note for deviation in deviations)
    body = [line.strip() for line in text.partition("published}")[2].splitlines() if r" \\" in line]
    assert body[1:] == [
        r"adding, T = 600 & mse $\downarrow$ & gru & $5.3\cdot 10^{-5}$ & $4.00\cdot 10^{-4}$ & 70,123 & "
        r"$0.1667$ & agrees: both solve it \\",
        r"&  & tcn & $5.8\cdot 10^{-5}$ & -- & -- & -- & not run \\",
        r"other & mse $\downarrow$ & gru & $1$ & -- & -- & -- & no such task yet \\",
    ]


def test_the_statistic_of_a_published_table_is_in_its_caption(tmp_path: Path) -> None:
    data = published_data(tmp_path, 4e-4)
    cell = replace(data.published[0], statistic="best", half_width=None, seeds=3)
    text = latex_tables.render_latex(replace(data, published=[cell]))
    assert text.count("best of the seeds") == 1
    assert r" & $4.00\cdot 10^{-4}$ & " in text


def test_a_board_without_records_still_has_its_published_table(tmp_path: Path) -> None:
    empty = replace(published_data(tmp_path, 0.1), tasks=[])
    assert latex_tables.render_latex(empty).count(r"\begin{table}") == 1
    assert r"\begin" not in latex_tables.render_latex(replace(empty, published=[]))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_of_a_record_is_printed_as_it_is(text: str, data: BoardData, tmp_path: Path) -> None:
    task = data.tasks[0]
    row = replace(task.rows[0], label=text, architecture=text)
    (cell, *_) = published_data(tmp_path, 0.1).published
    cell = replace(
        cell,
        row=text,
        metric=text,
        architecture=text,
        verdict=text,
        task=text,
        deviations=[text],
        published=-1e-9,
        half_width=1.5e-7,
    )
    changed = replace(
        data,
        board=replace(data.board, title=text, source=text),
        tasks=[replace(task, task=text, metric=text, rows=[row])],
        overall=OverallData([], {text: "x"}, [], [], {}, ordered=True, least_tasks=10, thresholds=[], rank_test=None),
        published=[cell],
    )
    latex = latex_tables.render_latex(changed)
    assert latex_tables.escape_latex(text) in latex
    check_latex(latex)


def test_only_invisible_characters_beyond_ascii_are_replaced() -> None:
    assert latex_tables.escape_latex("Über-RNN ± µ 模型") == "Über-RNN ± µ 模型"
    assert latex_tables.escape_latex("a\n\n\tb\u202ec") == "a b\ufffdc"


def test_equal_data_give_equal_bytes_of_valid_latex(data: BoardData, tmp_path: Path) -> None:
    for board in (data, published_data(tmp_path, 0.1)):
        text = latex_tables.render_latex(board)
        assert text == latex_tables.render_latex(board)
        assert text.endswith("\\end{table}\n")
        check_latex(text)


COMMANDS = {
    *("begin", "end", "centering", "caption", "label", "toprule", "midrule", "bottomrule", "mathbf", "pm", "cdot"),
    *("uparrow", "downarrow", "dagger", "ddagger", "circ", "textbackslash", "textasciicircum", "textasciitilde"),
    *("par", "medskip", "parbox", "linewidth", "footnotesize", "textless", "textgreater", "textbar"),
    *("textasciigrave", "usepackage"),
}


def check_latex(text: str) -> None:
    """Check that tables hold known commands only, balanced groups, and rows of equal length."""
    head, *body = text.split("\n\n")
    assert all(line.startswith("%") for line in head.splitlines())
    for table in body:
        assert table.startswith("\\begin{table}\n")
        bare = re.sub(r"\\\\(?=\n)", "END", table)
        assert set(re.findall(r"\\([A-Za-z]+)", bare)) <= COMMANDS
        assert set(re.findall(r"\\([^A-Za-z])", bare)) <= set("{}$&#%_,")
        bare = re.sub(r"\\[^A-Za-z]", "", bare)  # The remaining special characters are not escaped.
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
        columns = re.search(r"\\begin\{tabular\}\{([lr]+)\}", table)
        assert columns
        separators = {line.count("&") for line in bare.splitlines() if line.endswith("END")}
        assert separators == {len(columns[1]) - 1}


@pytest.mark.parametrize(
    ("title", "start"), [("Which architectures copy?", "Which architectures copy? Test"), ("Small.", "Small. Test")]
)
def test_a_title_that_ends_a_sentence_gets_no_second_full_stop(tmp_path: Path, title: str, start: str) -> None:
    data = board_data(example_board(title=title, source="Bai et al."), write_records(tmp_path, example_record()))
    assert rf"\caption{{{start} scores at tier small" in latex_tables.render_latex(data)
    published = published_data(tmp_path, 4e-4)
    published = replace(published, board=replace(published.board, title=title, source="Bai et al."))
    assert rf"\caption{{{start.removesuffix(' Test')} Published: Bai et al. Our" in latex_tables.render_latex(published)
