"""Options that concern how a run is logged and shown; they are part of no digest and keep no run off a board."""

from __future__ import annotations

import dataclasses
from dataclasses import field

from pydantic.dataclasses import dataclass

from seqbench.protocol.choices import LOGGERS, WANDB_MODES
from seqbench.utils.errors import SeqbenchError, did_you_mean
from seqbench.utils.strict_model import STRICT


@dataclass(frozen=True, config=STRICT)
class WandbOptions:
    """Options of the W&B run; null leaves the choice to the environment variable of W&B, or else to seqbench.

    Args:
        project: project of the run ($WANDB_PROJECT; seqbench).
        entity: user or team that owns the project ($WANDB_ENTITY; the default of the account).
        group: group of the run ($WANDB_RUN_GROUP; TASK/ARCHITECTURE). Learning-rate trials are in GROUP/tune.
        name: displayed name ($WANDB_NAME; ARCHITECTURE-TASK-sSEED). In a sweep, it precedes the name of each run.
        tags: tags, separated by commas, in addition to task, architecture and tier ($WANDB_TAGS).
        notes: notes on the run ($WANDB_NOTES).
        job_type: job type ($WANDB_JOB_TYPE; train). That of learning-rate trials is tune.
        mode: online, offline or disabled ($WANDB_MODE; online where there is an API key and the server answers).

    Raises:
        SeqbenchError: an option is empty, or the mode is unknown.
    """

    project: str | None = None
    entity: str | None = None
    group: str | None = None
    name: str | None = None
    tags: str | list[str] | None = None
    notes: str | None = None
    job_type: str | None = None
    mode: str | None = None

    def __post_init__(self) -> None:
        for key, value in self.given().items():
            if not value or (isinstance(value, str) and not value.strip()):
                raise SeqbenchError(f"wandb.{key} is empty; give a value, or leave it out.")
        if self.mode is not None and self.mode not in WANDB_MODES:
            raise SeqbenchError(f"wandb.mode must be one of {', '.join(WANDB_MODES)}, got '{self.mode}'.")

    def given(self) -> dict[str, str | list[str]]:
        """Return the options that are set."""
        return {key: value for key, value in dataclasses.asdict(self).items() if value is not None}

    @property
    def tag_list(self) -> list[str]:
        """The tags as a list."""
        return split_tags(self.tags) if isinstance(self.tags, str) else list(self.tags or ())


@dataclass(frozen=True, config=STRICT)
class RunLabels:
    """The place of a run in a sweep, for its displayed name.

    Args:
        sweep: whether the run is a cell of a sweep.
        trial: whether it is a learning-rate trial.
        point: the options that the grid sets, such as ``arch.num_layers=2``.
    """

    sweep: bool = False
    trial: bool = False
    point: list[str] = field(default_factory=list)


def parse_loggers(text: str) -> tuple[str, ...]:
    """Return the names of the loggers in a text, separated by commas.

    Raises:
        SeqbenchError: a name is unknown, or ``none`` is not the only one.

    >>> parse_loggers("wandb,tensorboard")
    ('wandb', 'tensorboard')
    """
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in LOGGERS:
            raise SeqbenchError(f"unknown logger '{name}'.{did_you_mean(name, LOGGERS)}")
    if "none" in names and len(names) > 1:
        raise SeqbenchError(f"the logger none excludes all others, got '{text}'; leave out none.")
    return names


def split_tags(text: str) -> list[str]:
    """Return the tags in a text, separated by commas.

    >>> split_tags("ablation, lab")
    ['ablation', 'lab']
    """
    return [tag.strip() for tag in text.split(",") if tag.strip()]
