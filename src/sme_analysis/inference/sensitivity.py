"""Which unknowns matter: Sobol' indices and Morris screening through SALib, one-at-a-time swings, and switching values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import brentq

from sme_analysis.errors import UserError
from sme_analysis.inference.draws import Draws, quantile
from sme_analysis.inference.headlines import headlines
from sme_analysis.inference.parallel import Progress
from sme_analysis.inference.uncertainty import Measure, evaluate, weighted_quantiles
from sme_analysis.scenario import Parameters

Array = npt.NDArray[np.float64]
Points = Callable[[Array], Array]  # (points, inputs) in the unit cube -> (points, outputs)
LEVELS = 4  # of Morris' grid
DRAWS_EACH = 6  # draws for each parameter that a partial correlation is worked out among
SCANNED = 9  # values at which a difference is looked at before a switch is bracketed


def sobol_indices(
    outputs: Points, inputs: Sequence[str], names: Sequence[str], points: int = 512, seed: int = 1
) -> pd.DataFrame:
    """First-order and total Sobol' indices by Saltelli's design, points x (inputs + 2) evaluations.

    S_i = V[E(y | x_i)] / V(y), T_i = 1 - V[E(y | all but x_i)] / V(y) (Saltelli et al. 2010); inputs are taken as independent.

    Parameters
    ----------
    outputs : of points in the unit cube, all at once; missing values are set to the mean of their output
    inputs, names : of the columns of points and of outputs
    points : a power of two

    Returns
    -------
    DataFrame: output, input, first, first_error, total, total_error (half-widths of 95 % intervals); total 0 where y is constant
    """
    from SALib.analyze import sobol
    from SALib.sample import sobol as design

    problem = _problem(inputs)
    sample = np.asarray(design.sample(problem, points, calc_second_order=False, seed=seed), dtype=float)
    y = outputs(sample)
    rows = []
    for k, name in enumerate(names):
        column = _filled(y[:, k])
        if np.ptp(column) <= 1e-12 * max(1.0, float(np.abs(column).max())):
            rows += [(name, key, 0.0, 0.0, 0.0, 0.0) for key in inputs]
            continue
        found = sobol.analyze(problem, column, calc_second_order=False, seed=seed)
        rows += list(
            zip(
                [name] * len(inputs),
                inputs,
                *(found[x] for x in ("S1", "S1_conf", "ST", "ST_conf")),
                strict=True,
            )
        )
    columns = ["output", "input", "first", "first_error", "total", "total_error"]
    return pd.DataFrame(rows, columns=columns)


def morris(
    outputs: Points, inputs: Sequence[str], names: Sequence[str], trajectories: int = 10, seed: int = 1
) -> pd.DataFrame:
    """Morris screening: mean of the absolute elementary effects and their spread, trajectories x (inputs + 1) evaluations.

    Effects are per whole range of an input (Campolongo, Cariboni and Saltelli 2007). A spread as large as the mean says that
    the effect depends on the others.

    Returns
    -------
    DataFrame: output, input, mean_abs, spread, in the unit of the output
    """
    from SALib.analyze import morris as analysis
    from SALib.sample import morris as design

    problem = _problem(inputs)
    sample = np.asarray(design.sample(problem, trajectories, num_levels=LEVELS, seed=seed), dtype=float)
    y = outputs(sample)
    rows = []
    for k, name in enumerate(names):
        found = analysis.analyze(problem, sample, _filled(y[:, k]), num_levels=LEVELS, seed=seed)
        rows += list(zip([name] * len(inputs), inputs, found["mu_star"], found["sigma"], strict=True))
    return pd.DataFrame(rows, columns=["output", "input", "mean_abs", "spread"])


def marginal(parameters: Parameters, key: str, u: Array, draws: Draws | None = None) -> Array:
    """Quantiles of one parameter: of the draws where it is among them, else of its declared distribution.

    The draws of a calibration move together; a sensitivity analysis moves one parameter with the others as they are.
    """
    if draws is not None and key in draws.keys:
        return weighted_quantiles(draws.values[:, draws.keys.index(key)], draws.weights, u.tolist())
    return quantile(parameters.catalogue[key], u)


def model_points(
    parameters: Parameters,
    keys: Sequence[str],
    measure: Measure = headlines,
    *,
    draws: Draws | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Points:
    """The model as a function of the unit cube: coordinate u of a parameter is its quantile, see `marginal`."""

    def outputs(sample: Array) -> Array:
        columns = [marginal(parameters, key, sample[:, k], draws) for k, key in enumerate(keys)]
        changes = [
            _typed(parameters, dict(zip(keys, row, strict=True))) for row in np.column_stack(columns).tolist()
        ]
        table = evaluate(parameters, changes, measure, workers=workers, progress=progress)
        return table.to_numpy(dtype=float)

    return outputs


def tornado(
    parameters: Parameters,
    keys: Sequence[str],
    measure: Measure = headlines,
    *,
    draws: Draws | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Each parameter at its 5 and 95 % quantile, the others as the scenario has them.

    Returns
    -------
    DataFrame: output, key, at_low, at_high (the parameter's values), low, central, high (the output's)
    """
    ends = {key: marginal(parameters, key, np.array([0.05, 0.95]), draws) for key in keys}
    tasks: list[dict[str, Any]] = [{}]
    for key, pair in ends.items():
        tasks += [_typed(parameters, {key: float(value)}) for value in pair]
    table = evaluate(parameters, tasks, measure, workers=workers, progress=progress)
    rows = []
    for name in table:
        y = table[name].to_numpy(dtype=float)
        for k, key in enumerate(keys):
            rows.append((name, key, *ends[key].tolist(), y[1 + 2 * k], y[0], y[2 + 2 * k]))
    return pd.DataFrame(rows, columns=["output", "key", "at_low", "at_high", "low", "central", "high"])


def switching_values(
    one: Parameters,
    other: Parameters,
    key: str,
    output: str,
    span: tuple[float, float],
    measure: Measure = headlines,
    *,
    workers: int = 1,
) -> pd.DataFrame:
    """Values of an unknown at which two packages change places.

    Parameters
    ----------
    one, other : two scenarios of the same economy; `key` is set to the same value in both
    output : a name of `measure`; `span` : the values looked at

    Returns
    -------
    DataFrame: value, between (the two packages' common output there); empty where one is ahead over the whole span

    Raises
    ------
    UserError : the output cannot be told anywhere in the span
    """
    grid = np.linspace(*span, SCANNED)
    tasks = [{key: float(value)} for value in grid]
    sides = [evaluate(p, tasks, measure, workers=workers)[output].to_numpy(dtype=float) for p in (one, other)]
    gap = sides[0] - sides[1]
    if not np.isfinite(gap).any():
        raise UserError(f"{output} is missing for every value of {key} between {span[0]:g} and {span[1]:g}.")

    def both(value: float) -> tuple[float, float]:
        first, second = (float(evaluate(p, [{key: value}], measure)[output].iloc[0]) for p in (one, other))
        return first, second

    found = []
    for k in range(SCANNED - 1):
        if gap[k] * gap[k + 1] < 0:
            width = grid[k + 1] - grid[k]
            value = brentq(
                lambda x: np.subtract(*both(x)), grid[k], grid[k + 1], xtol=1e-3 * width, rtol=1e-6
            )
            found.append((float(value), both(float(value))[0]))
        elif k > 0 and gap[k] == 0 and gap[k - 1] * gap[k + 1] < 0:  # the switch lies on the grid
            found.append((float(grid[k]), float(sides[0][k])))
    return pd.DataFrame(found, columns=["value", "between"])


def rank_correlations(draws: Draws, results: pd.DataFrame) -> pd.DataFrame:
    """Rank correlations of the unknowns with each headline, simple and given the others: what the draws at hand say already.

    *simple* (Spearman): what goes along with the headline, itself or through what moves with it. *correlation* (partial): ranks
    of parameter and headline, both less what the ranks of the other parameters explain linearly (Marino et al. 2008). That
    needs far more draws than parameters: of many, only those with the strongest simple correlations with the headline are
    taken, one for each `DRAWS_EACH` draws. Draws count alike, whatever their weights.

    Returns
    -------
    DataFrame: output, key, correlation, simple; parameters that do not vary, and those screened out, are left out
    """
    table = draws.frame()
    table = table.loc[:, table.nunique() > 1]
    rows = []
    for name in results:
        kept = results[name].notna().to_numpy()
        ranks, y = _standardised_ranks(table[kept]), _standardised_ranks(results.loc[kept, [name]])[:, 0]
        strength = np.abs(ranks.T @ y) / max(len(y), 1)
        most = max(3, len(y) // DRAWS_EACH)
        chosen = np.sort(np.argsort(-strength, kind="stable")[:most])
        x = ranks[:, chosen]
        inverse = np.linalg.pinv(x.T @ x / len(x))
        simple = x.T @ y / len(y)
        beta = inverse @ simple
        unexplained = max(1.0 - float(simple @ beta), 1e-12)
        # r_i = beta_i / sqrt(beta_i^2 + C^-1_ii (1 - R^2))
        partial = beta / np.sqrt(beta**2 + np.diag(inverse) * unexplained)
        rows += list(
            zip([name] * len(partial), table.columns[chosen], partial.tolist(), simple.tolist(), strict=True)
        )
    return pd.DataFrame(rows, columns=["output", "key", "correlation", "simple"])


def _standardised_ranks(table: pd.DataFrame) -> Array:
    ranks = table.rank().to_numpy(dtype=float)
    spread = ranks.std(axis=0)
    found: Array = (ranks - ranks.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return found


def _typed(parameters: Parameters, changes: Mapping[str, float]) -> dict[str, Any]:
    units = {key: parameters.catalogue[key].unit for key in changes}
    return {key: round(value) if units[key] == "count" else value for key, value in changes.items()}


def _problem(inputs: Sequence[str]) -> dict[str, Any]:
    return {"num_vars": len(inputs), "names": list(inputs), "bounds": [[0.0, 1.0]] * len(inputs)}


def _filled(y: Array) -> Array:
    return np.where(np.isfinite(y), y, np.nanmean(y)) if not np.isfinite(y).all() else y
