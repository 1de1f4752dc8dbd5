"""Two-way fixed effects and the event study, by pyfixest; wild bootstrap where clusters are few."""

from __future__ import annotations

import logging
import math
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.errors import InputErrors, Problem
from sme_analysis.evaluation.bootstrap import wild_bootstrap
from sme_analysis.evaluation.checks import clusters, forbidden_comparisons, panel_checks, pre_trends
from sme_analysis.evaluation.design import EventStudy, TwoWay
from sme_analysis.evaluation.effect import Effect, Law, coefficients, make_effect
from sme_analysis.evaluation.panel import Panel

Array = npt.NDArray[np.float64]


def regress(formula: str, panel: Panel, frame: pd.DataFrame, *, independent: bool = False) -> Any:
    """Fit a formula of canonical columns; errors by cluster (CRV1) or of independent rows with one variance."""
    import pyfixest

    logging.getLogger("pyfixest").setLevel(logging.ERROR)
    by = panel.clustered_by
    how: Any = "iid" if independent else ({"CRV1": by} if by else "hetero")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pyfixest.feols(
            formula, data=frame, vcov=how, weights="weights" if "weights" in frame else None,
            copy_data=False, store_data=False, fixef_rm="none",
        )  # fmt: skip


def degrees_of_freedom(panel: Panel, fitted: Any, *, independent: bool) -> float:
    """Of the t law: clusters less one, or rows less parameters."""
    if not independent and panel.clustered_by:
        return float(panel.codes(panel.clustered_by).max())
    return float(fitted._df_t) if math.isfinite(fitted._df_t) else math.inf


def two_way(panel: Panel, design: TwoWay) -> Effect:
    """y_it = tau d_it + x_it'b + a_i + l_t + e_it; tau is an average effect only if nobody treated serves as a control."""
    panel.require(design.taken_out, design.name)
    right = " + ".join(["treatment", *panel.x])
    out = " + ".join(design.taken_out)
    independent = design.errors == "independent"
    formula = f"outcome ~ {right}" + (f" | {out}" if out else "")
    try:
        fitted = regress(formula, panel, panel.frame, independent=independent)
    except ValueError as error:
        if "collinear" not in str(error):
            raise
        raise InputErrors([_explained(design)]) from error
    named = {"treatment": panel.columns.treatment or "treatment"}
    named |= dict(zip(panel.x, panel.columns.covariates, strict=True))
    keep = [term for term in fitted.coef().index if term in named]
    if "treatment" not in keep:
        raise InputErrors([_explained(design)])
    df = degrees_of_freedom(panel, fitted, independent=independent)
    b, se = fitted.coef()[keep].to_numpy(), fitted.se()[keep].to_numpy()
    table = coefficients([named[term] for term in keep], b, se, design.level, df)
    law: Law | None = None
    if design.errors == "wild":
        boot = wild_bootstrap(panel, design.taken_out, design.draws, design.seed)
        law = boot.law
        table.loc[0, ["low", "high"]] = law(design.level)
    checks = panel_checks(panel) if "time" in panel.frame else []
    if {"unit", "time"} <= set(design.taken_out):
        checks.append(forbidden_comparisons(panel))
    if design.errors != "wild":
        checks.append(clusters(panel))
    return make_effect(
        panel, design.name, estimate=float(b[0]), error=float(se[0]), level=design.level, table=table, checks=checks,
        law=law, df=df, n=int(fitted._N), measures=f"The effect of {named['treatment']}",
        data={"coefficients": table},
    )  # fmt: skip


def _explained(design: TwoWay) -> Problem:
    given = "treatment that fixed effects and covariates explain in full"
    return Problem(f"{design.name}, treatment", given, "treatment that differs within units")


def relative_time(panel: Panel, before: int, after: int) -> Array:
    """Periods since the start of treatment, ends pooled; NaN where never treated; shape (rows,)."""
    frame = panel.frame
    place = np.searchsorted(panel.periods, frame["time"])
    start = np.searchsorted(panel.periods, frame["cohort"])
    since: Array = np.clip(place - start, -before, after).astype(float)
    since[frame["cohort"].to_numpy() == 0] = np.nan
    return since


def event_study(panel: Panel, design: EventStudy) -> Effect:
    """y_it = sum over e of tau_e 1{t - g_i = e} + x_it'b + a_i + l_t + e_it, e = -1 left out; the mean of tau_0, tau_1, ….

    Without units that are never treated the earliest period before the start is left out too.
    """
    since = relative_time(panel, design.before, design.after)
    found = np.unique(since[~np.isnan(since)])
    if not ((found < 0).any() and (found >= 0).any()):
        given = "no unit seen before and after its first treated period"
        raise InputErrors([Problem(f"{design.name}, cohort", given, "periods on both sides")])
    left_out = {float(found[found < 0].max())}
    if not np.isnan(since).any():
        left_out.add(float(found.min()))
    times = np.array([e for e in found if e not in left_out])
    dummies = {f"e{k}": (since == e).astype(float) for k, e in enumerate(times)}
    frame = panel.frame.assign(**dummies)
    fitted = regress(f"outcome ~ {' + '.join([*dummies, *panel.x])} | unit + time", panel, frame)
    keep = [name for name in fitted.coef().index if name in dummies]
    times = np.array([times[int(name[1:])] for name in keep])
    place = [fitted._coefnames.index(name) for name in keep]
    b, v = fitted.coef()[keep].to_numpy(), np.asarray(fitted._vcov)[np.ix_(place, place)]
    df = degrees_of_freedom(panel, fitted, independent=False)
    checks = [*panel_checks(panel), forbidden_comparisons(panel), clusters(panel), pre_trends(times, b, v)]
    return dynamic_effect(
        panel,
        design.name,
        times,
        b,
        v,
        design.level,
        checks,
        df,
        "The average effect on the treated",
        int(fitted._N),
    )


def dynamic_effect(
    panel: Panel, name: str, times: Array, b: Array, v: Array, level: float, checks: list[Any], df: float,
    measures: str, n: int,
) -> Effect:  # fmt: skip
    """Effect whose table has a row a period since the start and whose estimate is the mean over periods from 0 on."""
    after = (times >= 0) / max((times >= 0).sum(), 1)
    table = coefficients(times.astype(int), b, np.sqrt(np.diag(v)), level, df)
    return make_effect(
        panel, name, estimate=float(after @ b), error=float(np.sqrt(after @ v @ after)), level=level, table=table,
        checks=checks, df=df, n=n, measures=measures, data={"event study": table}, covariance=v,
    )  # fmt: skip
