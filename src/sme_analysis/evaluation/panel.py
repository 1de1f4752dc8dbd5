"""Long data, one row a unit and period, with a role for each column; all that is wrong with it is said at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.errors import InputErrors, Problem
from sme_analysis.scenario.units import nearest

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
NUMERIC = ("outcome", "time", "cohort", "treatment", "running", "weights")
SINGLE = ("outcome", "unit", "time", "cohort", "treatment", "running", "cluster", "weights")


@dataclass(frozen=True)
class Columns:
    """Which column plays which role; "" where there is none.

    Attributes
    ----------
    outcome : what the policy is to move
    unit, time : who and when; a cross-section has neither
    cohort : first treated period; 0 or blank is never
    treatment : 1 while treated, or a dose; made from `cohort` where there is none, and the other way round
    running : what decides about treatment by a threshold
    cluster : within which errors are correlated; default the unit
    weights : frequency or sampling weight, above zero
    instruments, covariates : further numeric columns
    pulse : treatment may switch off (a grant of one year); no cohort is made of it
    measured_in : unit of the outcome, such as "log points" or "CNY million"
    """

    outcome: str
    unit: str = ""
    time: str = ""
    cohort: str = ""
    treatment: str = ""
    running: str = ""
    cluster: str = ""
    weights: str = ""
    instruments: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    pulse: bool = False
    measured_in: str = ""

    def named(self) -> dict[str, str]:
        """Return canonical name -> column of the data, for every role that is filled."""
        single = {role: getattr(self, role) for role in SINGLE if getattr(self, role)}
        many = {f"z{i}": name for i, name in enumerate(self.instruments)}
        return single | many | {f"x{i}": name for i, name in enumerate(self.covariates)}


COLUMN_ROLES = tuple(f.name for f in fields(Columns))


@dataclass(frozen=True)
class Panel:
    """Checked data under canonical names.

    Attributes
    ----------
    frame : columns `outcome`, `unit`, `time`, `cohort` (0 is never), `treatment`, `running`, `cluster`, `weights` as far as
        they are given, `z0`, … (instruments) and `x0`, … (covariates), sorted by unit and time
    columns : the roles as given
    dropped : rows left out for want of a value, by column of the data
    """

    frame: pd.DataFrame
    columns: Columns
    dropped: Mapping[str, int] = field(default_factory=dict)

    @property
    def x(self) -> list[str]:
        """Canonical names of the covariates."""
        return [f"x{i}" for i in range(len(self.columns.covariates))]

    @property
    def z(self) -> list[str]:
        """Canonical names of the instruments."""
        return [f"z{i}" for i in range(len(self.columns.instruments))]

    @property
    def clustered_by(self) -> str:
        """Canonical name of the column of clusters: `cluster`, else `unit`, else "" (every row by itself)."""
        return next((name for name in ("cluster", "unit") if name in self.frame), "")

    @property
    def periods(self) -> Array:
        """Periods in order."""
        return np.unique(self.frame["time"].to_numpy(dtype=float))

    @property
    def cohorts(self) -> Array:
        """First treated periods in order, never left out."""
        found = np.unique(self.frame["cohort"].to_numpy(dtype=float))
        return found[found > 0]

    @property
    def balanced(self) -> bool:
        """Whether every unit is seen in every period."""
        return len(self.frame) == self.frame["unit"].nunique() * self.frame["time"].nunique()

    def codes(self, role: str) -> Codes:
        """Number the values of a role from 0; shape (rows,). Every row is its own where the role is ""."""
        if not role:
            return np.arange(len(self.frame))
        return np.asarray(pd.factorize(self.frame[role])[0], dtype=np.int64)

    def weight(self) -> Array:
        """Weights of the rows, 1 where none are given."""
        if "weights" in self.frame:
            return self.frame["weights"].to_numpy(dtype=float)
        return np.ones(len(self.frame))

    def require(self, roles: tuple[str, ...], design: str) -> None:
        """Raise `InputErrors` for the roles that a design needs and the data lack."""
        have = {
            *self.frame.columns,
            *(["instruments"] if self.z else []),
            *(["covariates"] if self.x else []),
        }
        missing = [role for role in roles if role not in have]
        if missing:
            raise InputErrors(
                Problem(
                    f"columns, {role}", "no column", f"a column in this role for {design}", f"{role}: name"
                )
                for role in missing
            )


def make_panel(data: pd.DataFrame, columns: Columns) -> Panel:
    """Check data and put them under canonical names; the given frame is not touched.

    Parameters
    ----------
    data : one row a unit and period, or a unit
    columns : the roles

    Raises
    ------
    InputErrors
        Columns missing or not numeric, a unit twice in a period, cohorts that change, treatment that switches off or
        disagrees with the cohort, weights not above zero: all of it.
    """
    named = columns.named()
    problems = _missing(data, columns)
    present = {role: name for role, name in named.items() if name in data}
    frame = pd.DataFrame({role: data[name].reset_index(drop=True) for role, name in present.items()})
    problems += _not_numeric(frame, present)
    if problems:
        raise InputErrors(problems)
    if "cohort" in frame:
        frame["cohort"] = frame["cohort"].astype(float).fillna(0.0).replace(np.inf, 0.0)
    frame, dropped = _complete(frame, named)
    problems = [] if len(frame) else [Problem("data", "no complete row", "rows with a value in every column")]
    problems += _values(frame, named)
    if {"unit", "time"} <= set(frame):
        problems += _duplicates(frame)
        frame = frame.sort_values(["unit", "time"], kind="stable", ignore_index=True)
        if not problems:
            frame, found = _timing(frame, columns)
            problems += found
    if problems:
        raise InputErrors(problems)
    return Panel(frame, columns, dropped)


def change(panel: Panel, since: float | None = None) -> Panel:
    """One row a unit: mean outcome from `since` on minus the mean before; other columns at their mean before.

    Parameters
    ----------
    since : first period of the policy, by default the earliest cohort; who is treated later counts as untreated only
        if never treated, and is left out otherwise
    """
    panel.require(("unit", "time", "cohort"), "a change over time")
    frame = panel.frame
    first = float(panel.cohorts.min()) if since is None else float(since)
    frame = frame[(frame["cohort"] == 0) | (frame["cohort"] == first)]
    before, after = frame[frame["time"] < first], frame[frame["time"] >= first]
    out = before.groupby("unit", sort=True).mean(numeric_only=True)
    out["outcome"] = after.groupby("unit")["outcome"].mean() - out["outcome"]
    out["treatment"] = (out["cohort"] > 0).astype(float)
    if "cluster" in frame:
        out["cluster"] = frame.groupby("unit")["cluster"].first()
    out = out.drop(columns=["time", "cohort"]).dropna().reset_index()
    return Panel(out, panel.columns, panel.dropped)


def _missing(data: pd.DataFrame, columns: Columns) -> list[Problem]:
    problems = []
    names = [str(name) for name in data.columns]
    for role, name in columns.named().items():
        if name not in data:
            allowed = "a column of the data: " + ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
            problems.append(Problem(f"columns, {role}", f'"{name}"', allowed, nearest(name, names)))
    if bool(columns.unit) != bool(columns.time):
        lacking = "time" if columns.unit else "unit"
        problems.append(Problem(f"columns, {lacking}", "no column", "unit and time together, or neither"))
    single = [getattr(columns, role) for role in SINGLE if getattr(columns, role) and role != "cluster"]
    if columns.running == columns.outcome:  # bunching looks at one column alone
        single.remove(columns.running)
    twice = sorted({name for name in single if single.count(name) > 1})
    problems += [Problem("columns", f'"{name}" in two roles', "one role a column") for name in twice]
    return problems


def _not_numeric(frame: pd.DataFrame, named: Mapping[str, str]) -> list[Problem]:
    problems = []
    for role in map(str, frame.columns):
        if role not in NUMERIC and role[0] not in "xz":
            continue
        column = frame[role]
        if pd.api.types.is_bool_dtype(column):
            frame[role] = column.astype(float)
        elif not pd.api.types.is_numeric_dtype(column):
            given = f"text such as {column.dropna().iloc[0]!r}" if column.notna().any() else "no value at all"
            hint = "a year or a running number, such as 2021" if role == "time" else None
            hint = "one column of 0 and 1 a category" if role[0] == "x" else hint
            problems.append(Problem(f"data, {named[role]} ({_role(role)})", given, "numbers", hint))
    return problems


def _role(name: str) -> str:
    return {"x": "covariate", "z": "instrument"}.get(name[0], name) if name[1:].isdigit() else name


def _complete(frame: pd.DataFrame, named: Mapping[str, str]) -> tuple[pd.DataFrame, dict[str, int]]:
    lacking = frame.isna()
    dropped = {named[str(role)]: int(n) for role, n in lacking.sum().items() if n}
    return frame[~lacking.any(axis=1)].reset_index(drop=True), dropped


def _values(frame: pd.DataFrame, named: Mapping[str, str]) -> list[Problem]:
    problems = []
    for role in map(str, frame.columns):
        column = frame[role]
        if not pd.api.types.is_numeric_dtype(column):
            continue
        where = f"data, {named[role]} ({_role(role)})"
        if not np.isfinite(column.to_numpy(dtype=float)).all():
            problems.append(Problem(where, "a value that is not finite", "finite numbers"))
        elif role == "weights" and (column <= 0).any():
            problems.append(Problem(where, f"{int((column <= 0).sum())} weights of 0 or less", "above zero"))
        elif role in ("time", "cohort") and (column % 1 != 0).any():
            problems.append(Problem(where, f"{column[column % 1 != 0].iloc[0]:g}", "whole periods"))
    return problems


def _duplicates(frame: pd.DataFrame) -> list[Problem]:
    twice = frame[frame.duplicated(["unit", "time"])]
    if twice.empty:
        return []
    shown = ", ".join(f"{u} in {t:g}" for u, t in twice[["unit", "time"]].head(3).itertuples(index=False))
    more = f" and {len(twice) - 3} more" if len(twice) > 3 else ""
    return [Problem("data, unit and time", f"{shown}{more} stand twice", "one row a unit and period")]


def _timing(frame: pd.DataFrame, columns: Columns) -> tuple[pd.DataFrame, list[Problem]]:
    """Add the treatment from the cohort or the cohort from the treatment, and say where they disagree."""
    by_unit = frame.groupby("unit", sort=False)
    if "cohort" in frame:
        moved = by_unit["cohort"].nunique()
        if (moved > 1).any():
            given = f"{moved.index[moved > 1][0]} and {int((moved > 1).sum()) - 1} other units change cohort"
            return frame, [Problem(f"data, {columns.cohort}", given, "one first treated period a unit")]
        status = ((frame["cohort"] > 0) & (frame["time"] >= frame["cohort"])).astype(float)
        if "treatment" not in frame:
            return frame.assign(treatment=status), []
        off = (frame["treatment"] != status).sum()
        if off and not columns.pulse and set(frame["treatment"].unique()) <= {0.0, 1.0}:
            given = f"{off} rows where treatment and cohort disagree"
            return frame, [Problem(f"data, {columns.treatment}", given, "1 from the cohort's period on")]
        return frame, []
    if "treatment" not in frame or columns.pulse or not set(frame["treatment"].unique()) <= {0.0, 1.0}:
        return frame, []
    fell = by_unit["treatment"].diff() < 0
    if fell.any():
        row: Any = frame[fell].iloc[0]
        given = f"treatment of {row['unit']} switches off in {row['time']:g} ({int(fell.sum())} such rows)"
        hint = "say pulse: true if the treatment is of one period; two-way fixed effects take it"
        return frame, [Problem(f"data, {columns.treatment}", given, "treatment that stays on", hint)]
    first = frame["time"].where(frame["treatment"] > 0).groupby(frame["unit"]).transform("min")
    return frame.assign(cohort=first.fillna(0.0)), []
