"""The treated against untreated units like them: doubly robust weighting and matching, with what shows whether they are alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import cKDTree
from scipy.special import expit

from sme_analysis.errors import InputErrors, Problem
from sme_analysis.evaluation.absorb import sum_by
from sme_analysis.evaluation.checks import complete, covariate_balance, independent_rows, overlap
from sme_analysis.evaluation.design import Adjusted
from sme_analysis.evaluation.effect import Effect, coefficients, make_effect
from sme_analysis.evaluation.panel import Panel, change

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """One row a unit: outcome y, treated (both (n,)), standardised covariates x (n, k), weights w, codes of clusters."""

    y: Array
    treated: npt.NDArray[np.bool_]
    x: Array
    w: Array
    cluster: npt.NDArray[np.int64]

    @property
    def design(self) -> Array:
        """Constant and covariates, (n, k + 1)."""
        return np.column_stack([np.ones(len(self.y)), self.x])


def sample(panel: Panel) -> Sample:
    """The columns that adjustment needs; refused where treatment is not 0 and 1 or one side is too small."""
    treatment = panel.frame["treatment"].to_numpy(dtype=float)
    problems = []
    if not set(np.unique(treatment)) <= {0.0, 1.0}:
        problems.append(Problem(f"data, {panel.columns.treatment}", "values other than 0 and 1", "0 and 1"))
    fewest = min((treatment == 1).sum(), (treatment == 0).sum())
    if fewest <= len(panel.x) + 1:
        given = f"{fewest} units on a side for {len(panel.x)} covariates"
        problems.append(Problem("data, treatment", given, "more units than covariates on both sides"))
    if problems:
        raise InputErrors(problems)
    x = panel.frame[panel.x].to_numpy(dtype=float)
    spread = x.std(axis=0)
    x = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return Sample(
        panel.frame["outcome"].to_numpy(dtype=float),
        treatment == 1,
        x,
        panel.weight(),
        panel.codes(panel.clustered_by),
    )


def propensity(s: Sample, steps: int = 100) -> tuple[Array, Array]:
    """Scores P(treated | x) by logit, and the inverse information; Newton's steps, halved where they would overshoot.

    Raises
    ------
    InputErrors : covariates tell treated and untreated apart completely
    """
    x, d = s.design, s.treated.astype(float)
    b = np.zeros(x.shape[1])
    for _ in range(steps):
        p = expit(x @ b)
        information = x.T @ ((s.w * p * (1 - p))[:, None] * x)
        move = np.linalg.pinv(information) @ (x.T @ (s.w * (d - p)))
        b = b + move * min(1.0, 5.0 / max(float(np.abs(move).max()), 1e-300))
        if np.abs(move).max() < 1e-10:
            return expit(x @ b), np.asarray(np.linalg.pinv(information), dtype=float)
    given = "covariates that tell treated and untreated apart completely"
    raise InputErrors(
        [Problem("data, covariates", given, "units that are alike on both sides", "fewer covariates")]
    )


def aipw(s: Sample, trim: float) -> tuple[float, Array, Array]:
    """Doubly robust effect on the treated, its influence (n,) and the scores.

    tau = E_w1[y - m(x)] - E_w0[y - m(x)], w1 = d, w0 = (1 - d) p/(1 - p), each normalised; m by least squares on the untreated.
    Influence includes that of both fits (Sant'Anna and Zhao 2020, equation 3.1 and appendix).
    """
    p, inverse = propensity(s)
    x, n = s.design, len(s.y)
    control = ~s.treated
    kept = (s.treated | (p < trim)).astype(float) * s.w
    cross = np.linalg.pinv(x.T @ ((s.w * control)[:, None] * x))
    left = s.y - x @ (cross @ (x.T @ (s.w * control * s.y)))
    w1, w0 = kept * s.treated, kept * control * p / np.maximum(1 - p, 1e-12)
    m1, m0 = float(w1 @ left / w1.sum()), float(w0 @ left / w0.sum())
    of_m = ((s.w * control * left)[:, None] * x) @ cross * n
    of_p = ((s.w * (s.treated - p))[:, None] * x) @ inverse * n
    first = w1 * (left - m1) - of_m @ (w1 @ x / n)
    second = w0 * (left - m0) + of_p @ ((w0 * (left - m0)) @ x / n) - of_m @ (w0 @ x / n)
    influence = first / w1.mean() - second / w0.mean()
    return m1 - m0, influence / n, p


def matching(s: Sample, neighbours: int, trim: float) -> tuple[float, float, Array, Array]:
    """Nearest neighbours among the untreated by covariates in standard deviations, corrected for what distance remains.

    Abadie and Imbens (2011); variance of Abadie and Imbens (2006), theorem 7, for the effect on the treated.

    Returns
    -------
    effect, standard error, weights of the untreated (n,), scores (n,)
    """
    p, _ = propensity(s)
    treated, control = np.flatnonzero(s.treated & (p < trim)), np.flatnonzero(~s.treated)
    found = np.asarray(cKDTree(s.x[control]).query(s.x[treated], k=neighbours)[1])
    near = control[found.reshape(len(treated), neighbours)]
    x = s.design
    slope = np.linalg.lstsq(x[control], s.y[control], rcond=None)[0]
    left = s.y - x @ slope
    gaps = left[treated] - left[near].mean(axis=1)
    effect = float(gaps.mean())
    used = np.bincount(near.ravel(), minlength=len(s.y)) / neighbours
    noise = _own_variance(s)
    n1 = len(treated)
    # theorem 7: spread of effects between the treated, and of noise in matches used more than once
    between = float(((gaps - effect) ** 2).sum())
    repeated = float(((used**2 - used / neighbours)[control] * noise[control]).sum())
    return effect, float(np.sqrt((between + max(repeated, 0.0)) / n1**2)), used, p


def _own_variance(s: Sample) -> Array:
    """Variance of the outcome given covariates, from the nearest unit on the same side."""
    noise = np.zeros(len(s.y))
    for side in (s.treated, ~s.treated):
        rows = np.flatnonzero(side)
        near = np.asarray(cKDTree(s.x[rows]).query(s.x[rows], k=2)[1])
        other = np.where(near[:, 0] == np.arange(len(rows)), near[:, 1], near[:, 0])
        noise[rows] = 0.5 * (s.y[rows] - s.y[rows[other]]) ** 2
    return noise


def adjusted(panel: Panel, design: Adjusted) -> Effect:
    """Average effect on the treated if treatment is as good as random among units with the same covariates."""
    panel = change(panel) if design.change else panel
    panel.require(("treatment",), design.name)
    s = sample(panel)
    if design.method == "weighting":
        effect, influence, p = aipw(s, design.trim)
        count = int(s.cluster.max()) + 1
        factor = count / (count - 1)
        error = float(np.sqrt(factor * (sum_by(influence[:, None], s.cluster) ** 2).sum()))
        weights = np.where(s.treated, 1.0, (p < design.trim) * p / np.maximum(1 - p, 1e-12))
    else:
        if "weights" in panel.frame:
            given = "weights, which matching does not use"
            raise InputErrors([Problem("columns, weights", given, "no weights", "method: weighting")])
        effect, error, used, p = matching(s, design.neighbours, design.trim)
        weights = np.where(s.treated, 1.0, used)
    differences = standardised_differences(s, weights, panel.columns.covariates)
    naive = float(
        np.average(s.y[s.treated], weights=s.w[s.treated])
        - np.average(s.y[~s.treated], weights=s.w[~s.treated])
    )
    table = coefficients(["adjusted"], np.array([effect]), np.array([error]), design.level)
    scores = pd.DataFrame({"score": p, "treated": s.treated})
    return make_effect(
        panel, f"{design.name}, {design.method}", estimate=effect, error=error, level=design.level, table=table,
        checks=[
            complete(panel), *([independent_rows(panel)] if design.method == "matching" else []),
            overlap(p, s.treated), covariate_balance(differences),
        ],
        measures="The average effect on the treated",
        data={"scores": scores, "differences": differences, "naive": pd.DataFrame({"effect": [naive]})},
    )  # fmt: skip


def standardised_differences(s: Sample, weights: Array, names: tuple[str, ...]) -> pd.DataFrame:
    """Difference of means of each covariate in standard deviations of the treated: covariate, before, after."""
    spread = s.x[s.treated].std(axis=0, ddof=1)
    spread = np.where(spread > 0, spread, 1.0)
    target = np.average(s.x[s.treated], axis=0, weights=s.w[s.treated])
    control = ~s.treated
    before = (target - np.average(s.x[control], axis=0, weights=s.w[control])) / spread
    after = (target - np.average(s.x[control], axis=0, weights=(s.w * weights)[control])) / spread
    return pd.DataFrame({"covariate": list(names), "before": before, "after": after})
