"""Each stored notebook is one clean run on its defaults, which nbval can then compare cell by cell."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
import store_notebooks

STORED = sorted(store_notebooks.FOLDER.glob("*.ipynb"))


def test_there_are_notebooks_to_compare() -> None:
    assert STORED


def test_notebooks_are_compared_on_the_day_they_are_stored_as_of() -> None:
    assert os.environ["SME_ANALYSIS_TODAY"] == store_notebooks.STORED_ON


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_a_stored_notebook_is_one_clean_run(path: Path) -> None:
    assert list(store_notebooks.problems(path)) == []


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_nothing_in_a_stored_notebook_is_exempt_from_comparison(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    exempt = {"nbval-skip", "nbval-ignore-output", "raises-exception"}
    assert [cell.id for cell in cells if exempt & set(cell.metadata.get("tags", []))] == []
    assert [cell.id for cell in cells if "NBVAL_" in cell.source] == []
