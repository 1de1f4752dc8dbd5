"""The lender's offer in closed form against root finders, grids and limits."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import brentq

from sme_analysis.market.offer import break_even_rate, expected_profit, largest_loss, most_profitable_rate

A = st.floats(-7, 0)
B = st.floats(0.5, 30)
LOSS = st.floats(0, 1)
COST = st.floats(0.005, 0.25)


@given(A, B, LOSS, COST)
def test_break_even_rate_earns_nothing_and_is_the_smallest_root(a, b, loss, cost):
    rate = float(break_even_rate(a, b, loss, cost))
    top = cost + 1 / b  # profit per unit of (1 - p) peaks here
    exists = expected_profit(top, a, b, loss, cost) >= 0
    if np.isnan(rate):
        assert expected_profit(top, a, b, loss, cost) < 1e-12
        return
    assert abs(float(expected_profit(rate, a, b, loss, cost))) < 1e-12
    if exists and expected_profit(cost, a, b, loss, cost) < 0 < expected_profit(top, a, b, loss, cost):
        root = brentq(lambda r: float(expected_profit(r, a, b, loss, cost)), cost, top, xtol=1e-15)
        # two roots meet at the tangency; away from it the smallest one is found
        assert rate <= root + 1e-9
        assert rate == pytest.approx(root, abs=1e-9)


@given(A, B, LOSS)
def test_most_profitable_rate_beats_a_fine_grid(a, b, loss):
    best = float(most_profitable_rate(a, b, loss))
    grid = np.linspace(best - 0.5, best + 0.5, 2001)
    assert np.all(expected_profit(grid, a, b, loss, 0.0) <= expected_profit(best, a, b, loss, 0.0) + 1e-13)


def test_break_even_rate_without_feedback_of_the_rate_is_cost_plus_odds():
    flat = break_even_rate(-3.0, 0.0, 0.6, 0.04)
    assert flat == pytest.approx(0.04 + 0.64 * np.exp(-3.0), abs=1e-15)
    assert break_even_rate(-3.0, 1e-7, 0.6, 0.04) == pytest.approx(float(flat), abs=1e-7)


@given(A, B, COST, st.floats(0.01, 0.4))
def test_at_the_largest_loss_the_best_rate_under_the_ceiling_breaks_even(a, b, cost, ceiling):
    loss = float(largest_loss(a, b, cost, ceiling))
    assume(loss > 0)
    grid = np.linspace(0, ceiling, 4001)
    profit = expected_profit(grid, a, b, loss, cost)
    assert profit.max() <= 1e-12
    best = min(ceiling, cost + 1 / b)
    assert abs(float(expected_profit(best, a, b, loss, cost))) < 1e-12


@given(A, B, COST, st.floats(0.01, 0.4), st.floats(0, 0.9))
def test_worked_example_cover_raises_the_loss_that_can_be_borne(a, b, cost, ceiling, chi):
    loss = float(largest_loss(a, b, cost, ceiling))
    assume(loss > 0)
    assert loss / (1 - chi) >= loss


def test_example_by_hand():
    # PD 2.5 % whatever the rate, loss 60 %, cost 3 %: r (1 - .025) = .03 + .6 x .025 -> r = 4.615 %
    a = np.log(0.025 / 0.975)
    assert break_even_rate(a, 0.0, 0.6, 0.03) == pytest.approx((0.03 + 0.015) / 0.975, abs=1e-12)
