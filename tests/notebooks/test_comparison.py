"""The comparison of stored notebooks catches wrong numbers, wrong figures and missing outputs.

A small notebook is stored as ours are, altered in one way a copy, and compared in one run of pytest with the
project's own settings and conftest.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest
import store_notebooks
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).resolve().parents[2]
Notebook = nbformat.NotebookNode

PARAMETERS = 'scenario: str = "default"  # which scenario'
TABLE = "import pandas as pd\n\npd.DataFrame({'lending': [41.25, 42.5]})"
FIGURE = """\
import matplotlib.pyplot as plt
from IPython.display import display

fig, ax = plt.subplots(figsize=(2, 1.5))
ax.plot([1, 2, 3])
plt.close(fig)
display(fig, metadata={"image/png": {"alt": "A line from 1 to 3"}})"""
SILENT = "total = 1 + 1"


def wrong_number(notebook: Notebook) -> None:
    data = notebook.cells[2].outputs[0].data
    for kind in ("text/html", "text/plain"):
        data[kind] = data[kind].replace("42.5", "42.6")


def wrong_number_in_the_page_only(notebook: Notebook) -> None:
    data = notebook.cells[2].outputs[0].data
    data["text/html"] = data["text/html"].replace("42.5", "42.6")


def figure_of_other_data(notebook: Notebook) -> None:
    # Size and text form stay: only the picture differs.
    notebook.cells[3].source = FIGURE.replace("[1, 2, 3]", "[1, 3, 2]")


def wrong_alt_text(notebook: Notebook) -> None:
    notebook.cells[3].outputs[0].metadata["image/png"]["alt"] = "A line from 1 to 4"


def new_warning(notebook: Notebook) -> None:
    notebook.cells[4].source = "import warnings\n\nwarnings.warn('diverges')"


def new_exception(notebook: Notebook) -> None:
    notebook.cells[4].source = "1 / 0"


def outputs_stripped(notebook: Notebook) -> None:
    for cell in notebook.cells[1:]:
        cell.outputs, cell.execution_count = [], None


def outputs_deleted_counts_kept(notebook: Notebook) -> None:
    for cell in notebook.cells[1:]:
        cell.outputs = []


MUTATIONS: tuple[Callable[[Notebook], None], ...] = (
    wrong_number,
    wrong_number_in_the_page_only,
    figure_of_other_data,
    wrong_alt_text,
    new_warning,
    new_exception,
    outputs_stripped,
    outputs_deleted_counts_kept,
)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Store a small notebook the way ours are stored."""
    path = tmp_path_factory.mktemp("stored") / "unaltered.ipynb"
    code = [new_code_cell(source) for source in (PARAMETERS, TABLE, FIGURE, SILENT)]
    code[0].metadata.tags = ["parameters"]
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Lending"), *code]), path)
    store_notebooks.store(path)
    return path


@pytest.fixture(scope="module")
def failures(stored: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """Cells that failed in each altered notebook and in the unaltered one, by the notebook's name."""
    folder = tmp_path_factory.mktemp("compared")
    shutil.copy(ROOT / "conftest.py", folder)
    shutil.copy(stored, folder)
    for mutate in MUTATIONS:
        notebook = nbformat.read(stored, as_version=4)
        mutate(notebook)
        nbformat.write(notebook, folder / f"{mutate.__name__}.ipynb")
    report = folder / "report.xml"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval",
        f"--rootdir={ROOT}",
        f"-c={ROOT / 'pyproject.toml'}",
    ]
    command += ["-p", "no:cacheprovider", f"--junitxml={report}", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert report.is_file(), done.stdout + done.stderr
    names = ["unaltered", *(mutate.__name__ for mutate in MUTATIONS)]
    cases = list(ElementTree.parse(report).iter("testcase"))
    assert len(cases) == 4 * len(names), done.stdout
    if "pictures are not compared" in done.stdout:
        names.remove(figure_of_other_data.__name__)
    return {
        name: sum(
            case.find("failure") is not None or case.find("error") is not None
            for case in cases
            if case.get("classname", "").endswith(f"{name}.ipynb")
        )
        for name in names
    }


@pytest.mark.kernel
@pytest.mark.slow
def test_an_unaltered_notebook_passes(failures: dict[str, int]) -> None:
    assert failures["unaltered"] == 0


@pytest.mark.kernel
@pytest.mark.slow
@pytest.mark.parametrize("mutation", [mutate.__name__ for mutate in MUTATIONS])
def test_an_altered_notebook_fails(failures: dict[str, int], mutation: str) -> None:
    if mutation not in failures:
        pytest.skip("matplotlib or pillow is not as in requirements.lock: pictures are not compared")
    assert failures[mutation] > 0


@pytest.mark.kernel
@pytest.mark.slow
def test_storing_again_changes_no_byte(stored: Path) -> None:
    before = stored.read_bytes()
    store_notebooks.store(stored)
    assert stored.read_bytes() == before
    assert list(store_notebooks.problems(stored)) == []


@pytest.mark.kernel
def test_a_notebook_that_fails_is_left_as_it_was(
    tmp_path: Path, stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "broken.ipynb"
    notebook = nbformat.read(stored, as_version=4)
    new_exception(notebook)
    nbformat.write(notebook, path)
    before = path.read_bytes()
    assert store_notebooks.main([str(path)]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("mutate", "problem"),
    [
        (outputs_stripped, "not 1 to 4 in order"),
        (outputs_deleted_counts_kept, "no table, figure or sentence"),
    ],
)
@pytest.mark.kernel
def test_check_names_what_is_missing(
    tmp_path: Path,
    stored: Path,
    capsys: pytest.CaptureFixture[str],
    mutate: Callable[[Notebook], None],
    problem: str,
) -> None:
    notebook = nbformat.read(stored, as_version=4)
    mutate(notebook)
    path = tmp_path / "altered.ipynb"
    nbformat.write(notebook, path)
    assert store_notebooks.main(["--check", str(path)]) == 1
    assert problem in capsys.readouterr().out
