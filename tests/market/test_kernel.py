"""The compiled pass against its plain NumPy twin."""

import numpy as np
import pandas as pd
import pytest
from twin import twin_pass

from sme_analysis.market.credit import Conditions, Kept, Market
from sme_analysis.market.levers import NO_LEVERS, Levers
from sme_analysis.market.rows import OUTPUTS
from sme_analysis.scenario import load_scenario

N = 300


def _firms():
    r = np.random.default_rng(1)
    size = r.choice(["micro", "small", "medium"], N, p=[0.7, 0.2, 0.1])
    scale = pd.Series(size).map({"micro": 0.1, "small": 2.0, "medium": 10.0}).to_numpy()
    return pd.DataFrame(
        {
            "weight": 1.0,
            "quality": -3.5 + r.standard_normal(N),
            "score_noise": r.standard_normal(N),
            "collateral_ratio": 0.5 * np.exp(0.6 * r.standard_normal(N)),
            "wants": 0.5,
            "applies": 0.7,
            "size_class": size,
            "need": scale * np.exp(0.7 * r.standard_normal(N)),
            "revenue": 1.0,
        }
    )


def _levers():
    r = np.random.default_rng(3)
    return Levers(
        cover=0.5 * (r.random(N) < 0.7), enrol=r.random(N), cover_limit=3.0, fee=0.003,
        paperwork=0.004 * r.random(N), guarantee=(g := 0.8 * (r.random(N) < 0.3)), guarantee_paid=0.9 * g,
        excess=0.5, premium=0.01 * (g > 0), credibility=0.9, kept=0.95, bank_reward=0.004, micro_reward=0.001, reward_passed=0.3,
        subsidy=0.01 * (r.random(N) < 0.5), own_funds=0.02, quality=-0.05, precision=0.1 * (r.random(N) < 0.5),
        fixed_cost_factor=0.8,
    )  # fmt: skip


BINDING = {}
# Steep default in the rate and high ceilings: the tangency rate, not the ceiling, limits the loan. There two roots
# meet, so a rate is only known to the square root of the rounding error.
TANGENT = {"firms.rate_sensitivity": 25.0, "micro_lender.rate_ceiling": 0.3, "bank.rate_ceiling": 0.2}


@pytest.mark.parametrize(("changes", "tolerance"), [(BINDING, 2e-13), (TANGENT, 2e-6)])
@pytest.mark.parametrize("levers", [None, _levers()])
def test_the_kernel_agrees_with_its_twin(changes, tolerance, levers):
    market = Market(_firms(), load_scenario("haixi-2020").parameters.replace(changes))
    conditions = Conditions(0.018, 0.0175)
    inputs = market.inputs(market.initial, levers or NO_LEVERS)
    compiled = market.run(market.initial, conditions, levers).values
    s, lenders = market._scalars(conditions, levers or NO_LEVERS)
    twin = twin_pass(inputs, s, lenders, market.nodes, market.inv_widths, levers is not None)
    for name, a, b in zip(OUTPUTS, compiled, twin, strict=True):
        assert np.abs(a - b).max() < tolerance, name


def test_offers_that_are_kept_give_the_same_bytes():
    market = Market(_firms(), load_scenario("haixi-2020").parameters)
    conditions, other = Conditions(0.018, 0.0175), Conditions(0.0185, 0.0175)
    kept = Kept(market)
    market.run(market.initial, other, _levers(), kept=kept)
    again = market.run(market.initial, conditions, _levers(), kept=kept)
    assert again.values.tobytes() == market.run(market.initial, conditions, _levers()).values.tobytes()


def test_value_less_price_is_the_surplus_of_the_demand_curve():
    # where the demand curve and not the line binds, the surplus of a loan y is y/e, by hand
    parameters = load_scenario("haixi-2020").parameters.replace({"bank.rate_ceiling": 0.24})
    firms = _firms().assign(collateral_ratio=3.0, quality=-5.0)
    market = Market(firms, parameters)
    credit = market.run(market.initial, Conditions(0.0175, 0.0175))
    surplus = credit["value"] - credit["bank_interest"] - credit["micro_interest"]
    expected = credit.loan / parameters["firms.demand_semi_elasticity"]
    large = market.initial.need > 1
    assert np.allclose(surplus[large], expected[large], rtol=1e-9)


def test_a_partial_last_block_and_any_split_give_the_same_bytes():
    firms = _firms()
    market = Market(firms, load_scenario("haixi-2020").parameters)
    conditions = Conditions(0.015, 0.015)
    whole = market.run(market.initial, conditions, NO_LEVERS).values
    parts = Market(firms, market.parameters, threads=3).run(market.initial, conditions, NO_LEVERS).values
    assert whole.tobytes() == parts.tobytes()
