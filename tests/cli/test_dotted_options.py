from __future__ import annotations

import re
import subprocess
import sys

import pytest

from seqbench.cli.dotted_options import find_dotted_options, list_dotted_options
from seqbench.protocol.registry import ARCHITECTURES, list_entries
from seqbench.running import run_config
from seqbench.running.run_request import RunRequest


@pytest.mark.parametrize(
    "arch", [name for name, entries in list_entries(ARCHITECTURES).items() if not entries[0].extras]
)
@pytest.mark.parametrize("task", ["copy", "parity"])
def test_the_options_are_those_that_a_run_takes(arch: str, task: str) -> None:
    listed = set(list_dotted_options(["run", "--arch", arch, f"--task={task}"]))
    shown = run_config.format_help(RunRequest(arch, task))
    # `--task.lengths+` appends to a list.
    taken = {word.rstrip("+") for word in re.findall(r"--\w+\.[\w+]+", shown)}
    groups = ("--arch.", "--task.", "--optim.", "--trainer.")
    assert {word for word in listed if word.startswith(groups)} == {word for word in taken if word.startswith(groups)}


def test_several_names_and_unknown_ones_are_accepted() -> None:
    options = list_dotted_options(["sweep", "--arch", "gru,tcn,nothing", "--task", "nothing"])
    assert {"--arch.num_layers", "--arch.kernel_size"} <= set(options)
    assert len(options) == len(set(options))


def test_the_encoder_has_options_of_its_own() -> None:
    assert "--encoder.num_layers" in list_dotted_options(["run", "--encoder", "bigru"])


def test_an_option_is_found_by_its_last_part() -> None:
    assert find_dotted_options("lr") == ["--optim.lr"]
    assert find_dotted_options("delay") == ["--arch.delay", "--task.delay"]
    assert find_dotted_options("colour") == []


def test_torch_is_not_imported() -> None:
    code = (
        "import sys; from seqbench.cli.dotted_options import find_dotted_options as f; "
        "assert f('num_layers'); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
