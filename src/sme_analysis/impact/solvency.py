"""Whether the compensation fund survives: its balance over many macro paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri

from sme_analysis.instruments import active_instruments
from sme_analysis.instruments.risk_compensation import Fund, FundClaims, RiskCompensation
from sme_analysis.market.credit import Conditions, chunked_sum
from sme_analysis.simulation import Simulation

Array = npt.NDArray[np.float64]
CREDIBILITY_GRID = np.array([0.0, 0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 1.0])
QUANTILES = (0.95, 0.99, 0.999)


@dataclass(frozen=True)
class Solvency:
    """Fund paths, arrays of shape (paths, years); money in CNY million.

    `balance` at the end of each year; `paid` claims; `short` where claims exceed what may be paid; `suspended` where the
    stop rule kept new cover closed in the year; `credibility` that lenders counted on (NaN while closed);
    `payout_quantiles` of the claims of the
    expected path (95, 99, 99.9 %), exact from the one-factor model.
    """

    years: tuple[str, ...]
    balance: Array
    paid: Array
    claims: Array
    short: npt.NDArray[np.bool_]
    suspended: npt.NDArray[np.bool_]
    credibility: Array
    payout_quantiles: pd.DataFrame

    @property
    def exhaustion(self) -> float:
        """Probability that in some year of the horizon the fund cannot pay all claims."""
        return float(self.short.any(axis=1).mean())

    @property
    def stopped(self) -> float:
        """Probability that the stop rule closes new cover in some year of the horizon."""
        return float(self.suspended.any(axis=1).mean())

    def by_year(self) -> pd.DataFrame:
        """Fan of the balance and of credibility by year, with the probability of falling short by then and of suspension."""
        levels = {"p05": 5, "p25": 25, "p50": 50, "p75": 75, "p95": 95}
        frame = {"year": list(self.years)}
        for name, level in levels.items():
            frame[f"balance_{name}"] = np.percentile(self.balance, level, axis=0)  # type: ignore[assignment]
        for name, level in levels.items():
            frame[f"credibility_{name}"] = np.nanpercentile(self.credibility, level, axis=0)  # type: ignore[assignment]
        short = np.logical_or.accumulate(self.short, axis=1).mean(axis=0)
        return pd.DataFrame(frame).assign(short_by_then=short, suspended=self.suspended.mean(axis=0))


def solvency(
    simulation: Simulation,
    paths: int | None = None,
    seed: int | None = None,
    *,
    fund: float | None = None,
    covered: Sequence[Portfolio] | None = None,
    as_promised: bool = False,
) -> Solvency | None:
    """Simulate the fund over macro paths; None where no compensation fund is active.

    Firms and lenders are taken from the expected path of each year; what they enrol responds to the credibility of the fund on
    each path: the year's covered portfolio is worked out on a grid of credibilities, and on every path the fund's
    balance decides which of them lenders count on. Macro states are independent between years and common to all scenarios
    with the same seed.

    Parameters
    ----------
    paths, seed : default to `simulation.fund_paths` and `simulation.seed`
    fund : another endowment than the scenario's, CNY million
    covered : the portfolios of the years, where they have been worked out already
    as_promised : cover what lenders would enrol if they trusted the fund wholly, within the leverage of the scenario's own
        fund on the expected path, whatever the balance; a fund that covers nothing could not fall short
    """
    p = simulation.parameters
    if not p["risk_compensation.active"]:
        return None
    paths = int(p["simulation.fund_paths"]) if paths is None else paths
    generator = np.random.Generator(
        np.random.Philox(key=[int(p["simulation.seed"]) if seed is None else seed, 77])
    )
    z = generator.standard_normal((paths, len(simulation.years)))
    revenue = _revenue(simulation, z, generator)
    r = {k.split(".", 1)[1]: v for k, v in p.items() if k.startswith("risk_compensation.")}
    balance = np.full(paths, float(r["fund"] if fund is None else fund))
    recoveries, closed = np.zeros(paths), np.zeros(paths, dtype=bool)
    columns: dict[str, list[Array]] = {
        k: [] for k in ("balance", "paid", "claims", "short", "suspended", "credibility")
    }
    quantiles = []
    found = portfolios(simulation) if covered is None else covered
    for t, (year, portfolio) in enumerate(zip(simulation.years, found, strict=True)):
        linked = 1 - r["revenue_link"] + r["revenue_link"] * revenue[:, t]
        available = balance + r["appropriation"] * year.share * linked + recoveries
        phi = portfolio.credibility(available, r["annual_cap"])
        if as_promised:
            phi = np.ones(paths)
        phi = np.where(closed, 0.0, phi)
        room = np.full(paths, portfolio.solved["available"]) if as_promised else available
        state = np.full(paths, year.environment.z) if year.environment.z is not None else z[:, t]
        lending, claims, default_rate = portfolio.at(phi, room, state)
        lending, claims = np.where(closed, 0.0, lending), np.where(closed, 0.0, claims)
        payable = r["annual_cap"] * available
        paid = np.minimum(claims, payable)
        for name, value in (("paid", paid), ("claims", claims), ("short", claims > payable * (1 + 1e-12)),
                            ("suspended", closed.copy()), ("credibility", np.where(closed, np.nan, phi))):  # fmt: skip
            columns[name].append(value)
        balance = (available - paid + portfolio.fee * lending) * (1 + r["yield"])
        recoveries = r["recovery_share"] * paid
        closed = (default_rate > r["stop_rate"]) & ~closed
        columns["balance"].append(balance)
        quantiles.append(portfolio.payouts(year.label))
    stack = {name: np.array(values).T for name, values in columns.items()}
    return Solvency(
        tuple(simulation.labels), stack["balance"], stack["paid"], stack["claims"], stack["short"].astype(bool),
        stack["suspended"].astype(bool), stack["credibility"], pd.DataFrame(quantiles),
    )  # fmt: skip


def smallest_fund(
    simulation: Simulation, target: float | None = None, *, most: float = 1e4, paths: int | None = None
) -> float:
    """The smallest endowment that pays all claims on what the scenario promises, but for a probability of at most `target`.

    The covered lending is that of lenders who trust the fund wholly, within the leverage of the scenario's own fund; yearly
    payments, fees, recoveries and the stop rule are the scenario's.

    Parameters
    ----------
    target : a probability, default `risk_compensation.target_exhaustion`; `most` : largest endowment tried, CNY million

    Returns
    -------
    CNY million to within 0.5 %; 0 where yearly payments suffice, NaN where even `most` does not or no fund is active
    """
    goal = simulation.parameters["risk_compensation.target_exhaustion"] if target is None else target

    if not simulation.parameters["risk_compensation.active"]:
        return float("nan")
    covered = portfolios(simulation)

    def falls_short(size: float) -> bool:
        found = solvency(simulation, paths, fund=size, covered=covered, as_promised=True)
        return found is None or found.exhaustion > goal

    if falls_short(most):
        return float("nan")
    if not falls_short(0.0):
        return 0.0
    low, high = 0.0, most
    while high - low > max(0.005 * high, 1e-3):
        middle = 0.5 * (low + high) if low > 0 else high / 4
        low, high = (middle, high) if falls_short(middle) else (low, middle)
    return high


def _revenue(simulation: Simulation, z: Array, generator: np.random.Generator) -> Array:
    """Local public revenue relative to its expectation on each path, shape (paths, years); a shock year's fall multiplies it.

    x = exp(sigma (rho z + sqrt(1 - rho^2) e) - sigma^2/2), of mean 1.
    """
    p = simulation.parameters
    sigma, rho = p["local_revenue.volatility"], p["local_revenue.correlation"]
    own = generator.standard_normal(z.shape)
    expected = np.array([year.environment.revenue for year in simulation.years])
    value: Array = expected * np.exp(sigma * (rho * z + np.sqrt(1 - rho**2) * own) - sigma**2 / 2)
    return value


def portfolios(simulation: Simulation) -> list[Portfolio]:
    """The covered portfolio of each year; worked out once where several funds are tried on it."""
    return [Portfolio(simulation, t) for t in range(len(simulation.years))]


class Portfolio:
    """The covered portfolio of one year as a function of the fund's credibility."""

    def __init__(self, simulation: Simulation, t: int) -> None:
        p, year, market = simulation.parameters, simulation.years[t], simulation.market
        scheme = next(i for i in active_instruments(simulation.firms, p) if isinstance(i, RiskCompensation))
        session = scheme.open(year.year, Fund(1e12))
        self.leverage = p["risk_compensation.leverage"]
        conditions = Conditions(year.funding_cost, p["market.funding_cost"])
        self.claims: list[FundClaims] = []
        covered, defaults, charged = [], [], []
        for phi in CREDIBILITY_GRID:
            levers = session.levers(year.other_levers, np.array([phi, 1.0]))
            credit = market.run(year.state, conditions, levers)
            credit.values *= year.share
            credit.left_unpaid = year.left_unpaid
            self.claims.append(session.claims(credit))
            under = credit.mass * session.touched
            covered.append(chunked_sum(credit["covered_loan"] * under))
            defaults.append(chunked_sum(credit["covered_default"] * under))
            charged.append(chunked_sum(credit["covered_loan"] * under * (np.asarray(levers.fee) > 0)))
        self.covered, self.defaults = np.array(covered), np.array(defaults)
        self.expected = np.array([claims.expected for claims in self.claims])
        # Claims by state on a grid, linear in credibility between its points.
        self.grid = np.array([claims.by_state for claims in self.claims])
        # the fee per unit of covered lending, some of which is guaranteed and pays a premium instead
        self.fee = p["risk_compensation.fee"] * (charged[-1] / covered[-1] if covered[-1] > 0 else 0.0)
        self.solved = year.outcomes["risk_compensation"].facts

    def _scale(self, covered: Array, available: Array) -> Array:
        room = self.leverage * np.maximum(available, 0.0)
        scale: Array = np.minimum(1.0, np.divide(room, covered, out=np.ones_like(room), where=covered > 0))
        return scale

    def credibility(self, available: Array, cap: float) -> Array:
        """Credibility phi on each path: fixed point of phi = E min(C, payable)/E C, on a grid of funds, interpolated."""
        knots = np.unique(np.quantile(available, np.linspace(0, 1, 41)))
        values = np.array([self._solve(float(a), cap) for a in knots])
        found: Array = np.interp(available, knots, values)
        return found

    def _solve(self, available: float, cap: float) -> float:
        if available <= 0:
            return 0.0

        def excess(phi: float) -> float:
            claims = np.array(
                [np.interp(phi, CREDIBILITY_GRID, self.grid[:, k]) for k in range(self.grid.shape[1])]
            )
            covered = np.array([np.interp(phi, CREDIBILITY_GRID, self.covered)])
            claims = claims * self._scale(covered, np.array([available]))[0]
            total = claims.sum()
            return (np.minimum(claims, cap * available).sum() / total if total > 0 else 1.0) - phi

        low, high = 0.0, 1.0
        if excess(1.0) >= 0:
            return 1.0
        for _ in range(40):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if excess(middle) > 0 else (low, middle)
        return 0.5 * (low + high)

    def at(self, phi: Array, available: Array, z: Array) -> tuple[Array, Array, Array]:
        """Covered lending, claims and default rate of covered loans on each path."""
        covered = np.interp(phi, CREDIBILITY_GRID, self.covered)
        scale = self._scale(covered, available)
        by_grid = np.array([claims.claims(z) for claims in self.claims])
        upper = np.clip(np.searchsorted(CREDIBILITY_GRID, phi), 1, len(CREDIBILITY_GRID) - 1)
        left, right = CREDIBILITY_GRID[upper - 1], CREDIBILITY_GRID[upper]
        share = (phi - left) / (right - left)
        index = np.arange(len(phi))
        claims = (1 - share) * by_grid[upper - 1, index] + share * by_grid[upper, index]
        expected = np.interp(phi, CREDIBILITY_GRID, self.expected)
        rate = np.interp(phi, CREDIBILITY_GRID, self.defaults) / np.where(covered > 0, covered, 1.0)
        rate = rate * np.divide(claims, expected, out=np.ones_like(claims), where=expected > 0)
        return covered * scale, claims * scale, np.where(covered > 0, rate, 0.0)

    def payouts(self, label: str) -> Mapping[str, Any]:
        """Quantiles of the year's claims on the expected path: claims fall with z, so a quantile is the claim at a z."""
        phi = self.solved["credibility"]
        row: dict[str, Any] = {"year": label, "expected": self.solved["claims promised"]}
        scale = self.solved["covered lending"] / max(
            float(np.interp(phi, CREDIBILITY_GRID, self.covered)), 1e-12
        )
        for q in QUANTILES:
            by_grid = [float(claims.claims(-ndtri(q))[0]) for claims in self.claims]
            row[f"p{q * 100:g}"] = float(np.interp(phi, CREDIBILITY_GRID, by_grid)) * scale
        return row
