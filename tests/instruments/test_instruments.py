"""Instruments by themselves: queues, increments, the ratchet, eligibility."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sme_analysis.firms import synthetic_firms
from sme_analysis.impact import assess, effects
from sme_analysis.instruments import INSTRUMENTS
from sme_analysis.instruments.base import Queue, eligible
from sme_analysis.instruments.credit_incentive import expected_increment
from sme_analysis.scenario import load_scenario

SMALL = {"simulation.firms": 500, "horizon.years": 3}


@pytest.fixture(scope="module")
def base():
    return load_scenario("haixi-2020").parameters.replace(SMALL)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.floats(0, 60), st.integers(0, 5))
def test_a_queue_spends_the_budget_exactly_or_enrols_all(draws, budget, seed):
    u = np.array(draws)
    cost = np.random.default_rng(seed).uniform(0.1, 3, len(u))
    queue = Queue(u, np.ones(len(u), dtype=bool))
    spent = float((queue.enrolled(queue.close_at(cost, budget)) * cost).sum())
    assert spent == pytest.approx(min(budget, cost.sum()), rel=1e-9, abs=1e-9)


def test_a_queue_closes_in_the_order_of_the_draws_and_ties_stand_together():
    queue = Queue(np.array([0.3, 0.1, 0.1, 0.9]), np.array([True, True, True, False]))
    position = queue.close_at(np.array([4.0, 1.0, 1.0]), 4.0)
    assert queue.enrolled(position) == pytest.approx([0.5, 1.0, 1.0, 0.0])


def test_expected_increment_by_hand_and_in_the_limit():
    # two lenders in a hundred grow alike: with no dispersion the increment is what lies above the base
    assert expected_increment(110.0, 100.0, 1e-9)[0] == pytest.approx(10.0)
    assert expected_increment(90.0, 100.0, 1e-9)[0] == pytest.approx(0.0, abs=1e-12)
    # at the base a dispersion of 10 % earns about sigma / sqrt(2 pi) of lending though nothing grows
    value, slope = expected_increment(100.0, 100.0, 0.1)
    assert value == pytest.approx(100 * 0.1 / np.sqrt(2 * np.pi), rel=1e-3)
    assert slope == pytest.approx(0.52, abs=0.01)


@given(st.floats(50, 200), st.floats(50, 200), st.floats(0.02, 0.4))
def test_the_marginal_share_is_the_slope_of_the_increment(lending, base_, dispersion):
    step = 1e-4 * lending
    up, down = (expected_increment(lending + d, base_, dispersion)[0] for d in (step, -step))
    assert expected_increment(lending, base_, dispersion)[1] == pytest.approx(
        (up - down) / (2 * step), abs=1e-5
    )


def test_a_rolling_base_blunts_the_reward(base):
    only = {"special_fund.active": False, "risk_compensation.active": False}
    fixed, rolling = (
        assess(base.replace({**only, "credit_incentive.base": kind})).simulation
        for kind in ("fixed", "rolling")
    )
    shares = [s.years[1].outcomes["credit_incentive"].facts["marginal share"] for s in (fixed, rolling)]
    assert 0 < shares[1] < 0.2 * shares[0]
    assert effects(rolling)["lending_change"].iloc[0] < effects(fixed)["lending_change"].iloc[0]


def test_eligibility_by_size_tag_and_legal_form(base):
    firms = synthetic_firms(base)
    rules = {"eligible_sizes": ("micro",), "eligible_tags": ("agri",), "individual_businesses": False}
    ok = eligible(firms, rules)
    chosen = firms[ok]
    assert set(chosen["size_class"].astype(str)) == {"micro"}
    assert chosen["agri"].all()
    assert set(chosen["legal_form"].astype(str)) == {"enterprise"}
    everyone = eligible(
        firms, {"eligible_sizes": ("micro", "small", "medium"), "individual_businesses": True}
    )
    assert everyone.all()


def test_a_stop_rule_closes_new_cover_in_the_following_year(base):
    strict = base.replace({"risk_compensation.stop_rate": 0.01})
    years = assess(strict).simulation.years
    covered = [y.outcomes["risk_compensation"].facts["covered lending"] for y in years]
    assert covered[0] > 0
    assert covered[1] == 0
    assert covered[2] > 0  # nothing covered, nothing defaulted: open again


def test_a_broken_promise_is_priced_before_it_is_broken(base):
    only = {f"{name}.active": name == "risk_compensation" for name in INSTRUMENTS} | {"horizon.years": 1}
    kept, doubted = (
        effects(assess(base.replace({**only, "policy_credibility.kept": k})).simulation)[
            "lending_change"
        ].iloc[0]
        for k in (1.0, 0.4)
    )
    assert 0 <= doubted < kept


def test_grants_go_round(base):
    only = {
        "credit_incentive.active": False,
        "risk_compensation.active": False,
        "special_fund.grant_share": 1.0,
    }
    simulation = assess(base.replace(only)).simulation
    loans = [y.outcomes["special_fund"].loan > 0 for y in simulation.years]
    assert not np.array_equal(loans[0], loans[1])
