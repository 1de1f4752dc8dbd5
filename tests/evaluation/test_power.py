from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sme_analysis.errors import InputErrors
from sme_analysis.evaluation import (
    Plan,
    best,
    candidates,
    compare,
    estimate,
    power_curve,
    replications,
    simulate_firms,
)

SMALL = Plan(roll_out="exhaustion", firms=150, periods=6, start=4, selection=0.0, county_shock=0.0)


def test_the_panel_is_what_the_plan_says() -> None:
    plan = Plan(firms=4000, growth=0.01, effect=0.1)
    frame, truth = simulate_firms(plan, 1)
    starts = frame.groupby("county")["start"].first()
    assert sorted(starts) == [0, 0, 0, 0, 5, 5, 7, 7]
    rows = [0.1 + 0.01 * k for k in range(4)] + [0.1, 0.11]
    assert truth == pytest.approx(np.mean(rows), abs=1e-12)
    assert frame.groupby("firm").size().eq(8).all()


@pytest.mark.parametrize("roll_out", ["size", "exhaustion"])
def test_who_is_treated_is_decided_by_the_running_variable(roll_out: str) -> None:
    firms = simulate_firms(Plan(roll_out=roll_out, treated=0.3), 2)[0].drop_duplicates("firm")
    treated = firms["start"] > 0
    assert treated.mean() == pytest.approx(0.3, abs=0.01)
    assert firms.loc[treated, "running"].max() < firms.loc[~treated, "running"].min()


def test_shocks_persist_as_the_plan_says() -> None:
    plan = Plan(
        firms=20_000, counties=4, level_spread=0.0, county_shock=0.0, selection=0.0, effect=0.0, growth=0.0
    )
    wide = simulate_firms(plan, 3)[0].pivot(index="firm", columns="year", values="y").to_numpy()
    assert np.corrcoef(wide[:, 2], wide[:, 3])[0, 1] == pytest.approx(0.6, abs=0.02)
    assert wide.std(axis=0) == pytest.approx(0.2, abs=0.005)


def test_the_same_seed_gives_the_same_panel() -> None:
    one, two, other = (simulate_firms(Plan(), seed)[0] for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one, two)
    assert not one["y"].equals(other["y"])


def test_all_that_is_wrong_with_a_plan() -> None:
    with pytest.raises(InputErrors) as caught:
        Plan(roll_out="sizes", persistence=1.0, start=2, treated=0.0, waves=0)
    assert "5 problems found" in str(caught.value)
    assert "did you mean size?" in str(caught.value)


def test_designs_suit_the_roll_out() -> None:
    assert "threshold" in [c.name for c in candidates(Plan(roll_out="size"))]
    assert "imputation" in [c.name for c in candidates(Plan())]
    assert "synthetic, county means" in [c.name for c in candidates(Plan(waves=1, treated=0.25))]


@pytest.mark.parametrize("roll_out", ["county", "size"])
def test_the_short_way_gives_what_the_designs_give(roll_out: str) -> None:
    plan = Plan(roll_out=roll_out)
    frame, _ = simulate_firms(plan, 4)
    for candidate in candidates(plan):
        found = estimate(candidate.panel(frame), candidate.design)
        assert candidate.run(frame, 0.9) == pytest.approx((found.estimate, *found.interval(0.9))), (
            candidate.name
        )


def test_ninety_per_cent_intervals_cover_when_nothing_selects() -> None:
    designs = [c for c in candidates(SMALL) if c.name in ("difference-in-differences", "weighting on sales")]
    table = compare(replications(SMALL, 100, designs=designs)).set_index("design")
    assert 0.85 <= table.loc["difference-in-differences", "coverage"] <= 0.95
    assert table["bias"].abs().max() < 0.02
    assert (
        table.loc["difference-in-differences", "detectable"] < table.loc["weighting on sales", "detectable"]
    )


@pytest.mark.slow
def test_staggered_designs_cover_with_many_clusters() -> None:
    plan = Plan(firms=200, counties=40, periods=6, start=3, growth=0.03)
    designs = [c for c in candidates(plan) if c.name in ("Callaway–Sant'Anna", "imputation")]
    table = compare(replications(plan, 120, designs=designs)).set_index("design")
    assert table["coverage"].between(0.85, 0.95).all()


@pytest.mark.slow
def test_selection_misleads_all_but_the_threshold() -> None:
    table = compare(replications(Plan(roll_out="size", selection=0.02), 60)).set_index("design")
    assert table.loc["difference-in-differences", "bias"] > 0.1
    assert table.loc["difference-in-differences", "coverage"] < 0.1
    assert abs(table.loc["threshold", "bias"]) < 0.03
    assert best(table.reset_index()) == "threshold"


def test_summaries_on_paper() -> None:
    draws = pd.DataFrame(
        {
            "design": "a",
            "replication": range(4),
            "truth": 0.1,
            "estimate": [0.1, 0.2, 0.0, 0.1],
            "low": [0.0, 0.15, -0.1, 0.05],
            "high": [0.2, 0.3, 0.1, 0.15],
        }
    )
    row = compare(draws).iloc[0]
    assert (row["bias"], row["coverage"], row["power"]) == pytest.approx((0.0, 0.75, 0.5))
    assert row["detectable"] == pytest.approx(
        (1.64485 + 0.84162) * np.std([0.1, 0.2, 0, 0.1], ddof=1), rel=1e-4
    )
    assert power_curve(draws, [0.1, 1.0])["power"].tolist() == [0.5, 1.0]
    assert best(compare(draws)) == "a"
    often = pd.concat([draws.assign(replication=k) for k in range(50)])
    assert best(compare(often)) is None
