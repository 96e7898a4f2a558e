"""Log a run to Weights & Biases.

A finished W&B run also holds the record, which ``leaderboard.data.wandb_runs`` can read back.
"""

from __future__ import annotations

import html
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from seqbench.protocol.logging_options import split_tags
from seqbench.protocol.records import Record
from seqbench.running.loggers import run_names, wandb_connection, wandb_files
from seqbench.running.loggers.run_logger import Ended, LoggedRun, RunLogger
from seqbench.utils import redaction
from seqbench.utils.errors import one_line
from seqbench.utils.number_format import counted

if TYPE_CHECKING:
    import wandb

PROJECT = "seqbench"
"""Project of runs for which neither an option nor the environment names one."""

STEP = "trainer/global_step"
"""Name of the step in each row of a W&B run."""

MOST_LETTERS = 500_000
"""Longest text of a record for W&B (characters): a value must be below 1 MB, and each quotation mark is escaped."""

Mode = Literal["online", "offline", "disabled", "shared"]


class WandbRunLogger(RunLogger):
    """Log to a W&B run, which starts at once and whose identifier stays the same over resumed attempts.

    Args:
        logged: the run that is logged; the names of its W&B run come from its options, or else from the environment.

    Raises:
        wandb.Error: W&B cannot start.
    """

    key = "wandb"

    def __init__(self, logged: LoggedRun) -> None:
        super().__init__(logged)
        import wandb

        requested = logged.config.wandb.mode
        with wandb_connection.hide_messages():
            # An open W&B run of this process would receive our metrics.
            wandb.finish()
            self.mode, self.reason = wandb_connection.wandb_mode(requested)
            try:
                self.run = self._init()
            # The server was reachable, but refused the key, closed the connection or took too long.
            except wandb.Error as error:
                if self.mode in ("offline", "disabled"):
                    raise
                self.mode, self.reason = "offline", redaction.redact(one_line(error))[:200]
                # W&B's service still holds the identifier of the run that failed to start.
                wandb.teardown()
                self.run = self._init()
            # Without this, W&B would use the number of calls of ``log`` as the step.
            self.run.define_metric(STEP)
            self.run.define_metric("*", step_metric=STEP, step_sync=True)

    @property
    def state(self) -> str:
        """The mode, and the reason for it."""
        return f"{self.mode} ({self.reason})"

    def store_row(self, row: Mapping[str, float], step: int) -> None:
        """Log the metrics of one step."""
        self.run.log({**row, STEP: step})

    def close(self, ended: Ended) -> dict[str, str | None] | None:
        """Add the final scores and the record to the W&B run and close it; it is closed as failed unless ``ok``.

        Returns:
            Fields of ``protocol.record_fields.WandbRun``, with ``error`` if W&B could not close the run; None where
            W&B is disabled.
        """
        run = self.run
        disabled = run.disabled
        fields: dict[str, str | None] = {
            "id": run.id,
            "project": run.project,
            "name": run.name,
            "mode": "offline" if run.offline else "online",
            # wandb prints a warning where an offline run is asked for its address.
            "url": None if run.offline else run.url,
        }
        try:
            with wandb_connection.hide_messages():
                self._close(ended)
        # W&B may raise any error; the record must still be written.
        except Exception as error:
            fields["error"] = f"{type(error).__name__}: {redaction.redact(one_line(error))[:200]}"
        return None if disabled else fields

    def hint(self) -> str | None:
        """Return the address of the run, or the command that uploads an offline run, with all its attempts."""
        if self.run.disabled:
            return None
        if not self.run.offline:
            return f"W&B: {self.run.url}"
        return f"W&B: offline; upload it with `{wandb_files.sync_command(self.logged.runs, self.logged.run_id)}`"

    def _init(self) -> wandb.Run:
        import wandb

        config, options = self.logged.config, self.logged.config.wandb
        place = wandb_files.wandb_place(self.logged.runs)
        place.mkdir(parents=True, exist_ok=True)
        tags = options.tag_list or split_tags(os.environ.get("WANDB_TAGS", ""))
        return wandb.init(
            project=options.project or _from_environment("PROJECT", "project") or PROJECT,
            entity=options.entity or _from_environment("ENTITY", "entity"),
            group=run_names.group_name(config, options.group or _from_environment("RUN_GROUP", "run_group")),
            name=run_names.displayed_name(config, options.name or _from_environment("NAME", "run_name")),
            job_type=run_names.job_type(config, options.job_type or _from_environment("JOB_TYPE", "run_job_type")),
            notes=options.notes or _from_environment("NOTES", "run_notes"),
            tags=run_names.all_tags(config, tags),
            dir=str(place),
            config=config.options(),
            id=self.logged.run_id,
            resume="allow",
            mode=cast(Mode, self.mode),
            # The record lists the packages.
            settings=wandb_connection.build_settings(x_save_requirements=False),
        )

    def _close(self, ended: Ended) -> None:
        run, record = self.run, ended.record
        run.summary.update(dict(ended.summary))
        if record is not None:
            # A resumed W&B run holds the configuration of its last attempt.
            run.config.update(  # type: ignore[no-untyped-call]  # wandb has no annotation here.
                {wandb_files.RECORD: record.config.to_dict()}, allow_val_change=True
            )
            run.summary.update(_record_text(record))
        if ended.sample_files:
            run.log({f"sample/{path.stem}": _media(path) for path in ended.sample_files})
        run.finish(exit_code=0 if ended.status == "ok" else 1)


def _from_environment(name: str, setting: str) -> str | None:
    """Return an option from the environment, or from the files with W&B's settings."""
    import wandb

    # W&B reads the environment once in a process.
    value = os.environ.get(f"WANDB_{name}") or getattr(wandb.setup().settings, setting)
    return str(value) if value else None


def _record_text(record: Record) -> dict[str, str | None]:
    """Return the record as a text for the summary, without its sample, which may quote data that must stay private.

    The record is stored as text, because W&B turns 2.0 into 2 and drops empty mappings, so that a checksum would fail.
    """
    text = record.without_sample().to_json()
    if len(text) <= MOST_LETTERS:
        return {wandb_files.RECORD: text}
    reason = f"it has {counted(len(text), 'letter')}, and at most {MOST_LETTERS:,} are given to W&B"
    return {wandb_files.RECORD: None, wandb_files.LEFT_OUT: reason}


def _media(path: Path) -> wandb.Image | wandb.Html:
    """Return a picture or a text as a media file; unlike a table, it needs no artifact."""
    import wandb

    if path.suffix == ".png":
        return wandb.Image(str(path))
    return wandb.Html(f"<pre>{html.escape(path.read_text(encoding='utf-8'))}</pre>")
