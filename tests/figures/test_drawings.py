"""What the notebooks draw: data that add up, figures that can be saved, for default and idle settings."""

import numpy as np
import pytest

from sme_analysis.figures import (
    baseline,
    credit_incentives,
    policy_package,
    regulation,
    risk_compensation,
    special_funds,
)
from sme_analysis.firms import synthetic_firms
from sme_analysis.impact import assess, attribution, value_for_money
from sme_analysis.impact.unmet_need import PARTS, firm_outcomes, unmet_need
from sme_analysis.instruments import INSTRUMENTS
from sme_analysis.report import style
from sme_analysis.scenario import load_scenario

SMALL = {"simulation.firms": 500, "simulation.fund_paths": 500, "horizon.years": 2}


@pytest.fixture(scope="module")
def base():
    return load_scenario("haixi-2020").parameters.replace(SMALL)


@pytest.fixture(scope="module")
def package(base):
    return assess(base)


@pytest.fixture(scope="module")
def fund(base):
    return assess(policy_package.alone(base, "risk_compensation"))


def drawn(fig):
    return style.png(fig).startswith(b"\x89PNG")


def test_parts_of_the_need_sum_to_the_need(package):
    table = unmet_need(package.simulation)
    assert np.allclose(table[list(PARTS)].sum(axis=1), table["need"], rtol=1e-12)
    assert (table[list(PARTS)] >= -1e-9).all().all()
    assert drawn(baseline.need_plot(table))


def test_rates_and_offers(package, base):
    rates = baseline.rates_data(firm_outcomes(package.simulation))
    assert rates.groupby("size_class")["share"].sum().max() <= 1 + 1e-12
    offers = baseline.offer_data(package)
    peak = offers.loc[offers.groupby("pd")["profit"].idxmax()]
    assert np.all(np.diff(peak["profit"]) < 0)  # riskier firms earn a lender less at best
    assert drawn(baseline.rates_plot(rates))
    assert drawn(baseline.offer_plot(offers, base["bank.rate_ceiling"]))


def test_composition_is_a_waterfall_to_the_additional_lending(package):
    data = policy_package.composition_data(package)
    assert data["amount"].iloc[:-1].sum() == pytest.approx(data["amount"].iloc[-1], rel=1e-9)
    assert drawn(policy_package.composition_plot(data))


def test_cost_by_instrument_and_year(package):
    data = policy_package.cost_data(package)
    assert data["cost"].sum() == pytest.approx(value_for_money(package.simulation)["cost"])
    assert drawn(policy_package.cost_plot(data))


def test_attribution_goes_from_nothing_to_the_package(base, package):
    few = base.replace({"simulation.firms": 300, "horizon.years": 1})
    found = attribution(few, synthetic_firms(few), ("special_fund", "credit_incentive", "loan_insurance"))
    data = policy_package.attribution_data(found)
    assert data["additional"].iloc[:-1].sum() == pytest.approx(data["additional"].iloc[-1], abs=1e-9)
    assert drawn(policy_package.attribution_plot(data))
    pairs = policy_package.overlap_data(found).set_index("instrument")
    assert np.allclose(pairs, pairs.T)


def test_options_begin_with_exactly_nothing(package):
    data = policy_package.options_data(package).set_index("option")
    assert data.loc["do nothing", ["additional", "new_borrowers", "rate_change", "present_value"]].eq(0).all()
    assert data.loc["package", "present_value"] > data.loc["do the minimum", "present_value"] > 0


def test_an_idle_package_draws_too(base):
    idle = assess(base.replace({f"{name}.active": False for name in INSTRUMENTS}))
    data = policy_package.composition_data(idle)
    assert (data["amount"] == 0).all()
    assert policy_package.active(idle.parameters) == []
    assert drawn(policy_package.composition_plot(data))


def test_cover_response_starts_at_nothing(base):
    data = risk_compensation.cover_response_data(
        policy_package.alone(base.replace({"bank.rate_ceiling": 0.065}), "risk_compensation"),
        (0.0, 0.02, 0.6),
    )
    assert data["additional_lending"].iloc[0] == 0
    assert data["covered_lending"].iloc[2] > 0
    assert risk_compensation.idle_until(data) == 0.02
    assert drawn(risk_compensation.cover_response_plot(data, 0.5))


def test_fund_figures(fund, base):
    assert drawn(risk_compensation.fund_fan_plot(fund.solvency))
    gains = risk_compensation.who_gains_data(fund)
    assert len(gains) == 10
    assert drawn(risk_compensation.who_gains_plot(gains))
    stops = risk_compensation.stop_rule_data(fund, (0.03, 0.2))
    assert stops["closed"].iloc[0] >= stops["closed"].iloc[1]
    assert drawn(risk_compensation.stop_rule_plot(stops, 0.05))
    thin = risk_compensation.thin_fund_data(policy_package.alone(base, "risk_compensation"), 0.02)
    last = thin.groupby("fund").last()
    assert last.loc["thin fund", "credibility"] < last.loc["sound fund", "credibility"]
    assert drawn(risk_compensation.thin_fund_plot(thin))


def test_special_fund_sweeps(base):
    alone = policy_package.alone(base, "special_fund")
    data = special_funds.sweep(alone, "special_fund.interest_subsidy", (0.0, 0.01))
    assert data["cost"].iloc[0] < data["cost"].iloc[1]
    plot = special_funds.sweep_plot(data, "interest_subsidy", "subsidy", percent=True, chosen=0.015)
    assert drawn(plot)
    sizes = special_funds.by_group(assess(alone), "size_class", ["micro", "small", "medium"])
    assert sizes["deadweight_share"].between(0, 1.01).all()


def test_incentive_by_year_and_base(base):
    alone = policy_package.alone(base, "credit_incentive")
    data = credit_incentives.reward_data(alone, (0.0, 0.01))
    assert data["additional_lending"].iloc[0] == 0
    assert drawn(credit_incentives.reward_plot(data, 0.01))
    bases = credit_incentives.base_data(alone)
    assert set(bases["base_kind"]) == {"fixed base", "rolling base"}
    assert (bases["increment_anyway"] <= bases["rewarded_increment"] + 1e-9).all()
    assert drawn(credit_incentives.base_plot(bases))


def test_regulation_tables():
    assert regulation.counts()["articles"].sum() == 32
    found = regulation.examples().set_index("firm")["size_class"]
    assert found["software firm, 103 staff, revenue CNY 157.35 m"] == "medium"
    assert found["industrial firm, 25 staff, revenue CNY 2.9 m"] == "micro"
    assert found["industrial firm, 1,200 staff, revenue CNY 300 m"] == "medium"
