from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from sme_analysis.errors import InputErrors
from sme_analysis.evaluation import Columns, Discontinuity, Panel, estimate, make_panel
from sme_analysis.evaluation.checks import manipulation
from tests.evaluation.conftest import read

Published = Callable[[str, str], tuple[float, float]]


@pytest.fixture(scope="module")
def senate() -> Panel:
    return make_panel(read("rd/rdsenate.csv"), Columns("vote", running="margin", measured_in="points"))


def simulated(seed: int = 1, n: int = 2000, effect: float = 1.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    r = rng.uniform(-1, 1, n)
    d = (r >= 0).astype(float)
    return pd.DataFrame({"r": r, "y": 0.5 * r + 0.3 * r**2 + effect * d + 0.5 * rng.normal(size=n), "d": d})


def test_incumbents_advantage(senate: Panel, published: Published) -> None:
    """Calonico, Cattaneo and Titiunik (2014, Stata Journal): 7.414, bandwidth 17.754, robust interval [4.094, 10.919]."""
    found = estimate(senate, Discontinuity(level=0.95))
    got = {"conventional": found.estimate, "h": found.table["left"].iloc[0]}
    got["robust CI low"], got["robust CI high"] = found.interval()
    for name, value in got.items():
        expected, tolerance = published("RD senate", name)
        assert value == pytest.approx(expected, abs=tolerance), name


def test_the_same_as_rdrobust(senate: Panel) -> None:
    rdrobust = pytest.importorskip("rdrobust")
    frame = senate.frame
    other = rdrobust.rdrobust(y=frame["outcome"].to_numpy(), x=frame["running"].to_numpy())
    found = estimate(senate, Discontinuity(level=0.95))
    assert found.interval() == pytest.approx(tuple(np.asarray(other.ci)[2]), abs=1e-6)


def test_the_density_test_is_that_of_rddensity(senate: Panel) -> None:
    rddensity = pytest.importorskip("rddensity")
    p = rddensity.rddensity(X=senate.frame["running"].to_numpy(), c=0).test["p_jk"]
    assert f"p = {float(p):.3f}" in manipulation(senate.frame["running"].to_numpy(), 0.0).message


def test_manipulation_fails_where_units_choose_their_side() -> None:
    data = simulated()
    assert "manipulation" not in estimate(make_panel(data, Columns("y", running="r")), Discontinuity()).failed
    data.loc[(data["r"] < 0) & (data["r"] > -0.3) & (data.index % 2 == 0), "r"] *= -1
    assert "manipulation" in estimate(make_panel(data, Columns("y", running="r")), Discontinuity()).failed
    assert manipulation(np.repeat([-1.0, 1.0], 50), 0.0).status == "not applicable"


def test_placebo_cutoffs_fail_where_the_outcome_jumps_elsewhere() -> None:
    data = simulated(n=4000)
    clean = estimate(make_panel(data, Columns("y", running="r")), Discontinuity())
    assert "placebo cut-offs" not in clean.failed
    data["y"] += 2.0 * (data["r"] > data.loc[data["r"] >= 0, "r"].quantile(1 / 3))
    assert "placebo cut-offs" in estimate(make_panel(data, Columns("y", running="r")), Discontinuity()).failed
    none = estimate(make_panel(data, Columns("y", running="r")), Discontinuity(placebos=0))
    assert none.diagnostics.set_index("check").loc["placebo cut-offs", "status"] == "not applicable"


def test_several_cutoffs_are_pooled_by_precision() -> None:
    data = simulated(n=4000)
    data["y"] += (data["r"] >= 0.5) * 1.0
    found = estimate(
        make_panel(data, Columns("y", running="r")), Discontinuity(cutoffs=(0.0, 0.5), bandwidth=0.2)
    )
    assert found.table["term"].tolist() == ["at 0", "at 0.5"]
    assert found.estimate == pytest.approx(1.0, abs=0.25)
    assert found.standard_error < found.table["standard_error"].min()


def test_treated_below_and_fuzzy_turn_the_sign_and_scale_it() -> None:
    data = simulated().assign(r=lambda d: -d["r"])
    sharp = estimate(make_panel(data, Columns("y", running="r")), Discontinuity(treated="below"))
    assert sharp.estimate == pytest.approx(1.0, abs=0.3)
    rng = np.random.default_rng(3)
    half = simulated(n=4000, effect=0.0)
    half["d"] = (half["r"] >= 0) * (rng.random(4000) < 0.5)
    half["y"] += 2.0 * half["d"]
    columns = Columns("y", running="r", treatment="d")
    assert estimate(make_panel(half, columns), Discontinuity(fuzzy=True)).estimate == pytest.approx(
        2.0, abs=0.7
    )


def test_a_cutoff_without_rows_is_refused(senate: Panel) -> None:
    with pytest.raises(InputErrors, match="too few rows"):
        estimate(senate, Discontinuity(cutoffs=(500.0,)))


@pytest.mark.slow
def test_ninety_per_cent_intervals_cover() -> None:
    hits = []
    for seed in range(120):
        panel = make_panel(simulated(seed, 600), Columns("y", running="r"))
        low, high = estimate(panel, Discontinuity(placebos=0)).interval(0.9)
        hits.append(low <= 1.0 <= high)
    assert 0.85 <= np.mean(hits) <= 0.95
