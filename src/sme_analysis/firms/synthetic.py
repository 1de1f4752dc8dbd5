"""A synthetic sample with weights: totals as published, everything else declared as assumption.

Rows are spread over strata of legal form, industry and size class. Within a stratum each column is drawn by inverse
distribution function from uniforms that cover the stratum evenly (Latin hypercube), one random stream a column,
so that a further column changes no other.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtr, ndtri

from sme_analysis.firms.structure import CLASSES, allocate, strata
from sme_analysis.firms.table import LEGAL_FORMS, TAGS
from sme_analysis.regulation import INDUSTRIES, THRESHOLDS

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.integer[Any]]
INDICATORS = ("employees", "revenue", "assets")

# Ranges of an indicator where the classification does not use it for the industry, by class: (low, median, high).
_FREE = {
    "employees": ((1, 4, 20), (10, 30, 150), (60, 150, 500)),
    "revenue": ((0.05, 0.6, 5), (1.5, 8, 60), (15, 60, 300)),
    "assets": ((0.03, 0.5, 5), (1, 8, 80), (15, 80, 400)),
}
# Median of a used indicator as multiples of the lower bound of the class (micro: of its upper bound) and its log spread.
_SPREAD = {"employees": 0.8, "revenue": 1.1, "assets": 1.1}
_MICRO_MEDIAN = {"employees": 0.12, "revenue": 0.15, "assets": 0.15}
_ABOVE = {"employees": 1.5, "revenue": 2.2, "assets": 2.2}
_LOWEST = {"employees": 1.0, "revenue": 0.03, "assets": 0.02}
_INDIVIDUAL_SCALE = 0.6  # individual businesses are smaller than enterprises of the same class

# Annual exit hazard by age (SAIC 2013: cn.exit_hazard.year1-3; over 8 % to year 7, lower afterwards)
_HAZARD = np.array([0.016, 0.063, 0.095, 0.085, 0.085, 0.085, 0.085] + [0.06] * 33)

# Where firms with a tag are found, relative to the average; assumption of this workbench.
_AFFINITY: dict[str, dict[str, float]] = {
    "innovative": {"industry": 4, "infotrans": 6, "software": 10, "leasing": 2},
    "circular": {"industry": 6, "construction": 2, "agri": 2, "wholesale": 1},
    "agri": {"agri": 12, "wholesale": 2, "retail": 1, "industry": 1, "storage": 2},
    "ecommerce": {"retail": 3, "wholesale": 3, "software": 2, "post": 4, "agri": 1},
    "supply_chain": {
        "industry": 5,
        "transport": 4,
        "wholesale": 3,
        "storage": 5,
        "construction": 2,
        "software": 1,
    },
    "public_supplier": {
        "construction": 6,
        "software": 4,
        "leasing": 3,
        "property": 4,
        "catering": 1,
        "industry": 2,
    },
}
_ELSEWHERE = 0.3


def _even_uniforms(seed: int, column: str, sizes: tuple[int, ...]) -> Array:
    """Uniforms of one column, read only: strata of these sizes one after another, each covered evenly."""
    generator = np.random.Generator(np.random.Philox(key=[seed, zlib.crc32(column.encode())]))
    mixed = generator.random(sum(sizes))
    u: Array = generator.random(sum(sizes))
    first = 0
    for size in sizes:
        # A random rank is the cell that the firm takes, the number drawn its place within the cell.
        rank = np.empty(size)
        rank[np.argsort(mixed[first : first + size])] = np.arange(size)
        u[first : first + size] = (rank + u[first : first + size]) / size
        first += size
    np.clip(u, 1e-12, 1 - 1e-12, out=u)
    u.flags.writeable = False
    return u


# A calibration and draws of parameters build like samples hundreds of times: the columns' draws are the same in all.
_REMEMBERED_ROWS = 20_000
_remembered = functools.lru_cache(maxsize=128)(_even_uniforms)


class _Draws:
    """Uniforms by column name: independent streams, even within each stratum."""

    def __init__(self, seed: int, stratum: Codes) -> None:
        self.seed, self.stratum = seed, stratum
        self.sizes = tuple(np.bincount(stratum).tolist())

    def uniform(self, column: str) -> Array:
        draw = _remembered if len(self.stratum) <= _REMEMBERED_ROWS else _even_uniforms
        return draw(self.seed, column, self.sizes)

    def normal(self, column: str) -> Array:
        z: Array = ndtri(self.uniform(column))
        return z


def _truncated_lognormal(u: Array, median: Array, spread: Array | float, low: Array, high: Array) -> Array:
    """Inverse distribution function of a lognormal held within [low, high)."""
    a, b = ndtr(np.log(low / median) / spread), ndtr(np.log(high / median) / spread)
    x = median * np.exp(spread * ndtri(a + u * (b - a)))
    return np.clip(x, low, np.nextafter(high, 0))


def _sizes(draws: _Draws, legal: Codes, industry: Codes, size: Codes) -> dict[str, Array]:
    """Employees, revenue and assets that put every firm into its stratum's class by the official thresholds.

    A firm is in a class if it reaches all lower bounds of it and misses at least one of the class above: one of the indicators
    used, drawn at random, is held below the upper bound; the others may exceed it.
    """
    n = len(size)
    used = np.zeros((3, n), dtype=bool)
    low, high = np.ones((3, n)), np.ones((3, n))
    for i, name in enumerate(INDUSTRIES):
        here = industry == i
        for k, indicator in enumerate(INDICATORS):
            bounds = THRESHOLDS[name].get(indicator)
            if bounds is None:
                continue
            used[k, here] = True
            steps = np.array([_LOWEST[indicator], *bounds])  # lower bounds of micro, small, medium, large
            low[k, here] = steps[size[here]]
            high[k, here] = steps[size[here] + 1]
    pick = draws.uniform("binding indicator") * used.sum(axis=0)
    binding = (np.cumsum(used, axis=0) > pick).argmax(axis=0)
    # One latent size moves the three together: correlation 0.64 between any two.
    latent = draws.normal("latent size")
    out: dict[str, Array] = {}
    for k, indicator in enumerate(INDICATORS):
        u = ndtr(0.8 * latent + 0.6 * draws.normal(indicator))
        free = np.array(_FREE[indicator])[size]
        lo = np.where(used[k], low[k], free[:, 0])
        hi = np.where(used[k], np.where(binding == k, high[k], 2 * high[k]), free[:, 2])
        scale = np.where(size == 0, _MICRO_MEDIAN[indicator] * high[k], _ABOVE[indicator] * low[k])
        median = np.where(used[k], scale, free[:, 1]) * np.where(legal == 1, _INDIVIDUAL_SCALE, 1.0)
        x = _truncated_lognormal(u, np.maximum(median, lo), _SPREAD[indicator], lo, hi)
        if indicator == "employees":
            x = np.maximum(np.floor(x), np.ceil(lo))
        out[indicator] = x
    return out


def _ages(u: Array) -> Array:
    alive = np.concatenate([[1.0], np.cumprod(1 - _HAZARD)])
    cumulated = np.concatenate([[0.0], np.cumsum((alive[1:] + alive[:-1]) / 2)])
    age: Array = np.interp(u, cumulated / cumulated[-1], np.arange(len(alive), dtype=float))
    return age


def programme_draws(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the columns of fixed draws: one for each group of parameters with a `participation`, and for each grant."""
    groups = {key.partition(".")[0] for key in parameters if key.endswith(".participation")}
    return tuple(f"u_{name}" for name in sorted(groups | {"grant", "innovation_grant"}))


@functools.cache
def _gauss_hermite() -> tuple[Array, Array]:
    x, w = np.polynomial.hermite_e.hermegauss(64)
    return x, w / w.sum()


def quality_mean(mean_pd: float, spread: float) -> float:
    """Mean abar with E Lambda(a) = mean PD for a ~ N(abar, spread^2), by Gauss-Hermite quadrature and Newton's method."""
    x, w = _gauss_hermite()
    a = float(np.log(mean_pd / (1 - mean_pd)))
    for _ in range(50):
        p = 1 / (1 + np.exp(-(a + spread * x)))
        step = float(((w * p).sum() - mean_pd) / (w * p * (1 - p)).sum())
        a -= step
        if abs(step) < 1e-14:
            break
    return a


def chances(share: float, relative: Array, entities: Array) -> Array:
    """Return the chance of a tag by industry: proportional to `relative`, at most one, and `share` over all entities.

    Parameters
    ----------
    share : float
        Of all entities, from 0 to 1.
    relative : array of float, shape (industries,)
        Chance relative to other industries, positive.
    entities : array of float, shape (industries,)
        Entities of each industry.

    Returns
    -------
    array of float, shape (industries,)
        c = min(1, k relative), with k so that sum(c entities) = share sum(entities). What an industry that is full
        cannot take goes to the others.
    """
    full = np.zeros(len(relative), dtype=bool)
    while not full.all():
        wanted = share * entities.sum() - entities[full].sum()
        chance = np.where(full, 1.0, wanted / (entities * relative)[~full].sum() * relative)
        over = ~full & (chance >= 1)
        if not over.any():
            return chance
        full |= over
    return np.ones(len(relative))


def synthetic_firms(parameters: Mapping[str, Any]) -> pd.DataFrame:
    """The synthetic sample of a scenario: `simulation.firms` rows that stand for `firms.entities` market entities.

    Parameters
    ----------
    parameters : resolved catalogue values; uses the groups `firms` and `simulation`

    Returns
    -------
    DataFrame that satisfies `FIRM_SCHEMA`, sorted by `firm_id`; the same parameters give the same bytes.
    """
    p = parameters
    groups = strata(p)
    emphasis = np.select([groups["size_class"] == name for name in CLASSES], [1.0, 4.0, 12.0])
    rows = allocate(groups["entities"].to_numpy(dtype=np.float64), emphasis, int(p["simulation.firms"]))
    stratum = np.repeat(np.arange(len(groups)), rows)
    draws = _Draws(int(p["simulation.seed"]), stratum)
    legal = (
        groups["legal_form"]
        .map({name: k for k, name in enumerate(LEGAL_FORMS)})
        .to_numpy(dtype=np.int64)[stratum]
    )
    industry = (
        groups["industry"]
        .map({name: k for k, name in enumerate(INDUSTRIES)})
        .to_numpy(dtype=np.int64)[stratum]
    )
    size = (
        groups["size_class"]
        .map({name: k for k, name in enumerate(CLASSES)})
        .to_numpy(dtype=np.int64)[stratum]
    )
    weight = (groups["entities"].to_numpy() / rows)[stratum]

    def by_class(name: str) -> Array:
        values: Array = np.array([p[f"firms.{name}.{c}"] for c in CLASSES], dtype=float)[size]
        return values

    def around_one(column: str, spread: float) -> Array:
        factor: Array = np.exp(spread * draws.normal(column) - spread**2 / 2)
        return factor

    measured = _sizes(draws, legal, industry, size)
    spread = p["firms.quality_spread"]
    means = np.array([quality_mean(p[f"firms.mean_pd.{c}"], spread) for c in CLASSES])
    columns: dict[str, Any] = {
        "firm_id": np.arange(len(stratum), dtype=np.int64),
        "weight": weight,
        "legal_form": pd.Categorical.from_codes(legal, categories=pd.Index(LEGAL_FORMS)),
        "industry": pd.Categorical.from_codes(industry, categories=pd.Index(INDUSTRIES)),
        "size_class": pd.Categorical.from_codes(size, categories=pd.Index(CLASSES)),
        **measured,
        "age": _ages(draws.uniform("age")),
    }
    entities = np.bincount(industry, weights=weight, minlength=len(INDUSTRIES)).astype(np.float64)
    for tag in TAGS:
        relative = np.array([_AFFINITY[tag].get(name, _ELSEWHERE) for name in INDUSTRIES])
        chance = chances(p[f"firms.tag_share.{tag}"], relative, entities)
        columns[tag] = draws.uniform(tag) < chance[industry]
    columns |= {
        "wants": by_class("wants_credit"),
        "applies": by_class("applies"),
        "need": measured["revenue"]
        * by_class("need_to_revenue")
        * around_one("need", p["firms.need_spread"]),
        "quality": means[size] + spread * draws.normal("quality"),
        "score_noise": draws.normal("score noise"),
        "collateral_ratio": by_class("collateral_ratio")
        * around_one("collateral", p["firms.collateral_spread"]),
        "overdue_receivables": measured["revenue"]
        * by_class("overdue_receivables")
        * around_one("overdue", 0.8),
        **{name: draws.uniform(name) for name in programme_draws(parameters)},
    }
    return pd.DataFrame(columns)
