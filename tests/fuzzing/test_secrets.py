"""A run whose backbone repeats every secret of its environment: no file and no output contains one."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest

from seqbench.running import run_config
from seqbench.running.run_request import RunRequest
from seqbench.utils.errors import SeqbenchError

SECRETS = {
    "WANDB_API_KEY": "local-0123456789abcdef0123456789abcdef01234567",
    "HF_TOKEN": "hf_aVeryLongAndVerySecretToken",
    "AWS_SECRET_ACCESS_KEY": "wJalr/XUtnFEMI+K7MDENG=bPxRfi",
}
PASSWORD = "hunter2-hunter2"
LEAKY = """
import os
from torch import nn

class Net(nn.Module):
    causal = True

    def __init__(self, d_model: int, breaks: bool = True) -> None:
        super().__init__()
        self.breaks, self.linear = breaks, nn.Linear(d_model, d_model)

    def forward(self, x, lengths=None):
        if self.breaks:
            raise RuntimeError(f"x" * 480 + f" the server refuses {dict(os.environ)!r}")
        return self.linear(x)

class Refusing(Net):
    def __init__(self, d_model: int) -> None:
        raise ValueError(" ".join(os.environ.values()))
"""
RUN = ["run", "--task", "copy", "--tier", "smoke", "--task.delay", "2", "--task.samples", "40", "--logger", "wandb"]
SHORT = ["--optim.steps", "20", "--optim.batch_size", "8", "--optim.validate_every", "10", "--arch.d_model", "8"]


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    (folder / "leaky.py").write_text(LEAKY)
    proxy = f"http://somebody:{PASSWORD}@127.0.0.1:9"
    secrets = {**SECRETS, "HTTPS_PROXY": proxy, "https_proxy": proxy, "WANDB_MODE": "offline"}
    return subprocess.run(
        [sys.executable, "-m", "seqbench", *RUN, *words],
        cwd=folder,
        env={**os.environ, **secrets},
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=200,
    )


def leaks(folder: Path, done: subprocess.CompletedProcess[bytes]) -> list[str]:
    """Return the files and outputs that contain a secret."""
    forms = [form.encode() for form in (*SECRETS.values(), PASSWORD)]
    forms += [base64.b64encode(form) for form in forms]
    texts = {"standard output": done.stdout, "standard error": done.stderr}
    texts |= {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert len(texts) > 2, "there is nothing to look through"
    return [name for name, data in texts.items() if any(form in data for form in forms)]


@pytest.mark.slow
def test_the_files_of_a_run_contain_no_secret(tmp_path: Path) -> None:
    done = run(tmp_path, "--arch", "leaky:Net", "--arch.breaks", "false", *SHORT)
    assert done.returncode == 0, done.stderr.decode()
    assert list(tmp_path.rglob("*.wandb"))
    assert leaks(tmp_path, done) == []


@pytest.mark.slow
def test_a_secret_in_the_error_of_a_backbone_is_hidden(tmp_path: Path) -> None:
    done = run(tmp_path, "--arch", "leaky:Net", *SHORT)
    assert done.returncode == 1, done.stderr.decode()
    (error,) = tmp_path.rglob("error.txt")
    assert "the server refuses" in error.read_text()
    assert leaks(tmp_path, done) == []


@pytest.mark.slow
def test_a_secret_in_the_refusal_of_a_backbone_is_hidden(tmp_path: Path) -> None:
    done = run(tmp_path, "--arch", "leaky:Refusing", *SHORT)
    assert done.returncode == 2
    assert b"refuses its options" in done.stderr
    assert leaks(tmp_path, done) == []


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("task", {"name": "copy", "delay": 2}, None),
        ("task", {"name": "char-lm", "data_dir": f"{SECRETS['HF_TOKEN']}/a.txt"}, r"holds the value of \$HF_TOKEN"),
        ("task", {"name": "char-lm", "data_dir": SECRETS["HF_TOKEN"]}, r"option task\.data_dir holds .*\$HF_TOKEN"),
    ],
)
def test_an_option_that_contains_a_secret_is_refused(
    option: str, value: object, sentence: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    folder = tmp_path / SECRETS["HF_TOKEN"]
    folder.mkdir()
    (folder / "a.txt").write_text("to be, or not to be " * 30)
    monkeypatch.chdir(tmp_path)
    given = {"arch": {"name": "gru", "d_model": 8}, "task": "copy", "tier": "smoke", option: value}
    if sentence is None:
        run_config.resolve_config(RunRequest.from_mapping(given))
        return
    with pytest.raises(SeqbenchError, match=sentence) as caught:
        run_config.resolve_config(RunRequest.from_mapping(given))
    assert SECRETS["HF_TOKEN"] not in str(caught.value)
