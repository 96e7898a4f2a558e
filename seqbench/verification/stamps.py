"""Stamps of verified records, and the rule by which the result of a verification counts as a pass.

What could not be checked is no pass: a skipped check is a problem. A second run replaces the checks that need the
checkpoint, and no other check. The checkpoint of a second run is scored blind, so they are skipped only where there is
none, as for a run that diverged.
"""

from __future__ import annotations

from seqbench.leaderboard.submissions import SCORED, TRAINED
from seqbench.protocol.identity.package_sources import seqbench_digest
from seqbench.protocol.record_fields import VerificationStamp, Verifier
from seqbench.protocol.records import Record
from seqbench.running import provenance
from seqbench.verification.verify import OK, SKIPPED, WRONG, Report

RETRAIN = "retrain"
"""Name of the check that trains again."""
REPLACED = frozenset({"lines", "start", "weights", "scores", "predictions", "fresh test", "causality", "consistency"})
"""Checks that a second run with equal results replaces: it computes the same scores from the same data.

The last three look for a net that cheats. Code that may cheat is not trained again in CI, but needs its checkpoint.
"""


def find_problems(report: Report) -> list[str]:
    """Return why a record does not pass: each check that found an error, and each that was skipped and not replaced.

    Args:
        report: result of the verification.
    """
    replaced = REPLACED if RETRAIN in report.names(OK) else frozenset()
    problems = [f"{check.name}: {check.message}" for check in report.checks if check.state == WRONG]
    skipped = [check for check in report.checks if check.state == SKIPPED and check.name not in replaced]
    return problems + [f"{check.name} was not checked: {check.message}" for check in skipped]


def find_missing_proofs(record: Record) -> str:
    """Return why a new record cannot be verified, because it holds no digests; empty if it holds them.

    Records that a board has already keep their stamps.

    Args:
        record: a record that is to be submitted.
    """
    config = record.config
    digests = {
        "config.initial_weights": config.initial_weights,
        "config.first_batch": config.first_batch,
        "config.sources": config.sources,
        "results.predictions": record.results.predictions or record.status != "ok",
    }
    if missing := [name for name, digest in digests.items() if not digest]:
        return f"it was written by an older seqbench, without {', '.join(missing)}; run it again with this version"
    return ""


def build_stamp(report: Report, by: Verifier, record: Record | None = None) -> VerificationStamp:
    """Return the stamp of a record that passed.

    Args:
        report: result of the verification.
        by: who verified the record.
        record: the record, whose checksum the stamp holds; None if the caller adds the checksum.
    """
    facts: dict[str, str | None] = {
        "how": TRAINED if RETRAIN in report.names(OK) else SCORED,
        "by": by,
        "seqbench": provenance.package_versions()["seqbench"],
        "commit": provenance.git_commit(),
        "source": seqbench_digest(),
        "checksum": record.digest() if record else None,
        "isolation": report.isolation or None,
    }
    return VerificationStamp.model_validate({name: value for name, value in facts.items() if value is not None})
