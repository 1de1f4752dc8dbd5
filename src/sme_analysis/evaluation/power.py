"""The evaluation planned before the policy starts: what each design would find on simulated firms whose truth is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri

from sme_analysis.errors import InputErrors, Problem
from sme_analysis.evaluation.bootstrap import clustered, wild_bootstrap
from sme_analysis.evaluation.design import Adjusted, Design, Discontinuity, Staggered, Synthetic, TwoWay
from sme_analysis.evaluation.discontinuity import jump
from sme_analysis.evaluation.effect import normal_law
from sme_analysis.evaluation.estimate import estimate
from sme_analysis.evaluation.panel import Columns, Panel, change, make_panel
from sme_analysis.scenario.units import nearest

Array = npt.NDArray[np.float64]
ROLL_OUTS = ("county", "size", "exhaustion")
POWER = 0.8


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A policy to come and the firms it meets; outcomes are logarithms, so that effects read as growth.

    Attributes
    ----------
    roll_out : "county", some counties first; "size", firms below a size; "exhaustion", firms that apply before the money is gone
    firms, counties, periods, start : numbers, and the first treated period (from 1)
    waves : periods in which counties start, one after the other, two periods apart
    treated : share of counties or firms
    effect, growth : in the first treated period, and what each further period adds; log points
    level_spread, shock, persistence : standard deviation of firms' levels and of their yearly shocks, and their
        autocorrelation
    county_shock : standard deviation of shocks common to a county, as persistent
    selection : by how much a year firms one standard deviation smaller, or applying that much earlier, grow faster anyway
    """

    roll_out: str = "county"
    firms: int = 400
    counties: int = 8
    periods: int = 8
    start: int = 5
    waves: int = 2
    treated: float = 0.5
    effect: float = 0.08
    growth: float = 0.02
    level_spread: float = 0.8
    shock: float = 0.2
    persistence: float = 0.6
    county_shock: float = 0.04
    selection: float = 0.01

    def __post_init__(self) -> None:
        last = self.start + 2 * (self.waves - 1) if self.roll_out == "county" else self.start
        bounds = {
            "firms": (self.firms >= 5 * self.counties, "at least five a county"),
            "counties": (self.counties >= 4, "at least 4"),
            "start": (
                self.start >= 3 and last <= self.periods,
                "two periods before, and all waves within the periods",
            ),
            "waves": (1 <= self.waves <= self.counties * self.treated, "1 to the number of treated counties"),
            "treated": (0 < self.treated < 1, "a share between 0 and 1"),
            "persistence": (0 <= self.persistence < 1, "0 to below 1"),
            "shock": (self.shock > 0, "above 0"),
        }
        problems = [
            Problem(f"plan, {key}", f"{getattr(self, key)}", allowed)
            for key, (good, allowed) in bounds.items()
            if not good
        ]
        if self.roll_out not in ROLL_OUTS:
            hint = nearest(self.roll_out, ROLL_OUTS)
            problems.append(
                Problem("plan, roll_out", f'"{self.roll_out}"', "one of " + ", ".join(ROLL_OUTS), hint)
            )
        if problems:
            raise InputErrors(problems)


@dataclass(frozen=True)
class Candidate:
    """A design that suits a roll-out: its name, the roles of columns, and how its data are made from those of firms."""

    name: str
    columns: Columns
    design: Design
    prepare: Callable[[pd.DataFrame], pd.DataFrame] | None = None

    def panel(self, frame: pd.DataFrame) -> Panel:
        """The checked data of this design."""
        return make_panel(frame if self.prepare is None else self.prepare(frame), self.columns)

    def run(self, frame: pd.DataFrame, level: float) -> tuple[float, float, float]:
        """Estimate and the ends of its interval; two-way regressions and jumps without their checks, the same but sooner."""
        panel, design = self.panel(frame), self.design
        if isinstance(design, TwoWay) and design.errors == "cluster":
            middle, error, df = clustered(panel)
            return (middle, *normal_law(middle, error, df)(level))
        if isinstance(design, TwoWay) and design.errors == "wild":
            boot = wild_bootstrap(panel, design.taken_out, design.draws, design.seed)
            return (boot.estimate, *boot.law(level))
        if isinstance(design, Discontinuity) and len(design.cutoffs) == 1:
            panel = change(panel) if design.change else panel
            fitted = jump(panel, panel.frame, design.cutoffs[0], design)
            if fitted is not None:
                return (float(fitted.att_conventional), *normal_law(fitted.att, fitted.se)(level))
        found = estimate(panel, design)
        return (found.estimate, *found.interval(level))


def simulate_firms(plan: Plan, seed: int) -> tuple[pd.DataFrame, float]:
    """Draw a panel of firms under the policy.

    y_it = a_i + .02 t + c_kt + u_it + s g_i t + tau_it, with u and c autoregressive of order one and stationary.

    Returns
    -------
    DataFrame of firm, county, year, start (0 is never), sales (what is seen of them before, standardised), running (what decides:
        size, or the date of application, standardised; low is treated), y
    mean effect on treated rows, log points
    """
    rng = np.random.Generator(np.random.Philox(key=[seed, 53]))
    n, t = plan.firms, plan.periods
    county = np.arange(n) % plan.counties
    running = (
        rng.standard_normal(n) if plan.roll_out != "exhaustion" else np.sqrt(12.0) * (rng.random(n) - 0.5)
    )
    sales = 0.7 * running + 0.7 * rng.standard_normal(n)
    start = _starts(plan, county, running, rng)
    u = plan.shock * _autoregressive(rng, n, t, plan.persistence)
    c = plan.county_shock * _autoregressive(rng, plan.counties, t, plan.persistence)
    year = np.arange(1, t + 1)
    since = year[None, :] - start[:, None]
    on = (start[:, None] > 0) & (since >= 0)
    tau = np.where(on, plan.effect + plan.growth * since, 0.0)
    level = plan.level_spread * (0.7 * rng.standard_normal(n) + 0.7 * sales)
    y = level[:, None] + (0.02 - plan.selection * running[:, None]) * year + c[county] + u + tau
    frame = pd.DataFrame(
        {
            "firm": np.repeat(np.arange(n), t),
            "county": np.repeat(county, t),
            "year": np.tile(year, n),
            "start": np.repeat(start, t),
            "sales": np.repeat(sales, t),
            "running": np.repeat(running, t),
            "y": y.ravel(),
        }
    )
    return frame, float(tau[on].mean())


def _starts(
    plan: Plan, county: npt.NDArray[np.int64], running: Array, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    if plan.roll_out != "county":
        return np.where(running < np.quantile(running, plan.treated), plan.start, 0)
    count = max(plan.waves, round(plan.counties * plan.treated))
    first = np.zeros(plan.counties, dtype=np.int64)
    first[rng.permutation(plan.counties)[:count]] = plan.start + 2 * (np.arange(count) % plan.waves)
    return first[county]


def _autoregressive(rng: np.random.Generator, n: int, t: int, rho: float) -> Array:
    """Stationary AR(1) of unit variance, (n, t)."""
    shocks = rng.standard_normal((n, t))
    found = np.empty((n, t))
    found[:, 0] = shocks[:, 0]
    for k in range(1, t):
        found[:, k] = rho * found[:, k - 1] + np.sqrt(1 - rho**2) * shocks[:, k]
    return found


def candidates(plan: Plan) -> list[Candidate]:
    """Designs that suit the roll-out, the careless ones included so that their price is seen."""
    firms = Columns("y", "firm", "year", "start", measured_in="log points")
    counties = replace(firms, cluster="county")
    if plan.roll_out == "county":
        found = [
            Candidate("two-way, errors by firm", firms, TwoWay()),
            Candidate("two-way, errors by county", counties, TwoWay()),
            Candidate("two-way, wild bootstrap", counties, TwoWay(errors="wild")),
            Candidate("Callaway–Sant'Anna", counties, Staggered()),
            Candidate("imputation", counties, Staggered(method="imputation", by_period=False)),
        ]
        if plan.waves == 1 and plan.counties * (1 - plan.treated) >= plan.counties * plan.treated + 2:
            found.append(
                Candidate(
                    "synthetic, county means", replace(firms, unit="county"), Synthetic(), _county_means
                )
            )
        return found
    by = replace(firms, running="running", covariates=("sales",))
    threshold = Discontinuity(cutoffs=(0.0,), treated="below", change=True, placebos=0)
    return [
        Candidate("difference-in-differences", firms, TwoWay()),
        Candidate("weighting on sales", by, Adjusted(change=True)),
        Candidate("matching on sales", by, Adjusted(change=True, method="matching")),
        Candidate("threshold", replace(firms, running="distance"), threshold, _distance(plan.treated)),
    ]


def _county_means(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.groupby(["county", "year"], as_index=False).agg(start=("start", "first"), y=("y", "mean"))


def _distance(share: float) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def prepare(frame: pd.DataFrame) -> pd.DataFrame:
        cutoff = float(frame.groupby("firm")["running"].first().quantile(share))
        return frame.assign(distance=frame["running"] - cutoff)

    return prepare


def replications(
    plan: Plan,
    count: int = 200,
    seed: int = 1,
    level: float = 0.9,
    designs: Sequence[Candidate] | None = None,
) -> pd.DataFrame:
    """Run every design on the same simulated panels.

    Returns
    -------
    DataFrame of design, replication, truth, estimate, low, high; log points
    """
    chosen = candidates(plan) if designs is None else designs
    rows = []
    for k in range(count):
        frame, truth = simulate_firms(plan, seed * 100_003 + k)
        for candidate in chosen:
            rows.append((candidate.name, k, truth, *candidate.run(frame, level)))
    return pd.DataFrame(rows, columns=["design", "replication", "truth", "estimate", "low", "high"])


def compare(draws: pd.DataFrame, level: float = 0.9) -> pd.DataFrame:
    """Designs side by side.

    Returns
    -------
    DataFrame of design, truth, mean, bias, spread (standard deviation of estimates), coverage and power (share of intervals
        that hold the truth, that exclude zero), and `detectable`: the effect found with 80 % power by a test that keeps its
        size, (z + z_0.8) × spread; `honest`: coverage is at most 3 points below the level, but for chance
    """
    rows = []
    factor = float(ndtri(0.5 + level / 2) + ndtri(POWER))
    for name, part in draws.groupby("design", sort=False):
        truth, spread = float(part["truth"].mean()), float(part["estimate"].std())
        covered = float(((part["low"] <= part["truth"]) & (part["truth"] <= part["high"])).mean())
        found = float(((part["low"] > 0) | (part["high"] < 0)).mean())
        mean = float(part["estimate"].mean())
        least = level - 0.03 - 2 * float(np.sqrt(level * (1 - level) / len(part)))
        rows.append(
            (
                str(name),
                truth,
                mean,
                mean - truth,
                spread,
                covered,
                found,
                factor * spread,
                covered >= least,
            )
        )
    names = ["design", "truth", "mean", "bias", "spread", "coverage", "power", "detectable", "honest"]
    return pd.DataFrame(rows, columns=names)


def power_curve(draws: pd.DataFrame, effects: Sequence[float]) -> pd.DataFrame:
    """Share of intervals that exclude zero at other sizes of the effect, estimates moving one for one with it.

    Returns
    -------
    DataFrame of design, effect, power
    """
    rows = []
    for name, part in draws.groupby("design", sort=False):
        for effect in effects:
            move = effect - part["truth"]
            rows.append(
                (str(name), effect, float(((part["low"] + move > 0) | (part["high"] + move < 0)).mean()))
            )
    return pd.DataFrame(rows, columns=["design", "effect", "power"])


def best(table: pd.DataFrame) -> str | None:
    """The design with the smallest detectable effect among the honest ones; of two alike the one that covers more."""
    honest = table[table["honest"]]
    order = honest.sort_values(["detectable", "coverage"], ascending=[True, False])
    return None if honest.empty else str(order["design"].iloc[0])
