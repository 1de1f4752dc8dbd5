from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from sme_analysis.errors import InputErrors
from sme_analysis.evaluation import Columns, Instrumental, estimate, make_panel

Published = Callable[[str, str], tuple[float, float]]


def simulated(seed: int, strength: float, n: int = 300, k: int = 1, effect: float = 0.5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    z, hidden = rng.normal(size=(n, k)), rng.normal(size=n)
    d = strength * z.sum(axis=1) + hidden + rng.normal(size=n)
    y = effect * d + 2 * hidden + rng.normal(size=n)
    return pd.DataFrame({"y": y, "d": d, **{f"z{i}": z[:, i] for i in range(k)}})


def test_hours_of_training(jtrain: pd.DataFrame, published: Published) -> None:
    """Wooldridge, example 15.10: change of log scrap on change of hours, grants as instrument, -.014 (.008), n = 45."""
    by = jtrain[jtrain["year"] <= 1988].sort_values(["fcode", "year"])
    group = by.groupby("fcode")
    wide = by.assign(s=group["lscrap"].diff(), h=group["hrsemp"].diff(), g=group["grant"].diff())
    panel = make_panel(wide[wide["year"] == 1988], Columns("s", treatment="h", instruments=("g",)))
    found = estimate(panel, Instrumental(errors="independent"))
    value, tolerance = published("jtrain", "Ex.15.10 IV (grant instruments training hours)")
    assert found.n == 45
    assert found.estimate == pytest.approx(value, abs=tolerance)
    assert found.standard_error == pytest.approx(0.008, abs=6e-4)


def test_two_stage_least_squares_equals_linearmodels() -> None:
    iv = pytest.importorskip("linearmodels.iv")
    data = simulated(1, 0.5, k=2).assign(town=lambda d: np.arange(len(d)) // 10, one=1.0)
    other = iv.IV2SLS(data["y"], data[["one"]], data["d"], data[["z0", "z1"]]).fit(
        cov_type="clustered", clusters=data["town"], debiased=True
    )
    panel = make_panel(data, Columns("y", treatment="d", instruments=("z0", "z1"), cluster="town"))
    found = estimate(panel, Instrumental())
    assert found.estimate == pytest.approx(other.params["d"])
    assert found.standard_error == pytest.approx(other.std_errors["d"], rel=2e-2)


def test_anderson_rubin_of_one_instrument_is_a_quadratic() -> None:
    """(a - b beta)^2 = F (vyy - 2 beta vyd + beta^2 vdd) at the ends, with one variance and one instrument."""
    data = simulated(2, 0.5)
    found = estimate(
        make_panel(data, Columns("y", treatment="d", instruments=("z0",))), Instrumental(errors="independent")
    )
    z = data["z0"] - data["z0"].mean()
    y, d = data["y"] - data["y"].mean(), data["d"] - data["d"].mean()
    for end in found.interval(0.9):
        gap = y - end * d
        b = float(z @ gap / (z @ z))
        s = float(((gap - b * z) ** 2).sum()) / (len(z) - 2)
        assert b**2 * float(z @ z) / s == pytest.approx(2.7227, abs=0.01)  # F(1, 298) at 10 %


def test_a_useless_instrument_bounds_nothing() -> None:
    panel = make_panel(simulated(3, 0.0), Columns("y", treatment="d", instruments=("z0",)))
    found = estimate(panel, Instrumental())
    assert any(np.isinf(end) for end in found.interval())
    assert "unbounded" in found.sentence or "up to" in found.sentence or "from" in found.sentence
    assert "instrument strength" in found.failed


def test_a_strong_instrument_passes() -> None:
    panel = make_panel(simulated(3, 1.0), Columns("y", treatment="d", instruments=("z0",)))
    assert "instrument strength" not in estimate(panel, Instrumental()).failed


@pytest.mark.parametrize("strength", [0.1, 0.5])
def test_intervals_cover_with_weak_and_strong_instruments(strength: float) -> None:
    covered = naive = 0
    for seed in range(150):
        panel = make_panel(simulated(seed, strength, 200), Columns("y", treatment="d", instruments=("z0",)))
        found = estimate(panel, Instrumental())
        low, high = found.interval(0.9)
        covered += low <= 0.5 <= high
        naive += abs(found.estimate - 0.5) <= 1.645 * found.standard_error
    assert 0.85 <= covered / 150 <= 0.95


def test_effects_are_taken_out() -> None:
    data = pd.concat([simulated(seed, 0.8, 40).assign(year=seed, firm=np.arange(40)) for seed in range(6)])
    data["y"] += data["firm"] * 3.0 + data["year"] * 2.0
    panel = make_panel(data, Columns("y", "firm", "year", treatment="d", instruments=("z0",), pulse=True))
    assert estimate(panel, Instrumental(effects="unit and time")).estimate == pytest.approx(0.5, abs=0.4)


def test_an_instrument_that_says_nothing_is_refused() -> None:
    data = simulated(1, 1.0).assign(z0=0.0)
    with pytest.raises(InputErrors, match="say nothing"):
        estimate(make_panel(data, Columns("y", treatment="d", instruments=("z0",))), Instrumental())
