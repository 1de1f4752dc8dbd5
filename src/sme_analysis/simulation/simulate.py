"""A scenario over its years, beside the counterfactual with the same draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.instruments import Instrument, Outcome, Year, active_instruments
from sme_analysis.market.credit import Conditions, Credit, Market, State
from sme_analysis.market.environment import Environment, environments
from sme_analysis.market.kernel import OUTPUTS
from sme_analysis.market.levers import NO_LEVERS, Levers
from sme_analysis.market.macro import ClaimPool, correlation_of
from sme_analysis.simulation.equilibrium import Start, solve_year
from sme_analysis.simulation.measures import MEASURES, Cells

Array = npt.NDArray[np.float64]
SIZES = ("micro", "small", "medium")
SOLVED_DIRECTLY = 50_000  # larger tables take their first guesses from a thinned one
COARSER = 20  # every so many firms make the thinned table


@dataclass(frozen=True)
class PolicyYear:
    """What the solvency analysis and the accounts need of a solved year."""

    label: str
    year: Year
    funding_cost: float
    passes: int
    residual: float
    start: Start  # the solution, as a first guess for a like problem
    outcomes: Mapping[str, Outcome]
    asks: Array
    levers: Levers
    other_levers: Levers  # in force beside risk compensation
    idle: tuple[str, ...]  # active instruments that moved no lever, changed no need and caused no payment
    left_unpaid: list[tuple[Array, float]]  # by insurers: see `market.credit.Credit`
    realised: Mapping[
        str, float
    ]  # losses and unpaid interest less what was expected of them, with and without policy

    @property
    def share(self) -> float:
        """Part of the year in which the policy is in force."""
        return self.year.share

    @property
    def state(self) -> State:
        """Weights, needs and revenues of the firms with the policy."""
        return self.year.state

    @property
    def environment(self) -> Environment:
        """Macro state and shocks of the year."""
        return self.year.environment


@dataclass(frozen=True)
class Simulation:
    """Result of `simulate`: totals by year, measure and cell with and without the policy.

    Attributes
    ----------
    firms, market : the firm table in the order of all per-firm arrays, and the market made from it
    policy, counterfactual : float arrays (years, len(MEASURES), cells); CNY million or numbers of firms
    cells : the cells' labels, one row a cell, columns `measures.DIMENSIONS`
    years : one `PolicyYear` a year, with every instrument's costs and facts
    """

    parameters: Mapping[str, Any]
    firms: pd.DataFrame
    market: Market
    labels: tuple[str, ...]
    policy: Array
    counterfactual: Array
    cells: pd.DataFrame
    years: tuple[PolicyYear, ...]

    def table(self, by: Sequence[str] = ()) -> pd.DataFrame:
        """Additive measures as columns, by year and the given dimensions; column `path` is policy or counterfactual."""
        frames = []
        for path, values in (("policy", self.policy), ("counterfactual", self.counterfactual)):
            for t, label in enumerate(self.labels):
                frame = pd.DataFrame(values[t].T, columns=list(MEASURES))
                keys = [self.cells[name] for name in by]
                total = (
                    frame.groupby(keys, sort=False, observed=True).sum() if by else frame.sum().to_frame().T
                )
                total = total.reset_index() if by else total
                frames.append(total.assign(year=label, path=path))
        return pd.concat(frames, ignore_index=True)


def year_labels(parameters: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    """Calendar years of the horizon with the share of each in which the policy is in force.

    A policy that starts in July is in force for half of its first calendar year (article 32: the regulation itself
    came into force on 1 July 2020).
    """
    year, month = (int(part) for part in parameters["horizon.start"].split("-"))
    return tuple(
        (str(year + t), (13 - month) / 12 if t == 0 else 1.0) for t in range(int(parameters["horizon.years"]))
    )


def simulate(
    firms: pd.DataFrame,
    parameters: Mapping[str, Any],
    *,
    threads: int = 1,
    macro_path: Sequence[float] | None = None,
) -> Simulation:
    """Simulate the years of a scenario and its counterfactual.

    Parameters
    ----------
    firms : firm table (`sme_analysis.firms.FIRM_SCHEMA`); its order does not matter
    parameters : resolved catalogue values
    threads : number of threads; the bytes of the result do not depend on it
    macro_path : realised macro state z of each year, or None for expectations (lenders always price on expectations)

    Raises
    ------
    NoEquilibrium : a year has no solution within the allowed passes
    ValueError : `macro_path` has another length than the horizon
    """
    labels = year_labels(parameters)
    firms, instruments = prepared(firms, parameters)
    weather = environments(firms, parameters, len(labels), macro_path)
    market = Market(firms, parameters, threads)
    cells = Cells(firms, market.wants, market.asks)
    growth = Growth(firms, parameters, market)
    memory: dict[str, Any] = {}
    cof0 = parameters["market.funding_cost"]
    scratch, scratch0 = np.empty((len(OUTPUTS), market.size)), np.empty((len(OUTPUTS), market.size))

    start = market.initial
    past = State(start.weight, start.need / (1 + parameters["firms.growth"]), start.revenue)
    before = market.run(past, Conditions(cof0, cof0))
    lending_before, served_before = before["bank_loan"] * before.mass, before["bank_served"].copy()
    guesses = _coarse_solutions(firms, parameters, macro_path)
    guess: Start | None = None
    state, state0 = start, start
    years, policy_totals, totals0 = [], [], []
    nothing = np.zeros(market.size)
    for t, (label, share) in enumerate(labels):
        now, now0 = weather[t].apply(state), weather[t].apply(state0)
        plain = market.run(now0, Conditions(cof0, cof0), out=scratch0)
        totals0.append(cells.totals(plain, now0, nothing, nothing))
        year = Year(t, share, now, lending_before, served_before, weather[t])
        factors = [f for f in (i.need_factor(year) for i in instruments) if f is not None]
        if factors:
            now = replace(now, need=now.need * np.prod(factors, axis=0))
            year = replace(year, state=now)
        opened = [instrument.open(year, memory.get(instrument.name)) for instrument in instruments]
        guess = guesses[t] if guesses else guess
        solved = solve_year(market, year, opened, plain.lending, guess, out=scratch)
        guess = solved.start
        outcomes: dict[str, Outcome] = {}
        programme, deadweight = nothing, nothing
        if any(i.sharing is not None for i in instruments):
            # one loan may be shared by a guarantor and the fund: it is counted once
            programme, deadweight = solved.credit["covered_loan"], solved.credit["covered_deadweight"]
        others, idle = NO_LEVERS, []
        for instrument, session, unknowns in zip(instruments, opened, solved.unknowns, strict=True):
            outcome = session.close(solved.credit, unknowns)
            outcomes[instrument.name] = outcome
            memory[instrument.name] = outcome.memory
            factor = instrument.need_factor(year)
            if (
                not any(x.amount for x in outcome.transfers)
                and session.levers(NO_LEVERS, unknowns).is_neutral()
                and (factor is None or bool(np.all(factor == 1)))
            ):
                idle.append(instrument.name)
            if instrument.sharing is None:
                programme, deadweight = _union(solved.credit, programme, deadweight, outcome)
            if instrument.name != "risk_compensation":
                others = session.levers(others, unknowns)
        policy_totals.append(cells.totals(solved.credit, now, programme, deadweight))
        realised = {}
        for name, credit in (("", solved.credit), ("_without", plain)):
            for column, value in surprises(credit, now, weather[t].z, parameters).items():
                realised[column + name] = value
        years.append(
            PolicyYear(
                label,
                year,
                solved.funding_cost,
                solved.passes,
                solved.residual,
                solved.start,
                outcomes,
                market.asks,
                solved.levers,
                others,
                tuple(idle),
                solved.credit.left_unpaid,
                realised,
            )
        )
        normal = growth.funded_mean(plain, state0)
        state = growth.next(state, solved.credit, normal, solved.levers)
        state0 = growth.next(state0, plain, normal, NO_LEVERS)
    return Simulation(
        parameters,
        firms,
        market,
        tuple(label for label, _ in labels),
        np.array(policy_totals),
        np.array(totals0),
        cells.labels,
        tuple(years),
    )


def prepared(firms: pd.DataFrame, parameters: Mapping[str, Any]) -> tuple[pd.DataFrame, list[Instrument]]:
    """The firm table in the order in which it is worked on and summed, whatever order it came in, and its instruments.

    By `firm_id`, those that may be enrolled in risk sharing first: the kernel then skips the offer with cover for whole blocks.
    """
    firms = firms.sort_values("firm_id", kind="stable", ignore_index=True)
    found = active_instruments(firms, parameters, sharing_only=True)
    sharing = [i.sharing for i in found if i.sharing is not None]
    if sharing:
        outside = ~np.any(sharing, axis=0)
        firms = firms.iloc[np.argsort(outside, kind="stable")].reset_index(drop=True)
    return firms, active_instruments(firms, parameters)


def surprises(
    credit: Credit, state: State, z: float | None, parameters: Mapping[str, Any]
) -> dict[str, float]:
    """Losses, unpaid interest and defaults in macro state z less what was expected of them, CNY million; 0 without a z."""
    names = {"losses": "loss", "unpaid": "unpaid", "defaults": "default"}
    if z is None:
        return dict.fromkeys(names, 0.0)
    default = credit["bank_default"] + credit["micro_default"]
    found = {}
    for name, column in names.items():
        expected = credit[f"bank_{column}"] + credit[f"micro_{column}"]
        exposure = np.divide(expected * credit.loan, default, out=np.zeros_like(expected), where=default > 0)
        pool = ClaimPool(exposure, expected, credit.mass, state.revenue, correlation_of(parameters))
        found[name] = float(pool.claims(z)[0]) - pool.expected
    return found


def _coarse_solutions(
    firms: pd.DataFrame, parameters: Mapping[str, Any], macro_path: Sequence[float] | None
) -> list[Start] | None:
    """Solutions of the same scenario on every k-th firm: a first guess that saves most passes over a large table."""
    if len(firms) < SOLVED_DIRECTLY:
        return None
    step = COARSER
    thin = firms.iloc[::step]
    thin = thin.assign(weight=thin["weight"] * (firms["weight"].sum() / thin["weight"].sum()))
    return [year.start for year in simulate(thin, parameters, macro_path=macro_path).years]


def _union(credit: Credit, loan: Array, deadweight: Array, outcome: Outcome) -> tuple[Array, Array]:
    """Lending under any programme: a further programme adds only the part of each firm's lending not yet under one."""
    if outcome.loan is None or outcome.deadweight is None:
        return loan, deadweight
    total = credit.loan
    free = 1 - np.divide(loan, total, out=np.zeros_like(total), where=total > 0)
    return loan + free * outcome.loan, deadweight + free * outcome.deadweight


class Growth:
    """From year to year: exit, entry and the growth of need and revenue with access to credit (section 7)."""

    def __init__(self, firms: pd.DataFrame, parameters: Mapping[str, Any], market: Market) -> None:
        self.p, self.quality = parameters, market.quality
        self.code = np.select([firms["size_class"] == name for name in SIZES], range(len(SIZES)))
        self.first = market.initial.weight
        self.first_mass = np.bincount(self.code, self.first, len(SIZES))
        self.asks = market.asks

    def funded_mean(self, credit: Credit, state: State) -> Array:
        """Mean expected funded share of a firm's need on the no-policy path, by size class."""
        funded = credit.loan / credit.need
        mass = np.bincount(self.code, state.weight, len(SIZES))
        mean: Array = np.bincount(self.code, state.weight * funded, len(SIZES)) / np.where(
            mass > 0, mass, 1.0
        )
        return mean

    def next(self, state: State, credit: Credit, normal: Array, levers: Levers) -> State:
        """The state of the following year: exit = exit0 + exit1 p, entry restores the class, need and revenue grow.

        The levers on exit, entry and growth act here.
        """
        p = self.p
        loan = credit.loan
        default = credit["bank_default"] + credit["micro_default"]
        base = 1 / (1 + np.exp(-self.quality))
        served = np.minimum(credit["bank_served"] + credit["micro_served"], 1.0)
        pd_ = (1 - served) * base + served * np.divide(default, loan, out=base.copy(), where=loan > 0)
        mass = np.bincount(self.code, state.weight, len(SIZES))
        entrants = (
            p["firms.entry"]
            * (mass / np.where(self.first_mass > 0, self.first_mass, 1.0))[self.code]
            * self.first
            * levers.entry_factor
        )
        leaving = (p["firms.exit_base"] + p["firms.exit_default_slope"] * pd_) * levers.exit_factor
        weight = state.weight * (1 - leaving) + entrants
        funded = loan / credit.need
        growth = 1 + p["firms.growth"] + levers.growth
        growth = growth + p["firms.growth_funding_effect"] * (funded - normal[self.code])
        return State(weight, state.need * growth, state.revenue * growth)
