"""What must hold whatever the parameters: the invariants of the model, each a test by name."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sme_analysis.firms import synthetic_firms
from sme_analysis.impact import additionality, checks, cost_table, effects, gross_to_net, incidence
from sme_analysis.instruments import INSTRUMENTS
from sme_analysis.market.credit import Conditions, Market
from sme_analysis.market.levers import Levers
from sme_analysis.market.rows import OUTPUTS
from sme_analysis.scenario import load_catalogue, load_scenario
from sme_analysis.simulation import simulate

NO_HOLDERS = ("resources", "lost", "value of credit", "net value")
few = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
SMALL = {"simulation.firms": 400, "horizon.years": 2}
OFF = {f"{name}.active": False for name in INSTRUMENTS}


def only(*names):
    """Changes that leave these instruments on, and no other."""
    return {f"{name}.active": name in names for name in INSTRUMENTS}


@pytest.fixture(scope="module")
def base():
    return load_scenario("haixi-2020").parameters.replace(SMALL)


@pytest.fixture(scope="module")
def firms(base):
    return synthetic_firms(base)


def changes(simulation):
    table = effects(simulation, ["size_class", "industry"])
    return table[[c for c in table if c.endswith("_change")]].to_numpy(dtype=float)


# 1 ------------------------------------------------------------------------------------------------------------


def test_no_programme_means_exactly_no_impact(base, firms):
    result = simulate(firms, base.replace(OFF))
    moved = changes(result)
    assert np.all(moved[~np.isnan(moved)] == 0)
    assert np.array_equal(result.policy, result.counterfactual)
    assert cost_table(result)["total"].eq(0).all()


@pytest.mark.parametrize(
    "nothing",
    [
        {"risk_compensation.loss_share": 0.0},
        {"risk_compensation.fund": 0.0, "risk_compensation.appropriation": 0.0},
        {"risk_compensation.participation": 0.0},
    ],
)
def test_compensation_of_nothing_means_exactly_no_impact(base, firms, nothing):
    result = simulate(firms, base.replace({**only("risk_compensation"), **nothing}))
    assert np.array_equal(result.policy, result.counterfactual)


@pytest.mark.parametrize(
    "nothing",
    [{"special_fund.budget": 0.0}, {"special_fund.interest_subsidy": 0.0, "special_fund.grant_share": 0.0}],
)
def test_special_fund_of_nothing_means_exactly_no_impact(base, firms, nothing):
    result = simulate(firms, base.replace({**only("special_fund"), **nothing}))
    assert np.array_equal(result.policy, result.counterfactual)


@pytest.mark.parametrize("nothing", [{"credit_incentive.reward": 0.0}, {"credit_incentive.annual_cap": 0.0}])
def test_incentive_of_nothing_means_exactly_no_impact(base, firms, nothing):
    result = simulate(firms, base.replace({**only("credit_incentive"), **nothing}))
    assert np.array_equal(result.policy, result.counterfactual)


# 3 ------------------------------------------------------------------------------------------------------------


@few
@given(
    share=st.floats(0.05, 0.9),
    fund=st.floats(0.05, 200),
    cap=st.floats(0.05, 1),
    budget=st.floats(0.1, 100),
    reward_cap=st.floats(0.05, 20),
)
def test_no_budget_is_exceeded_and_the_fund_pays_no_more_than_it_holds(
    base, firms, share, fund, cap, budget, reward_cap
):
    p = base.replace(
        {
            "risk_compensation.loss_share": share,
            "risk_compensation.fund": fund,
            "risk_compensation.annual_cap": cap,
            "special_fund.budget": budget,
            "credit_incentive.annual_cap": reward_cap,
        }
    )
    for year in simulate(firms, p).years:
        compensation, subsidies = year.outcomes["risk_compensation"], year.outcomes["special_fund"]
        available = compensation.facts["available"]
        paid = compensation.lines["claims paid"] + compensation.lines["claims paid to guarantors"]
        assert 0 <= paid <= cap * available * (1 + 1e-12)
        guaranteed = year.outcomes["loan_guarantee"].facts["guaranteed lending"]
        assert guaranteed <= p["loan_guarantee.capital"] * p["loan_guarantee.leverage"] * (1 + 1e-6)
        insured = year.outcomes["loan_insurance"]
        premium = insured.facts["premium"] * insured.facts["insured lending"]
        received = {x.line: x.amount for x in insured.transfers}["claims on insurers"]
        assert received <= p["loan_insurance.payout_cap"] * premium * (1 + 1e-9)
        assert sum(year.outcomes["innovation_fund"].lines.values()) <= (
            p["innovation_fund.budget"]
            + p["innovation_fund.certification_cost"]
            * year.outcomes["innovation_fund"].facts["certified firms"]
        ) * (1 + 1e-9)
        assert compensation.facts["balance at end"] >= 0
        leverage = p["risk_compensation.leverage"]
        assert compensation.facts["covered lending"] <= leverage * available * (1 + 1e-6)
        assert 0 <= compensation.facts["credibility"] <= 1
        assert sum(subsidies.lines.values()) <= budget * (1 + 1e-6)
        assert year.outcomes["credit_incentive"].lines["rewards to lenders"] <= reward_cap * (1 + 1e-9)


@few
@given(
    cover=st.floats(0.1, 0.9), guarantee=st.floats(0, 1), paid=st.floats(0, 1), excess=st.floats(0, 1),
    credibility=st.floats(0, 1),
)  # fmt: skip
def test_losses_are_borne_in_full_once(base, firms, cover, guarantee, paid, excess, credibility):
    lev = Levers(
        cover=cover, guarantee=guarantee, guarantee_paid=paid * guarantee, excess=excess,
        credibility=credibility, kept=0.9, paperwork=0.001, cover_limit=3.0,
    )  # fmt: skip
    by_hand = {
        "guarantors": guarantee * paid,
        "fund": credibility * ((1 - guarantee) * cover + excess * guarantee * (1 - paid)),
    }
    assert float(lev.relief()) == pytest.approx(sum(by_hand.values()), abs=1e-15)
    assert 0 <= float(lev.relief()) <= 1 + 1e-15
    market = Market(firms, base)
    credit = market.run(market.initial, Conditions(0.016, 0.015), lev)
    losses = credit["bank_loss"] + credit["micro_loss"]
    assert np.all(credit["covered_loss"] <= losses * (1 + 1e-12))
    # nobody else bears a part of a loan that is not enrolled
    assert np.all(credit["covered_loss"][credit["covered_loan"] == 0] == 0)


shares = st.floats(0, 0.9)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    on=st.sets(st.sampled_from(sorted(INSTRUMENTS))),
    cover=shares, guaranteed=shares, backing=shares, excess=shares, cap=st.floats(0.2, 1),
    guarantee=st.floats(0.4, 1), insured=shares, payout=st.floats(0.1, 5), fund=st.floats(0.5, 100),
    premium=st.floats(0, 0.03), subsidy=shares, shock=st.booleans(), reach=st.floats(0.1, 1),
)  # fmt: skip
def test_accounts_close_over_random_packages_of_all_instruments(
    base, firms, on, cover, guaranteed, backing, excess, cap, guarantee, insured, payout, fund, premium, subsidy,
    shock, reach,
):  # fmt: skip
    p = base.replace(
        {
            **only(*on),
            # A ceiling that binds for few: where it binds for most, of 400 firms and guarantors and insurers at once, a year may
            # have no equilibrium, and then there are no accounts to close.
            "bank.rate_ceiling": 0.065,
            "risk_compensation.loss_share": cover,
            "risk_compensation.guaranteed_share": guaranteed,
            "risk_compensation.guarantor_share": backing,
            "risk_compensation.excess_share": excess,
            "risk_compensation.public_cap": cap,
            "risk_compensation.fund": fund,
            "risk_compensation.first_loan_bonus": 0.05,
            "loan_guarantee.share": guarantee,
            "loan_guarantee.premium_cap": premium,
            "loan_guarantee.premium_subsidy": subsidy,
            "loan_guarantee.participation": reach,
            "loan_insurance.share": insured,
            "loan_insurance.payout_cap": payout,
            "loan_insurance.participation": reach,
            "relending.rate": 0.01,
            "stress.active": shock,
            "stress.first_year": 2,
        }
    )
    result = simulate(firms, p)
    table = checks(result).set_index("check")
    failed = table[~table["passed"]].drop("no idle instrument", errors="ignore")
    assert failed.empty, failed
    parties = incidence(result).set_index(["year", "party"])["change"]
    for year in result.labels:
        held = [v for (label, party), v in parties.items() if label == year and party not in NO_HOLDERS]
        assert sum(held) == pytest.approx(parties[year, "net value"], abs=1e-9 * 1e4)
    steps = gross_to_net(result)
    summed = steps[["programme_lending", "deadweight", "outside", "growth"]].sum(axis=1)
    assert np.allclose(summed, steps["additional"], rtol=0, atol=1e-9 * result.policy.max())
    if not on:
        assert np.array_equal(result.policy, result.counterfactual)


def test_a_counterfactual_taken_over_gives_the_same_results(base, firms):
    whole = simulate(firms, base)
    changed = base.replace({"loan_insurance.active": False, "special_fund.budget": 5.0})
    one, other = simulate(firms, changed), simulate(firms, changed, like=whole)
    for a, b in ((one.policy, other.policy), (one.counterfactual, other.counterfactual)):
        # a premium of 1 % is an unknown solved to 1e-9, so premiums agree to 1e-7 of themselves
        assert np.allclose(a.sum(axis=2), b.sum(axis=2), rtol=1e-6, atol=1e-6)
    assert np.array_equal(simulate(firms, base.replace(OFF), like=whole).policy, other.counterfactual)
    with pytest.raises(ValueError, match=r"another counterfactual: firms\.growth differ"):
        simulate(firms, base.replace({"firms.growth": 0.0}), like=whole)


@pytest.mark.parametrize("name", sorted(INSTRUMENTS))
def test_each_instrument_alone_does_something_or_says_that_it_idles(base, firms, name):
    moved = {"relending.rate": 0.01, "stress.active": True, "stress.first_year": 2}
    result = simulate(firms, base.replace({**only(name), **moved}))
    assert any(name not in year.idle for year in result.years)
    assert not np.array_equal(result.policy, result.counterfactual)


def test_additional_lending_is_the_sum_of_its_parts(base, firms):
    table = additionality(simulate(firms, base))
    parts = table["programme_lending"] - table["deadweight"] + table["outside"] + table["growth"]
    assert np.abs(parts - table["additional"]).max() < 1e-9 * table["programme_lending"].max()
    # receivables that are paid take the place of credit from the first year on; growth of firms comes later
    assert table["growth"].iloc[0] < 0
    unpaid = additionality(simulate(firms, base.replace({"arrears_clearance.active": False})))
    assert unpaid["growth"].iloc[0] == 0


# 4 ------------------------------------------------------------------------------------------------------------


@few
@given(low=st.floats(0.0, 0.8), more=st.floats(0.01, 0.15))
def test_cover_raises_every_line_and_lowers_every_rate(base, firms, low, more):
    p = base.replace(
        {"market.monitoring": 0.0, "firms.smallest_offer_spread": 0.1, "firms.demand_semi_elasticity": 0.0}
    )
    p = p.replace({"market.pass_through": 1.0})
    market = Market(firms, p)

    def outcome(share):
        credit = market.run(market.initial, Conditions(0.015, 0.015), Levers(cover=share, enrol=1.0))
        return (
            credit["bank_loan"],
            credit["bank_interest"] / np.maximum(credit["bank_loan"], 1e-300),
            credit["bank_served"],
        )

    (loan, _, served), (loan_more, _, served_more) = outcome(low), outcome(low + more)
    assert np.all(loan_more >= loan - 1e-12 * market.initial.need)
    assert np.all(served_more >= served - 1e-12)


@few
@given(share=st.floats(0.05, 0.9))
def test_where_a_firm_is_served_in_full_cover_lowers_its_rate(base, firms, share):
    p = base.replace(
        {"market.monitoring": 0.0, "firms.demand_semi_elasticity": 0.0, "market.pass_through": 1.0}
    )
    market = Market(firms, p)
    conditions = Conditions(0.015, 0.015)
    without, with_ = (
        market.run(market.initial, conditions, Levers(cover=c, enrol=1.0)) for c in (0.0, share)
    )
    full = (without["bank_loan"] == with_["bank_loan"]) & (without["bank_served"] == 1)
    assert full.any()
    assert np.all(with_["bank_interest"][full] <= without["bank_interest"][full] * (1 + 1e-12))


def test_precision_lowers_the_rate_of_good_firms(base, firms):
    market = Market(firms, base)
    conditions = Conditions(0.015, 0.015)
    before, after = (market.run(market.initial, conditions, Levers(precision=x)) for x in (0.0, 0.3))
    good = market.quality < np.quantile(market.quality, 0.1)
    rate = [
        float((c["bank_interest"] * good * c.mass).sum() / (c["bank_loan"] * good * c.mass).sum())
        for c in (before, after)
    ]
    assert rate[1] < rate[0]


@few
@given(reward=st.floats(0.0005, 0.02))
def test_a_reward_raises_lending(base, firms, reward):
    market = Market(firms, base)
    conditions = Conditions(0.015, 0.015)
    lending = [
        market.run(market.initial, conditions, Levers(bank_reward=r)).total("bank_loan")
        for r in (0.0, reward)
    ]
    assert lending[1] > lending[0]


def test_a_higher_fixed_cost_lowers_micro_lending(base, firms):
    micro = (firms["size_class"] == "micro").to_numpy()
    lending = []
    for factor in (1.0, 2.0, 4.0):
        market = Market(firms, base)
        credit = market.run(market.initial, Conditions(0.015, 0.015), Levers(fixed_cost_factor=factor))
        lending.append(float((credit["bank_loan"] * credit.mass * micro).sum()))
    assert lending[0] > lending[1] > lending[2]


# 5 ------------------------------------------------------------------------------------------------------------


@few
@given(share=st.floats(0.3, 0.9), thin=st.floats(0.1, 2.0))
def test_lending_rises_with_the_fund(base, firms, share, thin):
    alone = {**only("risk_compensation"), "horizon.years": 1}
    alone |= {
        "market.monitoring": 0.0,
        "risk_compensation.loss_share": share,
        "risk_compensation.leverage": 50.0,
    }
    alone |= {"risk_compensation.appropriation": 0.0, "market.funding_slope": 0.0}
    totals = []
    for fund in (0.0, thin, 4000.0):
        result = simulate(firms, base.replace({**alone, "risk_compensation.fund": fund}))
        totals.append(effects(result)["lending_change"].iloc[0])
    assert totals[0] == 0
    assert totals[0] <= totals[1] + 1e-9 <= totals[2] + 2e-9


# 6 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [2, 3])
def test_results_do_not_depend_on_threads(base, threads):
    firms = synthetic_firms(base.replace({"simulation.firms": 5000}))
    one, other = simulate(firms, base, threads=1), simulate(firms, base, threads=threads)
    assert one.policy.tobytes() == other.policy.tobytes()
    assert one.counterfactual.tobytes() == other.counterfactual.tobytes()


def test_results_do_not_depend_on_the_order_of_firms(base, firms):
    mixed = firms.sample(frac=1.0, random_state=3)
    one, other = simulate(firms, base), simulate(mixed, base)
    assert one.policy.tobytes() == other.policy.tobytes()


# 7 ------------------------------------------------------------------------------------------------------------


def test_splitting_every_firm_changes_nothing(base, firms):
    half = firms.assign(weight=firms["weight"] / 2)
    split = pd.concat([half, half.assign(firm_id=half["firm_id"] + len(half))], ignore_index=True)
    one, other = simulate(firms, base), simulate(split, base)
    for a, b in ((one.policy, other.policy), (one.counterfactual, other.counterfactual)):
        total_a, total_b = a.sum(axis=2), b.sum(axis=2)
        # the unknowns of a year are solved to 1e-9, so that is what totals with a policy can agree to
        assert np.allclose(total_a, total_b, rtol=1e-8, atol=1e-9)
    assert np.allclose(
        one.counterfactual[0].sum(axis=1), other.counterfactual[0].sum(axis=1), rtol=1e-12, atol=0
    )


# 9 ------------------------------------------------------------------------------------------------------------

MONEY = tuple(
    key
    for key, record in load_catalogue().items()
    if record.unit == "money" and not key.startswith("real_effects.")
)


@pytest.mark.parametrize("unit", [0.25, 4.0])
def test_the_unit_of_money_changes_no_ratio(base, firms, unit):
    fixed = base.replace({"market.asset_correlation_rule": "fixed"})  # Basel's formula knows what a yuan is
    scaled = {key: fixed[key] * unit for key in MONEY}
    other_firms = firms.assign(
        **{c: firms[c] * unit for c in ("need", "revenue", "assets", "overdue_receivables")}
    )
    one, other = simulate(firms, fixed), simulate(other_firms, dict(fixed) | scaled)
    a, b = effects(one), effects(other)
    for column in ("rate", "pd", "access", "rate_change", "unmet_share"):
        assert np.allclose(a[column], b[column], rtol=1e-7, atol=1e-9)
    assert np.allclose(a["lending_change"] * unit, b["lending_change"], rtol=1e-5)


def test_unknowns_settle_to_one_in_a_billion(base, firms):
    assert all(year.residual <= 1e-9 for year in simulate(firms, base).years)


def test_outputs_are_finite(base, firms):
    result = simulate(firms, base)
    assert np.isfinite(result.policy).all()
    assert np.isfinite(result.counterfactual).all()
    assert len(OUTPUTS) == 28
