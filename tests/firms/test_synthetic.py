"""The synthetic sample: totals as published, classes by the official thresholds, deterministic."""

import numpy as np
import pandas as pd
import pytest

from sme_analysis.errors import InputErrors
from sme_analysis.firms import check_firms, synthetic_firms
from sme_analysis.firms.synthetic import chances, quality_mean
from sme_analysis.firms.table import TAGS
from sme_analysis.market.credit import Conditions, Market
from sme_analysis.scenario import load_scenario


@pytest.fixture(scope="module")
def base():
    return load_scenario("haixi-2020").parameters


@pytest.fixture(scope="module")
def firms(base):
    return synthetic_firms(base)


@pytest.mark.parametrize("rows", [200, 1000, 20_000])
def test_every_firm_has_its_official_class_at_any_size(base, rows):
    table = synthetic_firms(base.replace({"simulation.firms": rows}))
    assert len(table) == rows
    check_firms(table)
    assert table["weight"].sum() == pytest.approx(base["firms.entities"], rel=1e-12)


def test_structure_is_as_declared(base, firms):
    weight = firms["weight"]
    share = weight[firms["legal_form"] == "enterprise"].sum() / weight.sum()
    # large firms are not in the table, but their share of entities is spread over the classes below
    assert share == pytest.approx(base["firms.enterprise_share"], abs=1e-9)
    micro = weight[firms["size_class"] == "micro"].sum() / weight.sum()
    assert 0.9 < micro < 0.97


def test_industrial_firms_above_scale_are_of_the_published_order(firms):
    industry = firms[(firms["industry"] == "industry") & (firms["revenue"] >= 20)]
    assert 80 < industry["weight"].sum() < 200  # 175 in 2020, large firms among them


def test_market_reproduces_the_published_totals(base, firms):
    market = Market(firms, base)
    cof = base["market.funding_cost"]
    credit = market.run(market.initial, Conditions(cof, cof))
    inclusive = (firms["size_class"] != "medium").to_numpy()
    mass = credit.mass * inclusive
    stock = float((credit.loan * mass).sum())
    borrowers = float(((credit["bank_served"] + credit["micro_served"]) * mass).sum())
    rate = float((credit["bank_interest"] * mass).sum() / (credit["bank_loan"] * mass).sum())
    assert 4200 < stock < 11400
    assert stock == pytest.approx(6800, rel=0.03)
    assert 10_250 < borrowers < 28_060
    assert rate == pytest.approx(0.0396, abs=0.002)


def test_same_seed_same_bytes_other_seed_other_sample(base, firms):
    again = synthetic_firms(base)
    pd.testing.assert_frame_equal(firms, again, check_exact=True)
    other = synthetic_firms(base.replace({"simulation.seed": 7}))
    assert not np.array_equal(other["need"], firms["need"])


def test_a_parameter_of_one_column_changes_no_other(base, firms):
    other = synthetic_firms(base.replace({"firms.need_spread": 1.0}))
    changed = [c for c in firms if not firms[c].equals(other[c])]
    assert changed == ["need"]


def test_draws_cover_each_stratum_evenly(firms):
    for column in ("u_special_fund", "u_risk_compensation"):
        mean = np.average(firms[column], weights=firms["weight"])
        assert mean == pytest.approx(0.5, abs=0.005)


def test_mean_pd_is_the_one_asked_for():
    a = quality_mean(0.04, 1.3)
    draws = a + 1.3 * np.random.default_rng(0).standard_normal(2_000_000)
    assert (1 / (1 + np.exp(-draws))).mean() == pytest.approx(0.04, rel=3e-3)


def test_all_problems_of_a_table_are_named_at_once(firms):
    bad = firms.head(50).copy()
    bad.loc[3, "need"] = -1.0
    bad.loc[5, "wants"] = 1.4
    bad.loc[7, "quality"] = np.nan
    with pytest.raises(InputErrors) as error:
        check_firms(bad.drop(columns="age"), "firms.csv")
    text = str(error.value)
    for piece in ("need", "wants", "quality", "age", "firms.csv", "row 3", "-1"):
        assert piece in text


def test_a_wrong_size_class_is_refused(firms):
    bad = firms.head(50).copy()
    bad["size_class"] = bad["size_class"].cat.set_categories(["micro", "small", "medium"])
    bad.loc[0, "size_class"] = "medium"
    with pytest.raises(InputErrors, match="national thresholds"):
        check_firms(bad)


@pytest.mark.parametrize("share", [0.0, 0.03, 0.3, 0.6])
@pytest.mark.parametrize("tag", TAGS)
def test_a_tag_is_as_frequent_as_asked(base, tag, share):
    table = synthetic_firms(base.replace({f"firms.tag_share.{tag}": share, "simulation.firms": 20_000}))
    assert np.average(table[tag], weights=table["weight"]) == pytest.approx(share, abs=0.002)


def test_chances_are_full_before_they_spill():
    relative, entities = np.array([12.0, 1.0, 1.0]), np.array([5.0, 45.0, 50.0])
    assert chances(0.02, relative, entities) == pytest.approx(relative * 2 / 155)
    assert chances(0.5, relative, entities) == pytest.approx([1.0, 45 / 95, 45 / 95])
    assert chances(1.0, relative, entities) == pytest.approx([1.0, 1.0, 1.0])
