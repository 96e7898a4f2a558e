"""Rebuild a module from the plain data that its checkpoint holds, without further arguments."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor

from seqbench.datamodules import loading
from seqbench.protocol import cards, registry
from seqbench.protocol.config import RunConfig
from seqbench.protocol.identity import module_sources
from seqbench.protocol.identity.source_changes import describe_changes
from seqbench.protocol.specs import SequenceSpec
from seqbench.utils.errors import SeqbenchError, one_line
from seqbench.utils.strict_model import validate

if TYPE_CHECKING:
    from lightning.fabric.utilities.types import _MAP_LOCATION_TYPE, _PATH

    from seqbench.datamodules.base import SequenceDataModule
    from seqbench.models.module import SequenceModule

Module = TypeVar("Module", bound="SequenceModule")

DESCRIPTION = "seqbench_module"
"""Key of a checkpoint under which the description of its module is kept."""


def describe_module(module: SequenceModule) -> dict[str, object]:
    """Return what is needed to build a module again, as plain data: its options, its spec, and what its data were."""
    config, data = module.context.config, module.data
    options = {key: value for key, value in config.options().items() if key not in ("trainer", "logger")}
    return {
        "options": options,
        "spec": module.spec.to_dict(),
        "sources": {name: dict(files) for name, files in config.class_files.items()},
        "card": config.card_digest(),
        "vocabulary": _vocabulary_digest(data) if data is not None else None,
        "built_object": _name_of_object(config),
    }


def config_from_options(options: Mapping[str, object], given: type | None = None) -> RunConfig:
    """Return the configuration that ``RunConfig.options`` describes, without the checksums of the data.

    Args:
        options: options by group; ``arch``, ``task`` and ``encoder`` have a ``name``; ``trainer`` and ``logger`` may be
            missing.
        given: class of the architecture, instead of the one in the options; then no source is compared.

    Raises:
        SeqbenchError: an architecture or the task is unknown, or a value cannot be used.
        LookupError, TypeError, ValueError: the options are not those of a configuration.
    """
    groups = {key: dict(value) for key, value in options.items() if isinstance(value, Mapping)}
    arch, task, encoder = groups["arch"], groups["task"], groups.get("encoder", {})
    module_sources.forget_edited_modules()
    name = str(arch.pop("name"))
    arch_entry = registry.class_entry(given) if given else registry.find_entry(registry.ARCHITECTURES, name)
    encoder_entry = registry.find_entry(registry.ARCHITECTURES, str(encoder.pop("name"))) if encoder else None
    files = {} if given else {entry.name: entry.file_digests() for entry in (arch_entry, encoder_entry) if entry}
    return RunConfig(
        card=cards.load_card(str(task.pop("name"))),
        tier=str(options["tier"]),
        arch_entry=arch_entry,
        seed=int(str(options["seed"])),
        arch_options=arch,
        encoder_entry=encoder_entry,
        encoder_options=encoder,
        task_options=task,
        body=groups["body"],
        optim=validate(cards.Optim, groups["optim"], "optim"),
        class_files={name: digests for name, digests in files.items() if digests},
    )


def rebuild_module(checkpoint: Mapping[str, object], source: object) -> SequenceModule:
    """Return the module of a checkpoint with initial weights; its data are built when they are first used.

    Args:
        checkpoint: the loaded checkpoint.
        source: path of the checkpoint, for messages.

    Raises:
        SeqbenchError: the checkpoint has no valid description, its architecture or task is missing, or its backbone was
            given as an object, whose arguments are unknown.
    """
    from seqbench.models import build  # Imported here, because it imports the module, which imports this file.

    description = checkpoint.get(DESCRIPTION)
    if not isinstance(description, Mapping):
        raise SeqbenchError(
            f"{source} does not say what its module is, because an older version of seqbench or another program wrote "
            f"it; load a run with seqbench.load(RUN), or build the module and give it checkpoint['state_dict']."
        )
    if name := description.get("built_object"):
        raise SeqbenchError(
            f"{source} holds a module around an object of {name} that was built by the user, and the arguments of the "
            f"object are unknown; build it again and load the state_dict, as in "
            f"module.load_state_dict(checkpoint['state_dict'])."
        )
    try:
        config = config_from_options(description["options"])
        _require_same_sources(config, description.get("sources", {}), source)
        spec = SequenceSpec.from_dict(description["spec"])
        module = build.build_module_from_spec(config, spec)
    except SeqbenchError:
        raise
    # A checkpoint may come from anywhere, and the constructor of a plug-in may raise any error.
    except Exception as error:
        raise SeqbenchError(
            f"{source} describes no module that can be built ({type(error).__name__}: {one_line(error, 200)})."
        ) from error
    module.data_source = functools.partial(
        rebuild_data, config, spec, str(description.get("card")), description.get("vocabulary")
    )
    return module


def rebuild_data(config: RunConfig, spec: SequenceSpec, card: str, vocabulary: object) -> SequenceDataModule:
    """Return the data of a module that was rebuilt.

    Args:
        config: configuration of the module.
        spec: inputs and outputs that the module was built for.
        card: digest of the card that the module was trained on.
        vocabulary: digest of the vocabulary that the module was trained with; None if the task has none.

    Raises:
        SeqbenchError: the data are missing, or are not those of the module.
    """
    data = loading.build_datamodule(config)
    name = config.card.name
    if config.card_digest() != card:
        raise SeqbenchError(
            f"the card of task '{name}' has changed since the module was trained; to use the new one, set "
            f'module.data = seqbench.data("{name}", tier="{config.tier}").'
        )
    if data.spec != spec or _vocabulary_digest(data) != vocabulary:
        raise SeqbenchError(
            f"the data of task '{name}' have changed since the module was trained, so its inputs would have other "
            f"meanings; give back the data, or train another module."
        )
    return data


def load_module(
    module_class: type[Module],
    source: _PATH | IO[bytes],
    map_location: _MAP_LOCATION_TYPE = None,
    strict: bool | None = None,
    weights_only: bool | None = None,
) -> Module:
    """Return the module of a checkpoint with its weights, on the device of the weights.

    Args:
        module_class: expected class of the module.
        source: path of the checkpoint, or an open file.
        map_location: device of the weights, as ``torch.load`` takes it; None for the one that they were saved on, or
            the CPU where there is no GPU.
        strict: whether the names of all weights must match; None for ``strict_loading`` of the module.
        weights_only: False also loads objects of other classes, which may execute code; None means True.

    Raises:
        SeqbenchError: the checkpoint does not describe its module, or the module is not of the expected class.
    """
    if map_location is None and not torch.cuda.is_available():
        map_location = "cpu"
    location: Any = map_location  # Lightning declares more types than torch does.
    checkpoint: dict[str, Any] = torch.load(source, map_location=location, weights_only=weights_only is not False)
    module = rebuild_module(checkpoint, source)
    if not isinstance(module, module_class):
        raise SeqbenchError(
            f"{source} holds a {type(module).__name__}, not a {module_class.__name__}; call "
            f"seqbench.SequenceModule.load_from_checkpoint."
        )
    module.on_load_checkpoint(checkpoint)
    weights: Mapping[str, Tensor] = checkpoint["state_dict"]
    module.load_state_dict(weights, strict=module.strict_loading if strict is None else strict)
    return module.to(next((weight.device for weight in weights.values()), torch.device("cpu")))


def _require_same_sources(config: RunConfig, saved: Mapping[str, Mapping[str, str]], source: object) -> None:
    """Check that the classes that are given by their paths are those of the checkpoint.

    Raises:
        SeqbenchError: a file has changed.
    """
    for name, files in config.class_files.items():
        if changes := describe_changes(saved.get(name, {}), files):
            raise SeqbenchError(
                f"the source of {name} has changed since {source} was written: {changes}; restore it, or train the net "
                f"again."
            )


def _name_of_object(config: RunConfig) -> str | None:
    """Return the name of the class of a backbone that was given as an object; None if a class or a name was given."""
    owner: type | None = getattr(config.arch_entry.given, "class_of_object", None)
    return None if owner is None else owner.__qualname__


def _vocabulary_digest(data: SequenceDataModule) -> str | None:
    text = data.vocabulary_text()
    return None if text is None else hashlib.sha256(text.encode()).hexdigest()
