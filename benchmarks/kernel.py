"""Firm-solves a second: the kernel against scalar numba, the NumPy/SciPy twin and row-by-row pandas, side by side.

A solve is one lender's offer to one firm at one quadrature node: the largest line that breaks even, the break-even rate at
that line and the share of lenders that make the offer. All ways solve the same offers in turn, in one run, so that the
ratios hold when the machine's speed drifts. `python benchmarks/kernel.py [--large]`.
"""

from __future__ import annotations

import argparse
import math
import resource
import statistics
import time

import numpy as np
import pandas as pd
from numba import njit
from scipy.special import lambertw

from sme_analysis.firms import synthetic_firms
from sme_analysis.market.closed_form import clip01, exp, line_at_ceiling, rate_of
from sme_analysis.market.credit import Conditions, Market
from sme_analysis.market.levers import NO_LEVERS
from sme_analysis.market.rows import BLOCK, INPUTS
from sme_analysis.scenario import load_scenario
from sme_analysis.simulation import simulate

UNSECURED, GAMMA, FLOOR, CEILING, COST, FIXED, INV_WIDTH = 0.75, 0.6, 0.15, 0.065, 0.026, 0.0006, 800.0


@njit(error_model="numpy", nogil=True)
def vector_offers(a, b, kappa, need, out):
    """The offers as the kernel works them out."""
    for start in range(0, len(a), BLOCK):
        stop = min(start + BLOCK, len(a))
        for j in range(start, stop):
            odds = exp(-a[j] - b * CEILING)
            line, share = line_at_ceiling(
                COST, FIXED / need[j], 1.0, GAMMA * kappa[j], 1.0, CEILING, odds, UNSECURED, FLOOR, INV_WIDTH
            )
            rate = rate_of(
                a[j],
                b,
                1.0 / b,
                COST,
                FIXED / need[j],
                1.0,
                GAMMA * kappa[j],
                line,
                CEILING,
                UNSECURED,
                FLOOR,
            )
            out[j] = rate * clip01(share)


@njit(error_model="numpy", nogil=True)
def scalar_offers(a, b, kappa, need, out):
    """The same offer as one would first write it: math.exp, three passes for the line, Newton for the rate."""
    for j in range(len(a)):
        f, pledged = FIXED / need[j], GAMMA * kappa[j]
        odds = math.exp(-a[j] - b * CEILING)
        line = 1.0
        for _ in range(3):
            bearable = (CEILING - COST - f / line) * odds - COST - f / line
            if bearable >= UNSECURED:
                line = 1.0
            elif bearable < FLOOR:
                line = min(1.0, pledged / (UNSECURED - FLOOR))
                break
            else:
                line = min(1.0, pledged / (UNSECURED - bearable))
        cost = COST + f / line
        loss = max(UNSECURED - pledged / line, FLOOR)
        rate = cost
        for _ in range(12):
            e = (loss + cost) * math.exp(a[j] + b * rate)
            step = (rate - cost - e) / (1.0 - b * e)
            rate -= step
            if abs(step) < 1e-13:
                break
        bearable = (CEILING - cost) * odds - cost
        share = min(max(0.5 + (bearable - loss) / (1.0 + odds) * INV_WIDTH, 0.0), 1.0)
        out[j] = min(rate, CEILING) * share


def numpy_offers(a, b, kappa, need, out):
    """The same offers by whole columns."""
    f, pledged = FIXED / need, GAMMA * kappa
    odds = np.exp(-a - b * CEILING)
    line = np.ones_like(a)
    for _ in range(3):
        bearable = (CEILING - COST - f / line) * odds - COST - f / line
        line = np.where(
            bearable >= UNSECURED,
            1.0,
            np.minimum(1.0, pledged / (UNSECURED - np.clip(bearable, FLOOR, 0.7499))),
        )
    cost = COST + f / line
    loss = np.maximum(UNSECURED - pledged / line, FLOOR)
    x = np.maximum(-b * (loss + cost) * np.exp(a + b * cost), -1 / np.e)
    rate = cost - lambertw(x).real / b
    bearable = (CEILING - cost) * odds - cost
    out[:] = np.minimum(rate, CEILING) * np.clip(0.5 + (bearable - loss) / (1 + odds) * INV_WIDTH, 0, 1)


def pandas_offers(a, b, kappa, need, out):
    """The same offers row by row, as a first sketch would."""
    frame = pd.DataFrame({"a": a, "kappa": kappa, "need": need})
    one = np.empty(1)

    def row(r):
        numpy_offers(np.array([r["a"]]), b, np.array([r["kappa"]]), np.array([r["need"]]), one)
        return one[0]

    out[:] = frame.apply(row, axis=1)


def best_of(function, *args, repeat=5):
    """Least and median seconds of some calls."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        function(*args)
        times.append(time.perf_counter() - start)
    return min(times), statistics.median(times)


def main() -> None:
    """Print the tables."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--large", action="store_true", help="also 1,000,000 firms")
    large = arguments.parse_args().large
    sizes = [10_000, 100_000] + ([1_000_000] if large else [])
    base = load_scenario("haixi-2020").parameters
    print("offers: million firm-solves a second (best, median of 5), one thread")
    rows = []
    for n in sizes:
        market = Market(synthetic_firms(base.replace({"simulation.firms": n})), base)
        a, b = (np.ascontiguousarray(v) for v in market.plain["bank"])
        need, kappa, out = market.initial.need, market.collateral, np.empty(n)
        for name, function in (
            ("vector kernel", vector_offers),
            ("scalar numba", scalar_offers),
            ("NumPy/SciPy", numpy_offers),
        ):
            function(a, b[0], kappa, need, out)
            best, median = best_of(function, a, b[0], kappa, need, out)
            rows.append((n, name, n / best / 1e6, n / median / 1e6))
        few = 2_000
        best, median = best_of(pandas_offers, a[:few], b[0], kappa[:few], need[:few], out[:few], repeat=2)
        rows.append((n, "pandas, row by row", few / best / 1e6, few / median / 1e6))
    table = pd.DataFrame(rows, columns=["firms", "way", "best", "median"])
    table["kernel_is_faster_by"] = table.groupby("firms")["best"].transform("first") / table["best"]
    print(table.to_string(index=False, float_format=lambda v: f"{v:.3g}"))

    print("\nwhole pass (2 lenders x nodes x offers, choice, accounting), no levers but policy on: seconds")
    for n in sizes:
        for threads in (1, 2):
            market = Market(synthetic_firms(base.replace({"simulation.firms": n})), base, threads)
            inputs = market.inputs(market.initial, NO_LEVERS)
            conditions = Conditions(0.015, 0.015)
            run = lambda m=market, x=inputs, c=conditions: m.run(m.initial, c, NO_LEVERS, inputs=x)  # noqa: E731
            run()
            best, median = best_of(run)
            solves = n * 2 * market.nodes.shape[1] * 2
            rate = f"{solves / best / 1e6:.0f} million offers a second"
            print(f"  {n:>9,} firms, {threads} thread(s): {best:.4f} ({median:.4f}), {rate}")

    print("\nscenario of 5 years with its counterfactual (warm): seconds, passes a year")
    for n in sizes:
        parameters = base.replace({"simulation.firms": n})
        firms = synthetic_firms(parameters)
        for threads in (1, 2):
            if n <= 100_000:
                simulate(firms, parameters, threads=threads)
            start = time.perf_counter()
            result = simulate(firms, parameters, threads=threads)
            took = time.perf_counter() - start
            passes = [year.passes for year in result.years]
            print(f"  {n:>9,} firms, {threads} thread(s): {took:.3f}, passes {passes}")
    print(
        f"\ninput rows {len(INPUTS)}; peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB"
    )


if __name__ == "__main__":
    main()
