"""Taking fixed effects out of columns, and sums by cluster."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


def absorb(
    columns: Array, groups: Sequence[Codes], weights: Array, tolerance: float = 1e-10, most: int = 10_000
) -> Array:
    """Residuals of columns on dummies of each grouping, by alternating projections (Gaure 2013).

    Parameters
    ----------
    columns : (rows, k); groups : codes from 0, each (rows,); weights : (rows,)
    tolerance : largest move in a round, in standard deviations of the column

    Returns
    -------
    array (rows, k)

    Raises
    ------
    ArithmeticError : not settled after `most` rounds
    """
    left = np.array(columns, dtype=float)
    totals = [np.bincount(codes, weights) for codes in groups]
    scale = np.maximum(left.std(axis=0), 1e-300)
    for k in range(left.shape[1]):
        for _ in range(most):
            moved = 0.0
            for codes, total in zip(groups, totals, strict=True):
                means = np.bincount(codes, weights * left[:, k]) / total
                left[:, k] -= means[codes]
                moved = max(moved, float(np.abs(means).max()))
            if moved <= tolerance * scale[k] or len(groups) <= 1:
                break
        else:
            raise ArithmeticError("fixed effects did not settle: groups hang together by too few rows")
    return left


def sum_by(columns: Array, codes: Codes) -> Array:
    """Sums of columns by group: (rows, k) -> (groups, k)."""
    count = int(codes.max()) + 1
    return np.column_stack([np.bincount(codes, column, minlength=count) for column in columns.T])


def nested(inner: Codes, outer: Codes) -> bool:
    """Whether each inner group lies within one outer group."""
    count = int(inner.max()) + 1
    low, high = np.full(count, np.iinfo(np.int64).max), np.full(count, -1)
    np.minimum.at(low, inner, outer)
    np.maximum.at(high, inner, outer)
    return bool((low == high).all())
