"""From a configuration to a module, and from a run folder back to one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from seqbench import cards, folders, objectives, options, records, registry
from seqbench.batches import Keys
from seqbench.bodies import Body, DecoderOnly, EncoderDecoder, Feedback, Single
from seqbench.config import DECODER_ONLY, RunConfig
from seqbench.datamodules.base import SequenceDataModule
from seqbench.errors import SeqbenchError
from seqbench.module import SequenceModule
from seqbench.specs import SequenceSpec, TokenSequence


def build(config: RunConfig) -> SequenceModule:
    """The module of a configuration, with its task's data and its seed's initial weights.

    Raises:
        SeqbenchError: the backbone or the datamodule refuses its options.
    """
    data = task_data(config)
    module = make(config, data.spec)
    module.data = data
    return module


def task_data(config: RunConfig) -> SequenceDataModule:
    """The task's data alone.

    Raises:
        SeqbenchError: the datamodule refuses its options, or the data is not at hand.
    """
    datamodule = options.load_datamodule(config.card)
    protocol: dict[str, Any] = {
        "batch_size": config.optim.batch_size,
        "keys": Keys(config.seed, config.card.name, config.card.version),
    }
    if datamodule.streams:
        protocol["carry_state"] = hasattr(registry.find(registry.ARCHITECTURES, config.arch).load(), "unroll")
    try:
        data: SequenceDataModule = datamodule(**config.task_options, **protocol)
        return data
    except (TypeError, ValueError) as error:
        raise SeqbenchError(f"task '{config.card.name}' refuses its options: {error}.") from error


def make(config: RunConfig, spec: SequenceSpec) -> SequenceModule:
    """The module of a configuration on a spec, without data; its weights are its seed's.

    Raises:
        SeqbenchError: the backbone refuses its options, or does not suit the task.
    """
    # The seed decides the weights, and leaves the caller's random numbers alone.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(config.seed)
        body = _body(config, spec, _backbone(config.arch, config.arch_options))
        objective = objectives.make(spec, config.arch_options["d_model"])
        if isinstance(body, Feedback):
            body.answer = objective.answer
    return SequenceModule(spec, body, objective, config.optim, config.seed)


def sketch(config: RunConfig, spec: SequenceSpec) -> SequenceModule:
    """The same module on the meta device: shapes without numbers, so that any width costs next to nothing.

    Raises:
        SeqbenchError: as ``make``.
    """
    with torch.device("meta"):
        return make(config, spec)


def load(run: Path) -> SequenceModule:
    """The module of a finished run with the weights of its best checkpoint, in evaluation mode.

    It needs no data: the record says what the task asked.

    Raises:
        SeqbenchError: there is no record or no checkpoint, or the weights do not fit.
    """
    folder = run if run.is_dir() else run.parent
    record = records.read(run)
    try:
        module = make(*_described(record.config))
    except SeqbenchError:
        raise
    # A record may say anything, and what is made of it fails in any way.
    except Exception as error:
        raise SeqbenchError(
            f"the record in {folder} describes no module ({type(error).__name__}: "
            f"{' '.join(str(error).split())[:200]}); give the folder that a run left."
        ) from error
    load_weights(module, folder)
    return module.eval()


def _described(recorded: Mapping[str, Any]) -> tuple[RunConfig, SequenceSpec]:
    """The configuration and the spec in a record's ``config``."""
    spec, saved = recorded["spec"], recorded["options"]
    arch, encoder = dict(saved["arch"]), dict(saved.get("encoder", {}))
    config = RunConfig(
        card=cards.load(saved["task"]["name"]),
        tier=saved["tier"],
        arch=arch.pop("name"),
        seed=saved["seed"],
        arch_options=arch,
        encoder=encoder.pop("name", None),
        encoder_options=encoder,
        task_options={},
        body=saved["body"],
        optim=cards.Optim(**saved["optim"]),
    )
    return config, SequenceSpec.from_dict(spec)


def load_weights(module: SequenceModule, folder: Path) -> int:
    """Put a run's best checkpoint, chosen on validation, into its module; return the step it is of.

    Raises:
        SeqbenchError: there is none, or it does not fit.
    """
    path = folder / folders.BEST
    if not path.is_file():
        raise SeqbenchError(f"{folder} holds no {folders.BEST}; the run ended before its first validation.")
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        module.load_state_dict(saved["state_dict"])
        return int(saved["global_step"])
    except Exception as error:  # torch.load raises whatever its unpickler meets.
        raise SeqbenchError(f"{path} does not fit its record: {' '.join(str(error).split())[:300]}.") from error


def _body(config: RunConfig, spec: SequenceSpec, backbone: nn.Module) -> Body:
    d_model, settings = config.arch_options["d_model"], dict(config.body)
    if getattr(backbone, "feeds_back_output", False):
        return Feedback(spec, backbone, d_model, **{k: v for k, v in settings.items() if k not in ("bridge", "heads")})
    if isinstance(spec.output, TokenSequence):
        if settings["bridge"] == DECODER_ONLY:
            del settings["bridge"], settings["heads"]
            return DecoderOnly(spec, backbone, d_model, **settings)
        options = config.arch_options if config.encoder is None else {**config.encoder_options, "d_model": d_model}
        encoder = _backbone(config.encoder or config.arch, options)
        if getattr(encoder, "feeds_back_output", False):
            raise SeqbenchError(
                f"architecture '{config.encoder}' feeds its output back, and an encoder has none; "
                f"choose another --encoder."
            )
        return EncoderDecoder(spec, encoder, backbone, d_model, **settings)
    if getattr(backbone, "causal", True) is False and not spec.look_ahead:
        raise SeqbenchError(
            f"architecture '{config.arch}' looks ahead (its causal is False), and task '{config.card.name}' "
            f"asks each step before the next is seen; choose a causal architecture."
        )
    return Single(spec, backbone, d_model, **settings)


def _backbone(name: str, options: Mapping[str, Any]) -> nn.Module:
    try:
        backbone: nn.Module = registry.find(registry.ARCHITECTURES, name).load()(**options)
        return backbone
    # A stranger's class refuses with whatever error it likes, and may even exit.
    except (Exception, SystemExit) as error:
        raise SeqbenchError(
            f"architecture '{name}' refuses its options: {' '.join(str(error).split()) or repr(error)}."
        ) from error
