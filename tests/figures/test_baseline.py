"""The notebook on the market without policy: figures that are consistent with the model they explain."""

import numpy as np
import pytest

from sme_analysis.figures import baseline
from sme_analysis.impact import assess, effects
from sme_analysis.impact.unmet_need import firm_outcomes
from sme_analysis.market.offer import expected_profit
from sme_analysis.report import style
from sme_analysis.scenario import load_scenario

SMALL = {"simulation.firms": 500, "horizon.years": 1}


@pytest.fixture(scope="module")
def market():
    return assess(load_scenario("haixi-2020").parameters.replace(SMALL))


def drawn(fig):
    return style.png(fig).startswith(b"\x89PNG")


def test_refusals_by_size_of_loan_add_up_to_all_refusals(market):
    data = baseline.refusal_data(firm_outcomes(market.simulation))
    total = effects(market.simulation).iloc[0]
    refused = (data["asking"] * data["refused"]).sum()
    assert refused == pytest.approx(total["firms_asking_without"] - total["borrowers_without"])
    assert drawn(baseline.refusal_plot(data))


def test_rates_cover_all_bank_lending(market):
    data = baseline.rates_data(firm_outcomes(market.simulation))
    assert np.allclose(data.groupby("size_class")["share"].sum(), 1)
    assert list(dict.fromkeys(data["size_class"])) == ["micro", "small", "medium"]


def test_the_largest_loan_falls_with_risk_and_rises_with_collateral(market):
    table = baseline.limit_data(market).pivot(index="pd", columns="collateral", values="limit")
    assert (table.diff().iloc[1:] <= 1e-12).all().all()
    assert (table.diff(axis=1).iloc[:, 1:] >= -1e-12).all().all()
    assert table.to_numpy().min() == 0
    assert table.to_numpy().max() == 1
    assert drawn(baseline.limit_plot(baseline.limit_data(market)))


def test_at_the_largest_loan_the_bank_just_breaks_even(market):
    p = market.parameters
    b = float(market.market.plain["bank"][1][0])
    rows = baseline.limit_data(market).query("0 < limit < 1")
    cost = baseline.bank_cost(market)
    rate = min(p["bank.rate_ceiling"], cost + 1 / b)
    loss = p["market.lgd_unsecured"] - p["market.lgd_collateral"] * rows["collateral"] / rows["limit"]
    intercept = np.log(rows["pd"] / (1 - rows["pd"])) - b * 0.04
    assert len(rows) > 5
    assert np.allclose(expected_profit(rate, intercept, b, loss, cost), 0, atol=1e-12)


def test_the_marked_best_rate_is_the_peak_of_the_curve(market):
    data = baseline.offer_data(market)
    peak = data.loc[data.groupby("pd")["profit"].idxmax()]
    assert np.allclose(peak["rate"], np.minimum(peak["best_rate"], data["rate"].max()), atol=0.003)


def test_industries_add_up_to_the_market(market):
    table = baseline.industry_data(market)
    assert table["firms_without"].sum() == pytest.approx(market.parameters["firms.entities"])
    assert table["lending_without"].is_monotonic_decreasing
