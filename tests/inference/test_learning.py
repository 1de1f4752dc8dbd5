"""Learning: the posterior of a case with a formula, refusals that say what to do, and calibrations that carry it."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from sme_analysis.errors import InputErrors
from sme_analysis.inference.draws import BLOCKS, Draws, parameter_draws, sobol
from sme_analysis.inference.learning import LEAST, Collapsed, learn, promoted
from sme_analysis.scenario import load_calibration, load_scenario
from sme_analysis.scenario.calibrations import Evidence, save_calibration, save_draws

NAME, OTHER = "cowan2015_moral_hazard", "cowan2015_selection"
MEAN, SPREAD = 1.0, 0.4  # of the unknown beforehand
KEY = "market.monitoring"


@pytest.fixture(scope="module")
def normal():
    """Draws of a normal unknown, which is the model's own answer, beside one that the evidence says nothing of."""
    u = np.concatenate([sobol(2, 256, [1, block]) for block in range(BLOCKS)])
    values = MEAN + SPREAD * norm.ppf(u)
    return Draws(("x", "y"), values, np.repeat(np.arange(BLOCKS), 256), np.full(len(u), 1 / len(u)))


@pytest.fixture(scope="module")
def answers(normal):
    return pd.DataFrame({NAME: normal.values[:, 0]})


def evidence(effect, error, name=NAME):
    return Evidence(experiment=name, effect=effect, standard_error=error, source="A made-up evaluation")


def moments(draws, column=0):
    x = draws.values[:, column]
    mean = draws.weights @ x
    return mean, np.sqrt(draws.weights @ (x - mean) ** 2)


@pytest.mark.parametrize("model_error", [0.0, 0.5, 2.0])
def test_the_posterior_of_a_normal_unknown_is_the_analytic_one(normal, answers, model_error):
    effect, error = 1.3, 0.3
    found = learn({}, normal, [evidence(effect, error)], model_error=model_error, answers=answers)
    precision = 1 / SPREAD**2 + 1 / (error**2 * (1 + model_error**2))
    mean = (MEAN / SPREAD**2 + effect / (error**2 * (1 + model_error**2))) / precision
    assert moments(found.after) == pytest.approx((mean, precision**-0.5), abs=0.005)
    assert moments(found.after, 1) == pytest.approx((MEAN, SPREAD), abs=0.02)  # nothing was said of it
    assert moments(found.before) == pytest.approx((MEAN, SPREAD), abs=0.005)


def test_two_experiments_count_as_their_product(normal):
    both = pd.DataFrame({NAME: normal.values[:, 0], OTHER: normal.values @ [1.0, 1.0]})
    found = learn({}, normal, [evidence(1.2, 0.3), evidence(1.8, 0.5, OTHER)], model_error=0.0, answers=both)
    design = np.array([[1.0, 0], [1, 1]])
    noise = np.diag([1 / 0.3**2, 1 / 0.5**2])
    inverse = np.linalg.inv(np.eye(2) / SPREAD**2 + design.T @ noise @ design)
    mean = inverse @ (np.full(2, MEAN / SPREAD**2) + design.T @ noise @ [1.2, 1.8])
    for k in range(2):
        assert moments(found.after, k) == pytest.approx((mean[k], np.sqrt(inverse[k, k])), abs=0.01)


def test_learning_twice_with_half_the_precision_is_learning_once(normal, answers):
    once = learn({}, normal, [evidence(1.3, 0.3)], answers=answers)
    half = [evidence(1.3, 0.3 * np.sqrt(2))]
    twice = learn({}, learn({}, normal, half, answers=answers).after, half, answers=answers)
    assert twice.after.weights == pytest.approx(once.after.weights, rel=1e-9)


def test_the_effective_number_is_kishs(normal, answers):
    after = learn({}, normal, [evidence(1.3, 0.3)], model_error=0.0, answers=answers).after
    raw = np.exp(-0.5 * ((1.3 - normal.values[:, 0]) / 0.3) ** 2)
    assert after.weights == pytest.approx(raw / raw.sum())
    assert after.effective == pytest.approx(raw.sum() ** 2 / (raw**2).sum())


def test_a_draw_without_an_answer_has_no_weight(normal, answers):
    holed = pd.DataFrame({NAME: np.where(normal.values[:, 1] > MEAN, np.nan, normal.values[:, 0])})
    found = learn({}, normal, [evidence(1.0, 0.5)], answers=holed)
    assert (found.after.weights[normal.values[:, 1] > MEAN] == 0).all()
    with pytest.raises(Collapsed, match="No draw has an answer"):
        learn({}, normal, [evidence(1.0, 0.5)], answers=answers * np.nan)


def test_tables_say_what_was_learned(normal, answers):
    found = learn({}, normal, [evidence(1.3, 0.3)], model_error=0.0, answers=answers)
    table = found.parameters().set_index("key")
    assert list(table.index) == ["x", "y"]  # the one that learned most comes first
    precision = 1 / SPREAD**2 + 1 / 0.3**2
    assert table.loc["x", "learned"] == pytest.approx(1 - precision**-0.5 / SPREAD, abs=0.01)
    assert table.loc["y", ["learned", "shift"]].abs().max() < 0.05
    assert table.loc["x", "high_before"] == pytest.approx(MEAN + 1.645 * SPREAD, abs=0.02)
    (row,) = found.experiments().to_dict("records")
    assert row["rank"] == pytest.approx(norm.cdf((1.3 - MEAN) / SPREAD), abs=0.01)
    assert row["median_before"] < row["median_after"] < row["effect"]
    assert row["high_after"] - row["low_after"] < row["high_before"] - row["low_before"]


def test_too_few_effective_draws_are_refused_and_more_asked_for(normal, answers):
    with pytest.raises(Collapsed, match=r"Only \d+ effective draws of 2048 .* at least 50 .*Take more draws"):
        learn({}, normal, [evidence(1.0, 0.002)], model_error=0.0, answers=answers)
    enough = learn({}, normal, [evidence(1.0, 0.05)], answers=answers)
    assert enough.after.effective >= LEAST


def test_evidence_out_of_the_models_reach_is_refused_as_a_contradiction(normal, answers):
    with pytest.raises(Collapsed) as caught:
        learn({}, normal, [evidence(3.5, 0.3)], answers=answers)
    message = str(caught.value)
    assert "contradicts the evidence" in message
    assert f"{NAME} was found to be 3.5" in message
    assert "widen the distributions" in message
    # an estimate that is far off but so vague that it says little is no contradiction
    learn({}, normal, [evidence(3.5, 2.0)], answers=answers)


def test_all_that_is_wrong_with_the_evidence_is_reported_at_once(normal, answers):
    bad = [evidence(1, 1, "cowan2015_moral_hazzard"), evidence(1, 1), evidence(1.1, 1)]
    with pytest.raises(InputErrors) as caught:
        learn({}, normal, bad, answers=answers)
    unknown, double = caught.value.problems
    assert (unknown.where, unknown.hint) == ("evidence 1, experiment", f"did you mean {NAME}?")
    assert double.given == f"{NAME} 2 times"
    assert double.hint == "pool the estimates first"
    with pytest.raises(InputErrors) as caught:
        learn({}, normal, [], answers=answers)
    assert caught.value.problems[0].given == "nothing"


def test_the_models_own_answers_are_used_where_none_are_given():
    scenario = load_scenario("compensation-only")
    draws = parameter_draws(scenario.parameters, 64, scenario.calibration)
    name = "barrot2016_default"
    found = learn(scenario.parameters, draws, [evidence(-0.2, 5.0, name)], firms=300)
    assert len(found.answers) == 64
    assert found.answers[name].notna().all()
    assert found.after.effective == pytest.approx(64, rel=0.01)  # so vague an estimate teaches nothing


@pytest.fixture
def learned(project):
    scenario = load_scenario("haixi-2020")
    draws = parameter_draws(scenario.parameters, 256, scenario.calibration)
    x = draws.values[:, draws.keys.index(KEY)]
    centre = float(np.quantile(x, 0.7))
    found = learn(
        scenario.parameters,
        draws,
        [evidence(centre, float(x.std()))],
        answers=pd.DataFrame({NAME: x}),
    )
    made, table = promoted(found, scenario.parameters, scenario.calibration, "taught", "Taught", "2026-11-23")
    made = made.model_copy(update={"draws": len(table), "draws_hash": save_draws(made.name, table)})
    save_calibration(made)
    (project / "parameters/scenarios/pupil.yaml").write_text(
        "title: Pupil\nauthor: A. Reader\nreference: article 16\nextends: haixi-2020\ncalibration: taught\n",
        encoding="utf-8",
    )
    return found, made


def test_a_promoted_calibration_comes_back_as_it_was_saved(learned):
    found, made = learned
    again = load_calibration("taught", load_scenario("haixi-2020").parameters.catalogue)
    assert again == made
    assert again.fingerprint == made.fingerprint
    assert again.extends == "haixi-2025"
    assert again.evidence == found.evidence
    x = found.after.values[:, found.after.keys.index(KEY)]
    assert again.values[KEY] == pytest.approx(np.exp(found.after.weights @ np.log(x)), rel=1e-5)


def test_a_scenario_that_names_it_has_its_estimates_and_draws_with_their_weights(learned):
    found, made = learned
    scenario = load_scenario("pupil")
    assert scenario.calibration == made
    assert {key: scenario.parameters[key] for key in made.keys} == made.values
    draws = parameter_draws(scenario.parameters, 256, scenario.calibration)
    assert draws.keys == found.after.keys
    assert draws.weights == pytest.approx(found.after.weights, rel=1e-5)
    assert draws.values == pytest.approx(found.after.values, rel=1e-5)
    assert draws.effective == pytest.approx(found.after.effective, rel=1e-4)


@pytest.mark.parametrize("count", [64, 96])
def test_fewer_draws_than_parameters_can_be_promoted_too(project, count):
    scenario = load_scenario("haixi-2020")
    draws = parameter_draws(scenario.parameters, count, scenario.calibration)
    assert len(draws.keys) > count
    x = draws.values[:, draws.keys.index(KEY)]
    found = learn(
        scenario.parameters,
        draws,
        [evidence(float(x.mean()), 5 * float(x.std()))],
        answers=pd.DataFrame({NAME: x}),
    )
    made, _ = promoted(found, scenario.parameters, None, "taught", "Taught", "2026-11-23")
    save_calibration(made)
    assert load_calibration("taught", scenario.parameters.catalogue) == made
