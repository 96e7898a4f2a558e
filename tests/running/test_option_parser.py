from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor, nn

from seqbench.datamodules.copying import Copy
from seqbench.datamodules.translation import Translation
from seqbench.protocol.config import PairOptions, SingleOptions
from seqbench.running import option_parser
from seqbench.running.option_parser import OptionParser
from seqbench.utils.errors import SeqbenchError


class Backbone(nn.Module):
    def __init__(self, d_model: int, rates: list[float], gate: str | None = None, untyped=3) -> None:  # type: ignore[no-untyped-def]
        super().__init__()

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return x


class TwoWithoutDefaults(Backbone):
    def __init__(self, d_model: int, hidden: int, width) -> None:  # type: ignore[no-untyped-def]
        super().__init__(d_model, [])


class HostileDefault:
    def __eq__(self, other: object) -> bool:
        raise RuntimeError("cannot be compared")

    __hash__ = object.__hash__


class BrokenSignature(Backbone):
    def __init__(self, d_model: int, gate: int = HostileDefault()) -> None:  # type: ignore[assignment]
        super().__init__(d_model, [])


OPTIM = {"steps": 10, "batch_size": 2, "validate_every": 5, "lr": 0.1}
DEFAULTS: dict[str, dict[str, Any]] = {"arch": {"d_model": 8, "rates": [0.5]}, "task": {"delay": 3}, "optim": OPTIM}


@pytest.fixture
def parser() -> OptionParser:
    made = OptionParser({"arch": Backbone}, Copy)
    made.set_defaults(DEFAULTS)
    return made


def test_names_are_dotted_and_leave_out_what_the_protocol_sets(parser: OptionParser) -> None:
    assert {"arch.d_model", "task.delay", "optim.lr", "body.dropout", "trainer.devices"} <= set(parser.names)
    assert not {"task.batch_size", "task.keys"} & set(parser.names)


def test_the_command_line_overrides_the_file_and_the_file_the_defaults(parser: OptionParser) -> None:
    options = {"arch": {"d_model": 16, "gate": "x"}}
    parsed = parser.parse(options, {"arch.gate": "null", "task.delay": "7", "arch.rates": "[1, 2.5]"})
    assert parsed["arch"] == {"d_model": 16, "gate": None, "rates": [1, 2.5], "untyped": 3}
    assert parsed["task"]["delay"] == 7
    assert parsed["encoder"] == {}
    assert parser.defaults()["arch"]["d_model"] == 8


@pytest.mark.parametrize(
    ("options", "arguments", "message"),
    [
        ({}, {"arch.rate": "2"}, "unknown option --arch.rate. Did you mean --arch.rates"),
        ({}, {"d_model": "2"}, "unknown option --d_model. Did you mean --arch.d_model?"),
        ({}, {"zzz": "2"}, "unknown option --zzz. See `seqbench run --arch A --task T --help`."),
        ({"task": {"dely": 1}}, {}, "unknown option 'task.dely' in the configuration. Did you mean task.delay"),
        ({}, {"arch.d_model": "two"}, "option --arch.d_model: expected int, got 'two'."),
        ({}, {"arch.rates": "x"}, "option --arch.rates: expected list[float], got 'x'."),
        ({}, {"task.delay": "abc"}, "option --task.delay: expected int, got 'abc'."),
        ({}, {"trainer.threads": "null"}, "option --trainer.threads: expected int, got 'null'."),
        ({}, {"body.d_embed": "x"}, "option --body.d_embed: expected int or null, got 'x'."),
        ({"arch": {"d_model": [2]}}, {"task.delay": "2"}, "option --arch.d_model: expected int, got [2]."),
        ({"arch": {"gate": 5, "d_model": 2}}, {}, "option --arch.gate: expected str or null, got 5."),
    ],
)
def test_a_wrong_option_is_named_with_its_type(
    parser: OptionParser, options: dict[str, Any], arguments: dict[str, str], message: str
) -> None:
    with pytest.raises(SeqbenchError) as caught:
        parser.parse(options, arguments)
    assert str(caught.value).startswith(message)


def test_a_missing_required_option_is_named_and_no_other() -> None:
    parser = OptionParser({"arch": Backbone}, Copy)
    parser.set_defaults({"optim": OPTIM, "arch": {"d_model": 8}, "task": {"delay": 3}})
    with pytest.raises(SeqbenchError, match=r"arch\.rates") as caught:
        parser.parse({"arch": {"d_model": 3}}, {"task.delay": "3"})
    assert "task.delay" not in str(caught.value)


def test_a_signature_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(SeqbenchError, match=r"the signature of the backbone .*BrokenSignature cannot be read"):
        OptionParser({"arch": BrokenSignature}, Copy)


def test_help_lists_types_and_defaults(parser: OptionParser) -> None:
    text = parser.format_help()
    assert "--arch.d_model" in text
    assert "type: int, default: 8)" in text


def test_tasks_on_pairs_have_options_of_an_encoder_and_a_decoder() -> None:
    assert option_parser.body_options(Translation) is PairOptions
    assert option_parser.body_options(Copy) is SingleOptions


def test_an_option_without_a_default_says_how_to_give_it() -> None:
    defaults = {**DEFAULTS, "arch": {"d_model": 8}}
    parser = OptionParser({"arch": Backbone}, Copy)
    parser.set_defaults(defaults)
    sentence = (
        "the option arch.rates has no default in __init__ of its class; give --arch.rates VALUE, or add a default."
    )
    with pytest.raises(SeqbenchError) as caught:
        parser.parse({}, {})
    assert str(caught.value) == sentence


def test_options_without_a_default_are_taken_from_the_command_line_or_the_file() -> None:
    parser = OptionParser({"arch": TwoWithoutDefaults}, Copy)
    parser.set_defaults({"arch": {"d_model": 8}, "task": {"delay": 3}, "optim": OPTIM})
    expected = {"d_model": 8, "hidden": 4, "width": 2}
    assert parser.parse({}, {"arch.hidden": "4", "arch.width": "2"})["arch"] == expected
    assert parser.parse({"arch": {"width": 2}}, {"arch.hidden": "4"})["arch"] == expected
    assert parser.parse({"arch": {"width": 2, "hidden": 4}}, {})["arch"] == expected


def test_each_missing_option_is_named_with_and_without_a_type() -> None:
    parser = OptionParser({"arch": TwoWithoutDefaults}, Copy)
    parser.set_defaults({"arch": {"d_model": 8}, "task": {"delay": 3}, "optim": OPTIM})
    with pytest.raises(
        SeqbenchError, match=r"options arch\.hidden, arch\.width have no default .* --arch\.width VALUE"
    ):
        parser.parse({}, {})
    with pytest.raises(SeqbenchError, match=r"option arch\.width has no default .*; give --arch\.width VALUE, or"):
        parser.parse({}, {"arch.hidden": "4"})
    with pytest.raises(SeqbenchError, match=r"option --arch\.hidden: expected int, got 'x'"):
        parser.parse({}, {"arch.width": "2", "arch.hidden": "x"})


def test_a_wrong_learning_rate_is_refused_in_words(parser: OptionParser) -> None:
    with pytest.raises(SeqbenchError, match=r"option --optim\.lr: expected a number, got '1e'"):
        parser.parse({}, {"optim.lr": "1e"})
