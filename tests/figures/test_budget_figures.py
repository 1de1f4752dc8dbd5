"""Figures of the best use of a budget: data that add up, and figures that can be saved, without a policy too."""

import numpy as np
import pytest

from sme_analysis.figures import budget as draw
from sme_analysis.inference.budget import as_set, ask, frontier, fund_risks
from sme_analysis.inference.search import answer
from sme_analysis.report import style
from sme_analysis.scenario import load_scenario

SPACE = {
    "credit_incentive.annual_cap": ["0", "20m"],
    "risk_compensation.fund": ["0", "60m"],
    "risk_compensation.leverage": [5, 40],
}


@pytest.fixture(scope="module")
def base():
    return load_scenario("haixi-2020").parameters.replace({"simulation.firms": 400, "horizon.years": 2})


@pytest.fixture(scope="module")
def mix(base):
    return answer(ask(base, "new_borrowers", SPACE), 15.0, evaluations=10, searches=2)


@pytest.fixture(scope="module")
def points(mix):
    return frontier(mix, [4, 40], evaluations=6)


def drawn(fig):
    return style.png(fig).startswith(b"\x89PNG")


def test_the_frontier_rises_and_its_parts_sum_to_its_cost(points, mix, base):
    data = draw.frontier_data(points, {"as set": as_set(mix.question, base)})
    best = data[data["mix"] == "best"]
    assert best["value"].is_monotonic_increasing
    assert (best["cost"] <= best["budget"]).all()
    assert (best["extra"] > 0).all()
    assert list(data["mix"])[-1] == "as set"
    parts = draw.composition_data(points).groupby("budget")["cost"].sum()
    assert np.allclose(parts, best.set_index("budget")["cost"])
    assert drawn(draw.frontier_plot(data, "new borrowers"))
    assert drawn(draw.composition_plot(draw.composition_data(points)))


def test_every_search_has_a_place_for_every_setting(mix):
    data = draw.searches_data(mix)
    assert len(data) == 2 * len(SPACE)
    assert data["place"].between(0, 1).all()
    assert (data.loc[~data["on"], "place"] == 0).all()
    assert data["best"].any()
    assert drawn(draw.searches_plot(data))


def test_fund_risk_is_drawn(mix, base):
    fund = ask(base, "additional_loan_years", {"risk_compensation.fund": ["0", "20m"]})
    table = fund_risks(answer(fund, 5.0, evaluations=6, searches=1), [1.0, 0.1], paths=200)
    assert len(table) == 2
    assert table["short"].is_monotonic_increasing
    assert drawn(draw.risk_plot(table, "new borrowers"))


def test_no_money_is_a_single_point(mix):
    nothing = answer(mix.question, 0.0)
    data = draw.frontier_data([nothing])
    assert data["value"].tolist() == [0.0]
    assert drawn(draw.frontier_plot(data, "new borrowers"))
    assert draw.searches_data(nothing).empty
