"""What becomes of the need: parts that sum to it exactly, whatever the parameters."""

import numpy as np
import pytest

from sme_analysis.impact import assess, effects
from sme_analysis.impact.unmet_need import PARTS, unmet_need, why_refused
from sme_analysis.scenario import load_scenario

SMALL = {"simulation.firms": 500, "horizon.years": 1}
COSTS = {"bank.fixed_cost": 0.0, "micro_lender.fixed_cost": 0.0}


def run(**changes):
    changed = {key.replace("__", "."): value for key, value in changes.items()}
    return assess(load_scenario("haixi-2020").parameters.replace({**SMALL, **changed})).simulation


@pytest.mark.parametrize(
    "changes",
    [{}, {"bank__rate_ceiling": 0.04}, {"bank__fixed_cost": 0.0}, {"market__reference_rate": 0.045}],
)
def test_parts_sum_to_the_unmet_need(changes):
    simulation = run(**changes)
    table = unmet_need(simulation).sum(numeric_only=True)
    gap = effects(simulation).iloc[0]["unmet_need_without"]
    parts = [part for part in PARTS if part != "funded"]
    assert table[parts].sum() == pytest.approx(gap, rel=1e-12)


def test_firms_draw_less_only_because_of_the_price():
    simulation = run(firms__demand_semi_elasticity=0.0)
    assert (unmet_need(simulation)["draws_less"] == 0).all()


def test_the_reference_rate_moves_what_firms_choose_not_to_draw():
    low, high = (unmet_need(run(market__reference_rate=rate)).sum(numeric_only=True) for rate in (0.02, 0.03))
    assert low["draws_less"] > high["draws_less"]


def test_all_parts_but_choice_are_never_negative():
    table = unmet_need(run(bank__rate_ceiling=0.04))
    rest = table[["funded", "offered_less", "refused", "not_asked"]]
    assert (rest.to_numpy() >= -1e-9).all()
    assert np.isfinite(rest.to_numpy()).all()


def test_without_a_cause_refusals_fall():
    table = why_refused(run()).set_index("case")["refused_firms"]
    assert table["no fixed cost per loan"] < table["as it is"]
    assert table["banks may charge as much as micro-lenders"] < table["as it is"]
    assert table["both"] <= table.drop("both").min() + 1e-12


def test_a_cause_that_is_absent_explains_nothing():
    table = why_refused(run(**{key.replace(".", "__"): value for key, value in COSTS.items()}))
    refused = table.set_index("case")["refused_firms"]
    assert refused["no fixed cost per loan"] == refused["as it is"]
