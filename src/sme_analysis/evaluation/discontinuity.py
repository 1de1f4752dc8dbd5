"""Regression discontinuity: local linear with robust bias-corrected intervals, by diff-diff 3.13.0."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

from sme_analysis.errors import InputErrors, Problem
from sme_analysis.evaluation.checks import complete, independent_rows, manipulation
from sme_analysis.evaluation.design import Discontinuity
from sme_analysis.evaluation.effect import Check, Effect, critical, make_effect, normal_law
from sme_analysis.evaluation.panel import Panel, change

FEWEST = 20  # rows on a side


def jump(panel: Panel, frame: pd.DataFrame, cutoff: float, design: Discontinuity) -> Any:
    """The jump at a cut-off (Calonico, Cattaneo and Titiunik 2014); None where too few rows are near it."""
    from diff_diff import RegressionDiscontinuity

    side = frame["running"] >= cutoff
    if min(side.sum(), (~side).sum()) < FEWEST:
        return None
    rows = frame if design.treated == "above" else frame.assign(running=2 * cutoff - frame["running"])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return RegressionDiscontinuity(cutoff=cutoff, h=design.bandwidth).fit(
                rows, outcome="outcome", running="running",
                takeup="treatment" if design.fuzzy else None, covariates=panel.x or None,
            )  # fmt: skip
    except (ValueError, np.linalg.LinAlgError):
        return None


def discontinuity(panel: Panel, design: Discontinuity) -> Effect:
    """E[y | r = c+] - E[y | r = c-], pooled over cut-offs by precision; intervals robust to the bias of the bandwidth.

    The estimate is the conventional one, as published tables show it; the interval is centred on the bias-corrected one.
    """
    panel.require(("treatment",) if design.fuzzy else (), design.name)
    panel = change(panel) if design.change else panel
    found = [(cutoff, jump(panel, panel.frame, cutoff, design)) for cutoff in design.cutoffs]
    problems = [
        Problem(
            f"options, cutoffs, {cutoff:g}",
            "too few rows on a side",
            f"at least {FEWEST} and different values",
        )
        for cutoff, fitted in found
        if fitted is None
    ]
    if problems or not found:
        raise InputErrors(problems or [Problem("options, cutoffs", "none", "at least one cut-off")])
    rows = pd.DataFrame(
        [
            (
                f"at {c:g}",
                r.att_conventional,
                r.att,
                r.se,
                r.se_conventional,
                r.h_left,
                r.h_right,
                r.n_h_left + r.n_h_right,
            )
            for c, r in found
        ],
        columns=[
            "term",
            "estimate",
            "corrected",
            "standard_error",
            "conventional_error",
            "left",
            "right",
            "rows",
        ],
    )
    half = critical(design.level) * rows["standard_error"]
    table = rows.assign(low=rows["corrected"] - half, high=rows["corrected"] + half)
    share = (1 / rows["standard_error"] ** 2).to_numpy()
    share = share / share.sum()
    error = float(np.sqrt((share**2 * rows["standard_error"] ** 2).sum()))
    placebo = placebo_cutoffs(panel, design)
    running = panel.frame["running"].to_numpy(dtype=float)
    checks = [
        complete(panel),
        independent_rows(panel),
        *(manipulation(running, cutoff) for cutoff in design.cutoffs),
        _placebos(placebo, design),
    ]
    many = f" at {len(found)} cut-offs" if len(found) > 1 else ""
    return make_effect(
        panel, design.name, estimate=float(share @ rows["estimate"]), error=error, level=design.level, table=table,
        law=normal_law(float(share @ rows["corrected"]), error), checks=checks, n=int(rows["rows"].sum()),
        measures=f"The effect of {'treatment' if design.fuzzy else 'being treated'} near the cut-off{many}",
        scope=f"{int(rows['rows'].sum()):,} of {len(panel.frame):,} rows within the bandwidth",
        data={"binned": binned(panel.frame, design.cutoffs[0]), "placebos": placebo},
    )  # fmt: skip


def placebo_cutoffs(panel: Panel, design: Discontinuity) -> pd.DataFrame:
    """Jumps at cut-offs where nothing happens, each from rows on its own side of the true ones only."""
    frame, true = panel.frame, np.sort(np.array(design.cutoffs))
    rows = []
    for k in range(design.placebos):
        below = k % 2 == 0
        part = frame[frame["running"] < true[0]] if below else frame[frame["running"] >= true[-1]]
        count = (design.placebos + (1 if below else 0)) // 2
        if part.empty:
            continue
        cutoff = float(part["running"].quantile((k // 2 + 1) / (count + 1)))
        found = jump(panel, part, cutoff, Discontinuity(cutoffs=(cutoff,), treated=design.treated))
        if found is not None:
            rows.append((cutoff, found.att, found.se, found.p_value))
    return pd.DataFrame(rows, columns=["cutoff", "estimate", "standard_error", "p_value"])


def _placebos(found: pd.DataFrame, design: Discontinuity) -> Check:
    name = "placebo cut-offs"
    if found.empty:
        return Check(name, "not applicable", "No false cut-off has enough rows around it.")
    worst = found.iloc[int(found["p_value"].to_numpy().argmin())]
    limit = 0.05 / len(found)
    said = f"the clearest jump of {len(found)} false cut-offs is at {worst['cutoff']:.3g} (p = {worst['p_value']:.3f})"
    status = f"{said[0].upper()}{said[1:]}; {limit:.3f} would be remarkable."
    return Check(name, "failed" if worst["p_value"] < limit else "passed", status)


def binned(frame: pd.DataFrame, cutoff: float, bins: int = 20) -> pd.DataFrame:
    """Mean outcome by bins of equal numbers on each side of a cut-off: side, running, outcome, rows."""
    parts = []
    for side, rows in (
        ("below", frame[frame["running"] < cutoff]),
        ("above", frame[frame["running"] >= cutoff]),
    ):
        if len(rows) < bins:
            continue
        group = pd.qcut(rows["running"], bins, labels=False, duplicates="drop")
        means = rows.groupby(group).agg(
            running=("running", "mean"), outcome=("outcome", "mean"), rows=("outcome", "size")
        )
        parts.append(means.assign(side=side))
    return (
        pd.concat(parts, ignore_index=True)
        if parts
        else pd.DataFrame(columns=["running", "outcome", "rows", "side"])
    )
