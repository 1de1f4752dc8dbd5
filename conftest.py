"""What our comparison of stored notebooks adds to nbval: pictures, alt texts, no stripped cells."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path

import pytest

# nbval leaves these out of the comparison; without pictures it passes a figure that shows other data.
ALT_TEXTS = {"metadata"}
PICTURES = {"image/png", "image/jpeg"}
# Another release of these draws or packs other bytes; another Python or numpy does not.
DRAWN_BY = ("matplotlib", "pillow")
# The day on which everything is tested, and as of which `tools/store_notebooks.py` stores.
TODAY = "2026-11-23"


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say so where pictures are left out, as in a conda environment that is newer than the lock."""
    others = _not_as_locked(config.rootpath)
    if not others:
        return None
    return f"stored notebooks: pictures are not compared, since requirements.lock has another {others}"


def pytest_configure(config: pytest.Config) -> None:
    """Set the day; refuse to pass over pictures unnoticed where nobody reads the header, as CI runs the lock."""
    os.environ["SME_ANALYSIS_TODAY"] = TODAY
    others = _not_as_locked(config.rootpath)
    if others and os.environ.get("CI"):
        raise pytest.UsageError(
            f"pictures of the stored notebooks cannot be compared: requirements.lock has another {others}; "
            "install the lock, or unset CI to compare text only"
        )


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Compare the alt texts of a notebook too, and its pictures where they are drawn as in the lock."""
    skipped = getattr(collector, "skip_compare", None)
    if skipped is not None:
        compared = ALT_TEXTS if _not_as_locked(collector.config.rootpath) else ALT_TEXTS | PICTURES
        collector.skip_compare = tuple(key for key in skipped if key not in compared)  # type: ignore[attr-defined]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail a code cell that was stored without being run: nbval has nothing to compare and passes it."""
    cell = getattr(item, "cell", None)
    if cell is not None and cell.execution_count is None:
        pytest.fail(f"{item.name} is stored without its outputs; run `make notebooks`", pytrace=False)


def _not_as_locked(root: Path) -> str:
    """Name the releases that draw pictures here and are not those of the lock; nothing if all are."""
    locked = (root / "requirements.lock").read_text(encoding="utf-8").split()
    return ", ".join(name for name in DRAWN_BY if f"{name}=={version(name)}" not in locked)
