"""The notebook on stress: the same year calm and shocked, on both paths, and what the fund goes through."""

import numpy as np
import pytest

from sme_analysis.figures import stress
from sme_analysis.impact import assess, effects
from sme_analysis.report import style
from sme_analysis.scenario import load_scenario

SMALL = {"simulation.firms": 500, "simulation.fund_paths": 500, "horizon.years": 3, "stress.first_year": 2}


@pytest.fixture(scope="module")
def shocked():
    return assess(load_scenario("lithium-bust").parameters.replace(SMALL))


@pytest.fixture(scope="module")
def calm(shocked):
    return assess(shocked.parameters.replace({"stress.active": False}))


def test_the_shock_hits_both_paths_and_only_its_years(shocked, calm):
    assert stress.shock_years(shocked.simulation) == [shocked.simulation.labels[1]]
    table = stress.shock_data(shocked.simulation, calm.simulation).set_index(["path", "year_is"])
    for path in ("without policy", "with policy"):
        assert table.loc[(path, "shock"), "default_rate"] > 2 * table.loc[(path, "calm"), "default_rate"]
        assert table.loc[(path, "shock"), "lender_result"] < table.loc[(path, "calm"), "lender_result"]
    one, other = (effects(s.simulation).iloc[0] for s in (shocked, calm))
    assert one["lending"] == other["lending"]


def test_cushion_and_its_picture(shocked, calm):
    data = stress.cushion_data(shocked.simulation, calm.simulation)
    assert data["additional_shock"].iloc[0] == data["additional_calm"].iloc[0]
    assert data["covered_shock"].iloc[2] < data["covered_calm"].iloc[2]  # the stop rule, a year later
    assert style.png(stress.cushion_plot(data))


def test_relief_lowers_default_at_a_cost(shocked):
    table = stress.relief_data(shocked).set_index("instrument")
    assert table.loc["emergency relief", "default_rate"] < 0 < table.loc["emergency relief", "cost"]
    assert table.loc["emergency relief", "lending"] > 0
    assert table.loc["arrears clearance", "default_rate"] < 0


def test_the_fund_through_the_shock(shocked, calm):
    data = stress.fund_data(shocked, calm)
    assert data["balance_p50"].iloc[1] < data["calm_p50"].iloc[1]
    assert data["suspended"].iloc[2] > 0.5
    assert style.png(stress.fund_plot(data, stress.shock_years(shocked.simulation)))


def test_a_worse_state_costs_the_fund_more(shocked):
    data = stress.severity_data(shocked.parameters, shocked, (0.0, -2.0), paths=200)
    by_state = data.pivot(index="correlation", columns="state", values="claims")
    assert (by_state[-2.0] > by_state[0.0]).all()
    assert np.isfinite(data.drop(columns="correlation")).all().all()
