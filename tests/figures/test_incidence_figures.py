"""What the notebook on incidence and cost draws: data that add up, figures that can be saved, also without a policy."""

import numpy as np
import pytest

from sme_analysis.figures import incidence as draw
from sme_analysis.figures.policy_package import alone
from sme_analysis.impact import assess, cost_measures, who_gets_a_yuan
from sme_analysis.impact import incidence as accounts
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
    return assess(alone(base, "risk_compensation"))


@pytest.fixture(scope="module")
def clearance(base):
    return assess(alone(base, "arrears_clearance"))


@pytest.fixture(scope="module")
def nothing(base):
    return assess(base.replace({f"{name}.active": False for name in INSTRUMENTS}))


def drawn(fig):
    return style.png(fig).startswith(b"\x89PNG")


def test_both_sides_of_a_yuan_are_equal(package):
    data = draw.yuan_data(package.simulation).set_index("part")
    side = data.groupby("kind")["amount"].sum()
    assert side.get("pays", 0) + side.get("created", 0) == pytest.approx(data.loc["in all", "amount"])
    assert side["gains"] + side.get("lost", 0) == pytest.approx(data.loc["in all", "amount"])
    assert data.loc["public pays", "amount"] == pytest.approx(1)
    table = who_gets_a_yuan(package.simulation).set_index("party")["per_yuan"]
    assert data.loc["borrowers gain", "amount"] == pytest.approx(table["borrowers"])
    assert data.loc["lenders gain", "amount"] == pytest.approx(table["lenders"])
    assert data["start"].iloc[0] == 0
    assert (data["start"] + data["amount"]).max() == pytest.approx(data.loc["in all", "amount"])
    assert drawn(draw.steps_plot(data.reset_index(), "yuan", "yuan"))


def test_net_value_is_a_gain_where_it_is_created_and_a_loss_where_it_is_not(package, base):
    assert draw.totals(package.simulation)["net value"] > 0
    assert "created" in set(draw.yuan_data(package.simulation)["kind"])
    rating = assess(alone(base, "credit_rating")).simulation
    assert draw.totals(rating)["net value"] < 0
    data = draw.yuan_data(rating)
    assert data["kind"].iloc[-1] == "lost"
    assert data["amount"].iloc[-1] == pytest.approx(
        -draw.totals(rating)["net value"] / draw.totals(rating)["cost"]
    )


def test_words_on_a_yuan_name_gains_before_payments(package):
    words = draw.yuan_words(draw.yuan_data(package.simulation))
    assert words.startswith("borrowers gain ")
    assert "beside the public, " in words
    assert "public pays" not in words


def test_without_public_cost_amounts_are_money(clearance):
    data = draw.yuan_data(clearance.simulation).set_index("part")["amount"]
    change = draw.totals(clearance.simulation)
    assert change["cost"] == pytest.approx(0, abs=1e-9)
    assert data["borrowers gain"] == pytest.approx(change["borrowers"])
    assert draw.by_instrument(clearance).loc[0, ["borrowers", "net_value_per_yuan"]].isna().all()


def test_the_table_of_parties_closes(package):
    data = draw.party_table(package.simulation).set_index("party")
    names = [name for name in data.index if name in draw.HOLDERS]
    assert np.allclose(data.loc[names].sum(), data.loc["sum: net value created"])
    made = ["made of: value of credit", "less resources used", "less lost in default"]
    assert np.allclose(data.loc[made].sum(), data.loc["sum: net value created"])
    assert data.loc["public", "total"] == pytest.approx(-cost_measures(package.simulation)["cash"].iloc[-1])


def test_the_matrix_keeps_what_the_accounts_say(package):
    year = package.simulation.labels[0]
    data = draw.matrix_data(package.simulation, year).set_index("payer")
    change = accounts(package.simulation).query("year == @year").set_index("party")["change"]
    for party in ("borrowers", "lenders", "public", "resources", "lost", "province and nation"):
        assert data.loc["keeps", party] == pytest.approx(change[party], abs=1e-9)
    both = change["guarantors"] + change["insurers"]
    assert data.loc["keeps", "guarantors, insurers"] == pytest.approx(both)
    assert data.loc["debtors", "all"] == pytest.approx(-change["debtors"])
    payers = data.drop(index=["receives", "keeps"])
    assert payers["all"].sum() == pytest.approx(data.loc["receives"].sum())


def test_lines_sum_to_the_account(package):
    year = package.simulation.labels[0]
    data = draw.lines_data(package.simulation, year)
    change = accounts(package.simulation).query("year == @year").set_index("party")["change"]
    for party, rows in data.groupby("party"):
        assert rows["change"].iloc[-1] == pytest.approx(change[party])
        assert rows["change"].iloc[:-1].sum() == pytest.approx(change[party])


def test_each_instrument_alone_and_the_package(package, fund):
    data = draw.by_instrument(package).set_index("instrument")
    assert data.index[-1] == "package"
    assert data["net_value"].iloc[:-1].is_monotonic_decreasing
    shown = data[data["borrowers"].notna()]
    assert np.allclose(shown[["borrowers", "lenders", "others"]].sum(axis=1) - shown["net_value_per_yuan"], 1)
    single = draw.totals(fund.simulation)
    assert data.loc["risk compensation", "cost"] == pytest.approx(single["cost"], rel=1e-5)
    assert data.loc["risk compensation", "net_value"] == pytest.approx(
        single["net value"], rel=1e-4, abs=1e-4
    )
    assert "emergency relief" not in data.index  # no shock


def test_worth_of_credit_falls_with_the_response_of_demand(package):
    data = draw.worth_data(package)
    assert list(data["elasticity"]) == [1, 4, 10]
    assert data["worth"].is_monotonic_decreasing
    assert data["net_value"].is_monotonic_decreasing
    own = draw.totals(package.simulation)
    assert data["net_value"].iloc[1] == pytest.approx(own["net value"] / own["cost"])


def test_cost_is_sorted_with_the_total_last(package):
    data = draw.cost_data(package.simulation)
    assert data["instrument"].iloc[-1] == "total"
    assert data["cash"].iloc[:-1].is_monotonic_decreasing
    assert data["cash"].iloc[:-1].sum() == pytest.approx(data["cash"].iloc[-1])
    assert (data["pv_8"] < data["pv_6"]).all()
    assert (data["pv_6"] < data["pv_3_5"]).all()


def test_gross_to_net_is_a_waterfall(package):
    data = draw.net_data(package.simulation, package.simulation.labels[0]).set_index(["panel", "part"])
    for panel in ("lending", "net_value_added"):
        rows = data.loc[panel]
        ends = (rows["start"] + rows["amount"]).tolist()
        assert ends[-1] == pytest.approx(ends[-2])
    last = data.loc[("net_value_added", "net value added")]
    assert last["low"] < last["amount"] < last["high"]
    assert drawn(draw.net_plot(data.reset_index()))


def test_where_lending_falls_low_stays_below_high(clearance):
    data = draw.real_data(clearance.simulation)
    assert (data["additional"] < 0).all()
    assert (data["net_value_added_low"] < data["net_value_added_central"]).all()
    assert (data["jobs_central"] < data["jobs_high"]).all()
    assert drawn(draw.net_plot(draw.net_data(clearance.simulation, clearance.simulation.labels[0])))


def test_groups_add_up_and_industries_are_sorted(package):
    year = package.simulation.labels[0]
    frames = {
        by: draw.groups_data(package.simulation, by, year) for by in ("size_class", "age", "risk", "industry")
    }
    sums = [frame["additional"].sum() for frame in frames.values()]
    assert np.allclose(sums, sums[0])
    assert all(frame["share_without"].sum() == pytest.approx(1) for frame in frames.values())
    assert list(frames["size_class"]["group"]) == ["micro", "small", "medium"]
    assert frames["industry"]["additional"].is_monotonic_decreasing
    assert drawn(draw.groups_plot(frames))


def test_default_of_covered_loans_in_parts(package):
    data = draw.defaults_data(package.simulation, package.simulation.labels[0])
    assert data["amount"].iloc[:-1].sum() == pytest.approx(data["amount"].iloc[-1])
    assert data["start"].iloc[-1] == 0
    assert drawn(draw.steps_plot(data, "share", "PD"))


def test_the_verdict_on_a_published_figure():
    assert draw.verdict(0.012, 0.0117) == "near"
    assert draw.verdict(0.003, 0.0167) == "smaller, 0.18 times"
    assert draw.verdict(1.1, 0.64) == "larger, 1.7 times"
    assert draw.verdict(0.5, -0.02) == "other sign"


def test_comparison_cites_its_sources(fund):
    data = draw.comparison_data(
        fund.simulation, fund.simulation.labels[0], draw.by_instrument(fund)
    ).set_index("measure")
    assert data.loc["Default: selection into cover", "published"] == 0.0117
    assert data.loc["Fund alone, per yuan: borrowers", "published"] == 0.64
    assert 0 < data.loc["Borrowers' part of what both gain", "model"] < 1
    assert data["source"].str.startswith("https://").all()
    assert set(data["study"]) == {"Cowan et al. 2015 (Chile)", "Cox, Liu and Morrison 2021 (US)"}


def test_nothing_without_a_policy(nothing):
    s, year = nothing.simulation, nothing.simulation.labels[0]
    assert draw.yuan_data(s)["amount"].eq(0).all()
    assert draw.yuan_words(draw.yuan_data(s)) == "nobody gains or pays"
    assert draw.cost_data(s).empty
    assert draw.defaults_data(s, year).empty
    assert draw.comparison_data(s, year, draw.by_instrument(nothing)).empty
    assert draw.real_data(s).drop(columns="year").eq(0).all().all()
    assert draw.party_table(s).drop(columns="party").eq(0).all().all()


def test_the_first_full_year(base):
    half = assess(base.replace({"horizon.start": "2027-07"})).simulation
    assert draw.full_year(half) == "2028"
    assert draw.full_year(assess(base.replace({"horizon.years": 1})).simulation) == "2027"
