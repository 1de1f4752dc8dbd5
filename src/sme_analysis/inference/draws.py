"""Draws of what is unknown: the calibration's own, and scrambled Sobol' points through declared distributions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import qmc

from sme_analysis.errors import InputErrors, UserError
from sme_analysis.scenario import Calibration, Parameters, Record
from sme_analysis.scenario.calibrations import load_draws

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
    weights : array (draws,), sum 1: equal, unless the calibration has learned from evidence
    refused : points that broke a rule between parameters and were passed over
    """

    keys: tuple[str, ...]
    values: Array
    block: npt.NDArray[np.int64]
    weights: Array
    refused: int = 0

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, row: int) -> dict[str, float | int]:
        return _changes(self.keys, self.values[row])

    def __iter__(self) -> Iterator[dict[str, float | int]]:
        return (self[row] for row in range(len(self)))

    def take(self, rows: npt.NDArray[np.int64]) -> Draws:
        """Some of the draws, their weights made to sum to 1."""
        weights = self.weights[rows]
        return Draws(self.keys, self.values[rows], self.block[rows], weights / weights.sum(), self.refused)

    def first(self, count: int) -> Draws:
        """As many draws from the beginning of every block, in order."""
        each = -(-count // BLOCKS)
        return self.take(
            np.sort(np.concatenate([np.flatnonzero(self.block == b)[:each] for b in range(BLOCKS)]))
        )

    def reweighted(self, weights: Array) -> Draws:
        """The same draws with other weights."""
        return replace(self, weights=weights / weights.sum())

    def frame(self) -> pd.DataFrame:
        """The draws as a table, one column a parameter."""
        return pd.DataFrame(self.values, columns=list(self.keys))

    @property
    def effective(self) -> float:
        """Effective number of draws, 1 / sum of squared weights (Kish 1965)."""
        return float(1 / np.sum(self.weights**2))


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
        return bool(
            parameters["risk_compensation.active"] and parameters["risk_compensation.revenue_link"] > 0
        )
    return True


def parameter_draws(
    parameters: Parameters, count: int, calibration: Calibration | None = None, seed: int = SEED
) -> Draws:
    """Draw what is unknown.

    What the calibration has drawn comes from its file, where parameters fit the published moments together; everything else
    is the quantile of its declared distribution at a scrambled Sobol' coordinate. Every parameter of the catalogue has a
    coordinate of its own, so that scenarios share the draws of what they have in common.

    Parameters
    ----------
    count : of draws, rounded up to a multiple of `BLOCKS`
    calibration : of the scenario; None draws from the declared distributions alone

    Raises
    ------
    UserError : nothing is unknown, the calibration holds fewer draws, or half of the points break a rule between parameters
    """
    keys = unknown_keys(parameters, calibration)
    if not keys:
        raise UserError(
            "Nothing in this scenario is unknown: every parameter with a distribution is set by it."
        )
    catalogue = parameters.catalogue
    axes = [k for k, r in catalogue.items() if r.distribution is not None and not r.decision]
    each = -(-count // BLOCKS)
    stored = _stored(calibration, each)
    rows, blocks, weights, refused = [], [], [], 0
    for block in range(BLOCKS):
        points = sobol(len(axes), 2 * each, [seed, block])
        drawn = {key: quantile(catalogue[key], points[:, k]) for k, key in enumerate(axes) if key in keys}
        values = np.column_stack([drawn[key] for key in keys])
        fixed = None if stored is None else stored[stored["block"] == block]
        columns = [] if fixed is None else [k for k, key in enumerate(keys) if key in fixed]
        kept = 0
        for row in values:
            if kept == each:
                break
            if fixed is not None:
                row[columns] = fixed.iloc[kept][[keys[k] for k in columns]].to_numpy(dtype=float)
            if not _allowed(parameters, keys, row):
                refused += 1
                continue
            rows.append(row)
            weights.append(1.0 if fixed is None else float(fixed.iloc[kept]["weight"]))
            kept += 1
        blocks += [block] * kept
        if kept < each:
            raise UserError(
                "Half of the draws break a rule between parameters: their distributions do not agree."
            )
    share = np.array(weights)
    return Draws(keys, np.array(rows), np.array(blocks), share / share.sum(), refused)


def _stored(calibration: Calibration | None, each: int) -> pd.DataFrame | None:
    if calibration is None:
        return None
    stored = load_draws(calibration)
    held = 0 if stored is None else int(stored["block"].value_counts().min())
    if held < each:
        raise UserError(
            f"The calibration {calibration.name} holds {BLOCKS * held} draws, {BLOCKS * each} are asked for: "
            f"ask for fewer, or make it again with sme-analysis calibrate --draws {BLOCKS * each}."
        )
    return stored


def sobol(dimensions: int, count: int, seed: Sequence[int]) -> Array:
    """Scrambled Sobol' points within (0, 1), the next power of two above `count`, (points, dimensions)."""
    power = max(1, int(np.ceil(np.log2(count))))
    points = qmc.Sobol(dimensions, rng=np.random.default_rng(list(seed))).random_base2(power)
    return np.clip(points, 1e-9, 1 - 1e-9)


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


def _changes(keys: Sequence[str], row: Array) -> dict[str, float | int]:
    return {k: round(float(v)) if k in _COUNTS else float(v) for k, v in zip(keys, row, strict=True)}


def _allowed(parameters: Parameters, keys: Sequence[str], row: Array) -> bool:
    try:
        parameters.replace(_changes(keys, row))
    except InputErrors:
        return False
    return True
