"""Checks of what an evaluation rests on; each passes, fails or is not applicable, and says why in one sentence."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import chdtrc

from sme_analysis.evaluation.effect import Check
from sme_analysis.evaluation.panel import Panel

Array = npt.NDArray[np.float64]
FEW_CLUSTERS = 30  # below, cluster-robust intervals are too narrow (Cameron and Miller 2015)
FORBIDDEN_SHARE = 0.05
PRETREND_LEVEL = 0.1
DENSITY_LEVEL = 0.05
OVERLAP = (0.05, 0.95)  # Crump et al. (2009) trim at 0.1; the tails beyond are extrapolation
SMALLEST_DIFFERENCE = 0.25  # of a standard deviation (Imbens and Rubin 2015)
STRONG_F = 23.1  # effective F above which 2SLS is off by at most a tenth (Montiel Olea and Pflueger 2013)


def complete(panel: Panel) -> Check:
    """Rows left out because a column had no value."""
    if not panel.dropped:
        return Check("complete rows", "passed", "Every row has a value in every column.")
    shown = ", ".join(f"{name} ({n:,})" for name, n in panel.dropped.items())
    return Check("complete rows", "failed", f"Rows were left out for want of a value in {shown}.")


def balance(panel: Panel) -> Check:
    """Whether every unit is seen in every period."""
    if "unit" not in panel.frame or "time" not in panel.frame:
        return Check("balance", "not applicable", "The data are a cross-section.")
    units, periods = panel.frame["unit"].nunique(), panel.frame["time"].nunique()
    if panel.balanced:
        return Check("balance", "passed", f"All {units:,} units are seen in all {periods} periods.")
    per_unit = panel.frame.groupby("unit").size()
    short = int((per_unit < periods).sum())
    message = f"{short:,} of {units:,} units are not seen in all {periods} periods: leaving may itself be an effect."
    return Check("balance", "failed", message)


def gaps(panel: Panel) -> Check:
    """Whether a unit disappears and comes back, or periods are missing for all."""
    if "unit" not in panel.frame or "time" not in panel.frame:
        return Check("gaps", "not applicable", "The data are a cross-section.")
    periods = panel.periods
    place = pd.Series(np.searchsorted(periods, panel.frame["time"]), index=panel.frame.index)
    jumps = place.groupby(panel.frame["unit"]).diff() > 1
    units = panel.frame.loc[jumps, "unit"].nunique()
    steps = np.unique(np.diff(periods))
    if len(steps) > 1:
        return Check(
            "gaps", "failed", f"Periods are not evenly spaced: {', '.join(f'{p:g}' for p in periods)}."
        )
    if units:
        return Check("gaps", "failed", f"{units:,} units disappear and come back.")
    return Check("gaps", "passed", "Periods are evenly spaced and no unit disappears and comes back.")


def never_treated(panel: Panel) -> Check:
    """Whether there are units that are never treated."""
    if "cohort" not in panel.frame:
        return Check("never treated", "not applicable", "There is no first treated period.")
    cohort = panel.frame.groupby("unit")["cohort"].first()
    never, early = int((cohort == 0).sum()), int(((cohort > 0) & (cohort <= panel.periods[0])).sum())
    tail = f" {early:,} were treated from the first period on and tell nothing." if early else ""
    if never == 0:
        message = "No unit is never treated: late effects rest on units treated later." + tail
        return Check("never treated", "failed", message)
    return Check("never treated", "passed", f"{never:,} of {len(cohort):,} units are never treated.{tail}")


def clusters(panel: Panel, role: str | None = None) -> Check:
    """Whether there are enough clusters, treated and not, for cluster-robust errors."""
    role = panel.clustered_by if role is None else role
    codes = panel.codes(role)
    count = int(codes.max()) + 1
    name = getattr(panel.columns, role, "") or "row"
    if "treatment" in panel.frame:
        moved = pd.Series(panel.frame["treatment"].to_numpy()).groupby(codes).max() > 0
        treated = int(moved.sum())
        fewest = min(treated, count - treated) if role == "cluster" and treated < count else treated
        if fewest < 5 <= count:
            message = f"Only {fewest} of {count:,} clusters ({name}) are on one side: errors understate what is unknown."
            return Check("clusters", "failed", message)
    if count < FEW_CLUSTERS:
        message = f"{count} clusters ({name}) are few: take wild bootstrap intervals (errors: wild)."
        return Check("clusters", "failed", message)
    return Check("clusters", "passed", f"{count:,} clusters ({name}).")


def independent_rows(panel: Panel) -> Check:
    """Whether rows may be taken as independent, for designs whose errors do so."""
    name = "independent rows"
    if "cluster" in panel.frame:
        by = panel.columns.cluster
        return Check(
            name,
            "failed",
            f"Errors take rows as independent and ignore the clusters ({by}): they may be too small.",
        )
    if "unit" in panel.frame and panel.frame["unit"].duplicated().any():
        return Check(
            name,
            "failed",
            "Units are seen several times, and errors ignore it: take the change (change: true).",
        )
    return Check(name, "passed", "Every unit is one row.")


def bacon(panel: Panel) -> pd.DataFrame:
    """Goodman-Bacon (2021) decomposition of two-way fixed effects into 2 × 2 comparisons.

    Returns
    -------
    DataFrame of kind, treated, control, estimate, weight; weights sum to 1
    """
    from diff_diff import BaconDecomposition

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found: Any = BaconDecomposition().fit(
            panel.frame, outcome="outcome", unit="unit", time="time", first_treat="cohort"
        )
    rows = [
        (c.comparison_type, str(c.treated_group), str(c.control_group), float(c.estimate), float(c.weight))
        for c in found.comparisons
    ]
    return pd.DataFrame(rows, columns=["kind", "treated", "control", "estimate", "weight"])


def forbidden_comparisons(panel: Panel) -> Check:
    """Share of two-way fixed effects that compares with units already treated, or weights of the wrong sign."""
    name = "forbidden comparisons"
    if "cohort" not in panel.frame:
        return Check(name, "not applicable", "There is no first treated period.")
    if len(panel.cohorts) < 2:
        return Check(
            name, "passed", "All treated units start together: no unit already treated is a control."
        )
    if panel.balanced:
        share = forbidden_share(panel)
        said = f"{share:.1%} of the two-way estimate compares with units already treated"
    else:
        share = _wrong_sign(panel)
        said = f"{share:.1%} of treated rows enter the two-way estimate with a negative weight"
    if share > FORBIDDEN_SHARE:
        return Check(name, "failed", f"{said}: take Callaway–Sant'Anna or imputation.")
    return Check(name, "passed", f"{said}.")


def forbidden_share(panel: Panel) -> float:
    """Weight of comparisons with units already treated, from sizes and timing alone (Goodman-Bacon 2021, theorem 1).

    With n_k the share of a cohort and D_k its share of treated periods, k treated before l: weights in proportion to
    n_k n_0 D_k (1 - D_k), n_k n_l (D_k - D_l)(1 - D_k), and n_k n_l D_l (D_k - D_l) for those with k, treated, as control.
    """
    cohort = panel.frame.drop_duplicates("unit")["cohort"].to_numpy(dtype=float)
    starts = np.unique(cohort)
    n = np.array([(cohort == g).mean() for g in starts])
    d = np.array([(panel.periods >= g).mean() if g else 0.0 for g in starts])
    earlier = np.maximum(d[:, None] - d[None, :], 0.0) * np.outer(n, n)
    good = float((earlier * (1 - d[:, None])).sum())
    forbidden = float((earlier * d[None, :]).sum())
    return forbidden / (good + forbidden)


def _wrong_sign(panel: Panel) -> float:
    """Share of treated rows with negative weight (de Chaisemartin and D'Haultfoeuille 2020)."""
    from sme_analysis.evaluation.absorb import absorb

    treatment = panel.frame["treatment"].to_numpy(dtype=float)
    left = absorb(treatment[:, None], [panel.codes("unit"), panel.codes("time")], panel.weight())[:, 0]
    return float((left[treatment > 0] < 0).mean())


def pre_trends(times: Array, estimates: Array, covariance: Array) -> Check:
    """Joint Wald test that effects before the policy are zero.

    Parameters
    ----------
    times : periods since the start, below 0 before it; estimates, covariance : of the effects, reference left out
    """
    name = "pre-trends"
    before = np.flatnonzero((times < 0) & (np.diag(covariance) > 0))
    if len(before) == 0:
        return Check(name, "not applicable", "There is no second period before the policy.")
    b, v = estimates[before], covariance[np.ix_(before, before)]
    p = float(chdtrc(len(before), b @ np.linalg.pinv(v) @ b))
    if p < PRETREND_LEVEL:
        message = f"Outcomes moved apart before the policy, or in expectation of it (joint test p = {p:.3f})."
        return Check(name, "failed", message)
    message = f"No sign of it in {len(before)} periods before the policy (joint test p = {p:.3f}); bounds say what could hide."
    return Check(name, "passed", message)


def overlap(scores: Array, treated: npt.NDArray[np.bool_]) -> Check:
    """Whether the treated have like units among the untreated: propensity scores below 0.95 and matched from below."""
    top = float(scores[~treated].max())
    beyond = int(((scores > OVERLAP[1]) | (scores > top))[treated].sum())
    share = beyond / max(int(treated.sum()), 1)
    thin = float((scores[~treated] < OVERLAP[0]).mean())
    extra = f"; {thin:.0%} of the untreated are like none of them" if thin > 0.5 else ""
    if share > 0.05 or thin > 0.5:
        message = f"{beyond} of {int(treated.sum()):,} treated units are like no untreated one{extra}."
        return Check("overlap", "failed", message)
    message = f"Scores of the treated lie within {scores[treated].min():.2f}–{scores[treated].max():.2f}, below {OVERLAP[1]:g}."
    return Check("overlap", "passed", message)


def covariate_balance(differences: pd.DataFrame) -> Check:
    """Whether standardised differences after weighting are small; columns `covariate` and `after`."""
    worst = differences.iloc[int(differences["after"].abs().to_numpy().argmax())]
    size = f"{worst['covariate']} differs by {abs(worst['after']):.2f} standard deviations after adjustment"
    if abs(worst["after"]) > SMALLEST_DIFFERENCE:
        return Check("covariate balance", "failed", f"{size}.")
    return Check("covariate balance", "passed", f"At most, {size}.")


def manipulation(running: Array, cutoff: float) -> Check:
    """Density test at the cut-off (Cattaneo, Jansson and Ma 2020): whether units choose their side."""
    from diff_diff import RDDensityTest

    name = "manipulation"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            p = float(RDDensityTest(cutoff=cutoff).fit(pd.DataFrame({"r": running}), running="r").p_value)
    except (ValueError, np.linalg.LinAlgError):
        return Check(name, "not applicable", "Too few different values near the cut-off for a density test.")
    if p < DENSITY_LEVEL:
        return Check(
            name, "failed", f"The density jumps at {cutoff:g} (p = {p:.3f}): units may choose their side."
        )
    return Check(name, "passed", f"No jump of the density at {cutoff:g} (p = {p:.3f}).")


def strength(f: float) -> Check:
    """Whether the instruments move the treatment, by the effective first-stage F."""
    if f < STRONG_F:
        message = f"First-stage F is {f:.1f}, below {STRONG_F:g}: trust the Anderson–Rubin interval only."
        return Check("instrument strength", "failed", message)
    return Check("instrument strength", "passed", f"First-stage F is {f:.1f}.")


def panel_checks(panel: Panel) -> list[Check]:
    """Checks of the data themselves, for every design over time."""
    return [complete(panel), balance(panel), gaps(panel), never_treated(panel)]
