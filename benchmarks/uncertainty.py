"""Time draws of what is unknown: `python benchmarks/uncertainty.py [--quick] [--whole]`.

A draw is a sample of firms, five years with the counterfactual, and the headlines. Its floor is the passes that it takes times
the time of one pass over the firms; both are measured in the same run.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

from sme_analysis.firms import synthetic_firms
from sme_analysis.inference.draws import parameter_draws
from sme_analysis.inference.headlines import HEADLINES
from sme_analysis.inference.sensitivity import model_points, sobol_indices
from sme_analysis.inference.uncertainty import evaluate
from sme_analysis.market.credit import Conditions, Market
from sme_analysis.scenario import Parameters, load_scenario
from sme_analysis.simulation import simulate

PLAIN_PASSES = 6  # of the years without policy and the one before
SOBOL_INPUTS, SOBOL_POINTS, SOBOL_FIRMS = 12, 512, 2000


def seconds(work: Callable[[], object]) -> float:
    """Of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def floor(parameters: Parameters) -> tuple[float, int]:
    """Seconds of the passes of one simulation alone, one thread, and their number."""
    firms = synthetic_firms(parameters)
    passes = sum(year.passes for year in simulate(firms, parameters).years) + PLAIN_PASSES
    market = Market(firms, parameters)
    cost = parameters["market.funding_cost"]
    once = statistics.median(
        seconds(lambda: market.run(market.initial, Conditions(cost, cost))) for _ in range(20)
    )
    return passes * once, passes


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer draws")
    parser.add_argument(
        "--whole", action="store_true", help="1,000 draws and the whole Sobol' design, no extrapolation"
    )
    asked = parser.parse_args()
    scenario = load_scenario("haixi-2020")
    count = 1000 if asked.whole else (32 if asked.quick else 128)
    for firms in (2000, 10_000):
        parameters = scenario.parameters.replace({"simulation.firms": firms})
        draws = list(parameter_draws(parameters, count, scenario.calibration))
        least, passes = floor(parameters)
        print(f"{firms:,} firms: {passes} passes take {least:.3f} s, the floor of a draw")
        for workers in (1, 2):
            took = seconds(partial(evaluate, parameters, draws, workers=workers))
            each = took / len(draws)
            print(
                f"  {len(draws)} draws, {workers} process(es): {took:6.1f} s, {each:.3f} s a draw, "
                f"{each * workers / least:.1f} times the floor on each; 1,000 draws {1000 * each:,.0f} s"
            )
    parameters = scenario.parameters.replace({"simulation.firms": SOBOL_FIRMS})
    sample = parameter_draws(parameters, 128, scenario.calibration)
    inputs = sample.keys[-SOBOL_INPUTS:]
    points = SOBOL_POINTS if asked.whole else 8
    outputs = model_points(parameters, inputs, draws=sample, workers=2)
    took = seconds(lambda: sobol_indices(outputs, inputs, list(HEADLINES), points))
    runs, whole = points * (SOBOL_INPUTS + 2), SOBOL_POINTS * (SOBOL_INPUTS + 2)
    print(
        f"Sobol' design, {SOBOL_INPUTS} inputs, {SOBOL_FIRMS:,} firms: {runs:,} runs on 2 processes {took:,.0f} s; "
        f"{whole:,} runs {took / runs * whole:,.0f} s"
    )


if __name__ == "__main__":
    main()
