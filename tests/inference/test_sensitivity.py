"""Sensitivity: indices, screening, swings and switches where the answer is known."""

import numpy as np
import pandas as pd
import pytest
from SALib.analyze import sobol as analysis
from SALib.sample import sobol as design

from sme_analysis.errors import UserError
from sme_analysis.inference.draws import Draws, parameter_draws, quantile
from sme_analysis.inference.headlines import headlines
from sme_analysis.inference.sensitivity import (
    marginal,
    model_points,
    morris,
    rank_correlations,
    sobol_indices,
    switching_values,
    tornado,
)
from sme_analysis.inference.uncertainty import evaluate, weighted_quantiles
from sme_analysis.scenario import load_catalogue, load_scenario

A, B = 7.0, 0.1
ABC = ["a", "b", "c"]
LGD, MONITORING = "market.lgd_unsecured", "market.monitoring"
NAN = float("nan")


@pytest.fixture(scope="module")
def parameters():
    changes = {"simulation.firms": 300, "horizon.years": 1}
    return load_scenario("compensation-only").parameters.replace(changes)


def ishigami(u):
    x = np.pi * (2 * u - 1)
    return (np.sin(x[:, 0]) + A * np.sin(x[:, 1]) ** 2 + B * x[:, 2] ** 4 * np.sin(x[:, 0]))[:, None]


def inputs_themselves(simulation):
    p = simulation.parameters
    return {"lgd": p[LGD], "sum": p[LGD] + p[MONITORING], "entities": p["firms.entities"]}


def line(simulation):
    """Reward x LGD + a constant that the cap stands for: a line in LGD, of the package's own slope and height."""
    p = simulation.parameters
    return {"y": 100 * p["credit_incentive.reward"] * p[LGD] + p["credit_incentive.annual_cap"] / 10}


def nothing(simulation):
    return {"y": NAN}


def package(parameters, reward, cap):
    return parameters.replace({"credit_incentive.reward": reward, "credit_incentive.annual_cap": cap})


def test_indices_of_ishigamis_function_are_the_analytic_ones_within_their_error():
    found = sobol_indices(ishigami, ABC, ["y"], points=2048).set_index("input")
    variance = A**2 / 8 + B * np.pi**4 / 5 + B**2 * np.pi**8 / 18 + 0.5
    first = np.array([0.5 * (1 + B * np.pi**4 / 5) ** 2, A**2 / 8, 0]) / variance
    both = B**2 * np.pi**8 * (1 / 18 - 1 / 50) / variance
    total = first + np.array([both, 0, both])
    assert (np.abs(found["first"] - first) <= found["first_error"]).all()
    assert (np.abs(found["total"] - total) <= found["total_error"]).all()
    assert found[["first_error", "total_error"]].max().max() < 0.1


def test_indices_are_those_of_salib_called_directly():
    problem = {"num_vars": 3, "names": ABC, "bounds": [[-np.pi, np.pi]] * 3}
    x = design.sample(problem, 256, calc_second_order=False, seed=5)
    y = np.sin(x[:, 0]) + A * np.sin(x[:, 1]) ** 2 + B * x[:, 2] ** 4 * np.sin(x[:, 0])
    direct = analysis.analyze(problem, y, calc_second_order=False, seed=5)
    found = sobol_indices(ishigami, ABC, ["y"], points=256, seed=5)
    for ours, theirs in (
        ("first", "S1"),
        ("first_error", "S1_conf"),
        ("total", "ST"),
        ("total_error", "ST_conf"),
    ):
        assert found[ours].to_numpy() == pytest.approx(direct[theirs], rel=1e-6, abs=1e-9), ours


def test_an_output_that_does_not_vary_depends_on_nothing():
    found = sobol_indices(lambda u: np.column_stack([np.full(len(u), 3.0), u[:, 0]]), ABC, ["c", "u"], 64)
    constant = found[found["output"] == "c"]
    assert (constant[["first", "total"]] == 0).all(axis=None)
    assert found[found["output"] == "u"]["total"].tolist() == pytest.approx([1, 0, 0], abs=0.1)


def test_missing_values_are_filled_and_do_not_spread():
    def some_missing(u):
        y = ishigami(u)
        y[::97] = NAN
        return y

    found = sobol_indices(some_missing, ABC, ["y"], 512)
    whole = sobol_indices(ishigami, ABC, ["y"], 512)
    assert found["total"].to_numpy() == pytest.approx(whole["total"].to_numpy(), abs=0.15)


def test_screening_a_line_gives_its_slopes_and_no_spread():
    slopes = np.array([2.0, -3.0, 0.0])
    found = morris(lambda u: (u @ slopes)[:, None], ABC, ["y"])
    assert found["mean_abs"].tolist() == pytest.approx([2, 3, 0])
    assert found["spread"].tolist() == pytest.approx([0, 0, 0], abs=1e-12)


def test_screening_shows_what_depends_on_the_others():
    found = morris(lambda u: (u[:, 0] * u[:, 1] + u[:, 2])[:, None], ABC, ["y"], 30).set_index("input")
    assert found.loc["c", "spread"] == pytest.approx(0, abs=1e-12)
    assert (found.loc[["a", "b"], "spread"] > 0.2).all()


def test_a_parameter_moves_over_its_draws_where_it_is_among_them_and_else_over_its_distribution(parameters):
    u = np.array([0.05, 0.5, 0.95])
    values = np.array([[0.6], [0.61], [0.65], [0.7]])
    draws = Draws((LGD,), values, np.arange(4), np.array([0.1, 0.4, 0.4, 0.1]))
    assert marginal(parameters, LGD, u, draws) == pytest.approx(
        weighted_quantiles(values[:, 0], draws.weights, u)
    )
    assert marginal(parameters, MONITORING, u, draws) == pytest.approx(
        quantile(load_catalogue()[MONITORING], u)
    )


def test_points_of_the_cube_are_quantiles_of_the_parameters_and_counts_whole(parameters):
    u = np.array([[0.1, 0.9, 0.33], [0.7, 0.2, 0.5]])
    keys = [LGD, MONITORING, "firms.entities"]
    found = model_points(parameters, keys, inputs_themselves)(u)
    lgd, monitoring, entities = (quantile(load_catalogue()[key], u[:, k]) for k, key in enumerate(keys))
    assert found == pytest.approx(np.column_stack([lgd, lgd + monitoring, entities.round()]))


def test_swings_are_those_of_the_5_and_95_percent_quantiles(parameters):
    keys = [LGD, MONITORING]
    found = tornado(parameters, keys, inputs_themselves).set_index(["output", "key"])
    ends = {key: quantile(load_catalogue()[key], np.array([0.05, 0.95])) for key in keys}
    row = found.loc["sum", MONITORING]
    assert [row["at_low"], row["at_high"]] == pytest.approx(ends[MONITORING])
    assert [row["low"], row["high"]] == pytest.approx(parameters[LGD] + ends[MONITORING])
    assert row["central"] == pytest.approx(parameters[LGD] + parameters[MONITORING])
    other = found.loc["lgd", MONITORING]
    assert other["low"] == other["central"] == other["high"] == parameters[LGD]


def test_swings_of_headlines_are_simulations_of_the_ends(parameters):
    row = tornado(parameters, [LGD]).set_index("output").loc["additional_lending"]
    ends = evaluate(parameters, [{LGD: row["at_low"]}, {}, {LGD: row["at_high"]}])["additional_lending"]
    assert [row["low"], row["central"], row["high"]] == ends.tolist()


@pytest.mark.parametrize("height", [5.0, 5.3])  # the first switches on the grid, at 0.5
def test_two_lines_change_places_where_they_cross(parameters, height):
    one, other = package(parameters, 0.01, 10.0), package(parameters, 0.02, height)
    found = switching_values(one, other, LGD, "y", (0.4, 0.6), line)
    value = 1 - height / 10
    assert found["value"].tolist() == pytest.approx([value], abs=1e-4)
    assert found["between"].tolist() == pytest.approx([value + 1], abs=1e-4)


def test_where_one_package_is_ahead_throughout_nothing_switches(parameters):
    one, other = package(parameters, 0.01, 10.0), package(parameters, 0.02, 10.0)
    assert switching_values(one, other, LGD, "y", (0.4, 0.6), line).empty
    assert switching_values(one, one, LGD, "y", (0.4, 0.6), line).empty


def test_an_output_that_is_missing_everywhere_cannot_be_compared(parameters):
    with pytest.raises(
        UserError, match=r"y is missing for every value of market\.lgd_unsecured between 0\.4"
    ):
        switching_values(parameters, parameters, LGD, "y", (0.4, 0.6), nothing)


def test_on_either_side_of_a_switch_of_the_model_another_package_is_ahead(parameters):
    # A special fund does better than compensation in which few lenders take part, and worse than one that all join. Firms
    # join one by one, so that lending moves in steps.
    key, name = "risk_compensation.participation", "additional_lending"
    other = parameters.replace({"risk_compensation.active": False, "special_fund.active": True})
    (found,) = switching_values(parameters, other, key, name, (0.5, 1.0)).to_dict("records")
    fixed = headlines_of(other, {})[name]
    assert headlines_of(parameters, {key: found["value"] - 0.02})[name] < fixed
    assert headlines_of(parameters, {key: found["value"] + 0.02})[name] > fixed


def headlines_of(parameters, changes):
    return evaluate(parameters, [changes], headlines).iloc[0]


@pytest.fixture(scope="module")
def tangled():
    rng = np.random.default_rng(7)
    x = rng.standard_normal((200, 3))
    x[:, 1] += 0.8 * x[:, 0]
    y = np.exp(x[:, 0]) - x[:, 1] + 0.5 * rng.standard_normal(200)
    values = np.column_stack([x, np.ones(200)])
    draws = Draws(("a", "b", "c", "held"), values, np.arange(200) % 8, np.full(200, 1 / 200))
    return draws, pd.DataFrame({"y": y, "same": 1.0})


def partial_by_regression(x, y):
    """Correlation of what the other ranks leave of each rank and of the output's."""
    ranks = pd.DataFrame(x).rank().to_numpy()
    of_y = pd.Series(y).rank().to_numpy()
    found = []
    for k in range(x.shape[1]):
        others = np.column_stack([np.ones(len(y)), np.delete(ranks, k, axis=1)])
        left = [v - others @ np.linalg.lstsq(others, v, rcond=None)[0] for v in (ranks[:, k], of_y)]
        found.append(np.corrcoef(*left)[0, 1])
    return found


def test_rank_correlations_are_those_of_what_the_other_ranks_leave(tangled):
    draws, results = tangled
    found = rank_correlations(draws, results).set_index(["output", "key"])["correlation"]
    by_hand = partial_by_regression(draws.values[:, :3], results["y"].to_numpy())
    assert found["y"].tolist() == pytest.approx(by_hand, abs=1e-9)
    assert list(found["y"].index) == ABC  # what is held does not correlate with anything
    assert found["same"].tolist() == pytest.approx([0, 0, 0], abs=1e-9)


def test_rank_correlations_leave_missing_results_out(tangled):
    draws, results = tangled
    holed = results[["y"]].mask(results["y"] > results["y"].quantile(0.8))
    kept = holed["y"].notna().to_numpy()
    found = rank_correlations(draws, holed)["correlation"]
    by_hand = partial_by_regression(draws.values[kept, :3], holed["y"][kept].to_numpy())
    assert found.tolist() == pytest.approx(by_hand, abs=1e-9)


def test_the_model_can_be_screened_end_to_end(parameters):
    scenario = load_scenario("compensation-only")
    draws = parameter_draws(scenario.parameters, 16, scenario.calibration)
    keys = [LGD, "risk_compensation.participation", "real_effects.value_added"]
    found = morris(model_points(parameters, keys, draws=draws), keys, list(headlines_names(parameters)), 2)
    table = found.set_index(["output", "input"])["mean_abs"]
    assert table["additional_lending", "risk_compensation.participation"] > 0
    assert table["additional_lending", "real_effects.value_added"] == 0
    assert table["jobs", "real_effects.value_added"] > 0


def headlines_names(parameters):
    return evaluate(parameters, [{}]).columns
