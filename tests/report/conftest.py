from __future__ import annotations

from typing import Any

import pytest

from sme_analysis.report import Recorder
from sme_analysis.scenario import Scenario, load_scenario

Output = tuple[dict[str, Any], dict[str, Any]]


@pytest.fixture(scope="session")
def scenario() -> Scenario:
    return load_scenario("haixi-2020")


@pytest.fixture
def shown() -> list[Output]:
    """What the reader of a notebook is shown, in order."""
    return []


@pytest.fixture
def rec(scenario: Scenario, shown: list[Output]) -> Recorder:
    return Recorder(
        "03_risk_compensation", scenario, show=lambda data, metadata: shown.append((data, metadata))
    )
