"""Draws of the market's parameters that fit the published moments together, as far as these are known.

What was held fixed in a calibration is unknown too. Each draw takes those parameters from their distributions, moves the
published moments by their standard errors, and estimates again: theta solves g(theta; x) = e, e ~ N(0, 1) for each moment
(a parametric bootstrap). Draws from the covariance and the distributions apart would miss the moments by far: rates, refusals
and collateral answer to most parameters at once, and not in straight lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri

from sme_analysis.errors import InputErrors
from sme_analysis.inference.calibration import Fit
from sme_analysis.inference.draws import BLOCKS, quantile, sobol
from sme_analysis.inference.moments import Target, model_moments
from sme_analysis.inference.parallel import in_order
from sme_analysis.scenario import Parameters

Array = npt.NDArray[np.float64]
Job = tuple[Mapping[str, float], Array]  # what was held fixed, and how far each moment is moved
MOST_STEPS = 12
LONGEST_STEP = 0.6  # of a logarithm
SETTLED = 0.05  # standard errors of a moment
OUT_OF_REACH = 1.0  # a draw that misses a moment by more than a standard error, at the best allowed estimates, is passed over


@dataclass(frozen=True)
class _Setting:
    parameters: Parameters
    keys: tuple[str, ...]
    targets: tuple[Target, ...]
    start: Array  # logarithms of the estimates
    gain: Array  # (J'J)^-1 J', (keys, moments)
    low: Array
    high: Array


def refitted_draws(
    fit: Fit, others: Sequence[str], count: int, *, seed: int = 1, workers: int = 1
) -> tuple[pd.DataFrame, float]:
    """Draw the parameters that were held fixed and estimate the rest again for each draw.

    Parameters
    ----------
    fit : from `calibrate`; `others` : parameters with a distribution that the moments answer to
    count : of draws, rounded up to a multiple of `BLOCKS`

    Returns
    -------
    DataFrame with columns block, weight, then the parameters; and the share of points passed over because no allowed
    estimate brings the model within a standard error of every moment.
    """
    each = -(-count // BLOCKS)
    targets = tuple(t for t in fit.targets if t.role == "targeted")
    keys = tuple(fit.estimates)
    catalogue = fit.parameters.catalogue
    setting = _Setting(
        fit.parameters,
        keys,
        targets,
        np.log(list(fit.estimates.values())),
        fit.covariance @ fit.jacobian.T,
        np.log([max(float(catalogue[k].low), float(catalogue[k].high) * 1e-4) for k in keys]),
        np.log([float(catalogue[k].high) for k in keys]),
    )
    rows: list[list[float]] = []
    passed = tried = 0
    for block in range(BLOCKS):
        points = sobol(len(others) + len(targets), 2 * each, [seed, block])
        jobs = [
            (
                {
                    k: float(quantile(catalogue[k], np.array([u]))[0])
                    for k, u in zip(others, point, strict=False)
                },
                ndtri(point[len(others) :]),
            )
            for point in points
        ]
        kept = 0
        for (changes, _), (x, far) in zip(jobs, _solve(setting, jobs, each, workers), strict=False):
            tried += 1
            if far > OUT_OF_REACH:
                passed += 1
                continue
            rows.append([block, 1.0, *np.exp(x), *changes.values()])
            kept += 1
            if kept == each:
                break
    return pd.DataFrame(rows, columns=["block", "weight", *keys, *others]).astype(
        {"block": int}
    ), passed / tried


def _solve(setting: _Setting, jobs: Sequence[Job], wanted: int, workers: int) -> list[tuple[Array, float]]:
    """Solutions in order, in rounds, until enough of them reach the moments."""
    done: list[tuple[Array, float]] = []
    while len(done) < len(jobs) and (missing := wanted - sum(far <= OUT_OF_REACH for _, far in done)) > 0:
        batch = jobs[len(done) : len(done) + missing]
        done += in_order(_estimate, setting, batch, workers=workers)
    return done


def _estimate(setting: _Setting, job: Job) -> tuple[Array, float]:
    """Broyden's method from the calibration's estimates; the best point found and its largest miss in standard errors."""
    changes, noise = job
    names = [t.moment for t in setting.targets]

    def misses(x: Array) -> Array:
        values = dict(zip(setting.keys, np.exp(x).tolist(), strict=True))
        try:
            found = model_moments(setting.parameters.replace({**changes, **values}), names)
            return np.array([t.distance(found[t.moment]) for t in setting.targets]) - noise
        except (InputErrors, ZeroDivisionError):  # a rule between parameters, or a market without a loan
            return np.full(len(noise), 10.0)

    x, gain = setting.start.copy(), setting.gain.copy()
    g = misses(x)
    best, least = x, float(np.abs(g).max())
    for _ in range(MOST_STEPS):
        if least <= SETTLED:
            break
        move = np.clip(-gain @ g, -LONGEST_STEP, LONGEST_STEP)
        new = np.clip(x + move, setting.low, setting.high)
        step = new - x
        if not np.any(step):
            break
        following = misses(new)
        change = following - g
        moved = gain @ change
        scale = float(step @ moved)
        if abs(scale) > 1e-12:
            gain = gain + np.outer(step - moved, step @ gain) / scale
        x, g = new, following
        far = float(np.abs(g).max())
        if far < least:
            best, least = x, far
    return best, least
