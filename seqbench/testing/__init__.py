"""The public conformance kits: they check that a backbone or a task keeps its contract.

``check_architecture(MyNet)`` and ``check_task("my_task.yaml")`` run all checks and raise one error that names every
failed one. ``architecture_checks`` and ``task_checks`` return the checks one by one, for tests of your own. A check
that does not apply is skipped with its reason. ``docs/architecture.md`` states the contracts.
"""

from seqbench.testing.architecture_kit import (
    ARCHITECTURE_CHECKS,
    MODULE_CHECKS,
    architecture_checks,
    check_architecture,
)
from seqbench.testing.report import Check, Failure, Outcome, Report, Skip
from seqbench.testing.task_kit import TASK_CHECKS, check_task, task_checks

__all__ = [
    "ARCHITECTURE_CHECKS",
    "MODULE_CHECKS",
    "TASK_CHECKS",
    "Check",
    "Failure",
    "Outcome",
    "Report",
    "Skip",
    "architecture_checks",
    "check_architecture",
    "check_task",
    "task_checks",
]
