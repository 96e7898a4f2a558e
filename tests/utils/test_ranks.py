from __future__ import annotations

import os

import pytest
from lightning.fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment

from seqbench.utils import ranks

TORCHRUN = {"TORCHELASTIC_RUN_ID": "none", "RANK": "3", "LOCAL_RANK": "1", "GROUP_RANK": "1", "WORLD_SIZE": "4"}
SRUN = {"SLURM_NTASKS": "4", "SLURM_PROCID": "2", "SLURM_LOCALID": "0", "SLURM_NODEID": "1", "SLURM_JOB_NAME": "train"}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No launcher's word in it."""
    for name in [*TORCHRUN, *SRUN, "NODE_RANK", "JSM_NAMESPACE_RANK"]:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def tell(environment: pytest.MonkeyPatch, words: dict[str, str]) -> None:
    for name, value in words.items():
        environment.setenv(name, value)


def test_a_process_that_nobody_launched_is_the_first(environment: pytest.MonkeyPatch) -> None:
    assert ranks.process_rank() == 0


@pytest.mark.parametrize("words", [TORCHRUN, SRUN], ids=["torchrun", "srun"])
def test_a_launchers_rank_is_that_of_lightning(words: dict[str, str], environment: pytest.MonkeyPatch) -> None:
    tell(environment, words)
    theirs = TorchElasticEnvironment if words is TORCHRUN else SLURMEnvironment
    assert theirs.detect()
    assert ranks.process_rank() == int(os.environ["RANK" if words is TORCHRUN else "SLURM_PROCID"])


def test_torchrun_inside_of_slurm_has_the_last_word(environment: pytest.MonkeyPatch) -> None:
    """Started once a node, it tells its own processes apart, of which srun knows nothing."""
    tell(environment, {**SRUN, **TORCHRUN})
    assert ranks.process_rank() == 3


@pytest.mark.parametrize("name", ["bash", "interactive"])
def test_a_shell_on_a_cluster_is_no_task_of_it(name: str, environment: pytest.MonkeyPatch) -> None:
    tell(environment, {**SRUN, "SLURM_JOB_NAME": name})
    assert not SLURMEnvironment.detect()
    assert ranks.process_rank() == 0


@pytest.mark.parametrize(
    ("node", "local", "first"), [("0", "0", True), ("0", "1", False), ("1", "0", False), ("1", "1", False)]
)
def test_of_lightnings_own_processes_only_the_first_nodes_first_is_first(
    node: str, local: str, first: bool, environment: pytest.MonkeyPatch
) -> None:
    tell(environment, {"NODE_RANK": node, "LOCAL_RANK": local})
    assert (ranks.process_rank() == 0) is first


def test_the_first_process_of_a_second_node_is_not_the_first(environment: pytest.MonkeyPatch) -> None:
    """It starts the others of its node, so that nothing but the node's number tells it apart."""
    tell(environment, {"NODE_RANK": "1"})
    assert ranks.process_rank() != 0


def test_a_stray_rank_without_its_launcher_says_nothing(environment: pytest.MonkeyPatch) -> None:
    tell(environment, {"RANK": "5", "SLURM_PROCID": "7", "NODE_RANK": "many"})
    assert ranks.process_rank() == 0
