"""What an evaluation says: an estimate with its interval, a table, one sentence, checks, and what a model may learn from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri, stdtrit

from sme_analysis.evaluation.panel import Panel

Array = npt.NDArray[np.float64]
Law = Callable[[float], tuple[float, float]]
Status = Literal["passed", "failed", "not applicable"]


@dataclass(frozen=True)
class Check:
    """One condition that an estimate rests on: what was looked at, whether it holds, and why in one sentence."""

    name: str
    status: Status
    message: str


@dataclass(frozen=True)
class Experiment:
    """What an estimate measures, so that it can be taken for an observation of a model.

    Attributes
    ----------
    measures : the quantity, in words
    unit : what it is measured in
    estimate, standard_error : the observation and its error, in that unit
    scope : whom and when it speaks of
    """

    measures: str
    unit: str
    estimate: float
    standard_error: float
    scope: str


@dataclass(frozen=True)
class Effect:
    """The answer of one design.

    Attributes
    ----------
    design : its name
    estimate, standard_error : in units of the outcome
    n : rows used
    level : of the intervals shown
    law : level -> (low, high); infinite where the data bound nothing
    table : DataFrame of term, estimate, standard_error, low, high
    diagnostics : DataFrame of check, status, message
    sentence : one plain sentence with numbers
    experiment : what it measures
    data : figure data by name
    covariance : of the rows of `table`, where they are estimated together
    """

    design: str
    estimate: float
    standard_error: float
    n: int
    level: float
    law: Law
    table: pd.DataFrame
    diagnostics: pd.DataFrame
    sentence: str
    experiment: Experiment
    data: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    covariance: Array | None = None

    def interval(self, level: float | None = None) -> tuple[float, float]:
        """Return (low, high) at a level between 0 and 1, by default the design's own."""
        return self.law(self.level if level is None else level)

    @property
    def failed(self) -> list[str]:
        """Names of the checks that failed."""
        found = self.diagnostics
        return [str(name) for name in found.loc[found["status"] == "failed", "check"]]


def critical(level: float, df: float = math.inf) -> float:
    """Two-sided critical value of Student's t, or of the normal law where `df` is infinite."""
    tail = 0.5 + level / 2
    return float(ndtri(tail)) if math.isinf(df) else float(stdtrit(df, tail))


def normal_law(centre: float, error: float, df: float = math.inf) -> Law:
    """Intervals centre ± critical × error."""

    def law(level: float) -> tuple[float, float]:
        half = critical(level, df) * error
        return centre - half, centre + half

    return law


def coefficients(
    terms: Sequence[object] | Array | npt.NDArray[np.int64],
    estimates: Array,
    errors: Array,
    level: float,
    df: float = math.inf,
) -> pd.DataFrame:
    """Table of term, estimate, standard_error, low, high."""
    half = critical(level, df) * np.asarray(errors, dtype=float)
    frame = pd.DataFrame({"term": list(terms), "estimate": estimates, "standard_error": errors})
    return frame.assign(low=frame["estimate"] - half, high=frame["estimate"] + half)


def side_by_side(effects: Mapping[str, Effect]) -> pd.DataFrame:
    """Table of effects by name: design, estimate, standard_error, low, high, n, failed (number of checks)."""
    rows = [
        (name, e.estimate, e.standard_error, *e.interval(), e.n, len(e.failed)) for name, e in effects.items()
    ]
    return pd.DataFrame(rows, columns=["design", "estimate", "standard_error", "low", "high", "n", "failed"])


def observations(effects: Mapping[str, Effect]) -> pd.DataFrame:
    """What a model may learn from effects: design, measures, estimate, standard_error, unit, scope."""
    rows = [
        (
            name,
            e.experiment.measures,
            e.experiment.estimate,
            e.experiment.standard_error,
            e.experiment.unit,
            e.experiment.scope,
        )
        for name, e in effects.items()
    ]
    return pd.DataFrame(rows, columns=["design", "measures", "estimate", "standard_error", "unit", "scope"])


def check_table(checks: Sequence[Check]) -> pd.DataFrame:
    """DataFrame of check, status, message."""
    rows = [(check.name, check.status, check.message) for check in checks]
    return pd.DataFrame(rows, columns=["check", "status", "message"])


def number(value: float) -> str:
    """Three significant digits with a true minus sign, without an exponent; "any size" where it is infinite."""
    if not math.isfinite(value):
        return "any size"
    if value == 0:
        return "0"
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{places}f}".replace("-", "−")


def span(low: float, high: float) -> str:
    """Write an interval in words."""
    if math.isinf(low) and math.isinf(high):
        return "unbounded on both sides"
    if math.isinf(low):
        return f"up to {number(high)}"
    return f"from {number(low)}" if math.isinf(high) else f"{number(low)} to {number(high)}"


def make_effect(
    panel: Panel,
    name: str,
    *,
    estimate: float,
    error: float,
    level: float,
    measures: str,
    table: pd.DataFrame,
    checks: Sequence[Check],
    law: Law | None = None,
    df: float = math.inf,
    data: Mapping[str, pd.DataFrame] | None = None,
    covariance: Array | None = None,
    scope: str = "",
    unit: str = "",
    n: int | None = None,
) -> Effect:
    """Put an estimate, its checks and its sentence together.

    Parameters
    ----------
    measures : the quantity in words, as the sentence begins ("The average effect on the treated")
    df : degrees of freedom of the t law, where no `law` is given
    unit, scope, n : by default those of the panel
    """
    law = law or normal_law(estimate, error, df)
    low, high = law(level)
    rows = len(panel.frame) if n is None else n
    shown = unit or panel.columns.measured_in
    failed = sum(check.status == "failed" for check in checks)
    doubt = {0: "no check failed", 1: "1 check failed"}.get(failed, f"{failed} checks failed")
    scope = scope or _scope(panel)
    sentence = (
        f"{measures} on {panel.columns.outcome} is {number(estimate)}{' ' + shown if shown else ''} "
        f"({level:.0%} interval {span(low, high)}; {scope}; {doubt})."
    )
    experiment = Experiment(f"{measures} on {panel.columns.outcome}", shown, estimate, error, scope)
    return Effect(
        name, float(estimate), float(error), rows, level, law, table, check_table(checks), sentence, experiment,
        dict(data or {}), covariance,
    )  # fmt: skip


def _scope(panel: Panel) -> str:
    frame = panel.frame
    if "unit" in frame and "time" in frame:
        periods = panel.periods
        return f"{len(frame):,} rows, {frame['unit'].nunique():,} units, {periods[0]:g}–{periods[-1]:g}"
    return f"{len(frame):,} rows"
