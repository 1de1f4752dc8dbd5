"""A lender's offer in closed form, for reading, for figures and as the yardstick of the compiled kernel.

Notation: perceived PD p(r) = Lambda(A + B r); expected profit per unit lent pi(r) = r (1 - p) - l p - c with l the lender's own
loss given default and c the all-in cost. Source: Stiglitz and Weiss (1981) for the hump in r; Corless et al. (1996) for W.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import expit, lambertw

Array = npt.NDArray[np.float64]


def expected_profit(
    rate: npt.ArrayLike, a: npt.ArrayLike, b: npt.ArrayLike, loss: npt.ArrayLike, cost: npt.ArrayLike
) -> Array:
    """pi(r) = r (1 - p) - l p - c, per unit lent.

    Parameters
    ----------
    rate, loss, cost : fractions; `a`, `b` : intercept and slope of the logit of PD in the rate
    """
    r = np.asarray(rate, dtype=float)
    p = expit(np.asarray(a) + np.asarray(b) * r)
    value: Array = r * (1 - p) - np.asarray(loss) * p - np.asarray(cost)
    return value


def break_even_rate(a: npt.ArrayLike, b: npt.ArrayLike, loss: npt.ArrayLike, cost: npt.ArrayLike) -> Array:
    """Smallest rate at which the lender breaks even; NaN where no rate does (credit rationing).

    r* = c - W0(-B (l + c) e^(A + B c))/B; with B -> 0 it is c + (l + c) e^A.
    """
    a_, b_, loss_, c = (np.asarray(v, dtype=float) for v in (a, b, loss, cost))
    x = -b_ * (loss_ + c) * np.exp(a_ + b_ * c)
    with np.errstate(divide="ignore", invalid="ignore"):
        root = c - lambertw(np.maximum(x, -1 / np.e)).real / b_
    flat = c + (loss_ + c) * np.exp(a_)
    value: Array = np.where(b_ == 0, flat, np.where(x >= -1 / np.e, root, np.nan))
    return value


def most_profitable_rate(a: npt.ArrayLike, b: npt.ArrayLike, loss: npt.ArrayLike) -> Array:
    """Rate of the greatest expected profit, (1 + W0(e^(B l - 1 - A)))/B - l; beyond it a higher rate loses money."""
    a_, b_, loss_ = (np.asarray(v, dtype=float) for v in (a, b, loss))
    value: Array = (1 + lambertw(np.exp(b_ * loss_ - 1 - a_)).real) / b_ - loss_
    return value


def largest_loss(a: npt.ArrayLike, b: npt.ArrayLike, cost: npt.ArrayLike, ceiling: npt.ArrayLike) -> Array:
    """Largest own loss given default at which some rate up to the ceiling still breaks even.

    At the best rate r = min(c + 1/B, ceiling): l_max = (r - c) e^(-A - B r) - c.
    """
    a_, b_, c = (np.asarray(v, dtype=float) for v in (a, b, cost))
    best = np.minimum(np.asarray(ceiling, dtype=float), c + 1 / b_)
    value: Array = (best - c) * np.exp(-a_ - b_ * best) - c
    return value


def loss_given_default(
    loan: npt.ArrayLike, collateral: npt.ArrayLike, unsecured: float, on_collateral: float, floor: float
) -> Array:
    """LGD(L) = clip(lgd_unsecured - lgd_collateral K/L, floor, 1), K the pledgeable value in the units of L."""
    value: Array = np.clip(
        unsecured - on_collateral * np.asarray(collateral) / np.maximum(np.asarray(loan), 1e-9), floor, 1.0
    )
    return value
