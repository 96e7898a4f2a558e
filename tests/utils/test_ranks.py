from __future__ import annotations

import os

import pytest
from lightning.fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment

from seqbench.utils import ranks

TORCHRUN = {"TORCHELASTIC_RUN_ID": "none", "RANK": "3", "LOCAL_RANK": "1", "GROUP_RANK": "1", "WORLD_SIZE": "4"}
SRUN = {"SLURM_NTASKS": "4", "SLURM_PROCID": "2", "SLURM_LOCALID": "0", "SLURM_NODEID": "1", "SLURM_JOB_NAME": "train"}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without the variables of any launcher."""
    for name in [*TORCHRUN, *SRUN, "NODE_RANK", "JSM_NAMESPACE_RANK"]:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def set_variables(environment: pytest.MonkeyPatch, words: dict[str, str]) -> None:
    for name, value in words.items():
        environment.setenv(name, value)


def test_a_process_without_a_launcher_has_rank_0(environment: pytest.MonkeyPatch) -> None:
    assert ranks.process_rank() == 0


@pytest.mark.parametrize("words", [TORCHRUN, SRUN], ids=["torchrun", "srun"])
def test_a_launcher_sets_the_rank_that_lightning_reads(words: dict[str, str], environment: pytest.MonkeyPatch) -> None:
    set_variables(environment, words)
    theirs = TorchElasticEnvironment if words is TORCHRUN else SLURMEnvironment
    assert theirs.detect()
    assert ranks.process_rank() == int(os.environ["RANK" if words is TORCHRUN else "SLURM_PROCID"])


def test_torchrun_inside_of_slurm_determines_the_rank(environment: pytest.MonkeyPatch) -> None:
    """srun starts torchrun once on each node; only torchrun knows the rank of each process."""
    set_variables(environment, {**SRUN, **TORCHRUN})
    assert ranks.process_rank() == 3


@pytest.mark.parametrize("name", ["bash", "interactive"])
def test_an_interactive_shell_of_slurm_has_rank_0(name: str, environment: pytest.MonkeyPatch) -> None:
    set_variables(environment, {**SRUN, "SLURM_JOB_NAME": name})
    assert not SLURMEnvironment.detect()
    assert ranks.process_rank() == 0


@pytest.mark.parametrize(
    ("node", "local", "first"), [("0", "0", True), ("0", "1", False), ("1", "0", False), ("1", "1", False)]
)
def test_with_lightnings_own_launcher_only_the_first_process_of_the_first_node_has_rank_0(
    node: str, local: str, first: bool, environment: pytest.MonkeyPatch
) -> None:
    set_variables(environment, {"NODE_RANK": node, "LOCAL_RANK": local})
    assert (ranks.process_rank() == 0) is first


def test_the_first_process_of_a_second_node_does_not_have_rank_0(environment: pytest.MonkeyPatch) -> None:
    """It starts the other processes of its node, so that only the rank of the node is set."""
    set_variables(environment, {"NODE_RANK": "1"})
    assert ranks.process_rank() != 0


def test_variables_of_a_rank_without_its_launcher_are_ignored(environment: pytest.MonkeyPatch) -> None:
    set_variables(environment, {"RANK": "5", "SLURM_PROCID": "7", "NODE_RANK": "many"})
    assert ranks.process_rank() == 0
