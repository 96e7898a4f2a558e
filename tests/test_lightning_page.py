"""The code of docs/lightning.md runs as it stands."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "lightning.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_code_of_the_page_runs(tmp_path: Path) -> None:
    """The code runs in a process of its own, because W&B's logger changes the environment and keeps a service."""
    last = (
        "values = {name: float(value) for name, value in trainer.callback_metrics.items()}\n"
        "print('RESULT', json.dumps([values['validation/accuracy'], float(scores['test/accuracy'])]))\n"
    )
    script = tmp_path / "page.py"
    script.write_text("import json\n" + "\n".join(BLOCKS) + last, encoding="utf-8")
    done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-2000:]
    accuracy, chance = map(float, re.findall(r"test accuracy (\S+), chance (\S+)", done.stdout)[0])
    assert accuracy > 2 * chance
    validation, test = json.loads(done.stdout.partition("RESULT ")[2].splitlines()[0])
    assert validation > 2 * chance
    assert 0 <= test <= 1
    assert list(tmp_path.glob("logs/wandb/offline-run-*"))


def test_the_page_names_the_tests_that_exist() -> None:
    root = PAGE.parent.parent
    named = re.findall(r"`(tests/\S+?\.py)`", PAGE.read_text(encoding="utf-8"))
    assert len(named) == 4
    assert all((root / name).is_file() for name in named)
