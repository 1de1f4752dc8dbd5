"""Staggered adoption: effects by cohort and period that never compare with units already treated, by diff-diff 3.13.0."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.errors import InputErrors, Problem
from sme_analysis.evaluation.absorb import sum_by
from sme_analysis.evaluation.checks import clusters, panel_checks, pre_trends
from sme_analysis.evaluation.design import Staggered
from sme_analysis.evaluation.effect import Effect, coefficients, make_effect
from sme_analysis.evaluation.fixed_effects import dynamic_effect
from sme_analysis.evaluation.panel import Panel

Array = npt.NDArray[np.float64]
TITLES = {
    "callaway-santanna": "Callaway–Sant'Anna",
    "sun-abraham": "Sun–Abraham",
    "imputation": "imputation",
}


@dataclass(frozen=True)
class GroupTime:
    """ATT(g, t) with influence: arrays of C cells and n units.

    `cohort`, `time`, `since` (periods since the start), `att`: (C,); `influence`: (n, C), so that sums of squares of sums
    within clusters are variances; `member`: (n,) the cohort of each unit, 0 if never treated; `cluster`: (n,) codes.
    """

    cohort: Array
    time: Array
    since: Array
    att: Array
    influence: Array
    member: Array
    cluster: npt.NDArray[np.int64]

    @property
    def sizes(self) -> Array:
        """Share of units in the cohort of each cell, (C,)."""
        return np.array([(self.member == g).mean() for g in self.cohort])

    def covariance(self, influence: Array) -> Array:
        """Variances and covariances of what has this influence (n, k); clusters enter by G/(G - 1)."""
        count = int(self.cluster.max()) + 1
        sums = sum_by(influence, self.cluster)
        factor = 1.0 if count == len(self.member) else count / (count - 1)
        found: Array = factor * sums.T @ sums
        return found

    def weighted(self, cells: npt.NDArray[np.bool_]) -> tuple[float, Array]:
        """Mean over cells by size of their cohorts, and its influence (n,), that of the sizes included."""
        size, att, n = self.sizes[cells], self.att[cells], len(self.member)
        share = size / size.sum()
        inside = (self.member[:, None] == self.cohort[cells][None, :]) - size
        of_sizes = (inside / size.sum() - np.outer(inside.sum(axis=1), size) / size.sum() ** 2) / n
        return float(share @ att), self.influence[:, cells] @ share + of_sizes @ att


def group_time(panel: Panel, design: Staggered) -> GroupTime:
    """ATT(g, t) of Callaway and Sant'Anna (2021), doubly robust where there are covariates."""
    from diff_diff import CallawaySantAnna

    codes = panel.codes("unit")
    frame = panel.frame.assign(unit=codes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found: Any = CallawaySantAnna(
            control_group="never_treated" if design.controls == "never" else "not_yet_treated",
            anticipation=design.anticipation,
            base_period=design.base,
            allow_unbalanced_panel=False,
        ).fit(
            frame,
            outcome="outcome",
            unit="unit",
            time="time",
            first_treat="cohort",
            covariates=panel.x or None,
        )
    kit = found._aggregation_kit
    member = frame.groupby("unit")["cohort"].first().to_numpy(dtype=float)
    if not np.array_equal(np.asarray(kit.bookkeeping["unit_cohorts"], dtype=float), member):
        raise ArithmeticError("the influence of units is in another order than the units")
    cells = [
        cell
        for cell, value in found.group_time_effects.items()
        if cell in kit.influence and np.isfinite(value["effect"])
    ]
    influence = np.zeros((len(member), len(cells)))
    for column, cell in enumerate(cells):
        part = kit.influence[cell]
        influence[part["treated_idx"], column] += part["treated_inf"]
        influence[part["control_idx"], column] += part["control_inf"]
    cohort, time = (np.array([float(cell[k]) for cell in cells]) for k in (0, 1))
    since = np.searchsorted(panel.periods, time) - np.searchsorted(panel.periods, cohort)
    first = frame.drop_duplicates("unit")[panel.clustered_by]
    return GroupTime(
        cohort, time, since.astype(float),
        np.array([float(found.group_time_effects[cell]["effect"]) for cell in cells]),
        influence, member,
        np.asarray(pd.factorize(first)[0], dtype=np.int64),
    )  # fmt: skip


def aggregate(cells: GroupTime, average: str) -> tuple[pd.DataFrame, Array, float, float]:
    """Sum up ATT(g, t).

    Returns
    -------
    table of term and estimate; covariance of its rows; overall estimate; its standard error
    """
    after = cells.since >= 0
    if average == "simple":
        att, influence = cells.weighted(after)
        v = cells.covariance(influence[:, None])
        return pd.DataFrame({"term": ["all"], "estimate": [att]}), v, att, float(np.sqrt(v[0, 0]))
    label = {"dynamic": cells.since, "group": cells.cohort, "calendar": cells.time}[average]
    used = np.ones_like(after) if average == "dynamic" else after
    terms = np.unique(label[used])
    rows = [_row(cells, used & (label == term), equal=average == "group") for term in terms]
    estimates, influence = np.array([row[0] for row in rows]), np.column_stack([row[1] for row in rows])
    if average == "group":
        by_cohort = GroupTime(
            terms, terms, np.zeros(len(terms)), estimates, influence, cells.member, cells.cluster
        )
        att, overall = by_cohort.weighted(np.ones(len(terms), dtype=bool))
    else:
        keep = terms >= 0 if average == "dynamic" else np.ones(len(terms), dtype=bool)
        att, overall = float(estimates[keep].mean()), influence[:, keep].mean(axis=1)
    error = float(np.sqrt(cells.covariance(overall[:, None])[0, 0]))
    return (
        pd.DataFrame({"term": terms.astype(int), "estimate": estimates}),
        cells.covariance(influence),
        att,
        error,
    )


def _row(cells: GroupTime, mask: npt.NDArray[np.bool_], *, equal: bool) -> tuple[float, Array]:
    if equal:
        return float(cells.att[mask].mean()), cells.influence[:, mask].mean(axis=1)
    return cells.weighted(mask)


def staggered(panel: Panel, design: Staggered) -> Effect:
    """Effects by cohort and period, averaged as the design says."""
    _refuse(panel, design)
    if design.method != "callaway-santanna":
        return _other(panel, design)
    panel = _balanced(panel)
    cells = group_time(panel, design)
    table, v, att, error = aggregate(cells, design.average)
    dynamic, vd, _, _ = aggregate(cells, "dynamic")
    count = int(cells.cluster.max()) + 1
    df = float(count - 1) if count < len(cells.member) else math.inf
    table = coefficients(
        table["term"].tolist(), table["estimate"].to_numpy(), np.sqrt(np.diag(v)), design.level, df
    )
    shown = coefficients(
        dynamic["term"].tolist(), dynamic["estimate"].to_numpy(), np.sqrt(np.diag(vd)), design.level, df
    )
    errors = np.sqrt(np.diag(cells.covariance(cells.influence)))
    by_cell = coefficients(cells.since.astype(int), cells.att, errors, design.level, df)
    by_cell = by_cell.assign(cohort=cells.cohort.astype(int), time=cells.time.astype(int))
    checks = [
        *panel_checks(panel),
        clusters(panel),
        pre_trends(dynamic["term"].to_numpy(), dynamic["estimate"].to_numpy(), vd),
    ]
    return make_effect(
        panel, TITLES[design.method], estimate=att, error=error, level=design.level, table=table,
        checks=checks, df=df, measures="The average effect on the treated", covariance=v,
        data={"event study": shown, "cells": by_cell},
    )  # fmt: skip


def _other(panel: Panel, design: Staggered) -> Effect:
    """Sun and Abraham (2021), whose event study has a joint covariance, or imputation (Borusyak, Jaravel and Spiess 2024)."""
    import diff_diff

    common = {"anticipation": design.anticipation, "cluster": panel.clustered_by}
    fit = {
        "outcome": "outcome",
        "unit": "unit",
        "time": "time",
        "first_treat": "cohort",
        "covariates": panel.x or None,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if design.method == "sun-abraham":
            control = "never_treated" if design.controls == "never" else "not_yet_treated"
            found: Any = diff_diff.SunAbraham(control_group=control, **common).fit(panel.frame, **fit)
            effects = found.event_study_effects
            order = [int(e) for e in found.event_study_vcov_index]
            v = np.asarray(found.event_study_vcov, dtype=float)
        else:
            found = diff_diff.ImputationDiD(pretrends=design.by_period, **common).fit(panel.frame, **fit)
            if not design.by_period:
                return _overall(panel, design, found)
            rows = found.aggregate("event_study").to_dataframe().dropna(subset=["se"])
            effects = {int(e): {"effect": a} for e, a in zip(rows["event_time"], rows["att"], strict=True)}
            order, v = list(effects), np.diag(rows["se"].to_numpy(dtype=float) ** 2)
    times, b = np.array(order, dtype=float), np.array([float(effects[e]["effect"]) for e in order])
    count = int(panel.codes(panel.clustered_by).max())
    checks = [*panel_checks(panel), clusters(panel), pre_trends(times, b, v)]
    effect = dynamic_effect(panel, TITLES[design.method], times, b, v, design.level, checks, count,
                            "The average effect on the treated", len(panel.frame))  # fmt: skip
    if design.average != "simple":
        return effect
    return make_effect(
        panel, effect.design, estimate=float(found.overall_att), error=float(found.overall_se), level=design.level,
        table=effect.table, checks=checks, df=count, measures="The average effect on the treated", data=effect.data,
        covariance=v if design.method == "sun-abraham" else None,
    )  # fmt: skip


def _overall(panel: Panel, design: Staggered, found: Any) -> Effect:
    """The overall effect alone."""
    att, error = float(found.overall_att), float(found.overall_se)
    df = float(panel.codes(panel.clustered_by).max())
    table = coefficients(["all"], np.array([att]), np.array([error]), design.level, df)
    return make_effect(
        panel, TITLES[design.method], estimate=att, error=error, level=design.level, table=table, df=df,
        checks=[*panel_checks(panel), clusters(panel)], measures="The average effect on the treated",
    )  # fmt: skip


def _refuse(panel: Panel, design: Staggered) -> None:
    problems = []
    never = bool((panel.frame["cohort"] == 0).any())
    if not len(panel.cohorts):
        problems.append(Problem("data, cohort", "no treated unit", "a first treated period for some units"))
    if not never and design.controls == "never":
        hint = "controls: not yet"
        problems.append(
            Problem("options, controls", "never, but all units are treated", "units never treated", hint)
        )
    if design.method != "callaway-santanna" and design.average in ("group", "calendar"):
        hint = "average: simple or dynamic"
        problems.append(
            Problem("options, average", design.average, f"for {design.method} simple or dynamic", hint)
        )
    if design.method == "imputation" and design.average == "dynamic":
        hint = "average: simple, or method: callaway-santanna"
        given = "dynamic, whose error needs covariances that imputation does not give"
        problems.append(Problem("options, average", given, "simple", hint))
    if problems:
        raise InputErrors(problems)


def _balanced(panel: Panel) -> Panel:
    """The units seen in every period; Callaway–Sant'Anna takes long differences of the same units."""
    if panel.balanced:
        return panel
    whole = panel.frame.groupby("unit")["time"].transform("size") == len(panel.periods)
    kept = panel.frame[whole].reset_index(drop=True)
    if not (kept["cohort"] > 0).any():
        raise InputErrors([Problem("data", "no treated unit is seen in every period", "a balanced panel")])
    left = {**panel.dropped, "units not seen in every period": int((~whole).sum())}
    return Panel(kept, panel.columns, left)
