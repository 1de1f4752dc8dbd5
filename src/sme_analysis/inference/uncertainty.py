"""How far the headlines may lie from their estimate: unknown parameters, sampling and the state of the economy, apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.errors import UserError
from sme_analysis.firms import synthetic_firms
from sme_analysis.inference.draws import Draws
from sme_analysis.inference.headlines import headlines
from sme_analysis.inference.parallel import Progress, in_order
from sme_analysis.scenario import Parameters
from sme_analysis.simulation import Simulation, simulate
from sme_analysis.simulation.equilibrium import NoEquilibrium, Start

Array = npt.NDArray[np.float64]
Measure = Callable[[Simulation], Mapping[str, float]]
LEVELS = (0.05, 0.5, 0.95)
FAILED_AT_MOST = 0.02  # of the draws


class TooManyFailed(UserError):
    """More draws than can be passed over had no equilibrium."""


@dataclass(frozen=True)
class Task:
    """One simulation to make: changes of the scenario's parameters and, for macro risk, the realised state of each year."""

    changes: Mapping[str, Any]
    macro_path: tuple[float, ...] | None = None


@dataclass(frozen=True)
class _Work:
    """What all tasks share; it is sent to each process once."""

    parameters: Parameters
    measure: Measure
    near: tuple[Start, ...]
    names: tuple[str, ...]


def evaluate(
    parameters: Parameters,
    tasks: Iterable[Task | Mapping[str, Any]],
    measure: Measure = headlines,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Simulate changed scenarios and keep what `measure` says of each, in order.

    Every simulation starts from the solution of the scenario itself and knows nothing of the others, so the bytes of the
    result do not depend on `workers`. A process that is killed loses nothing: its tasks are done again.

    Parameters
    ----------
    parameters : of the scenario, its number of firms included
    tasks : changes by key, such as the rows of `Draws`
    measure : of a simulation; a function of a module, since other processes must find it
    workers : processes; 1 stays in this one
    progress : called with (done, all)

    Returns
    -------
    DataFrame, one row a task; a row is NaN where the year had no equilibrium

    Raises
    ------
    TooManyFailed : more than 2 % of the rows have none
    """
    jobs = [task if isinstance(task, Task) else Task(dict(task)) for task in tasks]
    centre = simulate(synthetic_firms(parameters), parameters)
    names = tuple(measure(centre))
    work = _Work(parameters, measure, tuple(year.start for year in centre.years), names)
    rows = list(in_order(_row, work, jobs, workers=workers, progress=progress))
    failed = sum(row is None for row in rows)
    if failed > FAILED_AT_MOST * len(jobs):
        raise TooManyFailed(
            f"{failed} of {len(jobs)} draws have no equilibrium; at most {FAILED_AT_MOST:.0%} may be passed over. "
            "Look at the distributions of the parameters that these draws hold at their ends."
        )
    missing = [float("nan")] * len(names)
    return pd.DataFrame([row or missing for row in rows], columns=list(names), dtype=float)


def _row(work: _Work, task: Task) -> list[float] | None:
    changed = work.parameters.replace(task.changes)
    try:
        found = work.measure(
            simulate(synthetic_firms(changed), changed, macro_path=task.macro_path, near=work.near)
        )
    except NoEquilibrium:
        return None
    return [float(found[name]) for name in work.names]


@dataclass(frozen=True)
class Uncertainty:
    """Headlines over the draws of what is unknown.

    Attributes
    ----------
    estimate : of the scenario as it stands; `draws` and `results` : one row a draw
    """

    estimate: Mapping[str, float]
    draws: Draws
    results: pd.DataFrame

    def intervals(self) -> pd.DataFrame:
        """5, 50 and 95 % quantiles of each headline, and their Monte Carlo error.

        Returns
        -------
        DataFrame: headline, estimate, low, median, high, mean, error (standard error of the interval's ends, the larger, from the
        spread between independent scramblings, a share of the interval's width)
        """
        rows = []
        for name in map(str, self.results):
            x = self.results[name].to_numpy(dtype=float)
            low, median, high = weighted_quantiles(x, self.draws.weights, LEVELS)
            rows.append(
                {
                    "headline": name,
                    "estimate": self.estimate[name],
                    "low": low,
                    "median": median,
                    "high": high,
                    "mean": _mean(x, self.draws.weights),
                    "error": monte_carlo_error(x, self.draws.block, self.draws.weights),
                }
            )
        return pd.DataFrame(rows)


def uncertainty(
    parameters: Parameters,
    draws: Draws,
    measure: Measure = headlines,
    *,
    tolerance: float | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Uncertainty:
    """Headlines over draws.

    Parameters
    ----------
    tolerance : stop when the Monte Carlo error of every interval is below this share of its width; draws are then taken in
        rounds of doubling size, each a part of every scrambling
    """
    estimate = dict(measure(simulate(synthetic_firms(parameters), parameters)))
    if tolerance is None:
        results = evaluate(parameters, draws, measure, workers=workers, progress=progress)
        return Uncertainty(estimate, draws, results)
    order = np.argsort(_turn(draws.block), kind="stable")  # one of every block, then the next of every block
    done: list[pd.DataFrame] = []
    count = 0
    while count < len(draws):
        upto = min(len(draws), max(64, 2 * count))
        batch = [draws[row] for row in order[count:upto]]
        done.append(
            evaluate(
                parameters, batch, measure, workers=workers, progress=_shifted(progress, count, len(draws))
            )
        )
        count = upto
        found = Uncertainty(estimate, draws.take(order[:count]), pd.concat(done, ignore_index=True))
        if found.intervals()["error"].max() < tolerance:
            break
    return found


def _turn(block: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Place of each draw within its block."""
    return np.array([int((block[:k] == b).sum()) for k, b in enumerate(block)], dtype=np.int64)


def _shifted(progress: Progress | None, by: int, whole: int) -> Progress | None:
    return None if progress is None else lambda done, _: progress(by + done, whole)


def sampling(
    parameters: Parameters, seeds: int = 8, measure: Measure = headlines, *, workers: int = 1
) -> pd.DataFrame:
    """Headlines on other samples of firms: the same scenario with other seeds, one row a sample."""
    first = int(parameters["simulation.seed"])
    return evaluate(
        parameters, [{"simulation.seed": first + k} for k in range(1, seeds + 1)], measure, workers=workers
    )


def macro_risk(
    parameters: Parameters, paths: int = 64, measure: Measure = headlines, seed: int = 1, *, workers: int = 1
) -> pd.DataFrame:
    """Headlines over realised states of the economy, z ~ N(0, 1) in each year, one row a path.

    Lenders and firms decide on what they expect; what is paid, lost and left in the fund is what the year brings.
    """
    years = int(parameters["horizon.years"])
    z = np.random.default_rng(seed).standard_normal((paths, years))
    return evaluate(parameters, [Task({}, tuple(row)) for row in z.tolist()], measure, workers=workers)


def weighted_quantiles(x: Array, weights: Array, levels: Sequence[float]) -> Array:
    """Quantiles of weighted draws, linear between the middles of their weights; missing values are left out."""
    kept = np.isfinite(x) & (weights > 0)
    if not kept.any():
        return np.full(len(levels), np.nan)
    order = np.argsort(x[kept], kind="stable")
    value, mass = x[kept][order], weights[kept][order]
    middle = (np.cumsum(mass) - mass / 2) / mass.sum()
    found: Array = np.interp(levels, middle, value)
    return found


def monte_carlo_error(x: Array, block: npt.NDArray[np.int64], weights: Array) -> float:
    """Standard error of the 5 and 95 % quantiles, the larger, as a share of the interval, from the blocks' own quantiles."""
    low, high = weighted_quantiles(x, weights, (0.05, 0.95))
    ends = np.array(
        [weighted_quantiles(x[block == b], weights[block == b], (0.05, 0.95)) for b in np.unique(block)]
    )
    ends = ends[np.isfinite(ends).all(axis=1)]
    if len(ends) < 2 or not high > low:
        return 0.0 if high == low else float("nan")
    return float(ends.std(axis=0, ddof=1).max() / np.sqrt(len(ends)) / (high - low))


def _mean(x: Array, weights: Array) -> float:
    kept = np.isfinite(x)
    return float(np.average(x[kept], weights=weights[kept])) if kept.any() else float("nan")
