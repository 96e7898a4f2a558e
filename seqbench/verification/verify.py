"""Verify a record: check its digests, chance and best values and the scores of its checkpoint, and repeat the run.

Only a second run can show that a checkpoint was trained as the record states. Measured values (times, speeds, memory)
depend on the machine and are not verified.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from seqbench.protocol import records
from seqbench.protocol.config import FILE_SOURCES
from seqbench.protocol.records import Record
from seqbench.running import evaluation
from seqbench.utils import redaction
from seqbench.utils.errors import NotAtHand, SeqbenchError, one_line
from seqbench.utils.plain_data import short_repr
from seqbench.verification import CHECKS, SkippedError, Subject, second_run
from seqbench.verification.blind.net_description import NetDescription

CheckState = Literal["ok", "wrong", "skipped"]
OK: CheckState = "ok"
WRONG: CheckState = "wrong"
SKIPPED: CheckState = "skipped"


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Args:
        name: name of the check.
        state: ``ok``, ``wrong`` or ``skipped``.
        message: result in words, or the reason why the check was skipped.
    """

    name: str
    state: CheckState
    message: str


@dataclass(frozen=True)
class Report:
    """The result of verifying a record.

    Args:
        path: path of the record.
        checks: results in the order of the checks.
        isolation: how the process of the net was confined, in words; empty if no net was scored.
        confined: whether the kernel confined it; None if no net was scored.
    """

    path: str
    checks: tuple[Check, ...]
    isolation: str = ""
    confined: bool | None = None

    @property
    def ok(self) -> bool:
        """True if no check found an error; checks may have been skipped."""
        return not self.names(WRONG)

    def names(self, state: CheckState) -> list[str]:
        """Return the names of the checks in a state."""
        return [check.name for check in self.checks if check.state == state]

    @property
    def verdict(self) -> str:
        """The result in one sentence."""
        if not self.ok:
            return f"WRONG in {', '.join(self.names(WRONG))}: this record cannot be trusted."
        if "retrain" in self.names(OK):
            return "Everything agrees with the record, and so does a second run."
        skipped = self.names(SKIPPED)
        return (
            f"Nothing is wrong; not checked: {', '.join(skipped)}." if skipped else "Everything agrees with the record."
        )

    def to_dict(self) -> dict[str, object]:
        """Return plain data."""
        return {"ok": self.ok, "verdict": self.verdict, **dataclasses.asdict(self)}


def verify_record(
    path: Path,
    retrain: bool = False,
    tolerance: float = 1e-6,
    trust: bool = False,
    data_dir: Path | None = None,
    beside: Path | None = None,
) -> Report:
    """Check a record, and the checkpoint beside it if there is one.

    Args:
        path: path of a run's folder, or of a record.
        retrain: whether to repeat the run as well, in a temporary folder.
        tolerance: largest accepted difference of a number, relative to its size or to 1.
        trust: whether an architecture that is given by its path (``my_file:Net``) may be imported; otherwise the checks
            that need it are skipped.
        data_dir: folder or file of the run's data, if they have been moved; None for the recorded place.
        beside: folder with records of other seeds, for a second run on other hardware or with other software; None to
            look beside the record.

    Raises:
        SeqbenchError: there is no record or no folder ``beside``, or ``data_dir`` does not exist or does not apply to
            the record.
    """
    record = records.read_record(path)
    if beside is not None and not beside.is_dir():
        raise SeqbenchError(f"--beside {beside} is no folder; give one with records of other seeds.")
    subject = Subject(path, record, tolerance, trust, _place_of_data(record, data_dir), beside)
    checks = {**CHECKS, **({"retrain": second_run.check_second_run} if retrain else {})}
    with tempfile.TemporaryDirectory(prefix="seqbench-second-", ignore_cleanup_errors=True) as folder:
        if retrain and subject.folder is None:
            subject.second_run = Path(folder)
        with subject.start_nets(), evaluation.use_threads(subject.threads):
            results = tuple(_run_check(name, check, subject) for name, check in checks.items())
            net = subject.describe_net() if subject.blind is not None else None
        if subject.second_run is not None and results[-1].state == OK:
            results, net = _check_second_checkpoint(subject, results)
    confined = (net.isolation, net.confined_by_kernel) if net is not None else ("", None)
    return Report(str(path), results, *confined)


def _check_second_checkpoint(
    subject: Subject, results: tuple[Check, ...]
) -> tuple[tuple[Check, ...], NetDescription | None]:
    """Make the skipped checks of the checkpoint with that of a second run, which has agreed with the record.

    Args:
        subject: the record under verification.
        results: results of its checks.

    Returns:
        The results with those of the second run, and the description of its net; None if no net was scored.
    """
    assert subject.second_run is not None, "a second run was kept"
    record = records.read_record(subject.second_run)
    second = dataclasses.replace(subject, path=subject.second_run, record=record, nets=None, no_net=None)
    with second.start_nets(), evaluation.use_threads(second.threads):
        made = {
            check.name: _run_check(check.name, CHECKS[check.name], second)
            for check in results
            if check.state == SKIPPED and check.name in second_run.CHECKPOINT_CHECKS
        }
        net = second.describe_net() if second.blind is not None else None
    named = {name: dataclasses.replace(one, message=f"second run: {one.message}") for name, one in made.items()}
    return tuple(named.get(check.name, check) for check in results), net


def _place_of_data(record: Record, data_dir: Path | None) -> dict[str, object]:
    """Return the options of a task that give the place of its data; empty for the recorded place.

    Raises:
        SeqbenchError: the place does not exist, or the run read no files.
    """
    if data_dir is None:
        return {}
    task = record.config.options.task
    if "data_dir" not in task or task.get("source", "auto") not in FILE_SOURCES:
        raise SeqbenchError(
            f"--task.data_dir does not apply: the data of this run of {short_repr(task.get('name'))} were generated or "
            f"came from a package; leave it out."
        )
    if not data_dir.expanduser().exists():
        raise SeqbenchError(f"--task.data_dir {data_dir} is neither a folder nor a file; give one that exists.")
    return {"data_dir": str(data_dir), "source": "auto"}


def _run_check(name: str, check: Callable[[Subject], str], subject: Subject) -> Check:
    state: CheckState
    try:
        state, message = OK, check(subject)
    except (SkippedError, NotAtHand) as reason:
        state, message = SKIPPED, str(reason)
    except ImportError as error:
        state, message = SKIPPED, f"a library is not installed here: {error}"
    except SeqbenchError as error:
        state, message = WRONG, str(error)
    # The record is hostile data, and a plug-in may build the module: both may raise any error.
    except (Exception, SystemExit) as error:
        state, message = WRONG, f"this part of the record cannot be read ({type(error).__name__}: {error})"
    line = redaction.redact(one_line(message))[:600].removesuffix(".")
    return Check(name, state, "".join(letter if letter.isprintable() else "\ufffd" for letter in line))
