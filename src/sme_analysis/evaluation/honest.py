"""How far parallel trends may fail before a finding goes: bounds of Rambachan and Roth (2023) on an event study."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtr

from sme_analysis.errors import InputErrors, Problem
from sme_analysis.evaluation.effect import Effect

Array = npt.NDArray[np.float64]
MOST_POST = 8  # periods: the dual polytope then has at most 12,870 corners a direction
GRID, FINE = 400, 40  # values tried, and between the last rejected and the first accepted
REACH = 20.0  # standard errors either side, as in the authors' program


@dataclass(frozen=True)
class Moments:
    """An event study as the bounds take it: `b` and `v` of periods before and after the reference, `before` of them before."""

    b: Array
    v: Array
    before: int

    @property
    def after(self) -> int:
        """Number of periods from the start on."""
        return len(self.b) - self.before


def sensitivity(
    effect: Effect,
    restriction: str,
    sizes: Sequence[float],
    *,
    average: bool = False,
    level: float | None = None,
) -> pd.DataFrame:
    """Intervals that hold although trends were not parallel, for growing departures.

    Parameters
    ----------
    effect : an event study with the covariance of its rows
    restriction : "relative", after the start trends part per period at most `size` times as much as at worst before it;
        "smooth", the slope of the departure changes by at most `size` a period
    sizes : M-bar or M, 0 and above; for "smooth" in units of the outcome
    average : the mean of all effects after the start instead of the first

    Returns
    -------
    DataFrame of size, low, high, excludes_zero
    """
    moments = _moments(effect)
    weights = np.zeros(moments.after)
    weights[:] = 1 / moments.after if average else np.eye(moments.after)[0]
    level = effect.level if level is None else level
    if restriction not in ("relative", "smooth") or any(size < 0 for size in sizes):
        raise InputErrors(
            [Problem("sensitivity", f"{restriction}, {list(sizes)}", "relative or smooth, sizes from 0 on")]
        )
    found = relative if restriction == "relative" else smooth
    rows = [(size, *found(moments, weights, float(size), level)) for size in sizes]
    table = pd.DataFrame(rows, columns=["size", "low", "high"])
    return table.assign(excludes_zero=(table["low"] > 0) | (table["high"] < 0))


def breakdown(table: pd.DataFrame) -> float:
    """The largest departure tried up to which zero stays excluded; NaN where none is."""
    held = np.logical_and.accumulate(table["excludes_zero"].to_numpy(dtype=bool))
    return float(table["size"].to_numpy()[held].max()) if held.any() else float("nan")


def _moments(effect: Effect) -> Moments:
    table = effect.data.get("event study")
    if table is None or effect.covariance is None or len(table) != len(effect.covariance):
        hint = "an event study, or staggered adoption with average: dynamic and base: universal"
        raise InputErrors(
            [Problem(f"sensitivity of {effect.design}", "no joint covariance", "an event study", hint)]
        )
    times = table["term"].to_numpy(dtype=float)
    if -1 in times:
        keep = ~((times == -1) & (np.diag(effect.covariance) < 1e-20))
        if keep.all():
            hint = "base: universal, so that all effects are against the last period before the start"
            raise InputErrors([Problem("sensitivity, base", "varying", "universal", hint)])
        times = times[keep]
    else:
        keep = np.ones(len(times), dtype=bool)
    before, after = int((times < 0).sum()), int((times >= 0).sum())
    problems = []
    if before == 0:
        problems.append(Problem("sensitivity", "no period before the reference", "at least one"))
    if not 0 < after <= MOST_POST:
        problems.append(Problem("sensitivity", f"{after} periods from the start on", f"1 to {MOST_POST}"))
    if problems:
        raise InputErrors(problems)
    b = table["estimate"].to_numpy(dtype=float)[keep]
    return Moments(b, effect.covariance[np.ix_(keep, keep)], before)


def smooth(moments: Moments, weights: Array, size: float, level: float) -> tuple[float, float]:
    """Optimal fixed-length interval under |second difference of the departure| <= size, by diff-diff 3.13.0."""
    from diff_diff.honest_did import _compute_optimal_flci

    k = moments.before
    low, high = _compute_optimal_flci(
        moments.b[:k], moments.b[k:], moments.v, weights, k, moments.after, size, 1 - level
    )
    return float(low), float(high)


def relative(moments: Moments, weights: Array, size: float, level: float) -> tuple[float, float]:
    """Conditional least-favourable hybrid set (C-LF) under relative magnitudes: the hull over which step before was the worst.

    Values from `REACH` standard errors below the estimate to as far above are tried; an end that is not reached is infinite.
    """
    centre = float(weights @ moments.b[moments.before :])
    error = float(np.sqrt(weights @ moments.v[moments.before :, moments.before :] @ weights))
    reach = REACH * error * max(1.0, size)
    ways = list(itertools.product(range(moments.before), (1.0, -1.0)))
    rows = [departures(moments, size, worst, sign) for worst, sign in ways]

    def accepted(grid: Array) -> npt.NDArray[np.bool_]:
        found: npt.NDArray[np.bool_] = np.any(
            [not_rejected(moments, weights, a, grid, 1 - level) for a in rows], axis=0
        )
        return found

    grid = centre + np.linspace(-reach, reach, GRID)
    inside = np.flatnonzero(accepted(grid))
    if not len(inside):
        return float("nan"), float("nan")
    first, last = int(inside[0]), int(inside[-1])
    low, high = -np.inf, np.inf
    if first > 0:
        fine = np.linspace(grid[first - 1], grid[first], FINE)
        low = fine[int(np.flatnonzero(accepted(fine))[0])]
    if last < GRID - 1:
        fine = np.linspace(grid[last], grid[last + 1], FINE)
        high = fine[int(np.flatnonzero(accepted(fine))[-1])]
    return float(low), float(high)


def departures(moments: Moments, size: float, worst: int, sign: float) -> Array:
    """Rows a with a'd <= 0 for departures d = (before, after) whose steps after are at most `size` × the step `worst` before.

    Only rows that touch periods after the start are kept, where there is more than one (Rambachan and Roth 2023, appendix).
    """
    n = len(moments.b)
    whole = np.insert(np.eye(n), moments.before, 0.0, axis=0)  # the reference period departs by 0
    steps = np.diff(whole, axis=0)
    bound = np.where(np.arange(n) < moments.before, 1.0, size)[:, None] * sign * steps[worst]
    rows = np.vstack([steps - bound, -steps - bound])
    keep = (np.abs(rows) > 1e-10).any(axis=1)
    if moments.after > 1:
        keep &= (np.abs(rows[:, moments.before :]) > 1e-10).any(axis=1)
    found: Array = rows[keep]
    return found


def corners(nuisance: Array, spread: Array) -> Array:
    """Corners of {l >= 0: l'X = 0, l's = 1}, (V, K), by solving for every set of as many rows as there are equations."""
    equations = np.column_stack([nuisance, spread])  # (K, p)
    k, p = equations.shape
    sets = np.array(list(itertools.combinations(range(k), p)))
    systems = equations[sets].transpose(0, 2, 1)
    sets = sets[np.abs(np.linalg.det(systems)) > 1e-12 * np.abs(systems).max() ** p]
    systems = equations[sets].transpose(0, 2, 1)
    right = np.zeros((len(sets), p, 1))
    right[:, -1] = 1.0
    values = np.linalg.solve(systems, right)[:, :, 0]
    good = (values >= -1e-9).all(axis=1)
    found = np.zeros((int(good.sum()), k))
    np.put_along_axis(found, sets[good], np.maximum(values[good], 0.0), axis=1)
    return np.asarray(np.unique(found.round(12), axis=0), dtype=float)


def not_rejected(
    moments: Moments, weights: Array, a: Array, grid: Array, alpha: float
) -> npt.NDArray[np.bool_]:
    """Which values of weights'tau are compatible with A(b - tau) <= 0 but for noise (Andrews, Roth and Pakes 2023).

    eta = max over corners l of l'Y; rejected where it exceeds the least-favourable critical value of size alpha/10, or the
    quantile of a normal truncated to where the same corner stays the greatest.
    """
    post = moments.before
    base = np.linalg.svd(weights[None, :])[2][1:]  # directions of tau that leave weights'tau as it is
    of_target = a[:, post:] @ weights / (weights @ weights)
    cov = a @ moments.v @ a.T
    v = corners(a[:, post:] @ base.T, np.sqrt(np.diag(cov)))
    if not len(v):
        return np.ones(len(grid), dtype=bool)
    kappa = alpha / 10
    generator = np.random.Generator(np.random.Philox(key=[0, 23]))
    root = np.linalg.cholesky(moments.v + 1e-14 * np.trace(moments.v) * np.eye(len(moments.b)))
    noise = generator.standard_normal((4000, len(moments.b))) @ root.T @ a.T
    least = float(np.quantile((noise @ v.T).max(axis=1), 1 - kappa))
    y = (a @ moments.b)[None, :] - grid[:, None] * of_target[None, :]
    values = y @ v.T
    best = values.argmax(axis=1)
    eta = values[np.arange(len(grid)), best]
    accepted: npt.NDArray[np.bool_] = np.asarray(eta <= least)
    for i in np.flatnonzero(accepted & (eta > 0)):
        accepted[i] = _tail(values[i], v @ cov @ v[best[i]], best[i], least) >= (alpha - kappa) / (1 - kappa)
    return accepted


def _tail(values: Array, together: Array, best: int, least: float) -> float:
    """P(more than the greatest) for a normal truncated to [low, high] where the same corner stays the greatest."""
    variance = together[best]
    if variance < 1e-20:
        return 0.0
    slope = together / variance  # each corner's move with the greatest
    rest = values - slope * values[best]
    gap = 1 - slope
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = rest / gap
    low = ends[gap > 1e-10].max(initial=-np.inf)
    high = min(ends[gap < -1e-10].min(initial=np.inf), least)
    sd = np.sqrt(variance)
    below, at, above = (ndtr(-x / sd) for x in (low, values[best], high))
    return float((at - above) / (below - above)) if below > above else 0.0
