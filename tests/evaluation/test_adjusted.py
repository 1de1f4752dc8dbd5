from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from sme_analysis.errors import InputErrors
from sme_analysis.evaluation import Adjusted, Columns, Panel, TwoWay, estimate, make_panel
from tests.evaluation.conftest import read

Published = Callable[[str, str], tuple[float, float]]
X = ("age", "educ", "black", "hisp", "marr", "nodegree", "re74", "re75")
METHODS = ("weighting", "matching")


@pytest.fixture(scope="module")
def experiment() -> Panel:
    columns = Columns("re78", treatment="treat", covariates=X, measured_in="dollars")
    return make_panel(read("nsw/nsw_mixtape.csv"), columns)


@pytest.fixture(scope="module")
def observed() -> Panel:
    """The treated of the experiment against the Current Population Survey (LaLonde 1986; Dehejia and Wahba 1999)."""
    treated, survey = read("nsw/nsw_mixtape.csv"), read("nsw/cps_mixtape.csv")
    data = pd.concat([treated[treated["treat"] == 1], survey], ignore_index=True)
    data = data.assign(age2=data["age"] ** 2, u74=data["re74"] == 0, u75=data["re75"] == 0)
    columns = Columns("re78", treatment="treat", covariates=(*X, "age2", "u74", "u75"), measured_in="dollars")
    return make_panel(data, columns)


def simulated(seed: int, n: int = 500, effect: float = 1.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    d = (rng.random(n) < 1 / (1 + np.exp(0.5 - 0.7 * x[:, 0]))).astype(float)
    y = x @ np.array([1.0, -0.5]) + effect * d + rng.normal(size=n)
    return pd.DataFrame({"y": y, "d": d, "a": x[:, 0], "b": x[:, 1]})


COLUMNS = Columns("y", treatment="d", covariates=("a", "b"))


def test_the_experiment(published: Published) -> None:
    """Dehejia and Wahba (1999): difference of means 1,794.34."""
    panel = make_panel(read("nsw/nsw_mixtape.csv"), Columns("re78", treatment="treat"))
    value, tolerance = published("NSW", "experimental ATE")
    assert estimate(panel, TwoWay(effects="none")).estimate == pytest.approx(value, abs=tolerance)


def test_the_naive_comparison(observed: Panel, published: Published) -> None:
    """Cunningham, Causal Inference: The Mixtape, chapter 5: -8,497.52 against the survey."""
    value, tolerance = published("NSW+CPS", "naive difference")
    assert estimate(observed, Adjusted()).data["naive"]["effect"].iloc[0] == pytest.approx(
        value, abs=tolerance
    )


@pytest.mark.parametrize("method", METHODS)
def test_adjustment_comes_back_to_the_experiment(observed: Panel, method: str) -> None:
    """From -8,498 to the neighbourhood of 1,794, with an interval that holds it, and a warning about overlap."""
    found = estimate(observed, Adjusted(method=method))
    low, high = found.interval(0.9)
    assert low < 1794.34 < high
    assert abs(found.estimate - 1794.34) < 500
    assert "overlap" in found.failed


@pytest.mark.parametrize("method", METHODS)
def test_in_the_experiment_adjustment_changes_little(experiment: Panel, method: str) -> None:
    found = estimate(experiment, Adjusted(method=method))
    assert abs(found.estimate - 1794.34) < 500
    assert "overlap" not in found.failed
    assert "covariate balance" not in found.failed


def test_covariate_balance_fails_where_one_covariate_stays_apart() -> None:
    data = simulated(1)
    data["b"] += 6 * data["d"] * (np.arange(len(data)) % 25 > 0)
    found = estimate(make_panel(data, COLUMNS), Adjusted(method="matching"))
    assert {"overlap", "covariate balance"} <= set(found.failed)


def test_doubly_robust_is_callaway_santanna_with_two_periods() -> None:
    """Sant'Anna and Zhao (2020): their estimator on changes, as diff-diff computes it on the panel."""
    from diff_diff import CallawaySantAnna

    data = simulated(4).assign(i=lambda d: np.arange(len(d)))
    long = pd.concat([data.assign(t=1, y=0.0), data.assign(t=2)]).assign(g=lambda d: 2 * d["d"])
    other = CallawaySantAnna().fit(
        long, outcome="y", unit="i", time="t", first_treat="g", covariates=["a", "b"]
    )
    found = estimate(make_panel(data, COLUMNS), Adjusted())
    assert found.estimate == pytest.approx(other.overall_att, rel=1e-4)
    assert found.standard_error == pytest.approx(other.overall_se, rel=5e-3)
    columns = Columns("y", "i", "t", "g", covariates=("a", "b"))
    panel = make_panel(long.sort_values(["i", "t"]), columns)
    assert estimate(panel, Adjusted(change=True)).estimate == pytest.approx(found.estimate)


@pytest.mark.parametrize("method", METHODS)
def test_ninety_per_cent_intervals_cover(method: str) -> None:
    hits = []
    for seed in range(150):
        low, high = estimate(make_panel(simulated(seed, 600), COLUMNS), Adjusted(method=method)).interval(0.9)
        hits.append(low <= 1.0 <= high)
    assert 0.85 <= np.mean(hits) <= 0.95


def test_what_it_cannot_carry_is_refused() -> None:
    data = simulated(1)
    with pytest.raises(InputErrors, match="0 and 1"):
        estimate(make_panel(data.assign(d=data["a"]), COLUMNS), Adjusted())
    with pytest.raises(InputErrors, match="apart completely"):
        estimate(make_panel(data.assign(a=data["d"] * 5 + 0.01 * data["a"]), COLUMNS), Adjusted())
