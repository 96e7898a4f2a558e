from __future__ import annotations

import logging

import pytest

from seqbench.utils import screen

LOGGER = logging.getLogger("seqbench.some.module")


def test_messages_are_plain_lines_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with screen.show_messages():
        LOGGER.info("step 1 of 2")
        LOGGER.debug("too detailed")
    LOGGER.info("after the block")
    assert capsys.readouterr() == ("", "step 1 of 2\n")


def test_without_a_handler_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    LOGGER.info("step 1 of 2")
    LOGGER.warning("step 2 of 2")
    assert capsys.readouterr() == ("", "")


def test_only_the_first_process_writes(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    with screen.show_messages():
        LOGGER.info("step 1 of 2")
    assert capsys.readouterr() == ("", "")


def test_hidden_messages_reach_no_handler(capsys: pytest.CaptureFixture[str]) -> None:
    with screen.show_messages(), screen.hide_messages():
        assert not LOGGER.isEnabledFor(logging.INFO)
        LOGGER.info("step 1 of 2")
    assert capsys.readouterr() == ("", "")


def test_an_error_of_the_stream_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed:
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr("sys.stderr", Closed())
    with screen.show_messages(), pytest.raises(BrokenPipeError):
        LOGGER.info("step 1 of 2")
