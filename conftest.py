"""What our comparison of stored notebooks adds to nbval: pictures, alt texts, no stripped cells."""

from __future__ import annotations

import pytest

# nbval leaves these out of the comparison; without them it passes a figure that shows other data.
COMPARED_TOO = {"image/png", "image/jpeg", "metadata"}


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Compare the pictures of a notebook and their alt texts too, not only its text."""
    skipped = getattr(collector, "skip_compare", None)
    if skipped is not None:
        collector.skip_compare = tuple(key for key in skipped if key not in COMPARED_TOO)  # type: ignore[attr-defined]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail a code cell that was stored without being run: nbval has nothing to compare and passes it."""
    cell = getattr(item, "cell", None)
    if cell is not None and cell.execution_count is None:
        pytest.fail(f"{item.name} is stored without its outputs; run `make notebooks`", pytrace=False)
