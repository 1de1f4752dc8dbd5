"""What is reported: identities, worked examples and the fund's account."""

from dataclasses import replace

import numpy as np
import pytest

from sme_analysis.impact import (
    additionality,
    assess,
    cost_table,
    discount_factors,
    effects,
    flows,
    fund_account,
    headline,
    programme_table,
    response,
    same_results,
    solvency,
    value_for_money,
)
from sme_analysis.impact.assess import changes_without_effect
from sme_analysis.scenario import load_scenario

SMALL = {"simulation.firms": 500, "simulation.fund_paths": 2000, "horizon.years": 3}


@pytest.fixture(scope="module")
def base():
    return load_scenario("haixi-2020").parameters.replace(SMALL)


@pytest.fixture(scope="module")
def assessed(base):
    return assess(base)


def test_totals_do_not_depend_on_how_they_are_grouped(assessed):
    whole = effects(assessed.simulation).set_index("year")["lending"]
    for by in (["size_class"], ["industry"], ["risk", "legal_form"]):
        parts = effects(assessed.simulation, by).groupby("year")["lending"].sum()
        assert np.allclose(parts, whole, rtol=1e-12)


def test_headline_is_the_change(assessed):
    table, e = headline(assessed.simulation), effects(assessed.simulation).set_index("year")
    assert np.array_equal(table["additional_lending"], e["lending_change"])
    assert np.allclose(table["unmet_need_change"] + e["lending_change"], e["need_change"], atol=1e-9)


def test_shares_of_programme_lending_add_up_to_additionality(assessed):
    t = additionality(assessed.simulation)
    total = 1 - t["deadweight_share"] - t["displacement_share"] + t["growth"] / t["programme_lending"]
    assert np.allclose(total, t["additionality"], rtol=1e-12)


def test_no_loan_is_counted_under_two_programmes(assessed):
    t, parts = additionality(assessed.simulation), programme_table(assessed.simulation)
    together = parts.groupby("year")["lending"].sum().to_numpy()
    assert np.all(t["programme_lending"] <= together + 1e-9)
    assert np.all(t["programme_lending"] <= effects(assessed.simulation)["lending"].to_numpy())


def test_costs_are_the_flows(assessed):
    table = cost_table(assessed.simulation)
    assert table["total"].sum() == pytest.approx(flows(assessed.simulation)["amount"].sum(), rel=1e-12)
    money = value_for_money(assessed.simulation)
    assert money["leverage"] * money["cost_per_additional"] == pytest.approx(1)
    assert money["present_value"] < money["cost"]


def test_discounting_is_from_the_middle_of_each_year(assessed):
    factors = discount_factors(assessed.simulation, 0.08)
    assert list(factors) == pytest.approx([1.08**-0.5, 1.08**-1.5, 1.08**-2.5])


def test_a_policy_that_starts_in_july_is_in_force_for_half_a_year(base):
    half = assess(base.replace({"horizon.start": "2027-07"})).simulation
    assert half.years[0].share == 0.5
    assert list(discount_factors(half, 0.08)) == pytest.approx([1.08**-0.25, 1.08**-1.0, 1.08**-2.0])
    whole = assess(base).simulation
    first = [effects(s)["lending_change"].iloc[0] for s in (half, whole)]
    assert 0.3 * first[1] < first[0] < 0.8 * first[1]
    paid = [s.years[0].outcomes["special_fund"].lines["interest subsidies"] for s in (half, whole)]
    assert paid[0] == pytest.approx(paid[1] / 2, rel=0.02)


def test_the_fund_account_balances(assessed, base):
    rows = fund_account(assessed.simulation)
    growth = 1 + base["risk_compensation.yield"]
    closing = (rows["available"] - rows["claims_paid"] + rows["fees"]) * growth
    assert np.allclose(closing, rows["closing_balance"], rtol=1e-12)
    opening = rows["closing_balance"].shift() + rows["appropriation"] + rows["recoveries"]
    assert np.allclose(opening[1:], rows["available"][1:], rtol=1e-12)
    recovered = base["risk_compensation.recovery_share"] * rows["claims_paid"].shift()
    assert np.allclose(recovered[1:], rows["recoveries"][1:], rtol=1e-12)


def test_fund_paths_never_go_below_nothing_and_agree_with_the_expected_path(assessed, base):
    never_stops = assess(base.replace({"risk_compensation.stop_rate": 1.0}))
    paths = never_stops.solvency
    assert np.all(paths.balance >= 0)
    expected = fund_account(never_stops.simulation)["closing_balance"].to_numpy()
    assert np.allclose(paths.balance.mean(axis=0), expected, rtol=0.02)
    assert 0 <= assessed.solvency.exhaustion <= 1


def test_payout_quantiles_are_the_quantiles_of_simulated_claims(base):
    calm = base.replace(
        {"risk_compensation.stop_rate": 1.0, "risk_compensation.fund": 300.0, "simulation.fund_paths": 40_000}
    )
    paths = assess(calm).solvency
    first = paths.payout_quantiles.iloc[0]
    for level, column in ((0.95, "p95"), (0.99, "p99")):
        assert np.quantile(paths.claims[:, 0], level) == pytest.approx(first[column], rel=0.03)


def test_a_thin_fund_loses_its_credibility(base):
    thin = base.replace(
        {
            "risk_compensation.fund": 0.4,
            "risk_compensation.appropriation": 0.0,
            "risk_compensation.loss_share": 0.9,
            "risk_compensation.leverage": 50.0,
            "risk_compensation.stop_rate": 1.0,
        }
    )
    one = assess(thin)
    assert fund_account(one.simulation)["credibility"].iloc[-1] < 0.95
    assert one.solvency.exhaustion > 0.1


def test_solvency_is_deterministic_by_seed(assessed):
    again = solvency(assessed.simulation)
    assert again.balance.tobytes() == assessed.solvency.balance.tobytes()
    other = solvency(assessed.simulation, seed=5)
    assert other.balance.tobytes() != again.balance.tobytes()


def test_solvency_follows_another_stop_rule_without_a_new_simulation(assessed, base):
    looser = replace(assessed.simulation, parameters=base.replace({"risk_compensation.stop_rate": 0.2}))
    assert solvency(looser).stopped <= assessed.solvency.stopped


def test_no_compensation_fund_no_solvency(base):
    assert assess(base.replace({"risk_compensation.active": False})).solvency is None


def test_response_sweeps_one_parameter(base):
    one = base.replace({"horizon.years": 1})
    table = response(
        one,
        "risk_compensation.loss_share",
        [0.0, 0.6],
        lambda a: {"lending": effects(a.simulation)["lending"].iloc[0]},
    )
    assert list(table["risk_compensation.loss_share"]) == [0.0, 0.6]
    assert table["lending"].iloc[1] > table["lending"].iloc[0]


def test_changes_that_move_nothing_are_named(base):
    parent = base
    changes = {"micro_lender.margin": base["micro_lender.margin"] + 0.01, "risk_compensation.stop_rate": 0.9}
    child = base.replace({**changes, "micro_lender.access": 0.0})
    parent = parent.replace({"micro_lender.access": 0.0})
    assert "micro_lender.margin" in changes_without_effect(child, changes, parent)
    moved = {"risk_compensation.loss_share": 0.3}
    assert changes_without_effect(base.replace(moved), moved, base) == []
    assert same_results(assess(base).simulation, assess(base).simulation)
