"""The notebook of the examples: it was executed without errors, and it runs again."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parent.parent / "examples" / "my_own_network.ipynb"


def outputs(notebook: nbformat.NotebookNode) -> list[list[str]]:
    """The types of the results of each code cell; streams may be split differently."""
    return [
        sorted({output.output_type for output in cell.outputs}) for cell in notebook.cells if cell.cell_type == "code"
    ]


def test_the_committed_notebook_was_executed_without_errors() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert "error" not in {kind for cell in outputs(notebook) for kind in cell}
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert "<table>" in text
    assert not any(folder in text for folder in ("/home/", "/root/", "/tmp/", "/Users/"))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_notebook_runs(tmp_path: Path) -> None:
    committed, notebook = (nbformat.read(NOTEBOOK, as_version=4) for _ in range(2))
    NotebookClient(notebook, timeout=800, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert outputs(notebook) == outputs(committed)
    assert len(list(tmp_path.rglob("result.json"))) == 4
