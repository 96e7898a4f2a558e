from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from seqbench.models.weights import state_digest
from seqbench.protocol import records, run_folder
from seqbench.protocol.records import Record
from seqbench.running import evaluation, reload
from seqbench.running.callbacks.checkpoints import load_checkpoint
from seqbench.utils.confinement.landlock import landlock_version
from seqbench.utils.errors import SeqbenchError
from seqbench.verification.blind.blind_batches import BlindBatch, hide_targets
from seqbench.verification.blind.net_process import NetProcess
from tests.verification.blind import hostile_nets
from tests.verification.helpers import RecordData, edit_record

by_kernel = pytest.mark.skipif(landlock_version() < 1, reason="this kernel has no Landlock")
Weights = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def record(run: Path) -> Record:
    return records.read_record(run)


@pytest.fixture(scope="module")
def reloaded(run: Path, record: Record) -> reload.ReloadedRun:
    return reload.reload_run(run, record, reload.recorded_config(record))


@pytest.fixture(scope="module")
def weights(run: Path) -> Weights:
    return load_checkpoint(run / run_folder.BEST)["state_dict"]


@pytest.fixture(scope="module")
def net(record: Record, weights: Weights) -> Iterator[NetProcess]:
    with NetProcess(record, weights, accelerator="cpu", threads=1) as process:
        yield process


def hostile_record(run: Path, folder: Path, name: str, **options: object) -> Record:
    """Return the record of a run of a hostile net, whose weights are those of the honest run."""
    shutil.copytree(run, folder / "run")
    shutil.copy(Path(__file__).with_name("hostile_nets.py"), folder)

    def change(data: RecordData) -> None:
        data["config"]["options"]["arch"] = {"name": f"hostile_nets:{name}", "d_model": 8, **options}
        data["config"]["sources"] = {}

    edit_record(folder / "run", change)
    return records.read_record(folder / "run")


def blind_batch(rows: int, time: int = 6) -> BlindBatch:
    return BlindBatch(torch.ones(rows, time, dtype=torch.long), torch.full((rows,), time), out_time=time)


@pytest.fixture(scope="module")
def unruly(run: Path, weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NetProcess]:
    """A process whose net fails in another way for each number of rows; the last test of this file ends it."""
    folder = tmp_path_factory.mktemp("unruly")
    record = hostile_record(run, folder, "Unruly")
    with contextlib.chdir(folder), NetProcess(record, weights, accelerator="cpu", threads=1) as process:
        yield process


@dataclass(frozen=True)
class Attack:
    """A net that has tried to leave its process, and the outcomes by the names of its attempts."""

    process: NetProcess
    outcomes: Mapping[str, str]


@pytest.fixture(scope="module")
def attack(run: Path, weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attack]:
    folder = tmp_path_factory.mktemp("attack")
    for name in ("data", "home", "victim"):
        (folder / name).mkdir()
    (folder / "data" / "test.txt").write_text("the targets")
    (folder / "home" / "secret").write_text("a key")
    victim = folder / "victim" / "file"
    victim.write_text("x")
    victim.chmod(0o600)
    targets = {
        "data": str(folder / "data" / "test.txt"),
        "home": str(folder / "home"),
        "run": str(folder / "run"),
        "victim": str(victim),
    }
    record = hostile_record(run, folder, "Attacker", targets=json.dumps(targets))
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(folder):
        patch.setenv("SEQBENCH_DATA", str(folder / "data"))
        patch.setenv("WANDB_API_KEY", "a key")
        with NetProcess(
            record, weights, accelerator="cpu", threads=2, hidden=[folder / "run"], request_seconds=20
        ) as process:
            process.describe()
            yield Attack(process, json.loads((process.folder / "outcomes.json").read_text()))


def test_a_net_process_describes_the_net_of_the_record(net: NetProcess, record: Record, weights: Weights) -> None:
    description = net.describe()
    assert description.weights_digest == state_digest(weights) == record.results.weights
    assert description.trainable == record.config.parameters
    assert description.options["arch"]["d_model"] == 8


def test_hidden_vectors_are_those_of_the_module_bit_for_bit(net: NetProcess, reloaded: reload.ReloadedRun) -> None:
    batch = reloaded.data.stream("test", 0)
    module = reloaded.module.eval()
    with evaluation.use_threads(1), torch.inference_mode():
        expected = module.body(batch)
    assert torch.equal(net.hidden_vectors(hide_targets(batch, module.spec)), expected)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (1, r"hidden vectors of shape \(1, 6, 4\), expected \(1, 6, 8\)"),
        (2, "not finite numbers"),
        (3, r"ValueError: the weather is bad \(hostile_nets.py, line \d+, in forward\)"),
        (5, "SystemExit: 3"),
    ],
)
def test_a_net_that_fails_is_described_in_a_sentence(unruly: NetProcess, rows: int, sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        unruly.hidden_vectors(blind_batch(rows))


def test_what_a_net_prints_is_no_answer(unruly: NetProcess) -> None:
    assert unruly.hidden_vectors(blind_batch(4)).shape == (4, 6, 8)


def test_what_a_net_prints_is_shown_with_its_failure(unruly: NetProcess) -> None:
    unruly.hidden_vectors(blind_batch(4))
    with pytest.raises(SeqbenchError, match=r"; it printed: .*is not an answer") as error:
        unruly.hidden_vectors(blind_batch(3))
    assert len(str(error.value)) < 1500


REFUSED = sorted(hostile_nets.attacks(dict.fromkeys(("data", "home", "run", "victim"), "")))


@by_kernel
@pytest.mark.parametrize("name", REFUSED)
def test_the_kernel_refuses(attack: Attack, name: str) -> None:
    assert attack.outcomes[name].startswith(("PermissionError", "OSError: [Errno 1]", "FileNotFoundError"))


@pytest.mark.parametrize("name", sorted(hostile_nets.permitted()))
def test_a_net_may(attack: Attack, name: str) -> None:
    assert attack.outcomes[name] == "done"


def test_a_net_sees_no_secret_and_no_folder_of_data(attack: Attack) -> None:
    names = attack.outcomes["environment"].split()
    assert not {"WANDB_API_KEY", "SEQBENCH_DATA", "HF_TOKEN"} & set(names)


@by_kernel
def test_the_confinement_is_said_in_words_from_before_the_import(attack: Attack) -> None:
    description = attack.process.describe()
    assert description.confined_by_kernel
    assert description.isolation.startswith(f"confined by the kernel (Landlock {landlock_version()}, ")


def test_a_net_that_sends_other_bytes_than_an_answer_is_described_and_ended(attack: Attack) -> None:
    with pytest.raises(SeqbenchError, match=r"the net process sent .* where a message starts with b'SBN1'"):
        attack.process.hidden_vectors(blind_batch(9))
    with pytest.raises(SeqbenchError, match="the net process was ended after an earlier failure"):
        attack.process.hidden_vectors(blind_batch(4))


def test_a_net_that_dies_is_described(unruly: NetProcess) -> None:
    with pytest.raises(SeqbenchError, match=r"was ended by SIGSEGV before it answered; it printed: .*about to die"):
        unruly.hidden_vectors(blind_batch(8))


def test_a_net_that_does_not_answer_is_ended(run: Path, weights: Weights, tmp_path: Path) -> None:
    record = hostile_record(run, tmp_path, "Unruly")
    with contextlib.chdir(tmp_path):
        process = NetProcess(record, weights, accelerator="cpu", threads=1, request_seconds=0.5)
    with process:
        process.describe()
        with pytest.raises(SeqbenchError, match=r"has not answered within 0.5 s"):
            process.hidden_vectors(blind_batch(7))
    assert not process.folder.exists()
