"""Calibration by the simulated method of moments, and what the data say about each parameter.

theta minimises g(theta)' W g(theta), g = (model - published moments), W = diag(1 / standard error^2) (McFadden 1989). With J the
Jacobian of the moments and g(theta) near zero, the covariance of the estimates is (J' W J)^-1, and a parameter x that
was held fixed moves them by -(J' W J)^-1 J' W dg/dx (Andrews, Gentzkow and Shapiro 2017; Jorgensen 2023).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import least_squares
from scipy.stats import qmc

from sme_analysis.errors import UserError
from sme_analysis.inference.moments import Target, fit_table, load_targets, model_moments
from sme_analysis.scenario import Parameters, Record
from sme_analysis.scenario.calibrations import Calibration, Held, on_scale, rounded, scale_of

Array = npt.NDArray[np.float64]
KEYS = (
    "firms.need_to_revenue.micro",
    "firms.wants_credit.micro",
    "firms.mean_pd.micro",
    "bank.fixed_cost",
    "bank.operating_cost",
    "bank.rate_ceiling",
)
MARKET_GROUPS = ("firms", "market", "bank", "micro_lender")
STEP = 0.02  # of the logarithm, for derivatives: wide enough for the sample's own roughness
WEAK = 0.2  # a singular value below it: one standard error of that combination is five times itself
Moments = Callable[[Mapping[str, Any], Sequence[str]], Mapping[str, float]]


class NotIdentified(UserError):
    """The moments leave some combination of the parameters open."""


@dataclass(frozen=True)
class Fit:
    """Result of `calibrate`.

    Attributes
    ----------
    estimates : by key, inner units
    jacobian : of the moments in standard errors with respect to the logarithm of the parameters, (moments, keys)
    covariance : of the logarithms of the estimates, (keys, keys)
    targets : what was fitted; `moments` : all moments of the model at the estimates
    objective : g' W g at the minimum; `minima` : its value from every start
    """

    parameters: Parameters
    estimates: Mapping[str, float]
    jacobian: Array
    covariance: Array
    targets: tuple[Target, ...]
    moments: Mapping[str, float]
    objective: float
    minima: tuple[float, ...]

    @property
    def standard_errors(self) -> dict[str, float]:
        """Of the logarithm, by key: relative errors."""
        return dict(zip(self.estimates, np.sqrt(np.diag(self.covariance)).tolist(), strict=True))

    def table(self) -> pd.DataFrame:
        """Estimates with their 90 % interval, one row a parameter; start: the catalogue's value."""
        rows = []
        for key, value in self.estimates.items():
            record, error = self.parameters.catalogue[key], self.standard_errors[key]
            rows.append(
                {
                    "key": key,
                    "label": record.label,
                    "unit": record.unit,
                    "start": record.value,
                    "estimate": value,
                    "low": value * np.exp(-1.645 * error),
                    "high": value * np.exp(1.645 * error),
                    "relative_error": error,
                }
            )
        return pd.DataFrame(rows)

    def identification(self) -> pd.DataFrame:
        """Singular values of the Jacobian, largest first, and the combination of logarithms that each one measures.

        One standard error of a combination is 1 / (singular value): above 5 (value below `WEAK`) the data say next to nothing.
        """
        _, values, rows = np.linalg.svd(self.jacobian, full_matrices=False)
        names = [self.parameters.catalogue[key].label for key in self.estimates]
        out = []
        for value, row in zip(values, rows, strict=True):
            order = np.argsort(-np.abs(row))
            sign = np.sign(row[order[0]])
            parts = [f"{sign * row[k]:+.2f} {names[k]}" for k in order if abs(row[k]) >= 0.2]
            out.append(
                {
                    "singular_value": value,
                    "error": 1 / value if value > 0 else np.inf,
                    "combination": "; ".join(parts),
                }
            )
        return pd.DataFrame(out)

    def fit(self) -> pd.DataFrame:
        """All moments beside their figures, see `fit_table`."""
        return fit_table(self.moments, self.targets)


def calibrate(
    parameters: Parameters,
    keys: Sequence[str] = KEYS,
    targets: Sequence[Target] | None = None,
    *,
    starts: int = 1,
    seed: int = 1,
    moments: Moments = model_moments,
) -> Fit:
    """Estimate parameters of the market without policy from published moments.

    Parameters
    ----------
    parameters : a scenario; policy does not matter, and its values of `keys` are the first start
    keys : positive parameters, estimated in logarithms within the range of their record
    targets : by default `load_targets()`; only those with the role targeted are fitted
    starts : how many starting points, the further ones by a Latin hypercube over the parameters' distributions
    moments : the model

    Raises
    ------
    NotIdentified : fewer moments than parameters, or a combination of parameters that moves no moment
    """
    targets = load_targets() if targets is None else tuple(targets)
    fitted = [t for t in targets if t.role == "targeted"]
    if len(fitted) < len(keys):
        raise NotIdentified(
            f"{len(keys)} parameters and {len(fitted)} targeted moments: name at most as many parameters."
        )
    names = [t.moment for t in fitted]
    low, high = _bounds(parameters, keys)

    def distances(x: Array) -> Array:
        found = moments(parameters.replace(_named(keys, x)), names)
        return np.array([t.distance(found[t.moment]) for t in fitted])

    solutions = []
    for start in _starts(parameters, keys, starts, seed):
        solutions.append(
            least_squares(
                distances,
                start,
                bounds=(low, high),
                diff_step=[STEP / 4] * len(keys),
                xtol=1e-10,
                ftol=1e-10,
                max_nfev=40,
            )
        )
    best = min(solutions, key=lambda s: float(s.cost))
    jacobian = _slopes(distances, best.x, [STEP] * len(keys), low, high)
    estimates = dict(zip(keys, np.exp(best.x).tolist(), strict=True))
    everything = moments(parameters.replace(estimates), [t.moment for t in targets])
    return Fit(
        parameters,
        estimates,
        jacobian,
        _covariance(jacobian, keys),
        targets,
        everything,
        2 * float(best.cost),
        tuple(2 * float(s.cost) for s in solutions),
    )


def at_other_figures(
    parameters: Parameters, moment: str, values: Sequence[float], moments: Moments = model_moments
) -> dict[float, dict[str, float]]:
    """Estimates if one published figure were another: what a result owes to it. By value of the figure, estimates by key."""
    found = {}
    for value in values:
        targets = [
            replace(t, figure=replace(t.figure, value=value)) if t.moment == moment else t
            for t in load_targets()
        ]
        found[value] = dict(calibrate(parameters, targets=targets, moments=moments).estimates)
    return found


def held_fixed(fit: Fit, moments: Moments = model_moments) -> dict[str, Held]:
    """How the estimates answer to every uncertain parameter of the market that was held fixed, to first order."""
    catalogue = fit.parameters.catalogue
    fitted = [t for t in fit.targets if t.role == "targeted"]
    at = fit.parameters.replace(dict(fit.estimates))
    lever = -fit.covariance @ fit.jacobian.T  # (keys, moments)
    found: dict[str, Held] = {}
    for key, record in catalogue.items():
        if record.group not in MARKET_GROUPS or record.distribution is None or key in fit.estimates:
            continue
        if key == "market.asset_correlation" or record.unit == "count":
            continue  # moves no mean, or the number of strata
        scale = scale_of(record.distribution.low)
        centre = on_scale(float(at[key]), scale)
        step = 0.1 * _spread(record, scale)

        def distances(x: Array, key: str = key, scale: str = scale, record: Record = record) -> Array:
            value = float(np.exp(x[0]) if scale == "log" else x[0])
            changed = at.replace({key: min(max(value, record.low), record.high)})
            model = moments(changed, [t.moment for t in fitted])
            return np.array([t.distance(model[t.moment]) for t in fitted])

        low, high = (on_scale(max(float(v), 1e-12), scale) for v in (record.low, record.high))
        slope = _slopes(distances, np.array([centre]), [step], np.array([low]), np.array([high]))[:, 0]
        moves = lever @ slope
        if np.abs(moves).max() * _spread(record, scale) > 1e-3:
            found[key] = Held(scale=scale, at=rounded([float(at[key])])[0], moves=rounded(moves.tolist(), 5))
    return found


def as_calibration(fit: Fit, name: str, title: str, made: str, held: Mapping[str, Held]) -> Calibration:
    """The file's content: estimates, covariance, what was held fixed and how the moments were met."""
    return Calibration(
        name=name,
        title=title,
        method="simulated method of moments",
        made=made,
        keys=tuple(fit.estimates),
        scales=tuple("log" for _ in fit.estimates),
        estimates=rounded(list(fit.estimates.values()), 6),
        covariance=tuple(rounded(row, 6) for row in fit.covariance.tolist()),
        held=dict(held),
        moments={
            t.moment: rounded((fit.moments[t.moment], t.value, t.error), 6)  # type: ignore[misc]
            for t in fit.targets
            if t.role == "targeted"
        },
    )


def _named(keys: Sequence[str], x: Array) -> dict[str, float]:
    return dict(zip(keys, np.exp(x).tolist(), strict=True))


def _bounds(parameters: Parameters, keys: Sequence[str]) -> tuple[Array, Array]:
    records = [parameters.catalogue[key] for key in keys]
    low = np.log([max(float(r.low), float(r.high) * 1e-4) for r in records])
    return low, np.log([float(r.high) for r in records])


def _starts(parameters: Parameters, keys: Sequence[str], count: int, seed: int) -> list[Array]:
    low, high = _bounds(parameters, keys)
    first = np.clip(np.log([float(parameters[key]) for key in keys]), low + 1e-6, high - 1e-6)
    if count <= 1:
        return [first]
    points = qmc.LatinHypercube(len(keys), rng=np.random.default_rng(seed)).random(count - 1)
    middle = np.array([_middle(parameters.catalogue[key]) for key in keys])  # (keys, 2)
    return [first, *(np.clip(middle[:, 0] + u * (middle[:, 1] - middle[:, 0]), low, high) for u in points)]


def _middle(record: Record) -> tuple[float, float]:
    if record.distribution is None or record.distribution.low <= 0:
        return float(np.log(record.value / 2)), float(np.log(record.value * 2))
    return float(np.log(record.distribution.low)), float(np.log(record.distribution.high))


def _spread(record: Record, scale: str) -> float:
    """A quarter of the width of a parameter's distribution on its scale: about one standard deviation."""
    assert record.distribution is not None
    return (on_scale(record.distribution.high, scale) - on_scale(record.distribution.low, scale)) / 4


def _slopes(f: Callable[[Array], Array], x: Array, steps: Sequence[float], low: Array, high: Array) -> Array:
    """Central differences within bounds, (outputs, inputs)."""
    columns = []
    for k, step in enumerate(steps):
        up, down = x.copy(), x.copy()
        up[k], down[k] = min(x[k] + step, high[k]), max(x[k] - step, low[k])
        columns.append((f(up) - f(down)) / (up[k] - down[k]))
    return np.array(columns).T


def _covariance(jacobian: Array, keys: Sequence[str]) -> Array:
    _, values, rows = np.linalg.svd(jacobian, full_matrices=False)
    if values[-1] <= 1e-6 * values[0]:
        open_ = ", ".join(key for key, part in zip(keys, rows[-1], strict=True) if abs(part) > 0.3)
        raise NotIdentified(
            f"The targeted moments do not move with some combination of {open_}: hold one of them fixed."
        )
    covariance: Array = (rows.T / values**2) @ rows
    return covariance


def drift(stored: Calibration, again: Calibration) -> dict[str, float]:
    """How far the estimates of a stored calibration lie from those made again, in the stored standard errors, by key."""
    errors = stored.standard_errors
    return {
        key: abs(on_scale(value, scale) - on_scale(again.values.get(key, np.nan), scale)) / errors[key]
        for key, value, scale in zip(stored.keys, stored.estimates, stored.scales, strict=True)
    }
