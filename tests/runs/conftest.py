"""A project with tiny notebooks, so that a run takes seconds and depends on nothing but Jupyter."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_notebooks import notebook_json

from sme_analysis.scenario.paths import HOME_VARIABLE, project_root

ROOT = project_root()


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project of one's own with the real parameters and no notebook, and a user's folder in it."""
    shutil.copytree(ROOT / "parameters", tmp_path / "project" / "parameters")
    (tmp_path / "project" / "notebooks").mkdir()
    (tmp_path / "project" / "data").mkdir()
    (tmp_path / "project" / "data" / "figures.csv").write_text("key,value\n", encoding="utf-8")
    (tmp_path / "desk").mkdir()
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "project"))
    monkeypatch.chdir(tmp_path / "desk")
    return tmp_path / "desk"


@pytest.fixture
def runs(desk: Path) -> Path:
    """Return the folder that the project's runs lie in."""
    return desk.parent / "project" / "runs"


@pytest.fixture
def write(desk: Path) -> Callable[..., Path]:
    """Return a function that writes a notebook of the project."""

    def write(name: str, *sources: str, **options: Any) -> Path:
        path = desk.parent / "project" / "notebooks" / f"{name}.ipynb"
        path.write_text(notebook_json(sources, **options), encoding="utf-8")
        return path

    return write
