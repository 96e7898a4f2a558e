from __future__ import annotations

import pytest

from seqbench.utils.errors import NotAtHand, SeqbenchError
from seqbench.verification.blind import net_worker


def test_errors_of_seqbench_are_sentences_without_a_type() -> None:
    described = net_worker.describe_error(SeqbenchError("the width must be even."))
    assert described.values == {"reason": "the width must be even.", "not_at_hand": False}


def test_a_missing_library_is_no_fault_of_the_record() -> None:
    assert net_worker.describe_error(NotAtHand("install it")).values["not_at_hand"] is True


@pytest.mark.parametrize("error", [ValueError("a\nb"), SystemExit(3), KeyboardInterrupt()])
def test_other_errors_are_described_in_one_line_with_their_type(error: BaseException) -> None:
    reason = str(net_worker.describe_error(error).values["reason"])
    assert reason.startswith(type(error).__name__)
    assert "\n" not in reason


def test_long_errors_are_cut() -> None:
    assert len(str(net_worker.describe_error(ValueError("x" * 10_000)).values["reason"])) <= 510
