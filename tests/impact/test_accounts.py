"""Accounts that a finance ministry would sign: attribution, cost, incidence, gross to net, default, the smallest fund."""

import itertools
import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sme_analysis.firms import synthetic_firms
from sme_analysis.impact import (
    AccountsDoNotClose,
    Attribution,
    additionality,
    assess,
    attribution,
    checks,
    cost_measures,
    cost_table,
    default_parts,
    gross_to_net,
    incidence,
    payments,
    players_of,
    real_effects,
    smallest_fund,
    solvency,
    who_gets_a_yuan,
)
from sme_analysis.impact.attribution import TooManyPlayers
from sme_analysis.instruments import INSTRUMENTS
from sme_analysis.scenario import load_scenario
from sme_analysis.simulation import simulate

SMALL = {"simulation.firms": 600, "simulation.fund_paths": 500, "horizon.years": 3}


@pytest.fixture(scope="module")
def base():
    return load_scenario("haixi-2020").parameters.replace(SMALL)


@pytest.fixture(scope="module")
def package(base):
    return assess(base)


@pytest.fixture(scope="module")
def nothing():
    return assess(load_scenario("no-policy").parameters.replace(SMALL))


# attribution ---------------------------------------------------------------------------------------------------


def by_orders(values, k):
    """Shapley values from their definition: the mean over all orders of what each player adds when it comes."""
    found = np.zeros(k)
    for order in itertools.permutations(range(k)):
        row = 0
        for player in order:
            found[player] += values[row | (1 << player)] - values[row]
            row |= 1 << player
    return found / math.factorial(k)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.integers(0, 2**31))
def test_shapley_values_are_means_over_orders_and_sum_to_the_joint_effect(k, seed):
    values = np.random.default_rng(seed).normal(size=(2**k, 1))
    found = Attribution(tuple(f"p{i}" for i in range(k)), ("m",), values)
    assert np.allclose(found.shapley()["m"], by_orders(values[:, 0], k), rtol=0, atol=1e-12)
    assert abs(found.shapley()["m"].sum() - found.joint["m"]) < 1e-12


def test_a_player_that_does_nothing_gets_nothing_and_twins_get_the_same():
    # v = 3 a + 2 [b or c]: the value of b or c is shared, d adds nothing
    values = np.array([[3 * (r & 1) + 2 * bool(r & 6)] for r in range(16)], dtype=float)
    found = Attribution(("a", "b", "c", "d"), ("m",), values)
    assert found.shapley()["m"].tolist() == pytest.approx([3, 1, 1, 0])
    assert found.overlap("m").loc["b", "c"] == -2
    assert found.last()["m"].tolist() == [3, 0, 0, 0]


def test_attribution_of_a_real_package_sums_to_it(base, package):
    few = base.replace({"simulation.firms": 300, "horizon.years": 1})
    firms = synthetic_firms(few)
    players = ("special_fund", "credit_incentive", "risk_compensation+loan_guarantee")
    one, other = (attribution(few, firms, players, workers=w) for w in (1, 2))
    assert one.values.tobytes() == other.values.tobytes()
    scale = np.abs(one.values).max()
    assert np.abs(one.shapley().sum() - one.joint).max() < 1e-12 * scale
    whole = simulate(firms, few)
    lending = (whole.policy - whole.counterfactual).sum(axis=2)[:, 7].sum()
    assert one.values[-1, 0] == pytest.approx(lending, abs=1e-6)


def test_players_are_those_that_act(base):
    assert len(players_of(base)) == 8
    assert "risk_compensation+loan_guarantee" in players_of(base)
    assert "emergency_relief" in players_of(base.replace({"stress.active": True}))
    with pytest.raises(TooManyPlayers, match=r"11 players give 2,048"):
        attribution(base, synthetic_firms(base), [f"p{i}" for i in range(11)])


# cost ----------------------------------------------------------------------------------------------------------


def test_cost_in_every_measure(package):
    table = cost_measures(package.simulation).set_index("instrument")
    parts, total = table.drop(index="total"), table.loc["total"]
    for name in ("cash", "pv_8", "pv_6", "pv_3_5", "fair_value"):
        assert parts[name].sum() == pytest.approx(total[name])
    assert total["pv_8"] < total["pv_6"] < total["pv_3_5"] < total["cash"]
    assert total["cash"] == pytest.approx(cost_table(package.simulation)["total"].sum())
    # claims weigh more in bad years: fair value lies above the expected cost, and only for the fund
    assert table.loc["risk_compensation", "fair_value"] > table.loc["risk_compensation", "pv_8"]
    assert table.loc["special_fund", "fair_value"] == table.loc["special_fund", "pv_8"]
    assert 0 < total["subsidy_rate"] < 0.1


def test_without_a_price_of_risk_fair_value_is_the_expected_cost(base):
    neutral = assess(base.replace({"horizon.price_of_risk": 0.0}))
    table = cost_measures(neutral.simulation).set_index("instrument")
    assert table.loc["risk_compensation", "fair_value"] == pytest.approx(
        table.loc["risk_compensation", "pv_8"]
    )


# incidence -----------------------------------------------------------------------------------------------------


def test_every_yuan_of_cost_is_somebodys_gain_or_lost(package):
    table = who_gets_a_yuan(package.simulation).set_index("party")
    assert table.loc["public cost", "change"] == pytest.approx(cost_table(package.simulation)["total"].sum())
    assert table["per_yuan"].drop("public cost").sum() == pytest.approx(1.0, abs=1e-9)


def test_every_payment_has_two_ends(package):
    table = payments(package.simulation)
    assert (table["payer"] != table["receiver"]).all()
    assert table["amount"].notna().all()
    changes = incidence(package.simulation)
    assert changes["change"].equals(changes["with_policy"] - changes["without"])


def test_without_policy_nobody_gains_and_nothing_is_divided(nothing):
    assert (incidence(nothing.simulation)["change"] == 0).all()
    assert who_gets_a_yuan(nothing.simulation)["per_yuan"].isna().all()
    assert checks(nothing.simulation)["passed"].all()
    assert cost_measures(nothing.simulation).empty


def test_a_simulation_whose_accounts_do_not_close_is_refused(base, monkeypatch):
    module = sys.modules["sme_analysis.impact.checks"]
    monkeypatch.setattr(module, "residuals", lambda simulation: {"accounts": 1e-6})
    one_year = base.replace({"horizon.years": 1})
    with pytest.raises(AccountsDoNotClose, match="the accounts close: 1e-06"):
        assess(one_year)


def test_an_idle_instrument_is_named_and_no_failure(base):
    idle = assess(base.replace({"relending.active": True, "relending.rate": 0.015}))
    row = idle.checks.set_index("check").loc["no idle instrument"]
    assert not row["passed"]
    assert row["detail"] == "relending"


# gross to net, default, fund -----------------------------------------------------------------------------------


def test_gross_to_net_step_by_step(package, base):
    steps = gross_to_net(package.simulation)
    parts = additionality(package.simulation)
    assert np.allclose(steps["additional"], parts["additional"])
    replaced = steps["receivables"]
    assert np.allclose(replaced.iloc[0], -parts["growth"].iloc[0], rtol=0.05)  # first year: no growth yet
    # less a fifth spent outside, 0.3 of value, less 0.3 displaced
    by_hand = (parts["additional"] + replaced) * 0.8 * 0.3 * 0.7
    assert np.allclose(steps["net_value_added"], by_hand)
    assert np.allclose(steps["jobs"], by_hand / 0.15)
    spread = real_effects(package.simulation)
    assert np.allclose(spread["net_value_added_central"], by_hand)
    assert (spread["net_value_added_low"] < spread["net_value_added_central"]).all()
    assert (spread["jobs_high"] > spread["jobs_central"]).all()


def test_paying_what_is_owed_takes_no_output_away(base):
    alone = base.replace({f"{name}.active": name == "arrears_clearance" for name in INSTRUMENTS})
    found = assess(alone).simulation
    assert (additionality(found)["additional"] < 0).all()
    naive = additionality(found)["additional"] * 0.8 * 0.3 * 0.7
    # what firms have been paid does the work of the credit that they no longer seek, and better credit lifts lines
    assert (gross_to_net(found)["net_value_added"] > -0.2 * naive.abs()).all()
    spread = real_effects(found)
    assert (spread["jobs_low"] <= spread["jobs_high"]).all()


def test_default_of_covered_loans_in_parts(package, base):
    table = default_parts(package.simulation)
    summed = table[["pd_without", "selection", "price", "moral_hazard"]].sum(axis=1)
    assert np.allclose(summed, table["pd_covered"], rtol=0, atol=1e-15)
    assert (table["moral_hazard"] > 0).all()
    assert (table["price"] < 0).all()
    watched = default_parts(assess(base.replace({"market.monitoring": 0.0})).simulation)
    assert np.allclose(watched["moral_hazard"], 0, atol=1e-15)


def test_the_smallest_fund_is_the_edge(base):
    thin = base.replace(
        {
            "risk_compensation.appropriation": 0.0,
            "risk_compensation.leverage": 200.0,
            "risk_compensation.stop_rate": 1.0,
        }
    )
    found = assess(thin).simulation
    size = smallest_fund(found, 0.1)
    assert 1 < size < 200
    survived, short = (solvency(found, fund=f * size, as_promised=True).exhaustion for f in (1.0, 0.9))
    assert survived <= 0.1 < short
    assert smallest_fund(found, 0.01) > size


def test_payments_tied_to_revenue_spread_the_balance(base):
    fixed, tied = (
        assess(base.replace({"risk_compensation.revenue_link": link})).solvency for link in (0.0, 1.0)
    )
    assert tied.balance[:, -1].std() > fixed.balance[:, -1].std()
    assert tied.balance[:, -1].mean() == pytest.approx(fixed.balance[:, -1].mean(), rel=0.02)
