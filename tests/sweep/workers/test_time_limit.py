from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from seqbench.sweep.workers import time_limit


def test_a_call_in_time_answers() -> None:
    assert time_limit.call_with_limit(divmod, (7, 2), None) == (False, (3, 1))
    assert time_limit.call_with_limit(divmod, (7, 2), 60.0) == (False, (3, 1))


def test_a_call_whose_time_is_up_is_told_and_the_process_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray's workers serve one cell after another: the end of one must not be that of the next."""
    monkeypatch.setattr(time_limit, "GRACE_SECONDS", 0.3)
    start = time.monotonic()
    assert time_limit.call_with_limit(time.sleep, (30,), 0.1) == (True, None)
    assert time.monotonic() - start < 10
    time.sleep(0.6)  # An end that is still on its way would come now, and take the tests with it.
    assert time_limit.call_with_limit(divmod, (7, 2), 60.0) == (False, (3, 1))


def test_a_call_that_saves_its_state_answers_late() -> None:
    def save() -> str:
        try:
            time.sleep(30)
        except KeyboardInterrupt:
            return "saved"
        return "slept"

    assert time_limit.call_with_limit(save, (), 0.1) == (True, "saved")


def test_ctrl_c_of_somebody_else_is_no_end_of_time() -> None:
    with pytest.raises(KeyboardInterrupt):
        time_limit.call_with_limit(os.kill, (os.getpid(), signal.SIGINT), 60.0)


def test_a_call_that_does_not_listen_ends_with_its_process() -> None:
    code = (
        "import signal, time\n"
        "from seqbench.sweep.workers import time_limit as timed\n"
        "timed.GRACE_SECONDS = 0.3\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "timed.call_with_limit(time.sleep, (30,), 0.1)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=20).returncode == 1
