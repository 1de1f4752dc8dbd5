"""Instrumental variables: two-stage least squares, with Anderson–Rubin intervals that hold for weak instruments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import chdtrc, fdtrc

from sme_analysis.errors import InputErrors, Problem
from sme_analysis.evaluation.absorb import absorb, nested, sum_by
from sme_analysis.evaluation.checks import clusters, complete, strength
from sme_analysis.evaluation.design import Instrumental
from sme_analysis.evaluation.effect import Effect, coefficients, make_effect
from sme_analysis.evaluation.panel import Panel

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Reduced:
    """Outcome and treatment on k instruments, all residuals on covariates and effects.

    `y`, `d`: coefficients (k,); `yy`, `yd`, `dd`: their (co)variances (k, k); `df`: of the F law.
    """

    y: Array
    d: Array
    yy: Array
    yd: Array
    dd: Array
    df: float

    def p_values(self, beta: Array) -> Array:
        """Anderson–Rubin (1949) tests that the effect is beta, same shape: instruments say nothing about y - beta d."""
        gap = self.y - beta[:, None] * self.d
        at = beta[:, None, None]
        v = self.yy - at * (self.yd + self.yd.T) + at**2 * self.dd
        wald = np.einsum("nk,nk->n", gap, np.linalg.solve(v, gap[:, :, None])[:, :, 0])
        k = gap.shape[1]
        return np.asarray(
            fdtrc(k, self.df, wald / k) if np.isfinite(self.df) else chdtrc(k, wald), dtype=float
        )

    @property
    def effective_f(self) -> float:
        """First-stage F, robust like the errors; for one instrument that of Montiel Olea and Pflueger (2013)."""
        return float(self.d @ np.linalg.pinv(self.dd) @ self.d) / len(self.d)

    def law(self, level: float, centre: float, scale: float) -> tuple[float, float]:
        """Hull of the values that are not rejected, on the real line seen through a tangent; infinite where it does not end."""
        angles = np.linspace(-np.pi / 2 + 1e-6, np.pi / 2 - 1e-6, 2001)

        def held(at: Array) -> npt.NDArray[np.intp]:
            return np.flatnonzero(self.p_values(centre + scale * np.tan(at)) >= 1 - level)

        inside = held(angles)
        if not len(inside):
            return float("nan"), float("nan")
        first, last = int(inside[0]), int(inside[-1])
        low, high = -np.inf, np.inf
        if first > 0:
            fine = np.linspace(angles[first - 1], angles[first], 1001)
            low = centre + scale * np.tan(fine[held(fine)[0]])
        if last < len(angles) - 1:
            fine = np.linspace(angles[last], angles[last + 1], 1001)
            high = centre + scale * np.tan(fine[held(fine)[-1]])
        return float(low), float(high)


def instrumental(panel: Panel, design: Instrumental) -> Effect:
    """Effect beta in y = beta d + x'b + u, d = Z pi + x'g + v with E[Z u] = 0, after fixed effects."""
    panel.require(design.taken_out, design.name)
    y, d, z, lost = _residuals(panel, design)
    weight = panel.weight()
    codes = panel.codes("" if design.errors == "independent" else panel.clustered_by)
    by_row = design.errors == "independent"
    zz = np.asarray(np.linalg.pinv(z.T @ (weight[:, None] * z)), dtype=float)
    fitted = z @ (zz @ (z.T @ (weight * d)))
    moved = float((weight * fitted) @ d)
    if moved <= 1e-12 * float((weight * d) @ d):
        given = "instruments that say nothing about treatment"
        raise InputErrors([Problem(f"{design.name}, instruments", given, "instruments that move treatment")])
    beta = float((weight * fitted) @ y) / moved
    rows, count = len(y), int(codes.max()) + 1
    residual = y - beta * d
    k = z.shape[1]
    if by_row:
        df = float(rows - lost - 1)
        variance = float((weight * residual) @ residual) / df / moved
    else:
        factor = count / (count - 1) * (rows - 1) / (rows - lost - 1)
        scores = sum_by((weight * fitted * residual)[:, None], codes)
        variance, df = factor * float((scores**2).sum()) / moved**2, float(count - 1)
    reduced = _reduced(y, d, z, weight, zz, codes, rows - lost - k if by_row else df, (rows, lost), by_row)
    error = float(np.sqrt(variance))
    named = [
        panel.columns.treatment or "treatment",
        *(f"first stage: {name}" for name in panel.columns.instruments),
    ]
    table = coefficients(
        named, np.r_[beta, reduced.d], np.r_[error, np.sqrt(np.diag(reduced.dd))], design.level, df
    )
    least_squares = float((weight * d) @ y) / float((weight * d) @ d)
    grid = beta + error * np.linspace(-6, 6, 241)
    return make_effect(
        panel, design.name, estimate=beta, error=error, level=design.level, table=table, n=rows,
        law=lambda level: reduced.law(level, beta, error),
        checks=[complete(panel), strength(reduced.effective_f), *([] if by_row else [clusters(panel)])],
        measures=f"The effect of {named[0]} on those whom {' and '.join(panel.columns.instruments)} moved",
        data={
            "p values": pd.DataFrame({"effect": grid, "p_value": reduced.p_values(grid)}),
            "least squares": pd.DataFrame({"effect": [least_squares]}),
        },
    )  # fmt: skip


def _residuals(panel: Panel, design: Instrumental) -> tuple[Array, Array, Array, int]:
    """Outcome, treatment and instruments after covariates and effects; and how many parameters that took."""
    weight = panel.weight()
    columns = panel.frame[["outcome", "treatment", *panel.z, *panel.x]].to_numpy(dtype=float)
    codes = [panel.codes(role) for role in design.taken_out]
    cluster = panel.codes(panel.clustered_by)
    lost = 0
    for k, code in enumerate(codes):
        if design.errors == "independent" or not nested(code, cluster):
            lost += int(code.max()) + 1 - (k > 0)
    columns = absorb(columns, codes, weight) if codes else np.column_stack([columns, np.ones(len(columns))])
    left, x = columns[:, : 2 + len(panel.z)], columns[:, 2 + len(panel.z) :]
    lost += x.shape[1]
    if x.shape[1]:
        left = left - x @ (np.linalg.pinv(x.T @ (weight[:, None] * x)) @ (x.T @ (weight[:, None] * left)))
    return left[:, 0], left[:, 1], left[:, 2:], lost


def _reduced(
    y: Array, d: Array, z: Array, weight: Array, zz: Array, codes: npt.NDArray[np.int64], df: float,
    size: tuple[int, int], independent: bool,
) -> Reduced:  # fmt: skip
    """Reduced forms with their joint covariance, by cluster or with one variance."""
    rows, lost = size
    k = z.shape[1]
    both = np.column_stack([y, d])
    b = zz @ (z.T @ (weight[:, None] * both))
    left = both - z @ b
    if independent:
        s = left.T @ (weight[:, None] * left) / (rows - lost - k)
        return Reduced(b[:, 0], b[:, 1], s[0, 0] * zz, s[0, 1] * zz, s[1, 1] * zz, df)
    count = int(codes.max()) + 1
    factor = count / (count - 1) * (rows - 1) / (rows - lost - k)
    of_y = sum_by(weight[:, None] * z * left[:, :1], codes) @ zz
    of_d = sum_by(weight[:, None] * z * left[:, 1:], codes) @ zz
    return Reduced(
        b[:, 0], b[:, 1], factor * of_y.T @ of_y, factor * of_y.T @ of_d, factor * of_d.T @ of_d, df
    )
