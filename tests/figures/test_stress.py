"""The notebook on stress: the same year calm and shocked, on both paths, and what the fund goes through."""

import numpy as np
import pytest

from sme_analysis.figures import stress
from sme_analysis.impact import assess, effects, fund_account
from sme_analysis.instruments import INSTRUMENTS
from sme_analysis.report import style
from sme_analysis.scenario import load_scenario
from sme_analysis.simulation import simulate

SMALL = {"simulation.firms": 500, "simulation.fund_paths": 500, "horizon.years": 3, "stress.first_year": 2}


@pytest.fixture(scope="module")
def shocked():
    return assess(load_scenario("lithium-bust").parameters.replace(SMALL))


@pytest.fixture(scope="module")
def calm(shocked):
    return assess(shocked.parameters.replace({"stress.active": False}), shocked.firms)


@pytest.fixture(scope="module")
def idle(shocked):
    off = {f"{name}.active": False for name in INSTRUMENTS}
    return assess(shocked.parameters.replace(off), shocked.firms)


def test_the_shock_hits_both_paths_and_only_its_years(shocked, calm):
    assert stress.shock_years(shocked.simulation) == [shocked.simulation.labels[1]]
    table = stress.shock_data(shocked.simulation, calm.simulation).set_index(["path", "year_is"])
    for path in ("without policy", "with policy"):
        assert table.loc[(path, "shock"), "realised"] > 2 * table.loc[(path, "calm"), "realised"]
        assert table.loc[(path, "calm"), "realised"] == table.loc[(path, "calm"), "foreseen"]
    bare = table.loc["without policy", "overdue"]
    assert bare["shock"] == pytest.approx(1.5 * bare["calm"], rel=1e-9)
    assert (table.loc["with policy", "overdue"] < bare).all()
    one, other = (effects(s.simulation).iloc[0] for s in (shocked, calm))
    assert one["lending"] == other["lending"]


def test_the_two_paths_are_those_of_the_simulation(shocked, calm):
    table = stress.shock_data(shocked.simulation, calm.simulation).set_index(["path", "year_is"])
    for kind, a in (("calm", calm), ("shock", shocked)):
        e = effects(a.simulation).iloc[1]
        for column in ("lending", "borrowers", "unmet_need", "rate"):
            assert table.loc[("with policy", kind), column] == pytest.approx(e[column], rel=1e-12)
            bare = e[f"{column}_without"]
            assert table.loc[("without policy", kind), column] == pytest.approx(bare, rel=1e-12)


def test_the_parts_of_the_shock_make_the_shock(shocked, calm):
    both = stress.shock_data(shocked.simulation, calm.simulation).set_index(["path", "year_is"])
    parts = stress.channels_data(shocked)
    for row, kind in ((0, "calm"), (-1, "shock")):
        end = both.loc[("without policy", kind)]
        assert parts["lending"].iloc[row] == pytest.approx(end["lending"], rel=1e-12)
        assert parts["default_rate"].iloc[row] == pytest.approx(end["realised"], rel=1e-12)
        assert parts["losses"].iloc[row] == pytest.approx(end["losses"], rel=1e-12)
    assert parts["lending"].iloc[1] < min(
        parts["lending"].iloc[0], parts["lending"].iloc[2]
    )  # late payment raises need
    assert parts["lending"].iloc[2] == parts["lending"].iloc[3]  # the macro state moves no loan
    assert parts["default_rate"].is_monotonic_increasing


def test_dearer_funds_lend_less(shocked):
    assert (stress.margin_data(shocked) > 0).all()


def test_cushion_and_its_picture(shocked, calm):
    data = stress.cushion_data(shocked.simulation, calm.simulation)
    assert data["additional_shock"].iloc[0] == data["additional_calm"].iloc[0]
    added = effects(shocked.simulation)["lending_change"]
    assert data["additional_shock"].tolist() == added.tolist()
    assert style.png(stress.cushion_plot(data, stress.shock_years(shocked.simulation)))


def test_relief_acts_in_a_shock_only_and_lowers_default_at_a_cost(shocked):
    table = stress.contributions_data(shocked).set_index("instrument")
    relief = table.loc["emergency relief"]
    assert relief["lending_calm"] == pytest.approx(0, abs=1e-6)
    assert relief["realised"] < 0 < relief["cost"]
    assert relief["lending"] > 0
    assert table.loc["arrears clearance", "realised"] < 0


def test_what_the_parties_gain_is_the_net_value(shocked, calm):
    table = stress.who_bears_data(shocked.simulation, calm.simulation).set_index("party")
    parties, net = table.drop(index="sum: net value"), table.loc["sum: net value"]
    assert np.allclose(parties.sum(), net, atol=1e-6)


def test_the_fund_through_the_shock(shocked, calm):
    data = stress.fund_data(shocked, calm)
    assert data["balance_p50"].iloc[1] < data["calm_p50"].iloc[1]
    assert data["suspended"].iloc[2] > 0.5 > data["calm_suspended"].iloc[2]
    assert style.png(stress.fund_plot(data, stress.shock_years(shocked.simulation)))


def test_claims_of_the_shock_and_what_the_fund_can_bear(shocked, calm):
    table = stress.claims_data(shocked, calm).set_index("year_is")
    row = table.loc["shock"]
    assert row["claims"] == pytest.approx(fund_account(shocked.simulation)["claims_promised"].iloc[1])
    assert row["p95"] < row["claims"] < row["p99"]  # state -2: one year in 44
    assert row["limit"] == pytest.approx(row["default_rate"] * row["available"] / row["claims"])


def test_the_stop_rule_takes_cover_and_lending_away_in_the_year_after(shocked):
    table = stress.stop_rule_data(shocked)
    assert table["shock_is_on"].tolist() == [False, True]
    assert (table["covered"] > 0).all()
    assert (table[["lending", "claims"]] < 0).all().all()
    last = assess(shocked.parameters.replace({"horizon.years": 2}), shocked.firms)
    assert stress.stop_rule_data(last).empty


def test_a_worse_state_costs_the_fund_more(shocked):
    data = stress.severity_data(shocked)
    claims = data.pivot(index="state", columns="correlation", values="claims")
    assert (claims.diff().dropna() < 0).all().all()  # states rise
    assert claims.loc[-3.5, "0.2"] > claims.loc[-3.5, "0.12"] > claims.loc[-3.5, "0.06"]
    stop = stress.stopping_state(data, 0.05).set_index("correlation")
    assert ((stop["probability"] > 0) & (stop["probability"] < 1)).all()
    assert stress.stopping_state(data, 0.999)["state"].isna().all()
    assert style.png(stress.severity_plot(data, 0.05))


@pytest.mark.parametrize("state", [0.0, -2.0, -3.5])
def test_claims_of_a_state_are_those_of_its_simulation(shocked, state):
    data = stress.severity_data(shocked, (state,)).set_index("correlation").loc["Basel"]
    again = simulate(shocked.firms, shocked.parameters.replace({"stress.macro_state": state}))
    facts = again.years[1].outcomes["risk_compensation"].facts
    assert data["claims"] == pytest.approx(facts["claims promised"], rel=0.02)
    assert data["default_rate"] == pytest.approx(facts["covered default rate"], rel=0.02)
    assert data["balance"] == pytest.approx(facts["balance at end"], abs=0.02 * facts["claims promised"])


def test_without_policy_there_is_no_fund_and_nothing_to_add(idle, calm):
    off = assess(idle.parameters.replace({"stress.active": False}), idle.firms)
    table = stress.shock_data(idle.simulation, off.simulation).set_index(["path", "year_is"])
    assert table.loc["with policy"].equals(table.loc["without policy"])
    assert stress.fund_data(idle, off).empty
    assert stress.claims_data(idle, off).empty
    assert stress.contributions_data(idle).empty
    assert (stress.cushion_data(idle.simulation, off.simulation).drop(columns="year") == 0).all().all()
