"""Figures: what is drawn, and how groups are told apart."""

from __future__ import annotations

import numpy as np
import pytest

from seqbench.leaderboard.figures import run_figures
from seqbench.leaderboard.figures.figure_data import FinalScore, MeanCurve, References
from seqbench.leaderboard.figures.run_figures import MOST_GROUPS, Look, draw_bars, draw_curves, figure_settings
from seqbench.utils.errors import SeqbenchError

LINES = References(0.1, 1.0)


def curve(label: str, seeds: int = 3, mean: tuple[float, ...] = (0.2, 0.5, 0.9)) -> MeanCurve:
    return MeanCurve(label, seeds, [1.0, 2.0, 3.0], mean, [0.05] * 3 if seeds > 1 else None)


def test_each_group_is_a_line_with_a_band_and_the_references_are_named() -> None:
    figure = draw_curves([curve("gru"), curve("lstm", 1)], LINES, "steps", "accuracy", Look())
    (axes,) = figure.axes
    lines = [line for line in axes.lines if len(np.asarray(line.get_xdata())) == 3]
    assert [np.asarray(line.get_ydata()).tolist() for line in lines] == [[0.2, 0.5, 0.9]] * 2
    assert len(axes.collections) == 1
    assert [text.get_text() for text in axes.texts] == ["chance", "best possible"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["gru (3 seeds)", "lstm (1 seed)"]
    low, high = axes.get_ylim()
    assert low < 0.1 < 1.0 < high


def test_the_number_of_seeds_is_said_once_if_it_is_the_same() -> None:
    figure = draw_curves([curve("gru"), curve("lstm")], LINES, "steps", "accuracy", Look())
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["gru", "lstm"]
    assert figure.legends[0].get_title().get_text() == "mean and 95 % interval of 3 seeds"


def test_no_two_groups_look_the_same_without_colour_or_with_it() -> None:
    styles = [run_figures._style(number) for number in range(MOST_GROUPS)]
    assert len({(colour, str(dash)) for colour, dash, _ in styles}) == MOST_GROUPS
    assert len({str(dash) for _, dash, _ in styles[:8]}) == len({marker for _, _, marker in styles[:8]}) == 8
    with pytest.raises(SeqbenchError, match="at most 64 groups"):
        draw_curves([curve(str(number)) for number in range(65)], LINES, "", "", Look())


def test_a_reference_far_from_the_scores_is_left_out() -> None:
    figure = draw_curves([curve("gru", mean=(2.4, 2.5, 2.6))], References(100.0, None), "steps", "bits", Look())
    assert [text.get_text() for text in figure.axes[0].texts] == []
    assert figure.axes[0].get_ylim()[1] < 3


def test_bars_show_mean_interval_and_seeds() -> None:
    scores = [FinalScore("gru", [0.8, 0.9], 0.85, 0.1), FinalScore("lstm", [0.5, 0.7], 0.6, 0.2)]
    figure = draw_bars(scores, LINES, "accuracy", Look())
    (axes,) = figure.axes
    assert [patch.get_width() for patch in axes.patches] == [0.85, 0.6]  # type: ignore[attr-defined]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["gru", "lstm"]
    dots = [np.asarray(line.get_xdata()).tolist() for line in axes.lines if line.get_linestyle() == "None"]
    assert [0.8, 0.9] in dots
    assert "95 % interval of 2 seeds" in axes.get_xlabel()


def test_a_dollar_in_a_label_starts_no_formula() -> None:
    figure = draw_curves([curve("a_$1^{")], LINES, "steps", "accuracy", Look(title="x_$1^{"))
    figure.draw_without_rendering()
    assert figure.legends[0].get_texts()[0].get_text() == r"a_\$1^{"


def test_a_logarithmic_axis_needs_positive_values() -> None:
    with pytest.raises(SeqbenchError, match="--log-y needs values above 0, but one is 0"):
        draw_curves([curve("gru", mean=(0.0, 1.0, 2.0))], LINES, "", "", Look(log_y=True))


@pytest.mark.parametrize("options", [{"width": 0.0}, {"width": float("nan")}, {"height": 1000.0}])
def test_a_size_that_nobody_prints_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(SeqbenchError, match="must be from 1 to 40 inches"):
        Look(**options)  # type: ignore[arg-type]


def test_settings_of_the_user_have_no_effect_and_come_back() -> None:
    import matplotlib as mpl

    with mpl.rc_context({"font.size": 33.0}):
        with figure_settings():
            assert mpl.rcParams["font.size"] == 9.0
            assert mpl.rcParams["svg.hashsalt"] == "seqbench"
        assert mpl.rcParams["font.size"] == 33.0
