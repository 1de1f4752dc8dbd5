"""Draws of what is unknown: scrambled Sobol' points through the declared distributions and the calibration's covariance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri
from scipy.stats import qmc

from sme_analysis.errors import InputErrors, UserError
from sme_analysis.scenario import Calibration, Catalogue, Parameters, Record
from sme_analysis.scenario.calibrations import off_scale, on_scale

Array = npt.NDArray[np.float64]
BLOCKS = 8  # independent scramblings of the points: their spread is the Monte Carlo error
SEED = 20200701


@dataclass(frozen=True)
class Draws:
    """Values of the unknown parameters, one row a draw.

    Attributes
    ----------
    keys : the parameters; `values` : array (draws, keys), inner units
    block : array (draws,) of the scrambling that each draw belongs to
    clipped : share of the estimated values that lay outside a parameter's allowed range and were set to its end
    refused : points that broke a rule between parameters and were passed over
    """

    keys: tuple[str, ...]
    values: Array
    block: npt.NDArray[np.int64]
    clipped: float
    refused: int

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, row: int) -> dict[str, float | int]:
        return {
            key: round(float(v)) if key in _COUNTS else float(v)
            for key, v in zip(self.keys, self.values[row], strict=True)
        }

    def __iter__(self) -> Iterator[dict[str, float | int]]:
        return (self[row] for row in range(len(self)))

    def first(self, count: int) -> Draws:
        """As many draws from the beginning of every block, in order."""
        rows = np.sort(np.concatenate([np.flatnonzero(self.block == b)[: -(-count // BLOCKS)] for b in range(BLOCKS)]))
        return Draws(self.keys, self.values[rows], self.block[rows], self.clipped, self.refused)

    def frame(self) -> pd.DataFrame:
        """The draws as a table, one column a parameter."""
        return pd.DataFrame(self.values, columns=list(self.keys))


_COUNTS = frozenset({"firms.entities"})


def unknown_keys(parameters: Parameters, calibration: Calibration | None = None) -> tuple[str, ...]:
    """What is unknown in a scenario, in the order of the catalogue.

    Parameters with a distribution or an estimate, that nobody decides, that belong to an active instrument or to the economy, and
    that the scenario has left at the catalogue's value or the calibration's: what a scenario sets, it states.
    """
    estimates = calibration.values if calibration else {}
    return tuple(
        key
        for key, record in parameters.catalogue.items()
        if (record.distribution is not None or key in estimates)
        and not record.decision
        and parameters[key] == estimates.get(key, record.value)
        and _matters(parameters, record)
    )


def _matters(parameters: Parameters, record: Record) -> bool:
    """Whether the parameter moves anything: its instrument is active, its rule in use, a shock there to be relieved."""
    key, group = record.key, record.group
    if f"{group}.active" in parameters and not parameters[f"{group}.active"]:
        return False
    if group == "emergency_relief" and not parameters["stress.active"]:
        return False
    if key == "market.asset_correlation":
        return bool(parameters["market.asset_correlation_rule"] == "fixed")
    if group == "local_revenue":
        return bool(parameters["risk_compensation.active"] and parameters["risk_compensation.revenue_link"] > 0)
    return True


def parameter_draws(
    parameters: Parameters, count: int, calibration: Calibration | None = None, seed: int = SEED
) -> Draws:
    """Draw what is unknown.

    A parameter x with a declared distribution is its quantile at a scrambled Sobol' coordinate. The estimates of the calibration
    are log theta = log theta_hat + sum over x of m_x (s(x) - s(x0)) + L z: they answer to the parameters that were held
    fixed, so that draws still fit what was fitted, to first order; L L' is the covariance. Every parameter of the catalogue has
    a coordinate of its own, so that scenarios share the draws of what they have in common.

    Parameters
    ----------
    count : of draws, rounded up to a multiple of `BLOCKS`
    calibration : whose estimates stand in the parameters; None draws from the declared distributions alone

    Raises
    ------
    UserError : nothing is unknown, or more than half of the points break a rule between parameters
    """
    keys = unknown_keys(parameters, calibration)
    if not keys:
        raise UserError("Nothing in this scenario is unknown: every parameter with a distribution is set by it.")
    catalogue = parameters.catalogue
    axes = [k for k, r in catalogue.items() if r.distribution is not None and not r.decision]
    axes += [k for k in (calibration.keys if calibration else ()) if k not in axes]
    each = -(-count // BLOCKS)
    rows, blocks, refused, outside = [], [], 0, 0
    for block in range(BLOCKS):
        points = sobol(len(axes), 2 * each, [seed, block])
        values, over = _values(points, axes, keys, parameters, calibration)
        kept = 0
        for row, beyond in zip(values, over, strict=True):
            if kept == each:
                break
            if not _allowed(parameters, keys, row):
                refused += 1
                continue
            rows.append(row)
            outside += int(beyond)
            kept += 1
        blocks += [block] * kept
        if kept < each:
            raise UserError("More than half of the draws break a rule between parameters: their distributions do not agree.")
    estimated = sum(key in keys for key in calibration.keys) if calibration else 0
    clipped = outside / (len(rows) * estimated) if estimated else 0.0
    return Draws(keys, np.array(rows), np.array(blocks), clipped, refused)


def sobol(dimensions: int, count: int, seed: Sequence[int]) -> Array:
    """Scrambled Sobol' points within (0, 1), the next power of two above `count`, (points, dimensions)."""
    power = max(1, int(np.ceil(np.log2(count))))
    points = qmc.Sobol(dimensions, rng=np.random.default_rng(list(seed))).random_base2(power)
    return np.clip(points, 1e-9, 1 - 1e-9)


def _values(
    points: Array, axes: Sequence[str], keys: Sequence[str], parameters: Parameters, calibration: Calibration | None
) -> tuple[Array, npt.NDArray[np.int64]]:
    """Values by draw and key, and how many estimates of each draw lay outside their range."""
    catalogue = parameters.catalogue
    column = {key: points[:, k] for k, key in enumerate(axes)}
    estimated = calibration.keys if calibration else ()
    drawn = {key: quantile(catalogue[key], column[key]) for key in keys if key not in estimated}
    outside = np.zeros(len(points), dtype=np.int64)
    if calibration is not None:
        for key, value in _estimates(column, drawn, parameters, calibration).items():
            if key in keys:
                low, high = float(catalogue[key].low), float(catalogue[key].high)
                outside += (value < low) | (value > high)
                drawn[key] = np.clip(value, low, high)
    return np.column_stack([drawn[key] for key in keys]), outside


def _estimates(
    column: Mapping[str, Array], drawn: Mapping[str, Array], parameters: Parameters, calibration: Calibration
) -> dict[str, Array]:
    covariance = np.array(calibration.covariance)
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    z = np.array([ndtri(column[key]) for key in calibration.keys])  # (keys, draws)
    moved = root @ z
    for key, held in calibration.held.items():
        here = drawn.get(key, np.full(z.shape[1], float(parameters[key])))
        far = (np.log(np.maximum(here, 1e-12)) if held.scale == "log" else here) - on_scale(held.at, held.scale)
        moved = moved + np.outer(held.moves, far)
    return {
        key: off_scale(on_scale(calibration.estimates[k], calibration.scales[k]) + moved[k], calibration.scales[k])
        for k, key in enumerate(calibration.keys)
    }


def quantile(record: Record, u: Array) -> Array:
    """Quantile function of a record's distribution, uniform or triangular."""
    d = record.distribution
    assert d is not None
    if d.shape == "uniform" or d.mode is None:
        return d.low + u * (d.high - d.low)
    width, peak = d.high - d.low, (d.mode - d.low) / (d.high - d.low)
    rising = d.low + width * np.sqrt(u * peak)
    falling = d.high - width * np.sqrt((1 - u) * (1 - peak))
    found: Array = np.where(u < peak, rising, falling)
    return found


def _allowed(parameters: Parameters, keys: Sequence[str], row: Array) -> bool:
    changes = {k: round(float(v)) if k in _COUNTS else float(v) for k, v in zip(keys, row, strict=True)}
    try:
        parameters.replace(changes)
    except InputErrors:
        return False
    return True


def described(catalogue: Catalogue, keys: Sequence[str]) -> pd.DataFrame:
    """Key, label, unit and grade of parameters, for tables."""
    rows = [(k, catalogue[k].label, catalogue[k].unit, catalogue[k].grade) for k in keys]
    return pd.DataFrame(rows, columns=["key", "label", "unit", "grade"])
