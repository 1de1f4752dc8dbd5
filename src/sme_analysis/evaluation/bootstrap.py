"""Wild cluster bootstrap with the null imposed, on sums by cluster: honest intervals where clusters are few."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sme_analysis.evaluation.absorb import absorb, nested, sum_by
from sme_analysis.evaluation.panel import Panel

Array = npt.NDArray[np.float64]
ENUMERATE_BELOW = 13  # clusters: 2^12 sign patterns are all taken
BLOCK = 256  # draws at once, so that many clusters fit in memory
WEBB = np.sqrt(np.array([0.5, 1.0, 1.5]))  # Webb (2023): six points, for few clusters


@dataclass(frozen=True)
class WildBootstrap:
    """Statistics of every draw as functions of the null, which are polynomials: all that a p-value needs.

    `dy`, `dd`: d_g'y_g and d_g'd_g of each of G clusters, y and d being residuals on all other regressors. Of each of
    B draws, for y and for d: `move`: (B, 2) what the coefficient moves; `spread`: (B, 3) sums over clusters of products of
    scores, y × y, y × d, d × d.
    """

    dy: Array
    dd: Array
    move: Array
    spread: Array

    @property
    def estimate(self) -> float:
        """The coefficient, in units of the outcome per unit of treatment."""
        return float(self.dy.sum() / self.dd.sum())

    def p_value(self, null: float) -> float:
        """Two-sided p of H0: coefficient = null, from t ratios with the null imposed (Cameron, Gelbach and Miller 2008)."""
        scores = self.dy - null * self.dd  # d_g'u_g with u restricted
        actual_move = scores.sum() / self.dd.sum()
        actual = np.sqrt(((scores - actual_move * self.dd) ** 2).sum())
        if actual == 0:
            return 1.0
        move = np.abs(self.move @ np.array([1.0, -null]))
        spread = np.sqrt(np.maximum(self.spread @ np.array([1.0, -2 * null, null**2]), 0.0))
        drawn = np.divide(move, spread, out=np.zeros_like(move), where=spread > 1e-12 * actual)
        return float((drawn >= abs(actual_move) / actual * (1 - 1e-9)).mean())

    def law(self, level: float) -> tuple[float, float]:
        """Interval of the nulls that are not rejected, ends found by bisection; infinite where none is rejected far out."""
        step = float(np.sqrt(((self.dy - self.estimate * self.dd) ** 2).sum()) / self.dd.sum())
        return self._edge(-step, level), self._edge(step, level)

    def _edge(self, step: float, level: float) -> float:
        inside, far = self.estimate, self.estimate + step
        for _ in range(14):
            if self.p_value(far) < 1 - level:
                break
            inside, far = far, self.estimate + 2 * (far - self.estimate)
        else:
            return float("inf") if step > 0 else float("-inf")
        for _ in range(40):
            middle = 0.5 * (inside + far)
            inside, far = (inside, middle) if self.p_value(middle) < 1 - level else (middle, far)
        return 0.5 * (inside + far)


def draws(clusters: int, count: int, seed: int) -> Iterator[Array]:
    """Signs in blocks (≤ 256, G): all 2^G patterns for up to 12 clusters, Webb's six points for up to 30, else Rademacher."""
    if clusters < ENUMERATE_BELOW:
        yield np.array(list(itertools.product((-1.0, 1.0), repeat=clusters)))
        return
    generator = np.random.Generator(np.random.Philox(key=[seed, 11]))
    for start in range(0, count, BLOCK):
        shape = (min(BLOCK, count - start), clusters)
        signs = 2.0 * generator.integers(0, 2, size=shape) - 1
        yield np.asarray(signs * generator.choice(WEBB, size=shape) if clusters <= 30 else signs, dtype=float)


def wild_bootstrap(
    panel: Panel, effects: tuple[str, ...] = ("unit", "time"), count: int = 4096, seed: int = 1
) -> WildBootstrap:
    """Bootstrap the coefficient of treatment in a regression on treatment, covariates and fixed effects.

    Draws y* = fitted under H0 + v_g u_g; with Z the other regressors, the score of cluster g in a draw is
    v_g d_g'u_g - d_g'Z_g (Z'Z)^-1 sum_h v_h Z_h'u_h - (b* - null) d_g'd_g (Roodman et al. 2019; MacKinnon 2023). Effects
    nested in clusters (firms in counties) are absorbed, which is exact; the others (periods) enter as columns.
    """
    dy, dd, dz, zy, inverse = _sums(panel, effects)
    projection = inverse @ dz.T
    moves, spreads = [], []
    for signs in draws(len(dy), count, seed):
        move_y, move_d = signs @ dy / dd.sum(), signs @ dd / dd.sum()
        of_y = signs * dy - (signs @ zy) @ projection - move_y[:, None] * dd
        of_d = signs * dd - (signs @ dz) @ projection - move_d[:, None] * dd
        moves.append(np.column_stack([move_y, move_d]))
        pairs = ((of_y, of_y), (of_y, of_d), (of_d, of_d))
        spreads.append(np.column_stack([(a * b).sum(axis=1) for a, b in pairs]))
    return WildBootstrap(dy, dd, np.vstack(moves), np.vstack(spreads))


def clustered(panel: Panel) -> tuple[float, float, float]:
    """Two-way fixed effects from the same sums: coefficient, error by cluster (CRV1, counted as fixest does), degrees of freedom.

    Many times as fast as a formula where the same regression is run on many small panels; units must lie within clusters.
    """
    dy, dd, _, _, _ = _sums(panel, ("unit", "time"))
    estimate = float(dy.sum() / dd.sum())
    g, n, k = len(dy), len(panel.frame), 1 + len(panel.x) + len(panel.periods)
    raw = float(np.sqrt(((dy - estimate * dd) ** 2).sum()) / dd.sum())
    return estimate, raw * float(np.sqrt(g / (g - 1) * (n - 1) / (n - k))), float(g - 1)


def _sums(panel: Panel, effects: tuple[str, ...]) -> tuple[Array, Array, Array, Array, Array]:
    """d_g'y_g, d_g'd_g, Z_g'd_g, Z_g'y_g by cluster, and (Z'Z)^-1; y, d are residuals on Z."""
    cluster = panel.codes(panel.clustered_by)
    weight, root = panel.weight(), np.sqrt(panel.weight())
    inside = [role for role in effects if nested(panel.codes(role), cluster)]
    dummies = [_dummies(panel.codes(role)) for role in effects if role not in inside]
    others = [panel.frame[name].to_numpy(dtype=float)[:, None] for name in panel.x]
    constant = [] if inside or dummies else [np.ones((len(panel.frame), 1))]
    z = (
        np.hstack([*constant, *dummies, *others])
        if constant or dummies or others
        else np.empty((len(panel.frame), 0))
    )
    both = panel.frame[["outcome", "treatment"]].to_numpy(dtype=float)
    columns = absorb(np.hstack([both, z]), [panel.codes(role) for role in inside], weight) * root[:, None]
    y, d, z = columns[:, 0], columns[:, 1], columns[:, 2:]
    inverse = np.linalg.pinv(z.T @ z)
    y, d = y - z @ (inverse @ (z.T @ y)), d - z @ (inverse @ (z.T @ d))
    by = sum_by(np.column_stack([d * y, d * d, z * d[:, None], z * y[:, None]]), cluster)
    k = z.shape[1]
    return by[:, 0], by[:, 1], by[:, 2 : 2 + k], by[:, 2 + k :], np.asarray(inverse, dtype=float)


def _dummies(codes: npt.NDArray[np.int64]) -> Array:
    count = int(codes.max()) + 1
    found: Array = (codes[:, None] == np.arange(count)[None, :]).astype(float)
    return found
