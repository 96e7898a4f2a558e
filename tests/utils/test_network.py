from __future__ import annotations

import socket
import time

import pytest

from seqbench.utils import network


def test_an_open_port_is_reachable_and_a_closed_one_is_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert network.is_reachable(url)
    assert not network.is_reachable(url)


def test_a_host_name_that_is_never_resolved_takes_no_longer_than_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object, **__: object) -> None:
        time.sleep(30)
        raise OSError("no such name")

    monkeypatch.setattr(network.socket, "create_connection", hang)
    start = time.perf_counter()
    assert not network.is_reachable("https://nobody.invalid")
    assert time.perf_counter() - start < 15
