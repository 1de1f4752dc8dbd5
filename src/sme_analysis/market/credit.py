"""The credit market of one year: lenders quote, firms choose, over all firms at once."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.market.kernel import credit_pass
from sme_analysis.market.levers import NO_LEVERS, Levers
from sme_analysis.market.rows import BLOCK, INPUTS, OUTPUTS, SCALARS

Array = npt.NDArray[np.float64]
CHUNK = (
    16 * BLOCK
)  # firms summed together before chunks are added in order: fixed, so that sums never depend on threads
LENDERS = ("bank", "micro_lender")
_ROW = {name: k for k, name in enumerate(INPUTS)}
_OUT = {name: k for k, name in enumerate(OUTPUTS)}
COPIED = ("premium", "fee", "bank_reward", "micro_reward", "subsidy", "fixed_cost_factor")
_NOTHING = np.empty((1, 1))
PROBABILITIES = ("bank_served", "micro_served", "served0", "covered_served")


@dataclass(frozen=True)
class State:
    """What changes from year to year for each firm: arrays of one value a firm, in the order of the firm table."""

    weight: Array  # real firms that the row stands for
    need: Array  # D, CNY million
    revenue: Array  # CNY million
    quality: Array | float = 0.0  # a shock to the logit of PD that lenders see, whatever the policy


@dataclass(frozen=True)
class Conditions:
    """What all firms share in one pass: the unknowns of the year's equilibrium.

    `funding_cost` and `funding_cost0` are the cost of funds with the policy and on the counterfactual path (rates).
    """

    funding_cost: float
    funding_cost0: float


class Kept:
    """Offers without policy, which stay as they are while a year is solved (a third of the work of a pass)."""

    def __init__(self, market: Market) -> None:
        self.offers = np.empty((6 * market.nodes.shape[1], market.size))
        self.filled = False


class Credit:
    """Outcome of one pass: `credit["bank_loan"]` is an array of expected values a firm, CNY million or probabilities.

    Money columns are per firm that asks (already times need); `mass` is weight x wants x applies; `levers` are those in force.
    """

    def __init__(self, values: Array, need: Array, mass: Array, levers: Levers = NO_LEVERS) -> None:
        self.values, self.need, self.mass, self.levers = values, need, mass, levers
        # what insurers leave unpaid in each macro state, beside the claims expected of them, CNY million: instruments add it
        self.left_unpaid: list[tuple[Array, float]] = []
        self._loan: Array | None = None

    def __getitem__(self, name: str) -> Array:
        row: Array = self.values[_OUT[name]]
        return row if name in PROBABILITIES else row * self.need

    def part(self, name: str, rows: npt.NDArray[np.intp]) -> Array:
        """The column of some rows only."""
        values: Array = self.values[_OUT[name]][rows]
        return values if name in PROBABILITIES else values * self.need[rows]

    def mix(self, other: Credit, share: float) -> None:
        """Make this the outcome of a year of which `share` has gone as here and the rest as in `other`."""
        self.values *= share
        self.values += (1 - share) * other.values
        self._loan = None

    def total(self, name: str) -> float:
        """Weighted total of a column over all firms (CNY million, or number of firms)."""
        return chunked_sum(self[name] * self.mass)

    @property
    def loan(self) -> Array:
        """Expected loan of each asking firm from either lender, CNY million."""
        if self._loan is None:
            self._loan = (self.values[_OUT["bank_loan"]] + self.values[_OUT["micro_loan"]]) * self.need
        return self._loan

    @property
    def lending(self) -> float:
        """Total lending, CNY million."""
        return chunked_sum(self.loan * self.mass)


def value_per_unit(parameters: Mapping[str, Any]) -> float:
    """Value to a firm of each unit of a need that is met in full, a rate a year: r_ref + 1/elasticity.

    Demand y = D exp(-e (r - r_ref)) says what the y-th unit is worth, r_ref - ln(y/D)/e; its integral over a loan of y is
    y (r_ref + 1/e) - y ln(y/D)/e. Where demand does not fall with the rate, e = 0, `firms.surplus_per_unit` stands for 1/e.
    """
    elasticity = parameters["firms.demand_semi_elasticity"]
    beyond = 1 / elasticity if elasticity > 0 else parameters["firms.surplus_per_unit"]
    return float(parameters["market.reference_rate"] + beyond)


def _same(one: Array | float, other: Array | float) -> bool:
    if one is other:
        return True
    return type(one) is type(other) and bool(np.array_equal(one, other))


def chunked_sum(values: Array) -> float:
    """Sum by chunks of fixed size, then the chunks in order: the same bits however the work was shared out."""
    n = len(values)
    whole = n - n % CHUNK
    parts = values[:whole].reshape(-1, CHUNK).sum(axis=1)
    total = 0.0
    for part in parts:
        total += float(part)
    return total + float(values[whole:].sum())


def quantile_nodes(scale: float, count: int) -> tuple[Array, Array]:
    """Equal-probability quantile nodes of a logistic cost shock and the inverse widths of their cells.

    Parameters
    ----------
    scale : tau, a rate; `count` : number of nodes, each the share 1/count of the lenders
    """
    scale = max(scale, 1e-7)
    middle = (np.arange(count) + 0.5) / count
    nodes = scale * np.log(middle / (1 - middle))
    if count == 1:
        return nodes, np.array([1.0 / (4 * scale)])
    edges = np.arange(1, count) / count
    inner = scale * np.log(edges / (1 - edges))
    width = np.empty(count)
    width[1:-1] = np.diff(inner)
    width[0], width[-1] = 2 * (inner[0] - nodes[0]), 2 * (nodes[-1] - inner[-1])
    return nodes, 1.0 / width


class Market:
    """The market for a firm table and a set of parameters: prepares the kernel's inputs and runs passes.

    Parameters
    ----------
    firms : DataFrame that satisfies `sme_analysis.firms.FIRM_SCHEMA`, sorted by `firm_id`
    parameters : resolved catalogue values by key
    threads : number of threads; results do not depend on it
    """

    def __init__(self, firms: pd.DataFrame, parameters: Mapping[str, Any], threads: int = 1) -> None:
        self.parameters = p = parameters
        self.threads = threads
        self._pool: ThreadPoolExecutor | None = None
        self.size = len(firms)
        self.quality = np.ascontiguousarray(firms["quality"], dtype=np.float64)
        self.noise = np.ascontiguousarray(firms["score_noise"], dtype=np.float64)
        self.collateral = np.ascontiguousarray(firms["collateral_ratio"], dtype=np.float64)
        self.asks = np.ascontiguousarray(firms["wants"] * firms["applies"], dtype=np.float64)
        self.wants = np.ascontiguousarray(firms["wants"], dtype=np.float64)
        self.prior = prior_mean(firms)
        self.initial = State(
            np.ascontiguousarray(firms["weight"], dtype=np.float64),
            np.ascontiguousarray(firms["need"], dtype=np.float64),
            np.ascontiguousarray(firms["revenue"], dtype=np.float64),
        )
        self.nodes = np.empty((2, int(p["market.lender_nodes"])))
        self.inv_widths = np.empty_like(self.nodes)
        for k, lender in enumerate(LENDERS):
            self.nodes[k], self.inv_widths[k] = quantile_nodes(
                p[f"{lender}.cost_spread"], self.nodes.shape[1]
            )
        self.plain = {lender: self._score(lender, np.zeros(1), np.zeros(1)) for lender in LENDERS}

    def _score(self, lender: str, precision: Array, quality: Array) -> tuple[Array, Array]:
        """A and B of the perceived PD Lambda(A + B r) (§2): posterior mean of quality given the lender's score."""
        p = self.parameters
        spread, b, ref = p["firms.quality_spread"], p["firms.rate_sensitivity"], p["market.reference_rate"]
        rho = np.clip(p[f"{lender}.precision"] + precision, 1e-6, 1 - 1e-6)
        noise = spread * np.sqrt((1 - rho) / rho) * self.noise
        mean = self.prior + rho * (self.quality + noise - self.prior) + quality
        h = 1 / np.sqrt(1 + np.pi * spread**2 * (1 - rho) / 8)
        return h * (mean - b * ref), np.broadcast_to(h * b, (self.size,))

    def inputs(self, state: State, levers: Levers) -> Array:
        """The kernel's input array for a year's state and levers, shape (len(INPUTS), n)."""
        x = np.empty((len(INPUTS), self.size))
        x[_ROW["need"]] = state.need
        x[_ROW["collateral0"]] = self.collateral
        for lender, short in zip(LENDERS, ("bank", "micro"), strict=True):
            mean, slope = self.plain[lender]
            x[_ROW[f"{short}_a0"]] = mean + slope / self.parameters["firms.rate_sensitivity"] * state.quality
        self.update(x, state, levers, None)
        return x

    def update(self, x: Array, state: State, levers: Levers, last: Levers | None) -> None:
        """Write the levers into an input array; columns that are the same as in `last` are in it already."""

        def moved(*names: str) -> bool:
            return last is None or any(not _same(getattr(levers, n), getattr(last, n)) for n in names)

        if moved("own_funds"):
            x[_ROW["collateral"]] = self.collateral + np.asarray(levers.own_funds) / x[_ROW["need"]]
        if moved("quality"):
            x[_ROW["quality"]] = self.quality + state.quality + levers.quality
        if moved("quality", "precision"):
            shift = np.asarray(state.quality + levers.quality)
            plain = not np.any(levers.precision)
            for lender, short in zip(LENDERS, ("bank", "micro"), strict=True):
                if plain:
                    mean, slope = self.plain[lender]
                    scored = mean + slope / self.parameters["firms.rate_sensitivity"] * shift, slope
                else:
                    scored = self._score(lender, np.asarray(levers.precision), shift)
                x[_ROW[f"{short}_a"]], x[_ROW[f"{short}_b"]] = scored
        sharing = ("guarantee", "guarantee_paid", "cover", "excess", "credibility", "kept")
        if moved(*sharing):
            x[_ROW["relief"]] = levers.relief(levers.kept)
            x[_ROW["relief_paid"]] = levers.relief()
        # Nobody enrols a loan of which others bear nothing: its fee alone can look like a gain, by a smaller, safer line.
        if moved("enrol", *sharing):
            x[_ROW["enrol"]] = np.where(x[_ROW["relief"]] > 0, levers.enrol, 0.0)
        if moved("cover_limit", *sharing):
            top = np.minimum(1.0, levers.cover_limit / x[_ROW["need"]])
            x[_ROW["cover_top"]] = np.where(x[_ROW["relief"]] > 0, top, 0.0)
        if moved("paperwork"):
            x[_ROW["inverse_paperwork"]] = 1 / (2 * np.maximum(levers.paperwork, 1e-12))
        for name in COPIED:
            if moved(name):
                x[_ROW[name]] = getattr(levers, name)

    def run(self, state: State, conditions: Conditions, levers: Levers | None = None, out: Array | None = None,
            inputs: Array | None = None, kept: Kept | None = None) -> Credit:  # fmt: skip
        """One pass over all firms; `levers=None` is the counterfactual (no policy at all).

        `inputs` from an earlier `inputs(...)` call with the same state and levers saves their preparation, `out` the
        allocation of the result, `kept` the offers without policy while state and counterfactual conditions stay as they are.
        """
        policy = levers is not None
        levers = levers or NO_LEVERS
        x = self.inputs(state, levers) if inputs is None else inputs
        values = np.empty((len(OUTPUTS), self.size)) if out is None else out
        s, lend = self._scalars(conditions, levers)
        offers, mode = (_NOTHING, 0) if kept is None else (kept.offers, 2 if kept.filled else 1)
        step = BLOCK * max(1, -(-self.size // (BLOCK * self.threads)))
        spans = [(first, min(first + step, self.size)) for first in range(0, self.size, step)]

        def work(span: tuple[int, int]) -> None:
            credit_pass(
                x, values, span[0], span[1], s, lend, self.nodes, self.inv_widths, policy, offers, mode
            )

        if len(spans) == 1:
            work(spans[0])
        else:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self.threads)
            list(self._pool.map(work, spans))
        if kept is not None:
            kept.filled = True
        return Credit(values, state.need, state.weight * self.asks, levers)

    def _scalars(self, conditions: Conditions, levers: Levers) -> tuple[Array, Array]:
        p = self.parameters
        funding = conditions.funding_cost
        low = p["firms.smallest_offer"] - p["firms.smallest_offer_spread"]
        elasticity = p["firms.demand_semi_elasticity"]
        charge = p["market.risk_weight"] * p["market.capital_ratio"]
        values = {
            "rate_sensitivity": p["firms.rate_sensitivity"],
            "reference_rate": p["market.reference_rate"],
            "demand_semi_elasticity": p["firms.demand_semi_elasticity"],
            "surplus_per_unit": p["firms.surplus_per_unit"],
            "lgd_unsecured": p["market.lgd_unsecured"],
            "lgd_collateral": p["market.lgd_collateral"],
            "lgd_floor": p["market.lgd_floor"],
            "monitoring": p["market.monitoring"],
            "capital_charge": charge * max(0.0, p["market.return_on_equity"] - conditions.funding_cost0),
            "capital_relief": p["market.capital_relief"],
            "pass_through": p["market.pass_through"],
            "offer_low": low,
            "offer_inverse_width": 1 / (2 * p["firms.smallest_offer_spread"]),
            "inverse_elasticity": 1 / elasticity if elasticity > 0 else 0.0,
            "value_per_unit": value_per_unit(p),
            "reward_withheld": 1 - levers.reward_passed,
            "access": p["micro_lender.access"],
        }
        s = np.array([values[name] for name in SCALARS])
        lend = np.empty((2, 6))
        for k, lender in enumerate(LENDERS):
            extra = p["micro_lender.funding_premium"] if lender == "micro_lender" else 0.0
            margin = p[f"{lender}.margin"]
            own = p[f"{lender}.operating_cost"] + margin + extra
            b0 = self.plain[lender][1][0]
            lend[k] = (
                funding + own,
                conditions.funding_cost0 + own,
                p[f"{lender}.fixed_cost"],
                p[f"{lender}.rate_ceiling"],
                b0,
                margin,
            )
        return s, lend


def prior_mean(firms: pd.DataFrame) -> Array:
    """What a lender knows of a firm before it sees its score: the mean quality of those in its size class that want credit."""
    quality = firms["quality"].to_numpy(dtype=float)
    mass = (firms["weight"] * firms["wants"]).to_numpy(dtype=float)
    prior = np.zeros(len(firms))
    for name in ("micro", "small", "medium"):
        here = (firms["size_class"] == name).to_numpy()
        if here.any():
            prior[here] = chunked_sum((quality * mass)[here]) / chunked_sum(mass[here])
    return prior
