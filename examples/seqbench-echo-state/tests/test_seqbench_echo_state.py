"""Check the contract of an architecture, and train for a few steps."""

from __future__ import annotations

from pathlib import Path

import pytest
import seqbench
import torch
from seqbench.testing import Check, architecture_checks

from seqbench_echo_state import EchoState

READOUT = 40 * 16 + 16


@pytest.mark.parametrize("check", architecture_checks(EchoState, options={"units": 40}, parameters=READOUT), ids=str)
def test_the_architecture_satisfies_the_contract(check: Check) -> None:
    check()


def test_the_reservoir_has_its_spectral_radius_and_is_not_trained() -> None:
    net = EchoState(8, units=400, radius=0.9)
    assert float(torch.linalg.eigvals(net.recurrent).abs().max()) == pytest.approx(0.9, rel=0.1)
    assert {name for name, _ in net.named_parameters()} == {"readout.weight", "readout.bias"}
    assert {"inputs", "recurrent", "bias", "leak"} <= set(net.state_dict())


def test_the_state_forgets_its_start() -> None:
    net, x = EchoState(4, units=100, radius=0.8, slowest=0.3), torch.randn(1, 300, 4)
    y, other = (net.unroll(x, state)[0] for state in (None, torch.ones(1, 100)))
    assert not torch.allclose(y[:, 0], other[:, 0], atol=1e-2)
    assert torch.allclose(y[:, -1], other[:, -1], atol=1e-4)


@pytest.mark.parametrize("wrong", [{"units": 0}, {"radius": -1.0}, {"slowest": 0.0}, {"dropout": 1.0}])
def test_a_value_out_of_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be"):
        EchoState(8, **wrong)


def test_a_short_run_succeeds(tmp_path: Path) -> None:
    optim = {"steps": 20, "validate_every": 20}
    run = seqbench.run("echo-state", "copy", tier="smoke", optim=optim, logger="none", runs=tmp_path)
    assert run.record.status == "ok"
    assert run.record.config.architecture.distribution == "seqbench-echo-state"
