"""Intervals: the same from any number of processes, nothing lost with one, and errors that say how far they are off."""

import multiprocessing
import os
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from sme_analysis.firms import synthetic_firms
from sme_analysis.inference.draws import BLOCKS, Draws, parameter_draws, sobol
from sme_analysis.inference.headlines import headlines
from sme_analysis.inference.uncertainty import (
    LEVELS,
    Task,
    TooManyFailed,
    Uncertainty,
    evaluate,
    macro_risk,
    monte_carlo_error,
    sampling,
    uncertainty,
    weighted_quantiles,
)
from sme_analysis.scenario import load_scenario
from sme_analysis.simulation import NoEquilibrium, simulate

TINY = {"simulation.firms": 300, "horizon.years": 1}
KEY = "market.monitoring"
MARKER = "SME_ANALYSIS_TEST_MARKER"
NAN = float("nan")


@pytest.fixture(scope="module")
def scenario():
    return load_scenario("compensation-only", {"simulation.firms": 600})


@pytest.fixture(scope="module")
def tiny(scenario):
    return scenario.parameters.replace(TINY)


@pytest.fixture(scope="module")
def draws(scenario):
    return parameter_draws(scenario.parameters, 16, scenario.calibration)


@pytest.fixture(scope="module")
def alone(tiny, draws):
    return evaluate(tiny, draws)


def lending(simulation):
    return {"lending": float(simulation.policy[0, 0].sum()), "key": simulation.parameters[KEY]}


def nothing_to_say(simulation):
    return {"ratio": NAN}


def fails_at_the_top(simulation):
    if simulation.parameters[KEY] > 0.9:
        raise NoEquilibrium("none")
    return lending(simulation)


def kills_its_process_once(simulation):
    """Only a process of the pool, and of these only the first that finds no marker."""
    if multiprocessing.parent_process() is not None:
        try:
            Path(os.environ[MARKER]).touch(exist_ok=False)
        except FileExistsError:
            pass
        else:
            os.kill(os.getpid(), signal.SIGKILL)
    return headlines(simulation)


def test_bytes_do_not_depend_on_the_number_of_processes(scenario, draws):
    one, two = (evaluate(scenario.parameters, draws, workers=n) for n in (1, 2))  # 600 firms, all years
    assert one.to_numpy().tobytes() == two.to_numpy().tobytes()
    assert list(one.columns) == list(two.columns)


def test_each_row_is_the_simulation_of_its_draw_and_knows_nothing_of_the_others(tiny, draws, alone):
    reversed_ = evaluate(tiny, list(draws)[::-1])
    assert reversed_.iloc[::-1].to_numpy().tobytes() == alone.to_numpy().tobytes()
    changed = tiny.replace(draws[5])
    by_hand = headlines(simulate(synthetic_firms(changed), changed))
    # from another first guess the year's unknowns agree to 1e-9 of themselves
    assert alone.iloc[5].to_dict() == pytest.approx(by_hand, rel=1e-4, abs=1e-6, nan_ok=True)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_a_process_that_is_killed_loses_nothing(tiny, draws, alone, tmp_path, monkeypatch):
    monkeypatch.setenv(MARKER, str(tmp_path / "killed"))
    steps = []
    found = evaluate(
        tiny,
        draws,
        kills_its_process_once,
        workers=2,
        progress=lambda done, whole: steps.append((done, whole)),
    )
    assert (tmp_path / "killed").exists()
    assert found.to_numpy().tobytes() == alone.to_numpy().tobytes()
    assert steps == [(k, 16) for k in range(1, 17)]


def test_draws_are_taken_until_the_error_is_small_enough(tiny):
    scenario = load_scenario("compensation-only")
    more = parameter_draws(scenario.parameters, 128, scenario.calibration)
    tiny = tiny.replace({"simulation.firms": 200})
    steps = []
    early = uncertainty(tiny, more, lending, tolerance=10.0, progress=lambda *step: steps.append(step))
    assert len(early.draws) == len(early.results) == 64
    assert np.bincount(early.draws.block).tolist() == [8] * BLOCKS
    assert steps[-1] == (64, 128)
    never = uncertainty(tiny, more, lending, tolerance=0.0)
    assert len(never.draws) == len(never.results) == 128
    # each result stands beside its own draw, in whatever order they were taken
    k = more.keys.index(KEY)
    for found in (early, never):
        assert np.array_equal(found.results["key"], found.draws.values[:, k])
    assert sorted(never.draws.values[:, k]) == sorted(more.values[:, k])
    assert never.results[:64].equals(early.results)


def test_the_estimate_is_the_scenario_as_it_stands(tiny, draws, alone):
    found = uncertainty(tiny, draws)
    assert found.estimate == headlines(simulate(synthetic_firms(tiny), tiny))
    assert found.results.equals(alone)
    table = found.intervals().set_index("headline")
    x = alone["jobs"].to_numpy()
    assert table.loc["jobs", ["low", "median", "high"]].tolist() == pytest.approx(
        np.quantile(x, LEVELS, method="hazen")
    )
    assert table.loc["jobs", "mean"] == pytest.approx(x.mean())


def test_equal_weights_give_the_quantiles_of_numpy():
    x = np.random.default_rng(1).standard_normal(57)
    levels = (0.05, 0.3, 0.5, 0.95)
    by_numpy = np.quantile(x, levels, method="hazen")
    assert weighted_quantiles(x, np.full(57, 3.0), levels) == pytest.approx(by_numpy)


def test_a_weight_counts_like_as_many_equal_values():
    # up to the line between neighbours: on 20,000 values it is short
    rng = np.random.default_rng(2)
    x, weights = rng.standard_normal(20_000), rng.integers(0, 4, 20_000)
    by_numpy = np.quantile(np.repeat(x, weights), LEVELS)
    assert weighted_quantiles(x, weights, LEVELS) == pytest.approx(by_numpy, abs=2e-3)
    tilted = np.exp(0.5 * x)  # turns N(0, 1) into N(1/2, 1)
    assert weighted_quantiles(x, tilted, LEVELS) == pytest.approx(0.5 + norm.ppf(LEVELS), abs=0.05)


def test_missing_values_and_values_without_weight_are_left_out():
    x, weights = np.array([1.0, NAN, 5.0, 3.0]), np.array([1.0, 1, 0, 1])
    assert weighted_quantiles(x, weights, (0.5,)) == pytest.approx([2.0])
    assert np.isnan(weighted_quantiles(np.array([NAN]), np.ones(1), LEVELS)).all()


def test_the_monte_carlo_error_is_how_far_the_ends_really_lie_apart():
    block = np.repeat(np.arange(BLOCKS), 32)
    weights = np.full(len(block), 1 / len(block))
    claimed, ends = [], []
    for seed in range(60):
        x = norm.ppf(np.concatenate([sobol(3, 32, [seed, b])[:, 0] ** 0.5 for b in range(BLOCKS)]))
        x += np.random.default_rng(seed).standard_normal(len(x))
        claimed.append(monte_carlo_error(x, block, weights))
        ends.append(weighted_quantiles(x, weights, (0.05, 0.95)))
    width = np.ptp(np.mean(ends, axis=0))
    real = np.std(ends, axis=0).max() / width
    assert np.mean(claimed) == pytest.approx(real, rel=0.4)


def test_the_monte_carlo_error_shrinks_with_the_number_of_draws():
    errors = []
    for each in (16, 64, 256, 1024):
        block = np.repeat(np.arange(BLOCKS), each)
        x = np.random.default_rng(3).standard_normal(len(block))
        errors.append(monte_carlo_error(x, block, np.ones(len(block))))
    assert errors == sorted(errors, reverse=True)
    assert errors[0] / errors[-1] == pytest.approx(8, rel=0.6)  # the root of 64


def test_what_does_not_vary_has_no_error_and_what_is_missing_no_interval():
    block = np.repeat(np.arange(BLOCKS), 4)
    assert monte_carlo_error(np.ones(32), block, np.ones(32)) == 0
    assert np.isnan(monte_carlo_error(np.full(32, NAN), block, np.ones(32)))


def test_intervals_heed_the_weights():
    x = np.arange(64.0)
    block = np.tile(np.arange(BLOCKS), 8)
    draws = Draws(("a",), x[:, None], block, np.where(x < 32, 1 / 32, 0.0))
    row = Uncertainty({"y": 1.0}, draws, pd.DataFrame({"y": x})).intervals().iloc[0]
    assert (row["median"], row["mean"]) == pytest.approx((15.5, 15.5))
    assert row["high"] < 32


def test_a_draw_without_equilibrium_is_missing(tiny):
    tasks = [{KEY: 0.5 if k != 7 else 0.95} for k in range(50)]
    found = evaluate(tiny, tasks, fails_at_the_top)
    assert found.isna().all(axis=1).to_numpy().nonzero()[0].tolist() == [7]
    assert found["key"].drop(index=7).eq(0.5).all()


def test_too_many_draws_without_equilibrium_are_refused(tiny):
    tasks = [{KEY: 0.5 if k > 1 else 0.95} for k in range(50)]
    with pytest.raises(TooManyFailed, match="2 of 50 draws have no equilibrium; at most 2%"):
        evaluate(tiny, tasks, fails_at_the_top)


def test_a_measure_with_nothing_to_divide_by_is_no_failure(tiny):
    assert evaluate(tiny, [{}, {}], nothing_to_say)["ratio"].isna().all()


def test_samples_of_firms_are_the_scenario_with_other_seeds(tiny):
    found = sampling(tiny, 3)
    other = tiny.replace({"simulation.seed": tiny["simulation.seed"] + 2})
    by_hand = headlines(simulate(synthetic_firms(other), other))
    assert len(found) == 3
    assert found["additional_lending"].nunique() == 3
    assert found.iloc[1].to_dict() == pytest.approx(by_hand, rel=1e-4, abs=1e-6, nan_ok=True)


def test_the_mean_cost_over_states_of_the_economy_is_the_expected_cost(tiny):
    # In the first year; later the fund's balance makes the mean of the paths another than the expected path.
    found = macro_risk(tiny, paths=64)
    expected = headlines(simulate(synthetic_firms(tiny), tiny))
    error = found["cost"].std() / np.sqrt(len(found))
    assert error > 0
    assert abs(found["cost"].mean() - expected["cost"]) <= 2 * error


def test_lenders_and_firms_decide_before_they_know_the_state_of_the_economy(tiny):
    found = evaluate(tiny, [Task({}, (z,)) for z in (-2.0, 0.0, 2.0)])
    decided = ["additional_lending", "new_borrowers", "rate_change", "jobs"]
    assert np.ptp(found[decided].to_numpy(), axis=0) == pytest.approx(0, abs=1e-9)
    assert found["cost"].is_monotonic_decreasing
    again = macro_risk(tiny, paths=2, seed=4)
    assert macro_risk(tiny, paths=2, seed=4).equals(again)
