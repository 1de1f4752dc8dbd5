"""Synthetic control and synthetic difference-in-differences: one cohort against a weighted mean of the untreated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import nnls

from sme_analysis.errors import InputErrors, Problem
from sme_analysis.evaluation.checks import complete, gaps
from sme_analysis.evaluation.design import Synthetic
from sme_analysis.evaluation.effect import Check, Effect, coefficients, critical, make_effect
from sme_analysis.evaluation.panel import Panel

Array = npt.NDArray[np.float64]
POOR_FIT = 0.5  # of the spread of outcomes between untreated units


@dataclass(frozen=True)
class Fitted:
    """Estimate, weights of the N0 untreated units and of the T0 periods before, paths of treated and synthetic, (T,)."""

    estimate: float
    units: Array
    periods: Array
    treated: Array
    synthetic: Array


def simplex(a: Array, b: Array, ridge: float) -> Array:
    """Minimise |A w - b|^2 + ridge |w|^2 over w >= 0, sum w = 1, exactly.

    On the simplex A w - b = (A - b 1')w, and the least-squares problem with a further row 1'w = 1 has its minimum in the
    same direction, so that one non-negative least squares and a division do it.
    """
    k = a.shape[1]
    off = a - b[:, None]
    scale = max(float(np.abs(off).max()), 1e-300)
    rows = np.vstack([off / scale, np.sqrt(ridge) / scale * np.eye(k), np.ones((1, k))])
    w, _ = nnls(rows, np.r_[np.zeros(len(rows) - 1), 1.0], maxiter=100 * k + 1000)
    found: Array = w / w.sum()
    return found


def frank_wolfe(a: Array, b: Array, ridge: float, stop: float, most: int = 10_000) -> Array:
    """The same by conditional gradients, 100 steps, small weights set to zero, then until a step gains less than `stop`.

    As in the program of Arkhangelsky et al. (2021), whose published figures rest on where it stops.
    """
    w = np.full(a.shape[1], 1 / a.shape[1])
    for steps in (100, most):
        last = np.inf
        for _ in range(steps):
            gap = a @ w - b
            slope = gap @ a + ridge * w
            corner = int(slope.argmin())
            move = -w
            move[corner] += 1
            if not move.any():
                break
            moved = a @ move
            step = -(slope @ move) / (moved @ moved + ridge * (move @ move))
            w = w + min(1.0, max(0.0, float(step))) * move
            now = (ridge * (w @ w) + ((a @ w - b) ** 2).sum()) / len(b)
            if last - now <= stop**2:
                break
            last = now
        if steps == 100:
            w = np.where(w <= w.max() / 4, 0.0, w)
            w = w / w.sum()
    return w


def fit(control: Array, treated: Array, before: int, design: Synthetic, size: int) -> Fitted:
    """Fit untreated outcomes (N0, T) to the mean of `size` treated units (T,), `before` periods of which come before.

    Synthetic difference-in-differences weighs units by omega and periods by lambda (Arkhangelsky et al. 2021, algorithm 1):
    tau = (y1_post - lambda'y1_pre) - omega'(Y0_post - Y0_pre lambda), penalty zeta = (N1 T1)^(1/4) sd of first differences.
    """
    n0, t = control.shape
    pre, post = control[:, :before], control[:, before:]
    noise = float(np.diff(pre, axis=1).std(ddof=1)) if before > 1 else 0.0

    def weights(a: Array, b: Array, zeta: float) -> Array:
        ridge = zeta**2 * len(b)
        return simplex(a, b, ridge) if design.solver == "exact" else frank_wolfe(a, b, ridge, 1e-5 * noise)

    omega, lam = np.full(n0, 1 / n0), np.full(before, 1 / before)
    if design.method == "synthetic control":
        omega, lam = weights(pre.T, treated[:before], 1e-6 * noise), np.zeros(before)
    elif design.method != "difference-in-differences":
        target = post.mean(axis=1)
        lam = weights(pre - pre.mean(axis=0), target - target.mean(), 1e-6 * noise)
        zeta = (size * (t - before)) ** 0.25 * noise
        omega = weights(
            (pre - pre.mean(axis=1, keepdims=True)).T, treated[:before] - treated[:before].mean(), zeta
        )
    synthetic = omega @ control
    gap = treated - synthetic
    return Fitted(
        float(gap[before:].mean() - lam @ gap[:before]), omega, lam, treated, synthetic + lam @ gap[:before]
    )


def synthetic(panel: Panel, design: Synthetic) -> Effect:
    """Effect on one cohort, with placebo inference: untreated units take the place of the treated (algorithm 4)."""
    _refuse(panel)
    first = float(panel.cohorts[0])
    wide = panel.frame.pivot(index="unit", columns="time", values="outcome")
    is_treated = (panel.frame.groupby("unit")["cohort"].first().reindex(wide.index) > 0).to_numpy()
    y, before = wide.to_numpy(dtype=float), int((panel.periods < first).sum())
    control, size = y[~is_treated], int(is_treated.sum())
    found = fit(control, y[is_treated].mean(axis=0), before, design, size)
    placebo = placebos(control, before, design, size)
    error = float(placebo.std(ddof=1))

    def law(level: float) -> tuple[float, float]:
        half = critical(level) * error
        return found.estimate - half, found.estimate + half

    names = wide.index[~is_treated]
    order = np.argsort(-found.units, kind="stable")
    paths = pd.DataFrame({"time": panel.periods, "treated": found.treated, "synthetic": found.synthetic})
    table = coefficients(["effect"], np.array([found.estimate]), np.array([error]), design.level)
    p = (1 + int((np.abs(placebo) >= abs(found.estimate)).sum())) / (1 + len(placebo))
    return make_effect(
        panel, design.method, estimate=found.estimate, error=error, level=design.level, law=law,
        table=table.assign(placebo_p=p), measures="The average effect on the treated",
        checks=[complete(panel), gaps(panel), _fit_check(found, control, before), _placebo_check(p), _donor_check(found)],
        data={
            "paths": paths,
            "weights": pd.DataFrame({"unit": names[order].astype(str), "weight": found.units[order]}),
            "placebos": pd.DataFrame({"effect": placebo}),
        },
    )  # fmt: skip


def placebos(control: Array, before: int, design: Synthetic, size: int) -> Array:
    """Effects found where untreated units take the place of the treated: each once if one unit is treated, else drawn."""
    n = len(control)
    if size == 1:
        groups = [np.array([i]) for i in range(n)]
    else:
        generator = np.random.Generator(np.random.Philox(key=[design.seed, 31]))
        groups = [generator.permutation(n)[:size] for _ in range(design.placebos)]
    found = []
    for group in groups:
        others = np.ones(n, dtype=bool)
        others[group] = False
        found.append(fit(control[others], control[group].mean(axis=0), before, design, size).estimate)
    return np.array(found)


def _refuse(panel: Panel) -> None:
    problems = []
    if len(panel.cohorts) != 1:
        given = f"{len(panel.cohorts)} cohorts"
        problems.append(
            Problem(
                "data, cohort",
                given,
                "one first treated period",
                "staggered adoption, or one cohort at a time",
            )
        )
    elif (panel.periods < panel.cohorts[0]).sum() < 2:
        problems.append(
            Problem("data, time", "fewer than two periods before", "several periods before the policy")
        )
    if not panel.balanced:
        problems.append(Problem("data", "units not seen in every period", "a balanced panel"))
    cohort = panel.frame.groupby("unit")["cohort"].first()
    never, treated = int((cohort == 0).sum()), int((cohort > 0).sum())
    if never < max(3, treated + 2):
        given = f"{never} untreated units for {treated} treated"
        problems.append(Problem("data, cohort", given, "more untreated than treated units, for placebos"))
    if problems:
        raise InputErrors(problems)


def _fit_check(found: Fitted, control: Array, before: int) -> Check:
    gap = (found.treated - found.synthetic)[:before]
    gap = gap - found.periods @ gap if found.periods.any() else gap
    size = float(np.sqrt((gap**2).mean()))
    share = size / max(float(control[:, :before].std(axis=0).mean()), 1e-300)
    said = f"before the policy treated and synthetic differ by {share:.2f} of the spread between units (root mean square)"
    return Check("fit before", "failed" if share > POOR_FIT else "passed", said[0].upper() + said[1:] + ".")


def _placebo_check(p: float) -> Check:
    message = f"{p:.0%} of placebos, the effect counted in, are at least as large."
    return Check("placebos", "failed" if p > 0.1 else "passed", message)


def _donor_check(found: Fitted) -> Check:
    top = float(found.units.max())
    message = f"{int((found.units > 0.01).sum())} untreated units carry weight, the heaviest {top:.0%}."
    return Check("donors", "failed" if top > 0.5 else "passed", message)
