"""The macro state: one factor moves all defaults together (Vasicek), with Basel's correlation for SMEs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

Array = npt.NDArray[np.float64]


def basel_correlation(pd: npt.ArrayLike, turnover: npt.ArrayLike) -> Array:
    """Asset correlation of a corporate SME exposure.

    R = 0.12 w + 0.24 (1 - w) - 0.04 (1 - (S - 3)/27), w = (1 - e^(-50 PD))/(1 - e^(-50)), S the turnover in units of
    CNY 10 million, held within [3, 30] (Basel II §273 with the Chinese units of the 2023 capital rules).

    Parameters
    ----------
    pd : one-year probability of default; `turnover` : annual revenue, CNY million
    """
    w = -np.expm1(-50 * np.asarray(pd, dtype=float)) / -np.expm1(-50.0)
    size = np.clip(np.asarray(turnover, dtype=float) / 10, 3, 30)
    r: Array = 0.12 * w + 0.24 * (1 - w) - 0.04 * (1 - (size - 3) / 27)
    return r


def conditional_pd(pd: npt.ArrayLike, z: npt.ArrayLike, correlation: npt.ArrayLike) -> Array:
    """PD in macro state z: Phi((Phi^-1(p) - sqrt(R) z)/sqrt(1 - R)); z ~ N(0, 1), good years have z > 0 (Vasicek 2002)."""
    r = np.asarray(correlation, dtype=float)
    value: Array = ndtr((ndtri(np.asarray(pd, dtype=float)) - np.sqrt(r) * np.asarray(z)) / np.sqrt(1 - r))
    return value


def loss_rate_quantile(pd: npt.ArrayLike, correlation: npt.ArrayLike, level: npt.ArrayLike) -> Array:
    """Default rate that a large homogeneous portfolio exceeds with probability 1 - level (Vasicek 2002)."""
    return conditional_pd(pd, -ndtri(np.asarray(level, dtype=float)), correlation)


def macro_states(count: int) -> Array:
    """Equal-probability quantiles of z at the midpoints of `count` strata, worst state first."""
    z: Array = ndtri((np.arange(count) + 0.5) / count)
    return z


STATES = macro_states(256)  # the macro states over which expectations are taken


def irb_capital(
    pd: npt.ArrayLike, lgd: npt.ArrayLike, correlation: npt.ArrayLike, maturity: float | None = 2.5
) -> Array:
    """Capital requirement K of the internal-ratings-based approach, per unit of exposure.

    K = LGD (Phi((Phi^-1(PD) + sqrt(R) Phi^-1(0.999))/sqrt(1 - R)) - PD) times the maturity factor
    (1 + (M - 2.5) m)/(1 - 1.5 m), m = (0.11852 - 0.05478 ln PD)^2; no maturity factor for retail (`maturity=None`).
    Risk weight = 12.5 K. Source: BCBS (2006), §272 and annex 5.
    """
    p = np.asarray(pd, dtype=float)
    k = np.asarray(lgd, dtype=float) * (loss_rate_quantile(p, correlation, 0.999) - p)
    if maturity is not None:
        m = (0.11852 - 0.05478 * np.log(p)) ** 2
        k = k * (1 + (maturity - 2.5) * m) / (1 - 1.5 * m)
    value: Array = k
    return value


BUCKET_EDGES = np.concatenate([[0.0], np.geomspace(5e-4, 0.5, 38), [1.0]])


class ClaimPool:
    """Claims on a fund by PD bucket: their expectation and what they are in each macro state.

    Within a bucket the PD is the claim-weighted mean, so that expected claims are exact.

    Parameters
    ----------
    exposure : claim if the loan defaults, CNY million a firm; `expected` : the same times the PD
    mass : number of firms; `turnover` : revenue, CNY million (for Basel's size adjustment)
    correlation : None for Basel's formula, else a fixed asset correlation
    """

    def __init__(
        self, exposure: Array, expected: Array, mass: Array, turnover: Array, correlation: float | None
    ) -> None:
        held = np.flatnonzero(exposure > 0)
        exposure, expected, mass, turnover = exposure[held], expected[held], mass[held], turnover[held]
        pd = expected / exposure
        bucket = np.searchsorted(BUCKET_EDGES, pd, side="right") - 1
        size = len(BUCKET_EDGES)
        amount, claims = exposure * mass, expected * mass
        total = np.bincount(bucket, amount, size)
        self.expected_by_bucket = np.bincount(bucket, claims, size)
        sales = np.bincount(bucket, amount * np.clip(turnover, 30, 300), size)
        keep = (total > 0) & (self.expected_by_bucket > 0)
        self.exposure = total[keep]
        self.pd = self.expected_by_bucket[keep] / total[keep]
        self.turnover = sales[keep] / total[keep]
        self.correlation = (
            basel_correlation(self.pd, self.turnover)
            if correlation is None
            else np.full(len(self.pd), correlation)
        )

    @property
    def expected(self) -> float:
        """Expected claims, CNY million."""
        return float((self.exposure * self.pd).sum())

    def claims(self, z: npt.ArrayLike) -> Array:
        """Claims in each macro state z, CNY million; falls with z."""
        states = np.atleast_1d(np.asarray(z, dtype=float))
        if not len(self.pd):
            return np.zeros(len(states))
        pd = conditional_pd(self.pd[:, None], states[None, :], self.correlation[:, None])
        # no matrix product: its bytes would depend on the library's threads
        value: Array = (self.exposure[:, None] * pd).sum(axis=0)
        return value

    def by_state(self) -> Array:
        """Claims in each state of `STATES`, CNY million, scaled so that their mean is the expectation exactly."""
        claims = self.claims(STATES)
        mean = float(claims.mean())
        return claims * (self.expected / mean) if mean > 0 else claims


def correlation_of(parameters: Any) -> float | None:
    """The fixed asset correlation of the parameters, or None where Basel's formula applies."""
    if parameters["market.asset_correlation_rule"] == "basel":
        return None
    return float(parameters["market.asset_correlation"])
