"""Is a record true? Checked against its digests, its task's lines, its checkpoint's scores, and a second run.

What a checkpoint cannot show (that it was trained as the record says) only a second run can; what was measured (times,
speeds, memory) is the word of the machine that measured it.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqbench.protocol import records
from seqbench.protocol.differences import compare_values
from seqbench.protocol.records import Record
from seqbench.running import evaluation, reload, runner
from seqbench.utils import plain_data, redaction
from seqbench.utils.errors import NotAtHand, SeqbenchError, one_line
from seqbench.verification import CHECKS, SkippedError, Subject

OK, WRONG, SKIPPED = "ok", "wrong", "skipped"
ROUNDED = ("weights", "best_step")
"""Of ``results``: what any difference of rounding may change altogether."""


@dataclass(frozen=True)
class Check:
    """One check: its name, its ``state`` (ok, wrong or skipped), and what was seen, or why not."""

    name: str
    state: str
    says: str


@dataclass(frozen=True)
class Report:
    """What came of verifying a record."""

    path: str
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; something may have been skipped."""
        return not self.named(WRONG)

    def named(self, state: str) -> list[str]:
        """The names of the checks in a state."""
        return [check.name for check in self.checks if check.state == state]

    @property
    def verdict(self) -> str:
        """One sentence."""
        if not self.ok:
            return f"WRONG in {', '.join(self.named(WRONG))}: this record is not to be believed as it stands."
        if "retrain" in self.named(OK):
            return "All is as recorded, and a second run agrees."
        left = self.named(SKIPPED)
        return f"Nothing is wrong; not checked: {', '.join(left)}." if left else "All is as recorded."

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"ok": self.ok, "verdict": self.verdict, **dataclasses.asdict(self)}


def verify_record(
    path: Path,
    retrain: bool = False,
    tolerance: float = 1e-6,
    trust: bool = False,
) -> Report:
    """Check a record, and the run's folder around it where that is there.

    Args:
        path: a run's folder, or a record as JSON anywhere.
        retrain: run it again as well, in a temporary folder.
        tolerance: most that a figure may be off, relative to it or to 1.
        trust: whether an architecture that is given by its path (``my_file:Net``) may be imported from where one
            stands; else what needs it is skipped.

    Raises:
        SeqbenchError: it is no record.
    """
    subject = Subject(path, records.read_record(path), tolerance, trust)
    checks = {**CHECKS, **({"retrain": _retrain} if retrain else {})}
    with evaluation.use_threads(subject.threads):
        return Report(str(path), tuple(_checked(name, check, subject) for name, check in checks.items()))


def _checked(name: str, check: Callable[[Subject], str], subject: Subject) -> Check:
    try:
        state, says = OK, check(subject)
    except (SkippedError, NotAtHand) as reason:
        state, says = SKIPPED, str(reason)
    except ImportError as error:
        state, says = SKIPPED, f"a library is not installed here: {error}"
    except SeqbenchError as error:
        state, says = WRONG, str(error)
    # A record may hold anything, and what is made of it fails in any way.
    except (Exception, SystemExit) as error:
        state, says = WRONG, f"the record holds there what cannot be read ({type(error).__name__}: {error})"
    line = redaction.redact(one_line(says))[:600].removesuffix(".")
    return Check(name, state, "".join(letter if letter.isprintable() else "\ufffd" for letter in line))


def _retrain(subject: Subject) -> str:
    record, (config, _) = subject.record, subject.rebuilt
    here = reload.recorded_config(record).trainer
    here = dataclasses.replace(here, threads=subject.threads)
    with tempfile.TemporaryDirectory(prefix="seqbench-verify-") as place:
        again = runner.run(dataclasses.replace(config, trainer=here, logger="none"), Path(place))
        if again.stopped_by is not None:
            raise KeyboardInterrupt
        repeated = records.read_record(again.folder)
    then, now = (one.without_sample().results.to_dict() for one in (record, repeated))
    if plain_data.json_digest(then) == plain_data.json_digest(now):
        return "run again, with the same results bit for bit"
    elsewhere = _elsewhere(record, repeated)
    for results in (then, now):
        for key in ROUNDED:
            results.pop(key, None)
    try:
        return f"run again: {compare_values(then, now, subject.tolerance, 'results')}{elsewhere}"
    except SeqbenchError as error:
        raise SeqbenchError(f"run again, it does not agree: {error}{elsewhere}") from error


def _elsewhere(record: Record, repeated: Record) -> str:
    """What differs between the places of two runs, and so may explain a difference of results."""
    places = []
    for one in (record, repeated):
        places.append({**one.config.packages, "device": one.measured.device})
    then, now = places
    other = [
        f"{key} {plain_data.short_repr(then.get(key))}, here {now[key]}" for key in now if then.get(key) != now[key]
    ]
    return f" (recorded with {'; '.join(other)})" if other else " (on the same device, with the same versions)"
