"""Pictures are not left out of the comparison unnoticed where nobody reads the header of a test run."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def plugin():
    spec = importlib.util.spec_from_file_location("root_conftest", ROOT / "conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_another_release_is_an_error_in_ci_only(plugin, pytestconfig, monkeypatch):
    monkeypatch.setattr(plugin, "_not_as_locked", lambda root: "matplotlib")
    monkeypatch.delenv("CI", raising=False)
    plugin.pytest_configure(pytestconfig)
    assert "pictures are not compared" in plugin.pytest_report_header(pytestconfig)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.UsageError, match="another matplotlib"):
        plugin.pytest_configure(pytestconfig)


def test_the_lock_itself_is_no_error(plugin, pytestconfig, monkeypatch):
    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr(plugin, "_not_as_locked", lambda root: "")
    plugin.pytest_configure(pytestconfig)
