"""The three sections of a run's record, field by field, as strict models.

``Results`` holds the values that a repetition with the same seed must reproduce bit for bit, ``Measured`` the values
that differ from run to run, and ``RunDescription`` the description of the run. Every record has the fields without a
default; a run that ended early may lack the others. Keys that a record does not have are not written again.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, GetPydanticSchema, WithJsonSchema
from pydantic_core import core_schema

from seqbench.protocol.choices import model_name
from seqbench.protocol.splits import SCORED_SPLITS
from seqbench.utils.strict_model import Number, PlainMapping, PlainValue, StrictModel, WholeNumber

Status = Literal["ok", "diverged", "interrupted", "failed", "timeout", "out_of_memory"]
STATUSES: tuple[Status, ...] = get_args(Status)
Verifier = Literal["ci", "submitter"]
"""Who verified a record."""
Split = Annotated[
    str,
    GetPydanticSchema(lambda source, handler: core_schema.literal_schema(list(SCORED_SPLITS))),
    WithJsonSchema({"enum": list(SCORED_SPLITS)}),
]
"""One of ``SCORED_SPLITS``."""


class Score(StrictModel):
    """The score of one metric on one split, with the score of a chance predictor and the best possible score."""

    value: Number | None = Field(description="The score of the run; null if it is undefined.")
    chance: Number | None = Field(description="The score of a chance predictor; null if it is unknown.")
    best: Number | None = Field(description="The best possible score; null if it is unknown.")
    best_unknown: str = Field(
        default="", description="Reason why the best possible score is unknown; only if `best` is null."
    )
    undefined: str = Field(default="", description="Reason why the score is undefined; only if `value` is null.")
    standard_error: Number | None = Field(
        default=None,
        description="Standard error of a test score over the test samples, for these weights; absent where it is "
        "undefined, on validation, and in older records.",
    )
    sample_groups: list[Number] = Field(
        default_factory=list,
        description="How far each of 20 groups of test samples moves the score, for the deciding metric on test: "
        "sample i is in group i modulo 20, and the chunks of streams are in 20 parts in the order of time. Absent "
        "where it is undefined.",
    )


class Curves(StrictModel):
    """Learning curves as columns of equal length; empty in the record of a process that died."""

    train: dict[str, list[Number]] = Field(
        default_factory=dict,
        description="`step` (training steps) and `loss` (mean of the steps since the last point).",
    )
    validation: dict[str, list[Number | None]] = Field(
        default_factory=dict,
        description="`step` (training steps) and one column for each validation metric; null where it is undefined.",
    )


class Results(StrictModel):
    """Values that a repetition with the same seed must reproduce bit for bit."""

    status: Status = Field(description="Status with which the run ended.")
    reason: str | None = Field(description="Reason why the run did not end as `ok`; null for `ok`.")
    curves: Curves = Field(description="Training loss and validation scores by training step.")
    best_step: WholeNumber | None = Field(
        default=None, description="The training step whose weights scored best on validation and were tested."
    )
    weights: str = Field(default="", description="SHA-256 of these weights (hex).")
    predictions: dict[str, str] = Field(
        default_factory=dict,
        description="SHA-256 (hex) of the predictions that were scored, for `test` and for each split of one length; "
        "absent in older records.",
    )
    metrics: dict[Split, dict[str, Score]] = Field(
        default_factory=dict, description="Scores by split (`validation`, `test`) and metric."
    )
    baselines: dict[Split, dict[str, dict[str, Number]]] = Field(
        default_factory=dict, description="Scores of simple predictors by split, name of the predictor, and metric."
    )
    above_chance: bool | None = Field(
        default=None,
        description="Whether the primary metric on test is clearly better than chance; null if it is unknown.",
    )
    lengths: dict[str, list[Number]] = Field(
        default_factory=dict, description="Test scores by sequence length, as columns; `length` is in tokens."
    )
    sample: PlainValue = Field(
        default=None,
        description="Output of the trained model, in a form that depends on the task: generated text or music, or the "
        "first wrong answers on test beside the right ones. Never published.",
    )
    sample_error: str = Field(default="", description="Reason why no sample could be generated. Never published.")


class WandbRun(StrictModel):
    """The Weights & Biases run that shows this run."""

    id: str = Field(description="Identifier of the W&B run.")
    project: str | None = Field(description="Its project.")
    name: str | None = Field(description="Display name of the W&B run.")
    mode: str = Field(description="`online` or `offline`.")
    url: str | None = Field(description="Address of the W&B run; null for an offline run.")
    error: str = Field(default="", description="Reason why W&B could not close the run.")


class UsedTrainer(StrictModel):
    """What Lightning made of the Trainer's options."""

    accelerator: str = Field(description="`cpu`, `gpu`, or Lightning's class of another accelerator.")
    devices: WholeNumber = Field(description="Number of devices on each machine.")
    num_nodes: WholeNumber = Field(description="Number of machines.")
    strategy: str = Field(description="Lightning's class of the strategy.")
    precision: str = Field(description="Precision of the arithmetic.")


class Causality(StrictModel):
    """The result of the causality probe: whether outputs change when later inputs of a batch change."""

    declared: bool | None = Field(description="Attribute `causal` of the backbone; null if it declares none.")
    looks_ahead: bool = Field(
        description="Whether outputs depend on later inputs; of a backbone with `causal = False` as it declares."
    )
    largest_change: Number = Field(description="Largest change of an output, relative to the largest output.")
    tolerance: Number = Field(description="Largest change that counts as rounding; 0 if nothing was compared.")
    note: str = Field(default="", description="Remarks on a backbone that could not be probed completely.")


class Graphics(StrictModel):
    """The CUDA device of a run."""

    name: str = Field(description="Name of the device.")
    capability: str = Field(description="Compute capability, such as `9.0`.")
    cuda: str | None = Field(description="Version of CUDA with which PyTorch was built.")
    cudnn: str | None = Field(description="Version of cuDNN; null without it.")
    driver: str | None = Field(description="Version of the driver; null where the system does not tell.")


class Processor(StrictModel):
    """The processor and the numerical libraries of a run, on which the rounding of its results depends."""

    name: str = Field(description="Name of the processor.")
    vendor: str | None = Field(description="Manufacturer; null where the system does not tell.")
    family: str | None = Field(description="Family; null where the system does not tell.")
    model: str | None = Field(description="Model; null where the system does not tell.")
    stepping: str | None = Field(description="Stepping; null where the system does not tell.")
    capability: str = Field(description="Instruction set that PyTorch's kernels use, such as `AVX2`.")
    cores: WholeNumber = Field(description="Number of logical processors.")
    mkl: str | None = Field(description="Version of MKL in PyTorch; null without it.")
    onednn: str | None = Field(description="Version of oneDNN in PyTorch; null without it.")
    settings: dict[str, str] = Field(
        description="Variables of the environment and switches of PyTorch that select kernels, if they are set."
    )
    graphics: Graphics | None = Field(description="The CUDA device; null for a run on the processor.")


class Measured(StrictModel):
    """Values that differ from run to run: times, speeds, memory and devices. After a crash only `wandb` is recorded."""

    started: Number | None = Field(
        default=None, description="Time at which the last attempt started (s since 1970-01-01 UTC)."
    )
    seconds: Number | None = Field(
        default=None, description="Duration of the run, over all attempts that were resumed (s)."
    )
    training_seconds: Number | None = Field(default=None, description="Duration of the training steps alone (s).")
    steps_per_second: Number | None = Field(default=None, description="Optimiser steps per second of training (1/s).")
    training_tokens: WholeNumber | None = Field(
        default=None,
        description="Tokens of the training batches of one process: time steps of sequences, without padding; of a "
        "translation source and target. Absent in older records, which counted padding and each feature of a step.",
    )
    tokens_per_second: Number | None = Field(default=None, description="These tokens per second of training (1/s).")
    peak_memory_bytes: WholeNumber | None = Field(
        default=None, description="Peak memory: allocated on a CUDA device, otherwise resident in the process (bytes)."
    )
    device: str | None = Field(
        default=None, description="Name of the accelerator, or of the processor and its threads."
    )
    threads: WholeNumber | None = Field(default=None, description="CPU threads of one process.")
    processor: Processor | None = Field(
        default=None, description="The processor and the numerical libraries; absent in older records."
    )
    attempts: WholeNumber | None = Field(
        default=None,
        description="Number of starts of this run in its folder, also before `--overwrite`, an interruption or "
        "`--resume`; absent in older records.",
    )
    load: Number | None = Field(
        default=None,
        description="Share of the machine's processor time that other processes used while the last attempt trained "
        "(0 to 1); null where the system does not tell, absent in older records.",
    )
    trainer: UsedTrainer | None = Field(
        default=None, description="What Lightning made of the Trainer's options, such as `auto`."
    )
    wandb: WandbRun | None = Field(default=None, description="The W&B run; null without one.")
    causality: Causality | None = Field(
        default=None, description="Last result of the causality probe, which runs before training and before the test."
    )
    decode_tokens_per_second: Number | None = Field(
        default=None, description="Tokens decoded one by one for a single sequence (1/s); null without `unroll`."
    )


class ArchitectureDescription(StrictModel):
    """A registered architecture and the distribution that offers it."""

    name: str = Field(description="Registered name, or the path of the class.")
    class_path: str = Field(alias="class", description="Import path of the class of the backbone or module.")
    distribution: str | None = Field(description="Distribution that offers it; null for a class given by its path.")
    version: str | None = Field(description="Version of that distribution.")


class EncoderDescription(ArchitectureDescription):
    """The architecture of an encoder."""

    is_default: bool = Field(
        default=False,
        description="True if it is the encoder that the decoder's architecture declares, which the names of boards and "
        "lists leave out; absent otherwise.",
    )


class SourceDescription(StrictModel):
    """Source code of an architecture, of a task's distribution, or of seqbench, as the run has imported it."""

    digest: str = Field(description="SHA-256 (hex) over the names and contents of the source files.")
    files: dict[str, str] = Field(
        default_factory=dict,
        description="For a class given by its path, the SHA-256 (hex) of each file that defines it, without comments, "
        "docstrings and formatting.",
    )


class CardDescription(StrictModel):
    """The task's card: the protocol that the run followed."""

    name: str = Field(description="Name of the task.")
    version: WholeNumber = Field(description="Version of the card.")
    tier: str = Field(description="Tier of the card, which sets sizes and budget.")
    digest: str = Field(
        description="SHA-256 (hex) of the card for this tier and these architectures, without its descriptions."
    )
    distribution: str | None = Field(description="Distribution that offers the task.")
    distribution_version: str | None = Field(description="Version of that distribution.")
    metric: str = Field(description="Primary metric of the task.")
    direction: Literal["max", "min"] = Field(description="`max` if higher scores are better, `min` if lower ones are.")
    selection: str = Field(
        default="", description="Validation metric by which weights are chosen; empty for the primary metric."
    )


class OptimOptions(StrictModel):
    """Optimisation of the run."""

    steps: WholeNumber = Field(description="Optimiser steps of the whole run.")
    batch_size: WholeNumber = Field(description="Sequences in one global batch (rows, for a stream).")
    validate_every: WholeNumber = Field(description="Optimiser steps between validations.")
    lr: Number = Field(description="Highest learning rate.")
    optimizer: str = Field(description="`adam`, `adamw`, `rmsprop` or `sgd`.")
    weight_decay: Number = Field(description="Weight decay: decoupled for adamw, L2 otherwise.")
    betas: list[Number] = Field(description="Betas of adam and adamw.")
    momentum: Number = Field(description="Momentum of sgd and rmsprop.")
    schedule: str = Field(
        description="`constant`, `cosine` down to 1 % of `lr` at the last step, or `plateau`: a tenth of it at each "
        "validation whose score is worse than the three before it."
    )
    warmup: WholeNumber = Field(description="Steps of linear rise from 0 to `lr`.")
    clip: Number = Field(description="Largest norm of the whole gradient; 0 does not clip.")
    hold: WholeNumber = Field(
        default=0,
        description="First validations of `plateau`, none of which divides the rate.",
    )


class TrainerDescription(StrictModel):
    """Options of Lightning's Trainer for the run."""

    accelerator: str = Field(description="`cpu`, `gpu` or `auto`.")
    devices: WholeNumber | str = Field(description="Number of devices, or their indices.")
    num_nodes: WholeNumber = Field(description="Number of machines.")
    strategy: str = Field(description="Lightning's strategy, which distributes the work among devices.")
    precision: str = Field(description="Precision of the arithmetic.")
    threads: WholeNumber = Field(description="CPU threads of one process; 0 keeps PyTorch's default.")


class Options(StrictModel):
    """The complete configuration of the run, as ``seqbench run --config`` reads it.

    The options of architecture, task and body are those of the classes that are built, which may belong to plug-ins.
    """

    arch: PlainMapping = Field(description="`name`, and every argument of the backbone.")
    encoder: PlainMapping | None = Field(
        default=None, description="`name`, and every argument of the encoder, if it has an architecture of its own."
    )
    task: PlainMapping = Field(description="`name`, and every argument of the datamodule.")
    tier: str = Field(description="Tier of the card.")
    seed: WholeNumber = Field(description="Seed of initialisation, training batches and dropout.")
    optim: OptimOptions = Field(description="The optimisation.")
    body: PlainMapping = Field(description="Options of the body around the backbone.")
    trainer: TrainerDescription = Field(description="Options of Lightning's Trainer.")
    logger: str = Field(description="`wandb`, `tensorboard`, `trackio`, `csv` or `none`; several with commas.")


class Trial(StrictModel):
    """One learning rate that was tried, or one value of a further option."""

    lr: Number = Field(description="The learning rate.")
    value: Number | None = Field(description="The validation score; null if the trial has none.")
    status: Status | None = Field(description="Status with which the trial ended; null if it left no record.")
    run: str = Field(description="Name of the trial's run folder.")
    rung: WholeNumber = Field(default=0, description="Number of the trial's rung, from 0; absent in older records.")
    steps: WholeNumber | None = Field(
        default=None, description="Training steps of the trial; absent in older records, whose trials are whole runs."
    )
    options: dict[str, Number] = Field(
        default_factory=dict, description="Further options that differ from those of the other trials."
    )


class SearchDescription(StrictModel):
    """The rule of the search, from which everybody can compute its trials and its choice anew."""

    grid: list[Number] = Field(description="Learning rates of the card.")
    rungs: list[list[Number]] = Field(
        description="Stages of the search: share of the training steps, and number of rates that enter it (0: all)."
    )
    extensions: WholeNumber = Field(description="Number of rates beyond each edge of the grid that may be tried.")
    tuned: dict[str, list[Number]] = Field(
        default_factory=dict,
        description="Values of further options that are tuned at the best rate; the first is that of the other trials.",
    )
    chance: Number | None = Field(description="Score of a chance predictor on validation; null if it is unknown.")
    best: Number | None = Field(description="Best possible score on validation; null if it is unknown.")


class Tuning(StrictModel):
    """Selection of the learning rate."""

    seed: WholeNumber = Field(description="Seed of the trials.")
    split: str = Field(description="Split on which the trials were compared.")
    metric: str = Field(description="Metric by which the trials were compared.")
    tried: list[Trial] = Field(description="All trials, in the order in which the search needed them.")
    lr: Number | None = Field(description="The learning rate that was chosen.")
    options: dict[str, Number] = Field(
        default_factory=dict, description="Further options that were tuned, with the values that were chosen."
    )
    search: SearchDescription | None = Field(
        default=None, description="The rule of the search; absent in older records, whose trials are the grid."
    )
    extended: list[Number] = Field(default_factory=list, description="Rates beyond the card's grid that were tried.")
    bound: Literal["", "lowest", "highest"] = Field(
        default="",
        description="End of the ladder of rates at which the chosen rate is, so that a better rate may lie beyond it; "
        "absent if the chosen rate is inside.",
    )
    cost: Number | None = Field(
        default=None, description="Training steps of all trials, as a multiple of those of a whole run."
    )


class SpecDescription(StrictModel):
    """The inputs and outputs of the task; ``kind`` of each side names a class of ``protocol.specs``."""

    input: PlainMapping = Field(description="Kind of the inputs and its arguments.")
    output: PlainMapping = Field(description="Kind of the outputs and its arguments.")
    max_length: WholeNumber = Field(description="Longest sequence (time steps).")
    look_ahead: bool = Field(description="Whether an output may depend on later inputs.")


class SizeMatch(StrictModel):
    """The options that were chosen for a number of parameters."""

    requested: WholeNumber = Field(description="Number of trainable parameters that the user asked for.")
    tolerance: Number = Field(description="Largest accepted difference from `match_params`, as a share of it.")
    options: PlainMapping = Field(description="The options of the architecture that were chosen, with their values.")


class RunDescription(StrictModel):
    """Description of the run, its code and its data."""

    architecture: ArchitectureDescription = Field(description="The architecture.")
    encoder: EncoderDescription | None = Field(
        default=None,
        description="The encoder's architecture; absent if there is no encoder, or if the encoder consists of two nets "
        "of the decoder's architecture, one for each direction.",
    )
    card: CardDescription = Field(description="The task's card.")
    modified: list[str] = Field(description="Options that differ from the card; a run with such options is not ranked.")
    options: Options = Field(description="The complete configuration.")
    seed: WholeNumber = Field(description="Seed of the run.")
    digest: str = Field(description="SHA-256 (hex) of everything that determines the results.")
    match_params: WholeNumber | None = Field(
        description="The number of trainable parameters that the width was chosen for; null if it was not."
    )
    size_match: SizeMatch | None = Field(
        default=None,
        description="What was asked for and chosen for `match_params`; absent if nothing was, and in older records.",
    )
    tuning: Tuning | None = Field(description="Selection of the learning rate; null if it is that of the card.")
    data: dict[str, str] = Field(description="SHA-256 (hex) of each data file; empty for generated data.")
    packages: dict[str, str | None] = Field(description="Versions of Python and libraries; null if not installed.")
    git_commit: str | None = Field(
        description="Commit of seqbench's checkout, with `+changes` if files differ; null for an installed wheel."
    )
    sources: dict[str, SourceDescription] = Field(
        default_factory=dict,
        description="Source code by its owner: `seqbench`, the distributions of architectures and task, or the path of "
        "a class.",
    )
    own_training: list[str] = Field(
        default_factory=list,
        description="Methods that the architecture overrides, if it is a module with training of its own; absent for "
        "a backbone.",
    )
    spec: SpecDescription | None = Field(default=None, description="Inputs and outputs of the model.")
    parameters: WholeNumber | None = Field(default=None, description="Number of trainable parameters.")
    initial_weights: str = Field(
        default="", description="SHA-256 (hex) of the weights before the first step; absent in older records."
    )
    first_batch: str = Field(
        default="",
        description="SHA-256 (hex) of inputs, targets, lengths and weights of the first training batch; absent in "
        "older records.",
    )
    state_bytes: WholeNumber | None = Field(
        default=None, description="State of the decoder between two tokens (bytes); null without `unroll`."
    )
    state_bytes_error: str = Field(default="", description="Reason why `state_bytes` could not be measured.")
    flops_per_token: Number | None = Field(
        default=None, description="Floating-point operations of a forward pass per input token."
    )
    flops_per_token_error: str = Field(default="", description="Reason why `flops_per_token` could not be measured.")
    data_facts: PlainMapping = Field(
        default_factory=dict,
        description="Counts and other facts of the data, in a form that depends on the task. `reading` says how files "
        "of a user were read: what was joined, divided, skipped, renamed or cut; it is absent for published files.",
    )

    @property
    def model(self) -> str:
        """Name of the architecture; with that of its encoder unless it is the default one, or with ``decoder-only``."""
        named = None if self.encoder is None or self.encoder.is_default else self.encoder.name
        return model_name(self.architecture.name, named, self.options.body)


class VerificationStamp(StrictModel):
    """Verification of a submitted record. It is no part of the checksum, so it says whose word it is."""

    how: str = Field(description="`checkpoint scored again` or `trained again`.")
    by: Verifier = Field(
        default="submitter",
        description="Who verified it: `ci` for `seqbench leaderboard request`, which runs the code of the base branch; "
        "`submitter` for the person who submitted it, which is only stated. A stamp without it is the submitter's.",
    )
    checksum: str | None = Field(
        default=None, description="Checksum of the record that was verified; absent from older stamps."
    )
    seqbench: str | None = Field(default=None, description="Version of the seqbench that verified it.")
    commit: str | None = Field(
        default=None, description="Commit of that seqbench's checkout, with `+changes` if files differ."
    )
    source: str | None = Field(default=None, description="SHA-256 (hex) over the source files of that seqbench.")
    isolation: str | None = Field(
        default=None, description="Isolation of the process in which the net ran while it was verified."
    )

    def belongs_to(self, checksum: str | None) -> bool:
        """Return whether the stamp is of the record with this checksum; only an older stamp may lack a checksum.

        >>> VerificationStamp(how="trained again").belongs_to("ab12")
        True
        >>> VerificationStamp(how="trained again", by="ci").belongs_to("ab12")
        False
        """
        if self.checksum is None:
            return self.by == "submitter"
        return self.checksum == checksum


class RecordFile(StrictModel):
    """The contents of a ``result.json``."""

    results: Results = Field(description="Values that a repetition with the same seed must reproduce bit for bit.")
    measured: Measured = Field(description="Values that differ from run to run.")
    config: RunDescription = Field(description="Description of the run.")
    schema_version: Literal[1] = Field(alias="schema", description="Version of the format: 1.")
    checksum: str | None = Field(
        default=None, description="SHA-256 (hex) over the three sections, without `sample` and `sample_error`."
    )
    verified: VerificationStamp | None = Field(default=None, description="Verification of a submitted record.")
