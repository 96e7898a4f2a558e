"""Turn the request of a user into the complete configuration of a run.

Unknown names and missing data are reported before torch is imported.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from seqbench.datamodules import loading
from seqbench.datamodules.sources import data_contents, data_location
from seqbench.datamodules.sources.data_location import DataLocation
from seqbench.protocol import registry
from seqbench.protocol.cards import Card, Optim, Tier, load_card
from seqbench.protocol.choices import DECODER_ONLY
from seqbench.protocol.config import PairOptions, RunConfig, TrainerOptions
from seqbench.protocol.identity import module_sources
from seqbench.protocol.identity.class_sources import FileDigests
from seqbench.protocol.identity.definition_sources import is_importable
from seqbench.protocol.logging_options import WandbOptions
from seqbench.running.option_parser import OptionParser, body_options
from seqbench.running.pair_defaults import default_body, find_default_encoder, follow_decoder
from seqbench.running.parameter_matching import match_parameters
from seqbench.running.run_request import Options, RunRequest
from seqbench.utils import redaction
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.plain_data import short_repr
from seqbench.utils.strict_model import validate

if TYPE_CHECKING:
    from seqbench.datamodules.base import SequenceDataModule


def resolve_config(request: RunRequest, needs_sources: bool = True, imports_architectures: bool = True) -> RunConfig:
    """Return the complete configuration of a run.

    Defaults come from the task's card and from the signatures of the chosen classes. If the request has
    ``match_params``, ``arch.d_model`` is the width whose number of trainable parameters is nearest to it; where no
    width is near enough, the number of heads or layers changes too, unless the user sets it.

    Args:
        request: names and options from the user.
        needs_sources: whether the source of a class must be known, which the digest of a run covers.
        imports_architectures: whether the classes of the architectures are imported, which check the options of the
            architectures and state their defaults. Otherwise these options are those of the request, without a check,
            and the configuration has no digests of files.

    Raises:
        SeqbenchError: a name or an option is unknown, a value has the wrong type or is out of range, the task's data
            are missing, or no width has a number of parameters near enough to ``match_params``.
    """
    module_sources.forget_edited_modules()
    entries = _find_entries(request)
    card = load_card(request.task)
    tier = card.tier(request.tier)
    location = find_data(card, tier, request.group("task"))
    checksums = data_contents.file_checksums(location) if location else {}

    datamodule = loading.import_datamodule_class(card)
    # A record that is verified names its encoder.
    implied = find_default_encoder(request, entries["arch"], tier, datamodule) if imports_architectures else None
    if implied is not None:
        entries["encoder"] = implied
    classes = _load_classes(entries) if imports_architectures else {}
    parser = _option_parser(request, entries, classes, card, tier, datamodule)
    options = parser.parse(
        {group: values for group, values in request.options.items() if imports_architectures or group not in entries},
        request.arguments,
    )
    if not imports_architectures:
        options |= {group: dict(request.group(group)) for group in entries}
    if implied is not None:
        own = {*request.group("encoder"), *tier.architectures.get(implied.name, {})}
        options["encoder"] = follow_decoder(options["encoder"], options["arch"], own)
    if request.encoder and options["body"].get("bridge") == DECODER_ONLY:
        raise SeqbenchError("body.bridge decoder-only has no encoder; give --encoder none, or choose another bridge.")
    config = RunConfig(
        card=card,
        tier=request.tier,
        arch_entry=entries["arch"],
        seed=request.seed,
        arch_options=options["arch"],
        task_options=options["task"],
        encoder_entry=entries.get("encoder"),
        encoder_options=options["encoder"],
        body=dataclasses.asdict(validate(body_options(datamodule), options["body"], "body")),
        optim=_scale_warmup(options["optim"], request, tier.optim_for(entries["arch"].name)),
        trainer=validate(TrainerOptions, options["trainer"], "trainer"),
        logger=request.logger,
        wandb=validate(WandbOptions, options["wandb"], "wandb"),
        keep=request.keep,
        checksums=checksums,
        published=data_contents.is_published(location.dataset, checksums) if location else True,
        task_standard=parser.defaults()["task"],
        class_files=class_files(entries.values(), needs_sources) if imports_architectures else {},
    )
    _check_secrets(config.options_to_repeat(), "option")
    _check_importable(config)
    if request.match_params is None:
        return config
    return match_parameters(config, request.match_params, request.match_tolerance, set(request.group("arch")))


def format_help(request: RunRequest) -> str:
    """Return the help text of all dotted options for the architecture and the task of a request.

    Raises:
        SeqbenchError: a name is unknown, or a class cannot be imported.
    """
    entries, card = _find_entries(request), load_card(request.task)
    tier, datamodule = card.tier(request.tier), loading.import_datamodule_class(card)
    if encoder := find_default_encoder(request, entries["arch"], tier, datamodule):
        entries["encoder"] = encoder
    return _option_parser(request, entries, _load_classes(entries), card, tier, datamodule).format_help()


def class_files(entries: Iterable[registry.Entry], are_needed: bool = True) -> dict[str, FileDigests]:
    """Return the digests of the files of each architecture that is given by the path of its class, by its name.

    Args:
        entries: the architectures.
        are_needed: whether a class whose source is unknown is an error; otherwise it is left out.

    Raises:
        SeqbenchError: a class cannot be imported, or a file has changed since it was imported.
    """
    digests: dict[str, FileDigests] = {}
    for entry in entries:
        try:
            digests[entry.name] = entry.file_digests()
        except SeqbenchError:
            if are_needed:
                raise
    return {name: files for name, files in digests.items() if files}


def _find_entries(request: RunRequest) -> dict[str, registry.Entry]:
    """Return the registry entries of the architecture and, if one is given, of the encoder, by group of options."""
    names = {"arch": request.arch, "encoder": request.encoder}
    return {
        group: registry.class_entry(request.classes[group])
        if group in request.classes
        else registry.find_entry(registry.ARCHITECTURES, name)
        for group, name in names.items()
        if name
    }


def _option_parser(
    request: RunRequest,
    entries: Mapping[str, registry.Entry],
    classes: Mapping[str, type],
    card: Card,
    tier: Tier,
    datamodule: type[SequenceDataModule],
) -> OptionParser:
    """Return the parser of a request's options, with the card's defaults.

    Args:
        request: names and options from the user.
        entries: registry entries of the backbones by group of options, ``arch`` and ``encoder``.
        classes: their classes; empty if the options of the backbones are not parsed.
        card: card of the task.
        tier: tier of the card.
        datamodule: class that the card names.

    Raises:
        SeqbenchError: an encoder is given for a task without one, or a class cannot be imported.
    """
    if "encoder" in entries and body_options(datamodule) is not PairOptions:
        raise SeqbenchError(
            f"task '{card.name}' has no encoder, because its inputs and outputs are aligned; leave out --encoder."
        )
    parser = OptionParser(classes, datamodule)
    known = set(parser.names)
    defaults: dict[str, Options] = {
        "task": {**card.arguments, **tier.task},
        "optim": dataclasses.asdict(tier.optim_for(entries["arch"].name)),
        "body": default_body(classes.get("arch"), tier, datamodule),
    }
    for group, entry in entries.items():
        # A card sets options for all backbones; options that this backbone lacks are left out.
        options = {**tier.arch, **tier.architectures.get(entry.name, {})}
        defaults[group] = {key: value for key, value in options.items() if f"{group}.{key}" in known}
    parser.set_defaults(defaults)
    return parser


def _load_classes(entries: Mapping[str, registry.Entry]) -> dict[str, type]:
    """Return the class of each entry, by group of options.

    Raises:
        SeqbenchError: a class cannot be imported, or the encoder is no backbone.
    """
    classes = {group: entry.load() for group, entry in entries.items()}
    if "encoder" in classes and registry.brings_training(classes["encoder"]):
        raise SeqbenchError(
            f"--encoder '{entries['encoder'].name}' brings its own training (it extends seqbench.SequenceModule), but "
            f"a run has one training, that of --arch; give a backbone as --encoder."
        )
    return classes


def _scale_warmup(options: Options, request: RunRequest, standard: Optim) -> Optim:
    """Return the optimisation of a run; with other steps than the card's, the warm-up takes the same share of them.

    Args:
        options: options of the group ``optim``.
        request: names and options from the user; a warm-up that it states is kept.
        standard: optimisation of the card.

    Raises:
        SeqbenchError: a value has the wrong type or is out of range.
    """
    stated = request.group("optim")
    if "warmup" in stated or "steps" not in stated:
        return validate(Optim, options, "optim")
    optim = validate(Optim, {**options, "warmup": 0}, "optim")
    return dataclasses.replace(optim, warmup=standard.warmup_of(optim.steps))


def find_data(card: Card, tier: Tier, options: Options) -> DataLocation | None:
    """Return the location of the task's files, or None for generated data; ``options`` override those of the card."""
    options = {**card.arguments, **tier.task, **options}
    if "dataset" not in options:
        return None
    languages = [str(options[key]) for key in ("source_language", "target_language") if key in options]
    data_dir, source = options.get("data_dir"), options.get("source", "auto")
    if data_dir is not None and not isinstance(data_dir, str):
        raise SeqbenchError(f"--task.data_dir must name a folder or a file, got {short_repr(data_dir)}.")
    return data_location.locate_data(str(options["dataset"]), data_dir, str(source), languages)


def _check_importable(config: RunConfig) -> None:
    """Check that the processes of a run can import its architecture.

    Raises:
        SeqbenchError: there are several processes, and a class has no file to import it from.
    """
    for entry in (config.arch_entry, config.encoder_entry):
        if entry and entry.given and config.trainer.several and not is_importable(entry.given):
            raise SeqbenchError(
                f"{entry.name} was defined in a script, a notebook or a function, from which the other processes of "
                f"this run cannot import it; save the class in a file, my_file.py, or leave out trainer.devices."
            )


def _check_secrets(value: object, where: str) -> None:
    """Check that no option holds a secret: options are written into the record, into ``config.yaml`` and to W&B.

    Raises:
        SeqbenchError: an option holds a secret; the message names the option.
    """
    if isinstance(value, Mapping):
        for key, item in value.items():
            _check_secrets(item, f"{where} {key}" if where == "option" else f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for item in value:
            _check_secrets(item, where)
    elif isinstance(value, str) and (secret := redaction.find_secret(value)):
        raise SeqbenchError(
            f"{where} holds {secret}, but options are written into the record; set the secret as an environment "
            f"variable of the library that needs it."
        )
