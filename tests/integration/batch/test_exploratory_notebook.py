from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from data.datasets import synthetic

ROOT = Path(__file__).parents[3]
NOTEBOOK = ROOT / "batch" / "exploratory_analysis.ipynb"
FIGURE = "application/vnd.plotly.v1+json"


def read_notebook() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_the_notebook_is_kept_without_outputs() -> None:
    notebook = read_notebook()
    nbformat.validate(notebook)
    assert all(not cell.outputs and cell.execution_count is None for cell in code_cells(notebook))


def test_the_notebook_runs_from_the_root_of_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "small-shop.csv"
    synthetic.write(synthetic.generate(customers=120, days=200, seed=4), path)
    monkeypatch.setenv("SEGUE_NOTEBOOK_DATASET", str(path))
    monkeypatch.setenv("PLOTLY_RENDERER", "plotly_mimetype")
    notebook = read_notebook()
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}).execute()
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    assert sum(FIGURE in output.get("data", {}) for output in outputs) == 14
    words = " ".join(output.get("data", {}).get("text/markdown", "") for output in outputs)
    assert "The best month is" in words
    assert [output for output in outputs if output.output_type == "stream" and output.name == "stderr"] == []
