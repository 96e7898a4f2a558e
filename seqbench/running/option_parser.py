"""Parse the options of a run; their types, defaults and help come from the signatures of the chosen classes."""

from __future__ import annotations

import argparse
import difflib
import inspect
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from seqbench.protocol.cards import Optim
from seqbench.protocol.config import PairOptions, SingleOptions, TrainerOptions
from seqbench.protocol.logging_options import WandbOptions
from seqbench.protocol.registry import brings_training
from seqbench.running.run_request import GROUPS, Options
from seqbench.utils.errors import SeqbenchError, one_line
from seqbench.utils.plain_data import short_repr

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from seqbench.datamodules.base import SequenceDataModule

PROTOCOL_ARGUMENTS = frozenset({"batch_size", "keys", "carry_state"})
"""Arguments of a datamodule that the run sets; they are not options of the task."""


CONTEXT = "context"
"""Argument of a ``SequenceModule`` that the run sets; it is no option of the architecture."""


_REQUIRED = "arguments are required: "
"""Words of the parser before the names of the options that are missing."""


class OptionParser:
    """The typed options of one architecture on one task, by dotted name (``arch.num_layers``).

    Args:
        backbones: class of the backbone under ``arch``, and that of the encoder, if there is one, under ``encoder``.
        datamodule: class of the task's datamodule.

    Raises:
        SeqbenchError: the signature of a backbone cannot be read.
    """

    def __init__(self, backbones: Mapping[str, type], datamodule: type[SequenceDataModule]) -> None:
        self._classes: dict[str, type] = {
            **backbones,
            "task": datamodule,
            "optim": Optim,
            "body": body_options(datamodule),
            "trainer": TrainerOptions,
            "wandb": WandbOptions,
        }
        self._parser = _build_parser(self._classes)
        self._preset: set[str] = set()

    @property
    def names(self) -> list[str]:
        """Dotted names of all options, sorted."""
        return sorted(self._parser.get_defaults(skip_validation=True).keys())

    def set_defaults(self, options: Mapping[str, Options]) -> None:
        """Replace defaults of the signatures by the given options of each group."""
        dotted = _dotted(options)
        self._preset |= dotted.keys()
        self._parser.set_defaults(dotted)

    def defaults(self) -> dict[str, dict[str, object]]:
        """Return the defaults of all options by group."""
        return _by_group(self._parser.get_defaults())

    def format_help(self) -> str:
        """Return the help text of all options."""
        text = str(self._parser.format_help())
        # jsonargparse offers a file for each group, which a run does not take, and calls options with a default of the
        # card required.
        text = re.sub(r"\n +--\w+ CONFIG\s+Path to a configuration file\.", "", text)
        return re.sub(r"\(required,\s+(type:[^()]*\sdefault:)", r"(\1", text)

    def parse(self, options: Mapping[str, Options], arguments: Mapping[str, str]) -> dict[str, dict[str, object]]:
        """Return the options of each group: ``arguments`` override ``options``, and ``options`` override the defaults.

        Args:
            options: typed values by group.
            arguments: texts of the command line by dotted name.

        Raises:
            SeqbenchError: an option is unknown or required, or a value has the wrong type.
        """
        known = self.names
        for name in _dotted(options):
            if name not in known:
                raise SeqbenchError(f"unknown option '{name}' in the configuration.{_suggest(name, known)}")
        for name in arguments:
            if name not in known:
                raise SeqbenchError(f"unknown option --{name}.{_suggest(name, known, '--')}")
        # The parser takes None for an argument without a type and without a default.
        given = {*self._preset, *_dotted(options), *arguments}
        if missing := [name for name in self._required() if name in known and name not in given]:
            raise _missing_value(missing)
        try:
            return _by_group(self._parse(options, arguments))
        except argparse.ArgumentError as error:
            raise self._explain(error, options, arguments) from error

    def _parse(self, options: Mapping[str, Options], arguments: Mapping[str, str]) -> Namespace:
        given = {group: dict(values) for group, values in options.items() if values}
        # The arguments may give what the options do not; ``parse_args`` checks that all is given.
        base = self._parser.parse_object(given, _skip_required=True)
        words = [f"--{name}={text}" for name, text in arguments.items()]
        parsed: Namespace = self._parser.parse_args(words, namespace=base)
        return parsed

    def _explain(
        self, error: argparse.ArgumentError, options: Mapping[str, Options], arguments: Mapping[str, str]
    ) -> SeqbenchError:
        """Return an error that names the option with the wrong value: the first one that is wrong by itself."""
        failure = self._failure({}, {})
        for name, text in arguments.items():
            if self._failure({}, {name: text}) not in (None, failure):
                return self._wrong_value(name, text, error)
        for name, value in _dotted(options).items():
            group, _, key = name.partition(".")
            if self._failure({group: {key: value}}, {}) not in (None, failure):
                return self._wrong_value(name, value, error)
        text = one_line(error, 500)
        _, is_missing, names = text.partition(_REQUIRED)
        if is_missing:
            return _missing_value(names.split(", "))
        return SeqbenchError(f"{text}.")

    def _failure(self, options: Mapping[str, Options], arguments: Mapping[str, str]) -> str | None:
        try:
            self._parse(options, arguments)
        except argparse.ArgumentError as error:
            text = one_line(error)
            return None if _REQUIRED in text else text  # A missing option does not make another one wrong.
        return None

    def _required(self) -> list[str]:
        """Return the dotted names of the arguments of the backbones that have no default."""
        names = []
        for group in ("arch", "encoder"):
            if group in self._classes:
                parameters = inspect.signature(self._classes[group]).parameters.values()
                plain = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
                names += [f"{group}.{p.name}" for p in plain if p.default is p.empty]
        return names

    def _wrong_value(self, name: str, value: object, error: argparse.ArgumentError) -> SeqbenchError:
        group, _, key = name.partition(".")
        kind = _type_name(self._classes[group], key)
        if kind is None:
            return SeqbenchError(f"option --{name}: {one_line(error, 500)}.")
        return SeqbenchError(f"option --{name}: expected {kind}, got {short_repr(value)}.")


def body_options(datamodule: type[SequenceDataModule]) -> type[SingleOptions]:
    """Return the class of the body's options: ``PairOptions`` for tasks with an encoder and a decoder."""
    return PairOptions if datamodule.sequence_to_sequence else SingleOptions


def _build_parser(classes: Mapping[str, type]) -> ArgumentParser:
    import jsonargparse  # Importing it takes 0.15 s.

    # Without --help, because printing the help would end the process.
    parser = jsonargparse.ArgumentParser(
        prog="seqbench run",
        usage="seqbench run --arch NAME --task NAME [options]",
        allow_abbrev=False,
        add_help=False,
        exit_on_error=False,
    )
    for group in ("arch", "encoder"):
        if group in classes:
            try:
                # The encoder has the same width as its decoder.
                skip = {"d_model"} if group == "encoder" else {CONTEXT} if brings_training(classes[group]) else set()
                parser.add_class_arguments(classes[group], group, skip=skip, fail_untyped=False)
            # The annotations and defaults of a plug-in's signature may raise any error.
            except Exception as error:
                name = f"{classes[group].__module__}:{classes[group].__qualname__}"
                raise SeqbenchError(
                    f"the signature of the backbone {name} cannot be read: {one_line(error)}."
                ) from error
    parser.add_class_arguments(classes["task"], "task", skip=set(PROTOCOL_ARGUMENTS), fail_untyped=False)
    for group in ("optim", "body", "trainer", "wandb"):
        parser.add_class_arguments(classes[group], group)
    return parser


def _missing_value(names: list[str]) -> SeqbenchError:
    """Return an error that says how to give options without a default."""
    given = " ".join(f"--{name} VALUE" for name in names)
    subject = f"option {names[0]} has" if len(names) == 1 else f"options {', '.join(names)} have"
    return SeqbenchError(f"the {subject} no default in __init__ of its class; give {given}, or add a default.")


def _type_name(cls: type, argument: str) -> str | None:
    """Return the type of a constructor's argument as written in the source; None if there is no such argument."""
    try:
        parameter = inspect.signature(cls).parameters.get(argument)
    except (TypeError, ValueError):
        return None
    if parameter is None or parameter.annotation is parameter.empty:
        return None
    kind = parameter.annotation
    text = kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind))
    return str(text).replace(" | ", " or ").replace("None", "null").replace("YamlFloat", "a number")


def _suggest(name: str, known: list[str], prefix: str = "") -> str:
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.7)
    if close:
        return f" Did you mean {' or '.join(prefix + option for option in close)}?"
    return " See `seqbench run --arch A --task T --help`."


def _dotted(options: Mapping[str, Options]) -> dict[str, object]:
    return {f"{group}.{key}": value for group, values in options.items() for key, value in values.items()}


def _by_group(parsed: Namespace) -> dict[str, dict[str, object]]:
    return {group: dict(parsed[group].as_dict()) if group in parsed else {} for group in GROUPS}
