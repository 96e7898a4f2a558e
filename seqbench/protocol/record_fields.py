"""The three sections of a run's record, field by field, as strict models.

``Results`` holds what a repetition with the same seed must reproduce bit for bit, ``Measured`` what differs from run to
run, and ``RunDescription`` what was run. A field without a default stands in every record; the others stand in the
records of runs that got far enough to know them. Keys that a record does not have are not written again.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, GetPydanticSchema, WithJsonSchema
from pydantic_core import core_schema

from seqbench.protocol.splits import SCORED_SPLITS
from seqbench.utils.strict_model import Number, PlainMapping, PlainValue, StrictModel, WholeNumber

Status = Literal["ok", "diverged", "interrupted", "failed", "timeout", "out_of_memory"]
STATUSES: tuple[Status, ...] = get_args(Status)
Split = Annotated[
    str,
    GetPydanticSchema(lambda source, handler: core_schema.literal_schema(list(SCORED_SPLITS))),
    WithJsonSchema({"enum": list(SCORED_SPLITS)}),
]
"""One of ``SCORED_SPLITS``."""


class Score(StrictModel):
    """One metric on one split, between the score of a chance predictor and the best possible score."""

    value: Number = Field(description="The score of the run.")
    chance: Number | None = Field(description="The score of a chance predictor; null where it is unknown.")
    best: Number | None = Field(description="The best possible score; null where it is unknown.")
    best_unknown: str = Field(
        default="", description="Why the best possible score is unknown; only where `best` is null."
    )


class Curves(StrictModel):
    """Learning curves as columns of equal length; empty in the record of a process that died."""

    train: dict[str, list[Number]] = Field(
        default_factory=dict,
        description="`step` (optimiser steps) and `loss` (mean of the steps since the last point).",
    )
    validation: dict[str, list[Number]] = Field(
        default_factory=dict, description="`step` (optimiser steps) and one column for each validation metric."
    )


class Results(StrictModel):
    """What a repetition with the same seed must reproduce bit for bit."""

    status: Status = Field(description="How the run ended.")
    reason: str | None = Field(description="Why the run did not end as `ok`; null for `ok`.")
    curves: Curves = Field(description="Training loss and validation scores by optimiser step.")
    best_step: WholeNumber | None = Field(
        default=None, description="The optimiser step whose weights scored best on validation and were tested."
    )
    weights: str = Field(default="", description="SHA-256 of these weights (hex).")
    metrics: dict[Split, dict[str, Score]] = Field(
        default_factory=dict, description="Scores by split (`validation`, `test`) and metric."
    )
    baselines: dict[Split, dict[str, dict[str, Number]]] = Field(
        default_factory=dict, description="Scores of simple predictors by split, name of the predictor, and metric."
    )
    above_chance: bool | None = Field(
        default=None,
        description="Whether the primary metric on test is clearly better than chance; null where unknown.",
    )
    lengths: dict[str, list[Number]] = Field(
        default_factory=dict, description="Test scores by sequence length, as columns; `length` is in tokens."
    )
    sample: PlainValue = Field(
        default=None,
        description="What the trained model generates, in a form that depends on the task. Never published.",
    )
    sample_error: str = Field(default="", description="Why no sample could be generated. Never published.")


class WandbRun(StrictModel):
    """The Weights & Biases run that shows this run."""

    id: str = Field(description="Identifier of the W&B run.")
    project: str | None = Field(description="Its project.")
    name: str | None = Field(description="Its display name.")
    mode: str = Field(description="`online` or `offline`.")
    url: str | None = Field(description="Its address; null for an offline run.")
    error: str = Field(default="", description="Why W&B could not close the run.")


class Measured(StrictModel):
    """What differs from run to run: times, speeds, memory and devices. A process that died leaves `wandb` alone."""

    started: Number | None = Field(
        default=None, description="Time at which the last attempt started (s since 1970-01-01 UTC)."
    )
    seconds: Number | None = Field(
        default=None, description="Duration of the run, over all attempts that were resumed (s)."
    )
    training_seconds: Number | None = Field(default=None, description="Duration of the training steps alone (s).")
    steps_per_second: Number | None = Field(default=None, description="Optimiser steps per second of training (1/s).")
    tokens_per_second: Number | None = Field(
        default=None, description="Input tokens, without padding, per second of training (1/s); a token is a time step."
    )
    peak_memory_bytes: WholeNumber | None = Field(
        default=None, description="Most memory held: allocated on a CUDA device, else resident in the process (bytes)."
    )
    device: str | None = Field(
        default=None, description="Name of the accelerator, or of the processor and its threads."
    )
    threads: WholeNumber | None = Field(default=None, description="CPU threads of one process.")
    wandb: WandbRun | None = Field(default=None, description="The W&B run; null without one.")
    decode_tokens_per_second: Number | None = Field(
        default=None, description="Tokens decoded one by one for a single sequence (1/s); null without `unroll`."
    )


class ArchitectureDescription(StrictModel):
    """A registered architecture and the distribution that offers it."""

    name: str = Field(description="Registered name, or the path of the class.")
    class_path: str = Field(alias="class", description="Import path of the backbone's class.")
    distribution: str | None = Field(description="Distribution that offers it; null for a class given by its path.")
    version: str | None = Field(description="Version of that distribution.")


class CardDescription(StrictModel):
    """The task's card: the protocol that the run followed."""

    name: str = Field(description="Name of the task.")
    version: WholeNumber = Field(description="Version of the card.")
    tier: str = Field(description="Tier of the card, which sets sizes and budget.")
    digest: str = Field(description="SHA-256 (hex) of the card for this tier, without its prose.")
    distribution: str | None = Field(description="Distribution that offers the task.")
    distribution_version: str | None = Field(description="Version of that distribution.")
    metric: str = Field(description="Primary metric of the task.")
    direction: Literal["max", "min"] = Field(description="Whether more or less of the metric is better.")


class OptimOptions(StrictModel):
    """How the run was optimised."""

    steps: WholeNumber = Field(description="Optimiser steps of the whole run.")
    batch_size: WholeNumber = Field(description="Sequences in one global batch (rows, for a stream).")
    validate_every: WholeNumber = Field(description="Optimiser steps between validations.")
    lr: Number = Field(description="Highest learning rate.")
    optimizer: str = Field(description="`adam`, `adamw`, `rmsprop` or `sgd`.")
    weight_decay: Number = Field(description="Weight decay: decoupled for adamw, L2 otherwise.")
    betas: list[Number] = Field(description="Betas of adam and adamw.")
    momentum: Number = Field(description="Momentum of sgd and rmsprop.")
    schedule: str = Field(description="`constant`, or `cosine` down to 1 % of `lr` at the last step.")
    warmup: WholeNumber = Field(description="Steps of linear rise from 0 to `lr`.")
    clip: Number = Field(description="Largest norm of the whole gradient; 0 does not clip.")


class TrainerDescription(StrictModel):
    """Where the run was to run."""

    accelerator: str = Field(description="`cpu`, `gpu` or `auto`.")
    devices: WholeNumber | str = Field(description="How many devices, or which.")
    num_nodes: WholeNumber = Field(description="Number of machines.")
    strategy: str = Field(description="How devices share the work.")
    precision: str = Field(description="Precision of the arithmetic.")
    threads: WholeNumber = Field(description="CPU threads of one process; 0 leaves PyTorch's choice.")


class Options(StrictModel):
    """The complete configuration of the run, as ``seqbench run --config`` reads it.

    The options of architecture, task and body are those of the classes that are built, which plug-ins decide.
    """

    arch: PlainMapping = Field(description="`name`, and every argument of the backbone.")
    encoder: PlainMapping | None = Field(
        default=None, description="The same for the encoder, where it is another architecture."
    )
    task: PlainMapping = Field(description="`name`, and every argument of the datamodule.")
    tier: str = Field(description="Tier of the card.")
    seed: WholeNumber = Field(description="Seed of initialisation, training batches and dropout.")
    optim: OptimOptions = Field(description="The optimisation.")
    body: PlainMapping = Field(description="Options of the body around the backbone.")
    trainer: TrainerDescription = Field(description="Where the run was to run.")
    logger: str = Field(description="`wandb`, `csv` or `none`.")


class Trial(StrictModel):
    """One learning rate that was tried."""

    lr: Number = Field(description="The learning rate.")
    value: Number | None = Field(description="The validation score; null where the trial has none.")
    status: Status | None = Field(description="How the trial ended; null where it left no record.")
    run: str = Field(description="Name of the trial's run folder.")


class Tuning(StrictModel):
    """How the learning rate was chosen."""

    seed: WholeNumber = Field(description="Seed of the trials.")
    split: str = Field(description="Split on which the trials were compared.")
    metric: str = Field(description="Metric by which the trials were compared.")
    tried: list[Trial] = Field(description="All trials, in the order of the card's grid.")
    lr: Number | None = Field(description="The learning rate that was chosen.")


class SpecDescription(StrictModel):
    """The inputs and outputs of the task; ``kind`` of each side names a class of ``protocol.specs``."""

    input: PlainMapping = Field(description="Kind of the inputs and its arguments.")
    output: PlainMapping = Field(description="Kind of the outputs and its arguments.")
    max_length: WholeNumber = Field(description="Longest sequence (time steps).")
    look_ahead: bool = Field(description="Whether an output may depend on later inputs.")


class RunDescription(StrictModel):
    """What was run, and with which code and data."""

    architecture: ArchitectureDescription = Field(description="The architecture.")
    encoder: ArchitectureDescription | None = Field(
        default=None, description="The encoder's architecture, where it is another."
    )
    card: CardDescription = Field(description="The task's card.")
    modified: list[str] = Field(description="Options that depart from the card; such a run does not rank.")
    options: Options = Field(description="The complete configuration.")
    seed: WholeNumber = Field(description="Seed of the run.")
    digest: str = Field(description="SHA-256 (hex) of everything that decides the results.")
    match_params: WholeNumber | None = Field(
        description="The number of trainable parameters that the width was chosen for; null where it was not."
    )
    tuning: Tuning | None = Field(description="How the learning rate was chosen; null for the card's.")
    data: dict[str, str] = Field(description="SHA-256 (hex) of each data file; empty for generated data.")
    packages: dict[str, str | None] = Field(description="Versions of Python and libraries; null where not installed.")
    git_commit: str | None = Field(
        description="Commit of seqbench's checkout, with `+changes` where files differ; null for an installed wheel."
    )
    spec: SpecDescription | None = Field(default=None, description="Inputs and outputs of the model.")
    parameters: WholeNumber | None = Field(default=None, description="Number of trainable parameters.")
    state_bytes: WholeNumber | None = Field(
        default=None, description="State of the decoder between two tokens (bytes); null without `unroll`."
    )
    state_bytes_error: str = Field(default="", description="Why `state_bytes` could not be measured.")
    flops_per_token: Number | None = Field(
        default=None, description="Floating-point operations of a forward pass per input token."
    )
    flops_per_token_error: str = Field(default="", description="Why `flops_per_token` could not be measured.")
    data_facts: PlainMapping = Field(
        default_factory=dict, description="Counts and other facts of the data, in a form that depends on the task."
    )


class VerificationStamp(StrictModel):
    """How a submitted record was verified."""

    how: str = Field(description="`checkpoint scored again` or `trained again`.")


class RecordFile(StrictModel):
    """A ``result.json`` as a whole."""

    results: Results = Field(description="What a repetition with the same seed must reproduce bit for bit.")
    measured: Measured = Field(description="What differs from run to run.")
    config: RunDescription = Field(description="What was run.")
    schema_version: Literal[1] = Field(alias="schema", description="Version of the format: 1.")
    checksum: str | None = Field(
        default=None, description="SHA-256 (hex) over the three sections, without `sample` and `sample_error`."
    )
    verified: VerificationStamp | None = Field(default=None, description="How a submitted record was verified.")
