"""Time the whole package and its attribution: `python benchmarks/package.py [--quick]`.

Ratios are measured side by side in one run: each line gives the median over repeats taken in turn, so that a slow moment of the
machine falls on all of them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

from sme_analysis.firms import synthetic_firms
from sme_analysis.impact import attribution, players_of
from sme_analysis.instruments import INSTRUMENTS
from sme_analysis.scenario import load_scenario
from sme_analysis.simulation import simulate


def turns(work: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median seconds of each piece of work, done in turn after one unmeasured round."""
    times: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(repeats + 1):
        for name, function in work.items():
            start = time.perf_counter()
            function()
            if turn:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repeats and a small attribution")
    quick = parser.parse_args().quick
    parameters = load_scenario("haixi-2020").parameters.replace({"simulation.firms": 10_000})
    firms = synthetic_firms(parameters)
    whole = simulate(firms, parameters)
    three = ("special_fund", "risk_compensation", "credit_incentive")
    few = parameters.replace({f"{name}.active": name in three for name in INSTRUMENTS})
    none = parameters.replace({f"{name}.active": False for name in INSTRUMENTS})
    found = turns(
        {
            "no policy": lambda: simulate(firms, none),
            "three instruments": lambda: simulate(firms, few),
            "package, one thread": lambda: simulate(firms, parameters),
            "package, two threads": lambda: simulate(firms, parameters, threads=2),
            "package on a counterfactual taken over": lambda: simulate(firms, parameters, like=whole),
        },
        3 if quick else 15,
    )
    print(
        "10,000 firms, 5 years with the counterfactual, median seconds (ratio to the package on one thread)"
    )
    for name, seconds in found.items():
        print(f"  {name:<40} {seconds:6.3f}  {seconds / found['package, one thread']:5.2f}")
    size = 1000 if quick else 10_000
    small = parameters.replace({"simulation.firms": size})
    players = players_of(small)
    table = synthetic_firms(small)
    print(
        f"attribution over {len(players)} players, {2 ** len(players)} combinations of {size:,} firms, seconds"
    )
    for workers in (1, 2):
        start = time.perf_counter()
        attribution(small, table, players, workers=workers)
        print(f"  {workers} at a time {time.perf_counter() - start:8.1f}")


if __name__ == "__main__":
    main()
