"""Where the project is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from sme_analysis.errors import UserError
from sme_analysis.scenario import paths


def make(folder: Path) -> Path:
    (folder / "parameters" / "catalogue").mkdir(parents=True)
    return folder


def test_the_variable_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(paths.HOME_VARIABLE, str(make(tmp_path)))
    assert paths.project_root() == tmp_path


def test_a_wrong_variable_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(paths.HOME_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match=paths.HOME_VARIABLE):
        paths.project_root()


def test_the_working_folder_and_those_above_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(paths.HOME_VARIABLE, raising=False)
    below = make(tmp_path) / "notebooks" / "drafts"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert paths.project_root() == tmp_path
    assert paths.catalogue_folder() == tmp_path / "parameters" / "catalogue"
    assert paths.readable(tmp_path / "parameters" / "x.yaml") == "parameters/x.yaml"
    assert paths.readable(below / "x.yaml") == "x.yaml"
    assert paths.readable(Path("/elsewhere/x.yaml")) == "/elsewhere/x.yaml"


def test_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(paths.HOME_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(paths, "__file__", str(tmp_path / "package" / "paths.py"))
    with pytest.raises(UserError, match="Change to the project's folder"):
        paths.project_root()
    assert paths.readable(tmp_path / "x.yaml") == "x.yaml"
