"""Calibration: truths are recovered as closely as it claims, and its errors are those of the formulas."""

import dataclasses

import numpy as np
import pytest

from sme_analysis.inference.calibration import (
    KEYS,
    WEAK,
    NotIdentified,
    as_calibration,
    calibrate,
    drift,
    held_fixed,
)
from sme_analysis.inference.moments import MOMENTS, load_targets, model_moments
from sme_analysis.inference.parallel import in_order
from sme_analysis.scenario import load_calibration, load_scenario

TARGETED = tuple(t for t in load_targets() if t.role == "targeted")
NAMES = [t.moment for t in TARGETED]
RECOVERED, COVERED = 20, 60  # replications
THREE = ("firms.need_to_revenue.micro", "firms.mean_pd.micro", "bank.operating_cost")
HELD = "bank.precision"
# Distances of the linear model in standard errors: rows are moments, columns the logarithms of THREE.
SLOPES = np.array([[3.0, 1, 0], [0, 2, -1], [1, 0, 4], [0.5, 1, 1], [1, -1, 2], [0, 0.3, 1]])
OF_HELD = np.array([1.0, -2, 0.5, 0, 3, 1])


@pytest.fixture(scope="module")
def parameters():
    return load_scenario("haixi-2020").parameters.replace({"simulation.firms": 1000})


def published(moments, noise=None):
    """Targets whose figures are these moments, each moved by so many of its standard errors."""
    found = []
    for t, e in zip(TARGETED, np.zeros(len(TARGETED)) if noise is None else noise, strict=True):
        value = moments[t.moment]
        value = value * np.exp(t.error * e) if MOMENTS[t.moment].log else value + t.error * e
        found.append(dataclasses.replace(t, figure=dataclasses.replace(t.figure, value=float(value))))
    return found


def errors_of_one(parameters, replication):
    """Errors of the logarithms and their standard errors: other firms, noisy figures, the same truth."""
    other = model_moments(parameters.replace({"simulation.seed": 1000 + replication}), NAMES)
    noise = np.random.default_rng(replication).standard_normal(len(NAMES))
    fit = calibrate(parameters, KEYS, published(other, noise))
    errors = np.log([fit.estimates[key] / parameters[key] for key in KEYS])
    return errors, np.array([fit.standard_errors[key] for key in KEYS])


def replicated(parameters, replications):
    errors, claimed = zip(*in_order(errors_of_one, parameters, replications, workers=2), strict=True)
    return np.abs(np.array(errors)) / np.array(claimed)


class Linear:
    """Moments whose distances from the figures are linear (or bent by so much) in the logarithms."""

    def __init__(self, parameters, bend=0.0, slopes=SLOPES, keys=THREE):
        self.slopes, self.bend, self.keys = slopes, bend, keys
        self.centre = np.array([np.log(parameters[key]) for key in keys])
        self.held = np.log(parameters[HELD])

    def __call__(self, parameters, names):
        x = np.array([np.log(parameters[key]) for key in self.keys]) - self.centre
        far = self.slopes @ (x + self.bend * x**2) + OF_HELD * (np.log(parameters[HELD]) - self.held)
        values = {}
        for t, d in zip(TARGETED, far, strict=True):
            shift = t.error * d
            values[t.moment] = t.value * np.exp(shift) if MOMENTS[t.moment].log else t.value + shift
        return {name: values.get(name, 1.0) for name in names}


@pytest.fixture(scope="module")
def standardised(parameters):
    return replicated(parameters, list(range(RECOVERED)))


@pytest.mark.slow
def test_each_parameter_is_recovered_within_two_standard_errors_in_18_of_20_calibrations(standardised):
    within = standardised <= 2
    assert (within.sum(axis=0) >= 18).all(), dict(zip(KEYS, within.sum(axis=0), strict=True))
    assert within.mean() >= 0.9


@pytest.mark.slow
def test_90_percent_intervals_of_the_model_cover_the_truth_in_85_to_95_of_100_cases(parameters, standardised):
    # Pooled over 6 parameters and 60 replications. The six share their noise, so that one standard error of the share
    # is about 2 %: more than 60 would be needed for a statement on each parameter, at 2 s each.
    rest = replicated(parameters, list(range(RECOVERED, COVERED)))
    covered = np.concatenate([standardised, rest]) <= 1.645
    assert 0.85 <= covered.mean() <= 0.95, covered.mean(axis=0)


@pytest.mark.parametrize("bend", [0.0, 0.2])
def test_90_percent_intervals_cover_each_parameter_where_the_model_is_almost_linear(parameters, bend):
    # 150 replications: a standard error of 2.4 % around 90 %.
    model = Linear(parameters, bend)
    truth = model(parameters, NAMES)
    rng = np.random.default_rng(5)
    covered = []
    for _ in range(150):
        fit = calibrate(
            parameters, THREE, published(truth, rng.standard_normal(len(NAMES)) / 2), moments=model
        )
        # half the noise claims half the error
        far = np.abs(np.log([fit.estimates[key] / parameters[key] for key in THREE]))
        covered.append(far <= 1.645 * np.array(list(fit.standard_errors.values())) / 2)
    assert (np.abs(np.mean(covered, axis=0) - 0.9) <= 0.05).all()


def test_without_noise_on_the_same_firms_the_truth_comes_back(parameters):
    small = parameters.replace({"simulation.firms": 600})
    truth = {
        key: small[key] * factor for key, factor in zip(KEYS, (1.1, 0.9, 0.9, 1.2, 0.9, 1.02), strict=True)
    }
    fit = calibrate(small, KEYS, published(model_moments(small.replace(truth), NAMES)))
    assert fit.objective < 1e-12
    assert dict(fit.estimates) == pytest.approx(truth, rel=1e-5)


def test_several_starts_reach_the_same_minimum(parameters):
    fit = calibrate(parameters.replace({"simulation.firms": 600}), starts=3)
    assert len(fit.minima) == 3
    assert max(fit.minima) < 1e-6


def test_fewer_moments_than_parameters_are_refused(parameters):
    with pytest.raises(NotIdentified, match="6 parameters and 5 targeted moments"):
        calibrate(parameters, KEYS, TARGETED[:5])


def test_untargeted_moments_do_not_identify_a_parameter(parameters):
    beside = [dataclasses.replace(t, role="untargeted") for t in TARGETED[1:]]
    with pytest.raises(NotIdentified, match="2 parameters and 1 targeted moments"):
        calibrate(parameters, THREE[:2], [TARGETED[0], *beside])


def test_a_parameter_that_moves_no_moment_is_refused_by_name(parameters):
    small = parameters.replace({"simulation.firms": 600})
    with pytest.raises(NotIdentified, match=r"combination of market\.asset_correlation: hold"):
        calibrate(small, ("bank.rate_ceiling", "market.asset_correlation"))


def test_parameters_that_move_the_moments_in_proportion_are_refused_together(parameters):
    twins = SLOPES.copy()
    twins[:, 1] = 2 * twins[:, 0]
    with pytest.raises(NotIdentified) as caught:
        calibrate(parameters, THREE, moments=Linear(parameters, slopes=twins))
    assert "need_to_revenue" in str(caught.value)
    assert "mean_pd" in str(caught.value)
    assert "operating_cost" not in str(caught.value)


def test_the_stored_calibration_is_what_comes_out_now():
    scenario = load_scenario("haixi-2020")
    stored = load_calibration("haixi-2025", scenario.parameters.catalogue)
    fit = calibrate(scenario.parameters)
    again = as_calibration(fit, stored.name, stored.title, stored.made, {})
    assert list(drift(stored, again)) == list(KEYS)
    assert max(drift(stored, again).values()) < 0.01
    assert np.allclose(again.covariance, stored.covariance, rtol=0.02, atol=1e-4)


def test_drift_is_counted_in_stored_standard_errors(parameters):
    stored = load_calibration("haixi-2025", parameters.catalogue)
    far = stored.estimates[0] * np.exp(0.5 * stored.standard_errors[stored.keys[0]])
    moved = stored.model_copy(update={"estimates": (far, *stored.estimates[1:])})
    assert list(drift(stored, moved).values()) == pytest.approx([0.5, 0, 0, 0, 0, 0])


def test_of_a_linear_model_estimate_and_covariance_are_those_of_least_squares(parameters):
    noise = np.array([0.3, -0.2, 0.1, 0.4, -0.5, 0.2])
    model = Linear(parameters)
    fit = calibrate(parameters, THREE, published(model(parameters, NAMES), noise), moments=model)
    by_hand = np.linalg.lstsq(SLOPES, noise, rcond=None)[0]
    found = np.log([fit.estimates[key] / parameters[key] for key in THREE])
    assert found == pytest.approx(by_hand, abs=1e-6)
    assert fit.objective == pytest.approx(np.sum((SLOPES @ by_hand - noise) ** 2), rel=1e-6)
    assert fit.jacobian == pytest.approx(SLOPES, abs=1e-3)
    # W = 1 in units of standard errors: (J' W J)^-1 = (A'A)^-1
    inverse = np.linalg.inv(SLOPES.T @ SLOPES)
    assert fit.covariance == pytest.approx(inverse, abs=1e-3)
    table = fit.table().set_index("key")
    errors = np.sqrt(np.diag(inverse))
    assert table["relative_error"].to_numpy() == pytest.approx(errors, rel=2e-3)
    assert np.log(table["high"] / table["low"]).to_numpy() == pytest.approx(2 * 1.645 * errors, rel=2e-3)
    assert fit.fit().set_index("moment").loc["granted", "distance"] == pytest.approx(
        (SLOPES @ by_hand - noise)[NAMES.index("granted")], abs=1e-6
    )


def test_moves_with_what_was_held_fixed_are_those_of_estimating_again(parameters):
    model = Linear(parameters)
    targets = published(model(parameters, NAMES))
    fit = calibrate(parameters, THREE, targets, moments=model)
    held = held_fixed(fit, model)
    assert set(held) == {HELD}  # nothing else moves the linear model
    by_hand = -np.linalg.inv(SLOPES.T @ SLOPES) @ SLOPES.T @ OF_HELD
    assert held[HELD].moves == pytest.approx(by_hand, abs=1e-4)
    step = 0.05
    moved = parameters.replace({HELD: parameters[HELD] * np.exp(step)})
    again = calibrate(moved, THREE, targets, moments=model)
    moves = [np.log(again.estimates[key] / fit.estimates[key]) / step for key in THREE]
    assert held[HELD].moves == pytest.approx(moves, abs=1e-3)


def test_of_the_model_too_the_moves_are_those_of_estimating_again():
    default = load_scenario("haixi-2020").parameters
    stored = load_calibration("haixi-2025", default.catalogue)
    key, step = "market.return_on_equity", 0.03
    one, other = (
        calibrate(default.replace({key: default[key] * np.exp(x)})).estimates for x in (-step, step)
    )
    moves = [np.log(other[k] / one[k]) / (2 * step) for k in KEYS]
    assert stored.held[key].moves == pytest.approx(moves, abs=0.03)


def test_the_identification_table_orders_what_the_moments_measure(parameters):
    slopes = np.zeros((6, 3))
    slopes[0, 0], slopes[1, 1], slopes[2, 2] = 5.0, WEAK / 2, 1.0
    fit = calibrate(parameters, THREE, moments=Linear(parameters, slopes=slopes))
    table = fit.identification()
    assert table["singular_value"].to_numpy() == pytest.approx([5, 1, WEAK / 2], abs=1e-3)
    assert table["error"].to_numpy() == pytest.approx([0.2, 1, 2 / WEAK], rel=1e-2)
    labels = [parameters.catalogue[key].label for key in (THREE[0], THREE[2], THREE[1])]
    assert table["combination"].tolist() == [f"+1.00 {label}" for label in labels]
    assert np.sort(1 / table["error"] ** 2) == pytest.approx(
        np.sort(np.linalg.eigvalsh(np.linalg.inv(fit.covariance))), rel=1e-6
    )
