"""Names, groups and tags under which loggers show a run.

Runs of a sweep have different names, also if the user gives one name for all of them. Learning-rate trials have a
group and a job type of their own, so that they are not averaged with the runs that count.
"""

from __future__ import annotations

from seqbench.protocol.config import RunConfig

TRIAL, FINAL = "tune", "train"
"""Job types of learning-rate trials and of all other runs."""


def displayed_name(config: RunConfig, given: str | None = None) -> str:
    """Return the name of a run: ``gru-copy-s0``, ``gru-copy-s0-num_layers=2`` or ``gru-copy-tune-lr=0.003``.

    Args:
        config: configuration of the run.
        given: name that the user gives; in a sweep, it precedes the name of each run.
    """
    labels = config.labels
    if given and not labels.sweep:
        return given
    base = f"{config.model}-{config.card.name}-{TRIAL}" if labels.trial else config.name
    return "-".join([*([given] if given else []), base, *map(_without_group, labels.point)])


def group_name(config: RunConfig, given: str | None = None) -> str:
    """Return the group of a run: ``copy/gru``, or the given one; ``/tune`` is appended for trials.

    Args:
        config: configuration of the run.
        given: group that the user gives.
    """
    group = given or f"{config.card.name}/{config.model}"
    return f"{group}/{TRIAL}" if config.labels.trial else group


def job_type(config: RunConfig, given: str | None = None) -> str:
    """Return the job type of a run: ``tune`` for a trial, otherwise the given one or ``train``.

    Args:
        config: configuration of the run.
        given: job type that the user gives.
    """
    return TRIAL if config.labels.trial else given or FINAL


def all_tags(config: RunConfig, given: list[str]) -> list[str]:
    """Return the tags of a run: task, architecture, tier, the given ones, and ``modified`` and ``tune`` if they apply.

    Args:
        config: configuration of the run.
        given: tags that the user gives.
    """
    own = [config.card.name, config.arch, config.tier]
    own += ["modified"] if config.modified() else []
    own += [TRIAL] if config.labels.trial else []
    return list(dict.fromkeys([*own, *given]))


def _without_group(assignment: str) -> str:
    """Return ``num_layers=2`` for ``arch.num_layers=2``."""
    key, equals, value = assignment.partition("=")
    return f"{key.rpartition('.')[2]}{equals}{value}"
