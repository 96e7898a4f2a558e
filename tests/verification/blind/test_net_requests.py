from __future__ import annotations

from pathlib import Path

import pytest
import torch

from seqbench.protocol import records
from seqbench.utils.errors import SeqbenchError
from seqbench.verification.blind import net_requests
from seqbench.verification.blind.blind_batches import BlindBatch
from tests.verification.helpers import RecordData, edit_record


def test_the_first_message_holds_the_record_s_options_and_the_weights_but_no_score(run: Path) -> None:
    record = records.read_record(run)
    message = net_requests.start_message(record, {"head.weight": torch.ones(2, 3)}, "cpu", 1)
    assert set(message.values) == {"options", "spec", "sources", "accelerator", "threads", "costs", "match"}
    assert message.values["options"] == record.config.options.to_dict()
    assert message.arrays["head.weight"].shape == (2, 3)


def test_a_request_holds_the_inputs_alone() -> None:
    batch = BlindBatch(torch.zeros(2, 3, dtype=torch.long), torch.tensor([3, 2]), 3, first=True)
    message = net_requests.batch_message("hidden_vectors", batch, keep_state=False)
    assert set(message.arrays) == {"inputs", "lengths"}
    assert message.values == {"first": True, "out_time": 3, "keep_state": False}


@pytest.mark.parametrize("width", [None, "8", True, 0])
def test_a_record_without_a_width_is_refused(folder: Path, width: object) -> None:
    def change(data: RecordData) -> None:
        data["config"]["options"]["arch"]["d_model"] = width

    edit_record(folder, change)
    with pytest.raises(SeqbenchError, match="expected a number above 0"):
        net_requests.recorded_width(records.read_record(folder))


@pytest.mark.parametrize("output", [{"kind": "Scores"}, {"kind": "StepClasses", "classes": 2, "score": 1.0}])
def test_a_record_with_an_unknown_kind_of_output_is_refused(folder: Path, output: object) -> None:
    def change(data: RecordData) -> None:
        data["config"]["spec"]["output"] = output

    edit_record(folder, change)
    with pytest.raises(SeqbenchError, match="describes no inputs and outputs"):
        net_requests.recorded_spec(records.read_record(folder))


def test_a_record_without_a_spec_is_refused(folder: Path) -> None:
    edit_record(folder, lambda data: data["config"].pop("spec"))
    with pytest.raises(SeqbenchError, match="lacks the inputs and outputs"):
        net_requests.recorded_spec(records.read_record(folder))
