from __future__ import annotations

import pytest

from seqbench.cli.main import build_parser
from seqbench.cli.unknown_arguments import are_dotted, command_options, refuse_unknown_arguments
from seqbench.utils.errors import SeqbenchError

OPTIONS = {"run": ["--arch", "--task", "--seed"], "sweep": ["--arch", "--seeds"]}


def refusal(command: str, *rest: str) -> str:
    with pytest.raises(SeqbenchError) as caught:
        refuse_unknown_arguments(command, rest, OPTIONS, dotted=True)
    return str(caught.value)


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (["--arch.num_layers", "2"], True),
        (["--arch.num_layers=2", "--task.delay", "--5"], True),
        (["2", "--arch.num_layers"], False),
        (["--arch.num_layers", "2", "3"], False),
        (["--seeds", "2"], False),
        ([], True),
    ],
)
def test_dotted_options_take_one_value_each(rest: list[str], expected: bool) -> None:
    assert are_dotted(rest) == expected
    if expected:
        refuse_unknown_arguments("run", rest, OPTIONS, dotted=True)


@pytest.mark.parametrize(
    ("command", "word", "hint"),
    [
        ("run", "--sed", "unknown option --sed. Did you mean --seed?"),
        ("run", "--seeds", "Did you mean --seed? --seeds is an option of `seqbench sweep`."),
        ("sweep", "--seed=3", "unknown option --seed. Did you mean --seeds? --seed is an option of `seqbench run`."),
        ("run", "--num-layers", "Did you mean --arch.num_layers?"),
        ("run", "--lr", "Did you mean --optim.lr?"),
        ("run", "--quiet", "unknown option --quiet. See `seqbench run --help`."),
    ],
)
def test_an_unknown_option_has_a_hint_only_if_one_is_close(command: str, word: str, hint: str) -> None:
    assert refusal(command, word).endswith(hint)


@pytest.mark.parametrize(
    ("rest", "command"),
    [
        (["gru", "copy"], "`seqbench run --arch gru --task copy`"),
        (["copy", "gru", "lstm"], "`seqbench sweep --arch gru,lstm --task copy`"),
        (["my_file:MyNet"], "`seqbench run --arch my_file:MyNet`"),
    ],
)
def test_bare_names_are_shown_with_their_options(rest: list[str], command: str) -> None:
    assert refusal("run", *rest).endswith(f"Names follow their option: {command}.")


@pytest.mark.parametrize(
    ("rest", "hint"),
    [
        (["lstm"], "by commas and without spaces: --arch gru,lstm."),
        (["lstm,"], "--arch gru,lstm."),
        (["my_file:Net"], "--arch gru,my_file:Net."),
        (["--task.delay", "2", "parity"], "--task copy,parity."),
        (["--optim.lr=0.1", "2"], "--seeds 1,2."),
        (["word"], "as in --arch gru,lstm."),
    ],
)
def test_a_word_of_a_sweep_that_stands_alone_points_to_commas(rest: list[str], hint: str) -> None:
    assert refusal("sweep", *rest).endswith(hint)


def test_a_word_that_is_no_name_leads_to_the_help() -> None:
    assert refusal("run", "gru", "nothing") == "unexpected argument 'gru'. See `seqbench run --help`."


def test_the_options_of_all_commands_are_known() -> None:
    options = command_options(build_parser())
    assert "--seeds" in options["sweep"]
    assert "--seed" in options["run"]
    assert set(options["verify"]) & {"--retrain"}
