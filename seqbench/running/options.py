"""From what a user gives (a mapping, a file, a command line) to a RunConfig, typed and with suggestions.

Types, defaults and help come from the signatures of the chosen backbone and datamodule. What can be said
without importing torch (an unknown name, missing data) is said before it is imported.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from seqbench.datamodules import loading
from seqbench.datamodules.sources import data_location
from seqbench.datamodules.sources.data_location import DataLocation
from seqbench.protocol import cards, registry, run_folder
from seqbench.protocol.config import DECODER_ONLY, PairOptions, RunConfig, SingleOptions, TrainerOptions
from seqbench.utils import plain_data, redaction
from seqbench.utils.errors import SeqbenchError, did_you_mean, one_line

GROUPS = ("arch", "encoder", "task", "optim", "body", "trainer")
_PLAIN_KEYS = ("tier", "seed", "logger")
# What the protocol gives a datamodule, so no option of the task.
PROTOCOL = frozenset({"batch_size", "keys", "carry_state"})


def read_config(path: Path) -> dict[str, Any]:
    """The options in a YAML file, in a record, or in a run folder.

    Raises:
        SeqbenchError: it cannot be read, or holds no options.
    """
    if path.is_dir():
        path = path / run_folder.CONFIG
    data = plain_data.read_yaml(path)
    if isinstance(data, Mapping) and isinstance(data.get("config"), Mapping):
        data = data["config"].get("options")
    if not isinstance(data, Mapping):
        raise SeqbenchError(f"{path} holds no options; give a run's config.yaml, its result.json, or its folder.")
    return dict(data)


def resolve_options(given: Mapping[str, Any], arguments: Sequence[str] = ()) -> RunConfig:
    """Make the configuration of one run.

    Args:
        given: ``arch``, ``task`` and perhaps ``encoder`` (a name, or a mapping with ``name`` and options),
            ``tier``, ``seed``, ``logger``, and mappings ``optim``, ``body``, ``trainer``.
        arguments: dotted options as on the command line (``--arch.num_layers 2``); they win.

    Raises:
        SeqbenchError: a name or option is unknown, a value has the wrong type or is out of range, or the
            task's data is not at hand.
    """
    _known_keys(given)
    plain_data.check_plain(given, "the configuration")
    groups = {group: _group(given, group) for group in GROUPS}
    arch, task = (_name(groups[kind], kind) for kind in ("arch", "task"))
    entry = registry.find_entry(registry.ARCHITECTURES, arch)
    card = cards.load_card(task)
    tier_name = str(given.get("tier") or "small")
    tier = card.tier(tier_name)
    location = _locate(card, tier, groups["task"], arguments)
    checksums = data_location.file_checksums(location) if location else {}

    backbone, datamodule = entry.load(), loading.import_datamodule_class(card)
    encoder = _encoder(groups["encoder"], card, datamodule)
    parser = _parser({"arch": (arch, backbone), **encoder}, datamodule)
    parser.set_defaults(_dotted(_defaults(parser, card, tier, {"arch": arch, **{k: v[0] for k, v in encoder.items()}})))
    parsed = _parse(parser, groups, arguments)
    _check_encoder(encoder, parsed)
    config = RunConfig(
        card=card,
        tier=tier_name,
        arch=arch,
        seed=_whole(given.get("seed", 0), "seed"),
        arch_options=parsed["arch"],
        task_options=parsed["task"],
        encoder=encoder["encoder"][0] if encoder else None,
        encoder_options=parsed["encoder"] if encoder else {},
        body=dataclasses.asdict(_made(_body_options(datamodule), parsed["body"], "body")),
        optim=_made(cards.Optim, parsed["optim"], "optim"),
        trainer=_made(TrainerOptions, parsed["trainer"], "trainer"),
        logger=str(given.get("logger", "wandb")),
        checksums=checksums,
        published=data_location.is_published(location.dataset, checksums) if location else True,
        task_standard=_plain_groups(parser.get_defaults())["task"],
    )
    _check_secrets(config.options(), "option")
    return config


def _check_secrets(value: Any, where: str) -> None:
    """Options stand in the record, in ``config.yaml`` and in W&B: no place for a secret."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            _check_secrets(item, f"{where} {key}" if where == "option" else f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for item in value:
            _check_secrets(item, where)
    elif isinstance(value, str) and (what := redaction.secret_in(value)):
        raise SeqbenchError(
            f"{where} holds {what}, and options are written into the record; leave it to the environment, "
            f"where the library that needs it will look."
        )


def _made(cls: type, options: Mapping[str, Any], group: str) -> Any:
    try:
        return cls(**options)
    except TypeError as error:
        raise SeqbenchError(f"the options {group} cannot be used: {error}; give each a value of its type.") from error


def help_text(given: Mapping[str, Any]) -> str:
    """All dotted options of ``run`` for a given architecture and task, with types and defaults."""
    groups = {group: _group(given, group) for group in GROUPS}
    arch, card = _name(groups["arch"], "arch"), cards.load_card(_name(groups["task"], "task"))
    tier = card.tier(str(given.get("tier") or "small"))
    backbone, datamodule = (
        registry.find_entry(registry.ARCHITECTURES, arch).load(),
        loading.import_datamodule_class(card),
    )
    encoder = _encoder(groups["encoder"], card, datamodule)
    parser = _parser({"arch": (arch, backbone), **encoder}, datamodule)
    parser.set_defaults(_dotted(_defaults(parser, card, tier, {"arch": arch, **{k: v[0] for k, v in encoder.items()}})))
    return str(parser.format_help())


def _defaults(parser: Any, card: cards.Card, tier: cards.Tier, names: Mapping[str, str]) -> dict[str, Any]:
    """What the card says where the user says nothing, by group; ``names`` of the architecture and the encoder."""
    models = {
        group: _accepted(parser, group, {**tier.arch, **tier.architectures.get(name, {})})
        for group, name in names.items()
    }
    return {
        **models,
        "task": {**card.arguments, **tier.task},
        "optim": {**dataclasses.asdict(tier.optim), **tier.optims.get(names["arch"], {})},
        "body": tier.body,
    }


def _encoder(group: dict[str, Any], card: cards.Card, datamodule: Any) -> dict[str, tuple[str, type]]:
    """The encoder's name and class under ``encoder``, if one is asked for: else it is as the architecture."""
    if not group:
        return {}
    name = _name(group, "encoder")
    if not getattr(datamodule, "sequence_to_sequence", False):
        raise SeqbenchError(f"task '{card.name}' has no encoder, its outputs go with its inputs; leave out --encoder.")
    backbone = registry.find_entry(registry.ARCHITECTURES, name).load()
    return {"encoder": (name, backbone)}


def _check_encoder(encoder: Mapping[str, Any], parsed: Mapping[str, Any]) -> None:
    if encoder and parsed["body"].get("bridge") == DECODER_ONLY:
        raise SeqbenchError("body.bridge decoder-only has no encoder; give --encoder none, or choose another bridge.")


def _body_options(datamodule: Any) -> type[SingleOptions]:
    return PairOptions if getattr(datamodule, "sequence_to_sequence", False) else SingleOptions


def _known_keys(given: Mapping[str, Any]) -> None:
    known = (*GROUPS, *_PLAIN_KEYS)
    for key in given:
        if key not in known:
            hint = did_you_mean(str(key), (*known, "match_params"))  # That one is taken out by ``sizes``.
            raise SeqbenchError(f"unknown key '{key}' in the configuration.{hint}")


def _group(given: Mapping[str, Any], group: str) -> dict[str, Any]:
    value = given.get(group)
    if isinstance(value, str) and group in ("arch", "encoder", "task"):
        return {"name": value}
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise SeqbenchError(f"'{group}' must be a mapping of options, got {plain_data.short_repr(value)}.")
    return dict(value)


def _name(group: dict[str, Any], kind: str) -> str:
    name = group.pop("name", None)
    if not name:
        word = {"arch": "architecture"}.get(kind, kind)
        raise SeqbenchError(f"no {word} was given; add --{kind} NAME (`seqbench list` shows the names).")
    return str(name)


def _locate(
    card: cards.Card, tier: cards.Tier, given: Mapping[str, Any], arguments: Sequence[str]
) -> DataLocation | None:
    """Where the task's data is, if it needs any: found out before anything heavy is imported."""
    options = {**card.arguments, **tier.task, **given}
    for key in ("dataset", "data_dir", "source", "source_language", "target_language"):
        for index, argument in enumerate(arguments):
            if argument == f"--task.{key}" and index + 1 < len(arguments):
                options[key] = arguments[index + 1]
            elif argument.startswith(f"--task.{key}="):
                options[key] = argument.partition("=")[2]
    if "dataset" not in options:
        return None
    languages = [str(options[key]) for key in ("source_language", "target_language") if key in options]
    return data_location.locate_data(
        str(options["dataset"]), options.get("data_dir"), options.get("source", "auto"), languages
    )


def _accepted(parser: Any, group: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a card's architecture options that this backbone takes, through ``**kwargs`` as well."""
    known = {option for action in parser._actions for option in action.option_strings}
    return {key: value for key, value in options.items() if f"--{group}.{key}" in known}


def _parser(models: Mapping[str, tuple[str, type]], datamodule: type) -> Any:
    """The parser of dotted options; ``models`` are a name and a class for ``arch`` and perhaps ``encoder``."""
    import jsonargparse  # 0.15 s, and it imports what the signatures name.

    class Parser(jsonargparse.ArgumentParser):
        """Says 'did you mean' and raises instead of exiting."""

        def error(self, message: str, ex: Exception | None = None) -> NoReturn:
            known = {option for action in self._actions for option in action.option_strings}
            raise SeqbenchError(_sentence(message, known))

    usage = "seqbench run --arch NAME --task NAME [options]"
    # No help of its own: it would end the process, of which this may be a small part.
    parser = Parser(prog="seqbench run", usage=usage, allow_abbrev=False, add_help=False)
    for group, (name, backbone) in models.items():
        try:
            # An encoder is as wide as its decoder.
            skip = {"d_model"} if group == "encoder" else set()
            parser.add_class_arguments(backbone, group, skip=skip, fail_untyped=False)
        # The signature is a stranger's: anything may go wrong in reading its annotations.
        except Exception as error:
            raise SeqbenchError(f"the signature of architecture '{name}' could not be read: {error}.") from error
    parser.add_class_arguments(datamodule, "task", skip=PROTOCOL, fail_untyped=False)
    parser.add_class_arguments(cards.Optim, "optim")
    parser.add_class_arguments(_body_options(datamodule), "body")
    parser.add_class_arguments(TrainerOptions, "trainer")
    return parser


def _parse(parser: Any, given: Mapping[str, Mapping[str, Any]], arguments: Sequence[str]) -> dict[str, Any]:
    """The options of each group: the file's over the defaults, the command line's over both."""
    known = {option.lstrip("-") for action in parser._actions for option in action.option_strings}
    for dotted in _dotted(given):
        if dotted not in known:
            raise SeqbenchError(f"unknown option '{dotted}' in the configuration.{did_you_mean(dotted, known)}")
    base = parser.parse_object({group: dict(options) for group, options in given.items() if options})
    return _plain_groups(parser.parse_args(list(arguments), namespace=base))


def _plain_groups(parsed: Any) -> dict[str, Any]:
    return {group: dict(parsed[group].as_dict()) if group in parsed else {} for group in GROUPS}


def _dotted(groups: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {f"{group}.{key}": value for group, options in groups.items() for key, value in options.items()}


def _sentence(message: str, known: Iterable[str]) -> str:
    """A parser's message as one sentence, with suggestions for options that do not exist."""
    text = one_line(message)
    for marker in ("Unrecognized arguments:", "unrecognized arguments:"):
        if marker in text:
            # A word may be empty, or nothing but blanks.
            wrong = next(iter(text.split(marker)[1].split()), "''").partition("=")[0]
            close = difflib.get_close_matches(wrong, list(known), n=3, cutoff=0.5)
            hint = f" Did you mean {' or '.join(close)}?" if close else " See `seqbench run --arch A --task T --help`."
            return f"unknown option {wrong}.{hint}"
    key = re.search(r'Parser key "([^"]+)":\s*(.*)', text)
    if key:
        union = re.search(r"Subtypes: \[([^\]]*)\].*Given value: (.*)", key[2])
        if union:
            kinds = union[1].replace("NoneType", "null").replace(", ", " or ")
            kinds = re.sub(r"<class '([^']+)'>", r"\1", kinds)
            return f"option --{key[1]}: expected {kinds}, got {union[2]}."
        expected = re.sub(r"<class '([^']+)'>", r"\1", key[2]).replace("Expected a ", "expected ")
        return f"option --{key[1]}: {expected.replace('. Got value:', ', got')}."
    return text


def _whole(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise SeqbenchError(f"{name} must be a whole number, got {plain_data.short_repr(value)}.")
    return value
