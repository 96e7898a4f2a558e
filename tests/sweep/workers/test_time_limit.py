from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from seqbench.sweep.workers import time_limit


def test_a_call_within_its_limit_returns_its_value() -> None:
    assert time_limit.call_with_limit(divmod, (7, 2), None) == (False, (3, 1))
    assert time_limit.call_with_limit(divmod, (7, 2), 60.0) == (False, (3, 1))


def test_a_call_is_interrupted_at_its_limit_and_the_next_call_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    # A worker of Ray executes one cell after another.
    monkeypatch.setattr(time_limit, "GRACE_SECONDS", 0.3)
    start = time.monotonic()
    assert time_limit.call_with_limit(time.sleep, (30,), 0.1) == (True, None)
    assert time.monotonic() - start < 10
    time.sleep(0.6)  # A timer that was not cancelled would end the process now.
    assert time_limit.call_with_limit(divmod, (7, 2), 60.0) == (False, (3, 1))


def test_a_call_that_saves_its_state_after_the_limit_returns_its_value() -> None:
    def save() -> str:
        try:
            time.sleep(30)
        except KeyboardInterrupt:
            return "saved"
        return "slept"

    assert time_limit.call_with_limit(save, (), 0.1) == (True, "saved")


def test_ctrl_c_before_the_limit_is_raised() -> None:
    with pytest.raises(KeyboardInterrupt):
        time_limit.call_with_limit(os.kill, (os.getpid(), signal.SIGINT), 60.0)


def test_the_process_ends_if_a_call_ignores_the_signal() -> None:
    code = (
        "import signal, time\n"
        "from seqbench.sweep.workers import time_limit\n"
        "time_limit.GRACE_SECONDS = 0.3\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "time_limit.call_with_limit(time.sleep, (30,), 0.1)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=20).returncode == 1
