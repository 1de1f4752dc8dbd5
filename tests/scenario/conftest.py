"""A project folder of one's own, for tests that break things."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sme_analysis.scenario.paths import HOME_VARIABLE, project_root

ROOT = project_root()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the project's parameters that is the project for this test."""
    shutil.copytree(ROOT / "parameters", tmp_path / "parameters")
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty working folder of a user of the project as it is."""
    monkeypatch.setenv(HOME_VARIABLE, str(ROOT))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write(desk: Path) -> Callable[..., Path]:
    """Return a function that writes a scenario file: complete but for what it is given."""

    def write(text: str, name: str = "mine", *, heading: bool = True) -> Path:
        file = desk / f"{name}.yaml"
        top = "title: Mine\nauthor: A. Reader\nreference: article 16\n" if heading else ""
        file.write_text(top + text, encoding="utf-8")
        return file

    return write
