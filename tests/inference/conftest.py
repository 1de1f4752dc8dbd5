"""A project folder of one's own, for calibrations that a test writes or breaks."""

from __future__ import annotations

import shutil
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
