"""Experiments of causal studies in the model: finite, quick, and right where the answer is known by hand."""

import numpy as np
import pytest

from sme_analysis.firms import synthetic_firms
from sme_analysis.inference import experiments, treated
from sme_analysis.inference.experiments import EXPERIMENTS, answers
from sme_analysis.report.quantities import NUMERIC
from sme_analysis.scenario import load_scenario
from sme_analysis.simulation.measures import RISK_BANDS

SMALL = {"simulation.firms": 600}


@pytest.fixture(scope="module")
def parameters():
    return load_scenario("no-policy").parameters.replace(SMALL)


@pytest.fixture(scope="module")
def firms(parameters):
    return synthetic_firms(parameters)


@pytest.fixture(scope="module")
def found(parameters, firms):
    return answers(parameters, firms)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_has_an_answer_in_a_known_unit(name, found):
    assert np.isfinite(found[name])
    assert EXPERIMENTS[name].name == name
    assert EXPERIMENTS[name].unit in NUMERIC


def test_answers_are_the_same_every_time_and_leave_the_firms_alone(parameters, firms, found):
    before = firms.copy()
    names = ["barrot2016_default", "cowan2015_credit_per_guarantee"]
    assert answers(parameters, firms, names) == {name: found[name] for name in names}
    assert firms.equals(before)


def test_a_scenarios_own_instruments_and_shocks_play_no_part(parameters, firms, found):
    busy = load_scenario("lithium-bust").parameters.replace(SMALL)
    names = ["zia2008_unconstrained", "ciani2020_credit"]
    assert answers(busy, firms, names) == pytest.approx({name: found[name] for name in names})


def test_without_cover_nothing_is_guaranteed_and_nothing_changes(parameters, firms):
    for nothing in (
        treated.guaranteed(parameters, firms, 0.0, 0.0),
        treated.guaranteed(parameters, firms, 0.7, 0.1),
    ):
        with_, without = treated.totals(nothing)
        if with_["covered_lending"] == 0:
            assert with_["lending"] == pytest.approx(without["lending"], rel=1e-12)
            assert np.isnan(treated.per_guarantee(nothing))
            assert np.isnan(treated.among_borrowers(nothing)[0])
            assert np.isnan(treated.default_of_guaranteed(nothing)["selection"])


def test_firms_one_by_one_add_up_to_the_totals(parameters, firms):
    simulation = experiments.italy(parameters, firms)
    sums = treated.totals(simulation)
    for credit, total in zip(treated.firm_by_firm(simulation), sums, strict=True):
        assert credit.lending == pytest.approx(total["lending"], rel=1e-9)
        assert credit.total("bank_served") == pytest.approx(total["bank_borrowers"], rel=1e-9)


def test_without_moral_hazard_guaranteed_loans_default_less(parameters, firms):
    careful = parameters.replace({"market.monitoring": 0.0})
    assert EXPERIMENTS["cowan2015_moral_hazard"].run(careful, firms) == pytest.approx(0, abs=1e-12)
    assert EXPERIMENTS["lelarge2010_default"].run(careful, firms) < 0  # only the lower rate is left


def test_without_pass_through_the_rate_of_firms_sure_of_a_loan_stays(parameters, firms):
    keeping = parameters.replace({"market.pass_through": 0.0})
    sure = treated.among_borrowers(experiments.italy(keeping, firms), RISK_BANDS[:1])[1]
    passing = treated.among_borrowers(experiments.italy(parameters, firms), RISK_BANDS[:1])[1]
    assert abs(sure) < 0.03 * abs(passing)


def test_where_demand_is_rigid_a_subsidy_adds_nothing(parameters, firms):
    rigid = parameters.replace({"firms.demand_semi_elasticity": 0.0})
    assert EXPERIMENTS["zia2008_unconstrained"].run(rigid, firms) == pytest.approx(1)
    assert np.isnan(EXPERIMENTS["gale1991_cost"].run(rigid, firms))


def test_cost_of_a_subsidy_per_unit_follows_from_its_deadweight(parameters, firms, found):
    # rate x subsidised lending / (subsidised lending x (1 - deadweight share))
    by_hand = 0.015 / (1 - found["zia2008_unconstrained"])
    assert found["gale1991_cost"] == pytest.approx(by_hand, rel=1e-6)


def test_dearer_funds_cost_loans_by_the_elasticity_where_nothing_binds(parameters, firms, found):
    elasticity = parameters["firms.demand_semi_elasticity"]
    free = EXPERIMENTS["gropp2014_loan"].run(parameters.replace({"bank.rate_ceiling": 0.12}), firms)
    assert -3 * elasticity / 100 < free < -0.9 * elasticity / 100
    assert found["gropp2014_loan"] < free  # under a ceiling that binds lines shrink as well


def test_default_falls_by_the_logit_of_a_third(parameters, firms, found):
    effect = parameters["arrears.quality_effect"] / 3
    assert found["barrot2016_default"] == pytest.approx(np.exp(-effect) - 1, abs=0.05)
    none = parameters.replace({"arrears.quality_effect": 0.0})
    assert abs(EXPERIMENTS["barrot2016_default"].run(none, firms)) < 0.02


def test_a_unit_of_public_cost_is_gained_or_lost(found):
    parts = [found[f"cox2021_{name}"] for name in ("borrowers", "lenders", "lost")]
    assert sum(parts) == pytest.approx(1)


def test_the_top_of_a_parabola_is_found_between_the_points():
    x = np.array([0.5, 0.6, 0.7, 0.8])
    assert treated.peak(x, -((x - 0.63) ** 2)) == pytest.approx(0.63)
    assert treated.peak(x, x) == 0.8
    assert treated.peak(x, -x) == 0.5
    assert treated.peak(x, np.array([np.nan, 1.0, 2.0, 1.0])) == pytest.approx(0.7)
    assert np.isnan(treated.peak(x, np.full(4, np.nan)))
