from __future__ import annotations

from pathlib import Path

import pytest

from seqbench.protocol import records, run_folder
from seqbench.running import reload
from seqbench.running.callbacks.checkpoints import load_checkpoint
from seqbench.verification.blind.consistency import Agreement, Difference
from seqbench.verification.blind_results import Comparison, score_blind
from seqbench.verification.consistency_checks import looks_ahead
from seqbench.verification.net_pair import NetPair

pytestmark = pytest.mark.usefixtures("nets_in_this_process")


def test_scores_and_predictions_are_those_of_the_run(run: Path) -> None:
    record, checkpoint = records.read_record(run), load_checkpoint(run / run_folder.BEST)
    reloaded = reload.reload_run(run, record, reload.recorded_config(record))
    with NetPair(record, checkpoint["state_dict"], threads=record.measured.threads or 0) as nets:
        blind = score_blind(reloaded.config, reloaded.data, nets, checkpoint)
        comparison = blind.comparison()
    assert blind.scores.evaluated["test"] == {
        name: score.value for name, score in record.results.metrics["test"].items()
    }
    assert {split: rows.digest() for split, rows in blind.scores.samples.items()} == record.results.predictions
    assert comparison.altered.cut == comparison.altered.compared == 256
    assert comparison.unaltered is None


def test_a_net_looks_ahead_if_it_differs_only_where_later_inputs_were_replaced() -> None:
    different, same = Agreement(differences=[Difference("test", 0, 0, 1, 1.0)]), Agreement()
    assert looks_ahead(Comparison(different, same))
    assert not looks_ahead(Comparison(different, different))
    assert not looks_ahead(Comparison(same, None))
