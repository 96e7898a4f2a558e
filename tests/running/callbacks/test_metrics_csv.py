from __future__ import annotations

from seqbench.running.callbacks.curve import Curve
from seqbench.running.callbacks.metrics_csv import format_metrics


def test_the_curve_is_one_row_a_step_with_empty_cells() -> None:
    curve = Curve()
    curve.load_state_dict(
        {
            "train": {"step": [50, 80], "loss": [1.5, 1.25]},
            "validation": {"step": [80], "accuracy": [0.5], "loss": [1.0]},
        }
    )
    assert format_metrics(curve) == ("step,train/loss,validation/accuracy,validation/loss\n50,1.5,,\n80,1.25,0.5,1.0\n")
