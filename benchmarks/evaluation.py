"""Time two-way fixed effects with clustered errors on a million rows: `python benchmarks/evaluation.py [--quick]`.

All work on the same panel of 100,000 firms over 10 years (10,000 with --quick), in turn, so that a slow moment of the machine
falls on all. Plain statsmodels cannot hold 100,000 dummies: it is given the columns with both effects already taken out, whose
cost is shown apart, and its degrees of freedom therefore do not count the effects; on a subsample of 1,000 firms it also runs as
a user would write it, with dummies.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd

from sme_analysis.evaluation import Columns, Panel, Staggered, TwoWay, estimate, make_panel
from sme_analysis.evaluation.absorb import absorb
from sme_analysis.evaluation.bootstrap import wild_bootstrap
from sme_analysis.evaluation.fixed_effects import regress


def simulated(firms: int) -> pd.DataFrame:
    """Firms over 10 years in 500 towns, half treated from the sixth on; effect 0.1."""
    rng = np.random.default_rng(1)
    firm, year = np.divmod(np.arange(firms * 10), 10)
    town = firm % 500
    start = np.where(town % 2 == 0, 6, 0)
    d = ((start > 0) & (year + 1 >= start)).astype(float)
    y = rng.normal(size=firms)[firm] + 0.05 * year + 0.1 * rng.normal(size=(500, 10))[town, year]
    y += 0.1 * d + rng.normal(size=len(firm))
    return pd.DataFrame({"y": y, "firm": firm, "year": year + 1, "start": start, "town": town, "d": d})


def by_linearmodels(data: pd.DataFrame) -> tuple[float, float]:
    """PanelOLS with both effects, told to count degrees of freedom as fixest does."""
    from linearmodels.panel import PanelOLS

    indexed = data.set_index(["firm", "year"])
    fitted = PanelOLS(indexed["y"], indexed[["d"]], entity_effects=True, time_effects=True).fit(
        cov_type="clustered", clusters=indexed["town"], auto_df=False, count_effects=False,
        group_debias=True, debiased=True,
    )  # fmt: skip
    return float(fitted.params["d"]), float(fitted.std_errors["d"])


def by_statsmodels(within: pd.DataFrame) -> tuple[float, float]:
    """OLS of columns whose effects are taken out."""
    import statsmodels.api as sm

    fitted = sm.OLS(within["y"], within[["d"]]).fit(cov_type="cluster", cov_kwds={"groups": within["town"]})
    return float(fitted.params["d"]), float(fitted.bse["d"])


def by_dummies(data: pd.DataFrame) -> tuple[float, float]:
    """Statsmodels as a user would write it, dummies and all."""
    import statsmodels.formula.api as smf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = smf.ols("y ~ d + C(firm) + C(year)", data).fit(
            cov_type="cluster", cov_kwds={"groups": data["town"]}
        )
    return float(fitted.params["d"]), float(fitted.bse["d"])


def plain(panel: Panel) -> tuple[float, float]:
    """The regression alone, by pyfixest."""
    fitted = regress("outcome ~ treatment | unit + time", panel, panel.frame)
    return float(fitted.coef().iloc[0]), float(fitted.se().iloc[0])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="100,000 rows, one turn")
    quick = parser.parse_args().quick
    data = simulated(10_000 if quick else 100_000)
    columns = Columns("y", "firm", "year", "start", cluster="town")
    start = time.perf_counter()
    panel = make_panel(data, columns)
    print(f"{len(data):,} rows; checking the panel {time.perf_counter() - start:.2f} s")
    codes = [panel.codes("unit"), panel.codes("time")]
    ones = np.ones(len(data))

    def taken_out() -> pd.DataFrame:
        left = absorb(data[["y", "d"]].to_numpy(), codes, ones)
        return pd.DataFrame(left, columns=["y", "d"]).assign(town=data["town"])

    within = taken_out()
    small = data[data["firm"] < 1000]

    def ours(design: TwoWay | Staggered) -> tuple[float, float]:
        found = estimate(panel, design)
        return found.estimate, found.standard_error

    def bootstrap() -> tuple[float, float]:
        low, high = wild_bootstrap(panel).law(0.9)
        return (low + high) / 2, (high - low) / 3.29

    work: dict[str, Callable[[], tuple[float, float] | pd.DataFrame]] = {
        "pyfixest, the regression alone": lambda: plain(panel),
        "ours: pyfixest with all checks": lambda: ours(TwoWay()),
        "ours: wild bootstrap, 4,096 draws": bootstrap,
        "ours: Callaway–Sant'Anna": lambda: ours(Staggered()),
        "linearmodels PanelOLS": lambda: by_linearmodels(data),
        "statsmodels, effects already out": lambda: by_statsmodels(within),
        "  taking them out": taken_out,
        "statsmodels, dummies, 10,000 rows": lambda: by_dummies(small),
    }
    times: dict[str, list[float]] = {name: [] for name in work}
    said: dict[str, str] = {}
    for turn in range(2 if quick else 4):
        for name, function in work.items():
            start = time.perf_counter()
            found = function()
            if turn:
                times[name].append(time.perf_counter() - start)
            said[name] = f"{found[0]:.5f} ({found[1]:.5f})" if isinstance(found, tuple) else ""
    base = statistics.median(times["pyfixest, the regression alone"])
    print("median seconds, ratio to pyfixest, estimate (standard error)")
    for name, values in times.items():
        seconds = statistics.median(values)
        print(f"  {name:<36} {seconds:7.2f} {seconds / base:6.1f}  {said[name]}")


if __name__ == "__main__":
    main()
