from __future__ import annotations

from pathlib import Path

import pytest

from seqbench.verification import fresh_test_check, verify
from seqbench.verification.record_subject import SkippedError, Subject
from tests.verification.helpers import message_of

pytestmark = pytest.mark.usefixtures("nets_in_this_process")


def test_a_true_record_scores_alike_on_new_samples(run: Path) -> None:
    report = verify.verify_record(run)
    message = message_of(report, "fresh test")
    assert message.startswith("test accuracy_longer ")
    assert message.endswith("with 52 samples")  # 20 of the test split, and 16 of each of two probes.


def test_without_blind_scores_there_is_nothing_to_compare(subject: Subject) -> None:
    with pytest.raises(SkippedError, match="could not be scored"):
        fresh_test_check.check_fresh_test(subject)
