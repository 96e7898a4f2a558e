"""The command line, in a process of its own."""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from seqbench.cli.main import COMMANDS, build_parser
from seqbench.cli.unknown_arguments import are_dotted

TINY = [
    "--task.delay",
    "2",
    "--task.samples",
    "200",
    "--optim.lr",
    "1e-5",
    "--optim.steps",
    "40",
    "--optim.validate_every",
    "20",
]
COPY = ["run", "--arch", "gru", "--task", "copy", "--tier", "smoke", "--logger", "none", *TINY]


def seqbench(
    *words: str, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "seqbench", *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        timeout=120,
    )


def test_help_names_every_command() -> None:
    done = seqbench("--help")
    assert done.returncode == 0
    assert all(word in done.stdout for word in ("run", "list", "show", "generate", "completion"))


def test_list_prints_the_installed_entries() -> None:
    done = seqbench("list")
    assert done.returncode == 0
    assert "gru" in done.stdout
    assert "stands for char-lm-shakespeare" in done.stdout
    assert "gru" not in seqbench("list", "tasks").stdout


def test_list_check_imports_each_entry() -> None:
    done = seqbench("list", "--check")
    assert done.returncode == 0
    listed = [line for line in done.stdout.splitlines() if line.startswith("  ")]
    assert len(listed) >= 20
    assert [line for line in listed if not line.endswith(" ok") and "needs the library" not in line] == []


def test_show_prints_the_options_and_the_source_of_an_architecture() -> None:
    done = seqbench("show", "lstm")
    assert done.returncode == 0
    assert "--arch.forget_bias  float  default 1.0" in done.stdout
    assert "Hochreiter & Schmidhuber 1997" in done.stdout


def test_show_prints_the_baselines_and_the_published_results_of_a_task() -> None:
    done = seqbench("show", "copy")
    assert done.returncode == 0
    assert "accuracy            chance 0.125   best possible 1" in done.stdout
    assert "Bai, Kolter & Koltun 2018" in done.stdout


@pytest.mark.usefixtures("no_data")
def test_show_prints_a_task_without_its_data() -> None:
    done = seqbench("show", "char-lm")
    assert done.returncode == 0
    assert "not computed; the data set 'tinyshakespeare'" in done.stdout


def test_a_run_prints_its_table_and_the_path_of_its_record(tmp_path: Path) -> None:
    done = seqbench(*COPY, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["test", "metric", "value", "chance", "best", "possible", "published"]
    assert lines[1].split()[:2] == ["accuracy", "*"]
    assert "accuracy is NOT clearly better than chance" in done.stdout
    record = tmp_path / lines[-1].removeprefix("record: ")
    assert json.loads(record.read_text())["results"]["status"] == "ok"
    assert "differs from the card in task.delay" in done.stderr
    assert "step 40/40" in done.stderr
    # In a pipe there are no colours and no progress bar.
    assert "\x1b" not in done.stdout + done.stderr
    assert "\r" not in done.stdout + done.stderr

    again = seqbench(*COPY, cwd=tmp_path)
    assert again.returncode == 2
    assert "this run is finished" in again.stderr
    replay = seqbench("run", "--config", str(record.parent), "--runs", "elsewhere", cwd=tmp_path)
    assert replay.returncode == 0, replay.stderr
    (other,) = (tmp_path / "elsewhere").rglob("result.json")
    assert json.loads(other.read_text())["results"] == json.loads(record.read_text())["results"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rn"], "unknown command 'rn'. Did you mean 'run'?"),
        (["list", "task"], "invalid choice: 'task'"),
        (["show", "gruu"], "no architecture, task or run is called 'gruu'. Did you mean 'gru'"),
        (["list", "--chek"], "unknown option --chek. Did you mean --check?"),
        (["run", "--arch", "gru"], "no task was given; add --task NAME"),
        (["run", "--arch", "gru", "--help"], "give both --arch and --task"),
        (["run", "--arch", "gruu", "--task", "copy"], "unknown architecture 'gruu'. Did you mean 'gru'"),
        (["run", "--arch", "gru", "--task", "copy", "--tier", "smal"], "no tier 'smal'. Did you mean 'small'?"),
        (["run", "--arch", "gru", "--task", "copy", "--seed", "x"], "--seed must be a whole number, got 'x'"),
        (["run", "--config", "none.yaml"], "none.yaml cannot be read"),
        (["run", "--resume", "--overwrite"], "not allowed with argument"),
        (["run", "--arch", "gru", "--task", "char-lm"], "Options: (1)"),
        (["generate", "nowhere"], "no record at nowhere"),
        (["generate", "x", "--length", "0"], "--length must be at least 1, got 0"),
        (["generate", "x", "--seed", "-1"], "--seed must be from 0"),
    ],
)
@pytest.mark.usefixtures("no_data")
def test_a_mistake_is_reported_in_one_line_without_importing_torch(
    words: list[str], message: str, tmp_path: Path
) -> None:
    (tmp_path / "torch.py").write_text("raise SystemExit('torch was imported')\n")
    (tmp_path / "empty").mkdir()
    done = seqbench(*words, cwd=tmp_path / "empty", environment={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.startswith("seqbench: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert list((tmp_path / "empty").iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--task.delay", "-5"], "delay must be at least 1 step, got -5"),
        (["--arch.num_layers", "0"], "'gru' refuses its options: num_layers must be at least 1, got 0"),
    ],
)
def test_a_wrong_option_of_a_task_or_architecture_is_reported(words: list[str], message: str, tmp_path: Path) -> None:
    done = seqbench(*COPY[:5], "--logger", "none", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_help_of_run_lists_the_options_of_the_architecture_and_the_task(tmp_path: Path) -> None:
    assert "--arch.num_layers" not in seqbench("run", "--help").stdout.split("Options of")[0]
    done = seqbench("run", "--arch", "gru", "--task", "copy", "--help")
    assert done.returncode == 0
    for option in ("--overwrite", "--arch.num_layers", "--task.delay", "--optim.lr", "--trainer.devices"):
        assert option in done.stdout


def test_an_architecture_that_raises_ends_with_a_message_and_a_traceback_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, d_model): super().__init__()\n"
        "    def forward(self, x, lengths=None): return x.view(1, 2, 3)\n"
    )
    done = seqbench("run", "--arch", "mine:Net", *COPY[3:], cwd=tmp_path)
    assert done.returncode == 1
    assert "the run ended as failed: RuntimeError: shape" in done.stderr
    assert "Traceback" not in done.stderr
    (trace,) = tmp_path.rglob("error.txt")
    assert "mine.py" in trace.read_text()


def test_a_trained_text_model_continues_a_prompt(tmp_path: Path, text_folder: Path) -> None:
    options = ["--optim.steps", "40", "--optim.validate_every", "20", "--optim.batch_size", "8"]
    words = ["run", "--arch", "lstm", "--task", "char-lm", "--tier", "smoke", "--logger", "csv", *options]
    done = seqbench(*words, "--task.data_dir", str(text_folder), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "5-gram" in done.stdout
    assert "nobody knows the entropy of real text" in done.stdout
    folder = (tmp_path / done.stdout.splitlines()[-1].removeprefix("record: ")).parent
    text = seqbench("generate", str(folder), "--prompt", "the ¿cat", "--length", "30")
    assert text.returncode == 0
    assert text.stdout.startswith("the ¿cat")
    assert len(text.stdout) == len("the ¿cat") + 30 + 1
    assert "the training text does not contain ['¿']" in text.stderr
    assert seqbench("generate", str(folder), "--prompt", "the ¿cat", "--length", "30").stdout == text.stdout


def test_a_run_whose_task_generates_nothing_is_refused(tmp_path: Path) -> None:
    done = seqbench(*COPY, cwd=tmp_path)
    folder = done.stdout.splitlines()[-1].removeprefix("record: ").removesuffix("/result.json")
    generated = seqbench("generate", folder, cwd=tmp_path)
    assert generated.returncode == 2
    assert "this run's task has nothing to generate; give a run of char-lm, music or translation" in generated.stderr


def test_an_unwritable_folder_is_reported() -> None:
    done = seqbench(*COPY, "--runs", "/dev/null/runs")
    assert done.returncode == 2
    assert "cannot be written: Not a directory; choose another with --runs" in done.stderr


def test_ctrl_c_ends_a_run_with_an_interrupted_record(tmp_path: Path) -> None:
    words = [*COPY, "--optim.steps", "200000", "--runs", str(tmp_path)]
    command = [sys.executable, "-m", "seqbench", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines = []
        for line in iter(process.stderr.readline, ""):
            lines.append(line)
            if line.startswith("step 20/"):
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, lines
    assert "the run ended as interrupted" in err
    assert "Traceback" not in err
    (record,) = tmp_path.rglob("result.json")
    assert json.loads(record.read_text())["results"]["status"] == "interrupted"
    assert out.splitlines()[0] == "no scores: the run ended as interrupted"


def test_completion_prints_code_for_the_shell() -> None:
    done = seqbench("completion", "bash")
    assert done.returncode == 0
    assert "complete " in done.stdout
    assert seqbench("completion", "tcsh").returncode == 2


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("seqbench r", {"run", "reproduce"}),
        ("seqbench run --arch gr", {"gru"}),
        ("seqbench run --encoder bi", {"birnn", "bilstm", "bigru", "bitransformer"}),
        ("seqbench run --task par", {"parity", "parity-last"}),
        ("seqbench run --tier ", {"smoke", "small", "medium", "paper"}),
    ],
)
def test_the_shell_completes_commands_and_values(line: str, expected: set[str], tmp_path: Path) -> None:
    answer = tmp_path / "answer"
    environment = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line))}
    environment |= {"_ARGCOMPLETE_STDOUT_FILENAME": str(answer), "COMP_TYPE": "9", "_ARGCOMPLETE_IFS": "\n"}
    seqbench(environment=environment)
    words = {word.strip() for word in answer.read_text().split("\n") if word.strip()}
    assert {word for word in words if not word.startswith("-")} == expected


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("word", ["list", "--help"])
def test_a_closed_pipe_is_not_an_error(word: str, unbuffered: str) -> None:
    read, write = os.pipe()
    os.close(read)
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    command = [sys.executable, "-m", "seqbench", word]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, env=environment)
    os.close(write)
    assert done.stderr == ""
    # argparse itself ignores a closed pipe if the output is unbuffered.
    assert done.returncode == 141 or (word, unbuffered, done.returncode) == ("--help", "1", 0)


def test_a_terminal_that_is_not_utf_8_shows_escapes() -> None:
    done = seqbench("show", "parity", environment={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert done.returncode == 0
    assert "Del\\xe9tang" in done.stdout


def test_a_path_that_is_too_long_is_reported() -> None:
    done = seqbench("generate", "x" * 300)
    assert done.returncode == 2
    assert done.stderr.startswith("seqbench: ")
    assert "Traceback" not in done.stderr


def test_help_prints_the_summary_of_each_command_without_importing_it() -> None:
    code = (
        "import sys; from seqbench.cli.main import main\n"
        "try: main(['--help'])\n"
        "finally: print([name for name in sys.modules if name.startswith('seqbench.cli.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *page, imported = done.stdout.splitlines()
    assert imported == "['seqbench.cli.main']"
    words = " ".join(" ".join(page).split())
    for name in COMMANDS:
        summary = str(importlib.import_module(f"seqbench.cli.commands.{name}").__doc__).splitlines()[0]
        assert f" {name} {summary}" in words


@pytest.mark.parametrize(
    ("words", "first"),
    [([], "usage: seqbench "), (["help"], "usage: seqbench "), (["help", "sweep"], "usage: seqbench sweep ")],
)
def test_no_words_and_the_word_help_print_the_help(words: list[str], first: str) -> None:
    done = seqbench(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(first)


@pytest.mark.parametrize("command", ["run", "sweep"])
def test_the_help_of_a_command_has_examples_that_it_accepts(command: str) -> None:
    examples = re.findall(rf"^  seqbench ({command} --.*?)(?:  .*)?$", seqbench(command, "--help").stdout, re.M)
    assert len(examples) >= 4
    for example in examples:
        _, rest = build_parser([command]).parse_known_args(example.split())
        assert are_dotted(rest), example


def test_words_and_output_in_the_locale_c(tmp_path: Path) -> None:
    done = seqbench("run", "--arch", "grü", "--task", "copy", cwd=tmp_path, environment={"LANG": "C", "LC_ALL": "C"})
    assert done.returncode == 2
    assert "Did you mean 'gru'" in done.stderr
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert "Nonlinear autoregressive" in seqbench("list", environment=ascii_only).stdout
