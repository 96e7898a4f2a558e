from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest

from seqbench.running.loggers.run_logger import Ended
from tests.record_data import complete_record
from tests.running.loggers.logged import make_logged

pytest.importorskip("tensorboard", reason="needs the extra tensorboard")


def read(folder: Path) -> Any:  # TensorBoard has no types.
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0, "images": 0})
    events.Reload()
    return events


def test_rows_summary_record_and_samples_are_in_the_event_files(tmp_path: Path) -> None:
    from seqbench.running.loggers.tensorboard_logger import TensorBoardRunLogger

    logged = make_logged(tmp_path)
    (logged.folder / "sample.txt").write_text("one\ntwo\n")
    matplotlib.image.imsave(logged.folder / "attention.png", np.zeros((4, 4, 3)))
    logger = TensorBoardRunLogger(logged)
    logger.log_metrics({"train/loss": 2.0}, step=50)
    logger.log_metrics({"train/loss": 1.0}, step=100)
    logger.log_metrics({"validation/accuracy": 0.5}, step=100)
    samples = [logged.folder / "sample.txt", logged.folder / "attention.png"]
    summary = {"status": "ok", "final/test/accuracy": 0.25}
    record = complete_record({"sample": "of the data"})
    assert logger.finish(Ended(summary, 600, samples, record)) is None
    events = read(logger.folder)
    assert [(point.step, point.value) for point in events.Scalars("train/loss")] == [(50, 2.0), (100, 1.0)]
    assert [(point.step, point.value) for point in events.Scalars("validation/accuracy")] == [(100, 0.5)]
    assert [(point.step, point.value) for point in events.Scalars("final/test/accuracy")] == [(600, 0.25)]
    tags = events.Tags()
    assert {"config/text_summary", "record/text_summary", "sample/sample/text_summary"} <= set(tags["tensors"])
    assert tags["images"] == ["sample/attention"]
    texts = b"".join(events.Tensors("record/text_summary")[0].tensor_proto.string_val)
    assert b"checksum" in texts
    assert b"of the data" not in texts


def test_a_resumed_run_adds_to_the_same_folder_without_doubled_steps(tmp_path: Path) -> None:
    from seqbench.running.loggers.tensorboard_logger import TensorBoardRunLogger

    for steps in ((50, 150), (50, 150, 250)):
        logger = TensorBoardRunLogger(make_logged(tmp_path))
        for step in steps:
            logger.log_metrics({"train/loss": float(step)}, step=step)
        logger.finish(Ended({"status": "interrupted"}, steps[-1]))
    assert [point.step for point in read(logger.folder).Scalars("train/loss")] == [50, 150, 250]
