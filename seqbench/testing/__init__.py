"""The public conformance kit: does a backbone or a task keep its contract?

``check_architecture(MyNet)`` and ``check_task("my_task.yaml")`` ask everything and raise one error that names all that
fails; ``architecture_checks`` and ``task_checks`` give the checks one by one, for a test of one's own. A check that
cannot be made is skipped with its reason. The contracts are those of ``docs/architecture.md``.
"""

from seqbench.testing.architecture_kit import ARCHITECTURE_CHECKS, architecture_checks, check_architecture
from seqbench.testing.report import Check, Failure, Outcome, Report, Skip
from seqbench.testing.task_kit import TASK_CHECKS, check_task, task_checks

__all__ = [
    "ARCHITECTURE_CHECKS",
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
