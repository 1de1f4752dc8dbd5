from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sme_analysis.evaluation import Columns, Panel, TwoWay, estimate, make_panel
from sme_analysis.evaluation.absorb import absorb, nested
from sme_analysis.evaluation.bootstrap import clustered, draws, wild_bootstrap


def counties(seed: int, towns: int = 10, firms: int = 12, periods: int = 6, effect: float = 0.0) -> Panel:
    """Half of few counties treated from the fourth period on; shocks by county and year, persistent."""
    rng = np.random.default_rng(seed)
    town, firm, time = (
        a.ravel() for a in np.meshgrid(np.arange(towns), np.arange(firms), np.arange(periods), indexing="ij")
    )
    shock = np.cumsum(rng.normal(size=(towns, periods)), axis=1) * 0.5
    start = np.where(town % 2 == 0, 4, 0)
    y = shock[town, time] + rng.normal(size=len(town)) + effect * ((start > 0) & (time + 1 >= start))
    data = pd.DataFrame({"y": y, "firm": town * firms + firm, "year": time + 1, "start": start, "town": town})
    return make_panel(data, Columns("y", "firm", "year", "start", cluster="town"))


def test_the_coefficient_is_that_of_the_regression() -> None:
    panel = counties(1)
    assert wild_bootstrap(panel).estimate == pytest.approx(estimate(panel, TwoWay()).estimate)


def test_scores_by_cluster_equal_a_regression_for_every_draw() -> None:
    """Ten clusters, all 1,024 patterns: p-values by refitting with dummies and CRV1 errors, the null imposed."""
    panel = counties(2, firms=3)
    found = wild_bootstrap(panel)
    frame = panel.frame
    unit, time = (
        pd.get_dummies(frame["unit"]).to_numpy(float),
        pd.get_dummies(frame["time"]).to_numpy(float)[:, 1:],
    )
    d, y = frame["treatment"].to_numpy(float), frame["outcome"].to_numpy(float)
    others = np.column_stack([unit, time])
    whole = np.column_stack([d, others])
    inverse = np.linalg.pinv(whole.T @ whole)
    town = panel.codes("cluster")

    def t_ratio(outcome: np.ndarray, null: float) -> float:
        b = inverse @ (whole.T @ outcome)
        scores = whole * (outcome - whole @ b)[:, None]
        sums = np.array([scores[town == g].sum(axis=0) for g in range(10)])
        return float((b[0] - null) / np.sqrt((inverse @ (sums.T @ sums) @ inverse)[0, 0]))

    null = 0.3
    fitted = others @ np.linalg.lstsq(others, y - null * d, rcond=None)[0]
    left = y - null * d - fitted
    actual = t_ratio(y, null)
    drawn = [t_ratio(fitted + null * d + signs[town] * left, null) for signs in next(draws(10, 0, 0))]
    assert found.p_value(null) == pytest.approx(
        float((np.abs(drawn) >= abs(actual) * (1 - 1e-9)).mean()), abs=1e-12
    )


def test_p_values_equal_wildboottest() -> None:
    wildboottest = pytest.importorskip("wildboottest.wildboottest")
    panel = counties(3, firms=2)
    frame = panel.frame
    dummies = pd.get_dummies(frame[["unit", "time"]].astype(str), drop_first=True).to_numpy(float)
    x = np.column_stack([frame["treatment"].to_numpy(float), np.ones(len(frame)), dummies])
    r = np.eye(x.shape[1])[0]
    boot = wildboottest.WildboottestCL(
        X=x, Y=frame["outcome"].to_numpy(float), cluster=panel.codes("cluster"), R=r, B=99_999, seed=1
    )
    boot.get_scores(bootstrap_type="11", impose_null=True)
    boot.get_weights(weights_type="rademacher")
    boot.get_numer()
    boot.get_denom()
    boot.get_tboot()
    boot.get_vcov()
    boot.get_tstat()
    boot.get_pvalue(pval_type="two-tailed")
    assert wild_bootstrap(panel).p_value(0.0) == pytest.approx(float(np.ravel(boot.pvalue)[0]), abs=0.01)


def test_the_interval_holds_what_is_not_rejected() -> None:
    found = wild_bootstrap(counties(4))
    low, high = found.law(0.9)
    step = 1e-3 * (high - low)
    assert found.p_value(low + step) >= 0.1 > found.p_value(low - step)
    assert found.p_value(high - step) >= 0.1 > found.p_value(high + step)


def test_one_treated_cluster_widens_what_the_usual_error_hides() -> None:
    panel = counties(5, towns=6)
    frame = panel.frame.assign(cohort=np.where(panel.frame["cluster"] == 0, 4.0, 0.0))
    frame["treatment"] = ((frame["cohort"] > 0) & (frame["time"] >= 4)).astype(float)
    one = Panel(frame, panel.columns)
    low, high = wild_bootstrap(one).law(0.9)
    assert high - low > 5 * 2 * 1.645 * estimate(one, TwoWay()).standard_error
    assert "clusters" in estimate(one, TwoWay()).failed


@pytest.mark.parametrize(("clusters", "rows"), [(5, 32), (20, 300), (40, 300)])
def test_draws(clusters: int, rows: int) -> None:
    signs = np.vstack(list(draws(clusters, 300, 1)))
    assert signs.shape == (rows, clusters)
    assert len(np.unique(np.abs(signs.round(9)))) == (3 if clusters == 20 else 1)


@pytest.mark.slow
def test_few_clusters_the_bootstrap_covers_and_the_usual_error_does_not() -> None:
    usual = wild = 0
    for seed in range(200):
        panel = counties(seed, towns=8, firms=5)
        low, high = estimate(panel, TwoWay(errors="wild")).interval(0.9)
        wild += low <= 0 <= high
        robust = estimate(panel, TwoWay())
        usual += abs(robust.estimate) <= 1.645 * robust.standard_error
    assert 0.85 <= wild / 200 <= 0.95
    assert usual < wild


def test_absorbing_and_nesting() -> None:
    rng = np.random.default_rng(1)
    a, b, w = rng.integers(0, 7, 200), rng.integers(0, 5, 200), rng.uniform(0.5, 2, 200)
    y = rng.normal(size=(200, 1))
    x = np.column_stack([pd.get_dummies(a).to_numpy(float), pd.get_dummies(b).to_numpy(float)])
    fitted = x @ np.linalg.lstsq(x * np.sqrt(w)[:, None], y[:, 0] * np.sqrt(w), rcond=None)[0]
    assert np.allclose(absorb(y, [a, b], w)[:, 0], y[:, 0] - fitted, atol=1e-8)
    assert nested(np.array([0, 0, 1, 2]), np.array([0, 0, 1, 1]))
    assert not nested(np.array([0, 0, 1]), np.array([0, 1, 1]))
    with pytest.raises(ArithmeticError, match="settle"):
        absorb(y, [a, b], w, most=1)


def test_weights_and_covariates_enter_the_sums_as_in_the_regression() -> None:
    frame = counties(6).frame
    rng = np.random.default_rng(6)
    data = frame.assign(w=rng.uniform(0.5, 2, len(frame)), x=rng.normal(size=len(frame)))
    columns = Columns("outcome", "unit", "time", "cohort", cluster="cluster", weights="w", covariates=("x",))
    panel = make_panel(data.drop(columns="treatment"), columns)
    found = estimate(panel, TwoWay())
    short = clustered(panel)
    assert wild_bootstrap(panel).estimate == pytest.approx(found.estimate)
    assert short[:2] == pytest.approx((found.estimate, found.standard_error))
