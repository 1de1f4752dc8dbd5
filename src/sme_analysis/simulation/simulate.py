"""A scenario over its years, beside the counterfactual with the same draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.instruments import INSTRUMENTS, Instrument, Outcome, Year, active_instruments
from sme_analysis.market.credit import Credit, Market, State
from sme_analysis.market.environment import Environment
from sme_analysis.market.levers import NO_LEVERS, Levers
from sme_analysis.market.rows import OUTPUTS
from sme_analysis.simulation.baseline import Baseline, baseline, surprises
from sme_analysis.simulation.equilibrium import Start, solve_year
from sme_analysis.simulation.measures import MEASURES

Array = npt.NDArray[np.float64]
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
    base : what policies share: firms, market and the years without policy
    policy, counterfactual : float arrays (years, len(MEASURES), cells); CNY million or numbers of firms
    years : one `PolicyYear` a year, with every instrument's costs and facts
    """

    parameters: Mapping[str, Any]
    base: Baseline
    labels: tuple[str, ...]
    policy: Array
    counterfactual: Array
    years: tuple[PolicyYear, ...]

    @property
    def firms(self) -> pd.DataFrame:
        """The firm table, in the order of all per-firm arrays."""
        return self.base.firms

    @property
    def market(self) -> Market:
        """The market of the firms."""
        return self.base.market

    @property
    def cells(self) -> pd.DataFrame:
        """The cells' labels, one row a cell, columns `measures.DIMENSIONS`."""
        return self.base.cells.labels

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
    like: Simulation | None = None,
    near: Sequence[Start] = (),
) -> Simulation:
    """Simulate the years of a scenario and its counterfactual.

    Parameters
    ----------
    firms : firm table (`sme_analysis.firms.FIRM_SCHEMA`); its order does not matter
    parameters : resolved catalogue values
    threads : number of threads; the bytes of the result do not depend on it
    macro_path : realised macro state z of each year, or None for expectations (lenders always price on expectations)
    like : a simulation of the same firms whose parameters differ in instruments only: its counterfactual is taken over and its
        solutions are first guesses, `threads` and `macro_path` are its own
    near : solutions of the years of a simulation with the same instruments, as first guesses where `like` is not given

    Raises
    ------
    NoEquilibrium : a year has no solution within the allowed passes
    ValueError : `macro_path` has another length than the horizon, or `like` another counterfactual
    """
    labels = year_labels(parameters)
    if like is None:
        firms, instruments = prepared(firms, parameters)
        base = baseline(firms, parameters, len(labels), threads=threads, macro_path=macro_path)
        guesses = near or _coarse_solutions(firms, parameters, macro_path)
    else:
        _fail_unless_alike(parameters, like.parameters)
        base, firms = like.base, like.firms
        instruments = active_instruments(firms, parameters)
        guesses = tuple(_restricted(year, [i.name for i in instruments]) for year in like.years)
    market, cells, growth = base.market, base.cells, base.growth
    memory: dict[str, Any] = {}
    scratch = np.empty((len(OUTPUTS), market.size))
    guess: Start | None = None
    state = market.initial
    years, policy_totals = [], []
    nothing = np.zeros(market.size)
    for t, (label, share) in enumerate(labels):
        plain, environment = base.years[t], base.weather[t]
        now = environment.apply(state)
        year = Year(t, share, now, base.lending_before, base.served_before, environment)
        factors = [f for f in (i.need_factor(year) for i in instruments) if f is not None]
        if factors:
            now = replace(now, need=now.need * np.prod(factors, axis=0))
            year = replace(year, state=now)
        opened = [instrument.open(year, memory.get(instrument.name)) for instrument in instruments]
        guess = _first_guess(guesses, t, guess)
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
        realised = surprises(solved.credit, now, environment.z, parameters)
        realised |= {f"{name}_without": value for name, value in plain.realised.items()}
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
        state = growth.next(state, solved.credit, plain.funded, solved.levers)
    return Simulation(
        parameters,
        base,
        tuple(label for label, _ in labels),
        np.array(policy_totals),
        np.array([year.totals for year in base.years]),
        tuple(years),
    )


def _fail_unless_alike(parameters: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    """Raise where a counterfactual cannot be taken over: only the instruments' own parameters may differ."""
    own = {*INSTRUMENTS, "policy_credibility"}
    differ = [key for key in parameters if key.partition(".")[0] not in own and parameters[key] != other[key]]
    if differ:
        raise ValueError(
            f"another counterfactual: {', '.join(differ)} differ, and only parameters of instruments may"
        )


def _first_guess(guesses: Sequence[Start | None], t: int, last: Start | None) -> Start | None:
    """Last year's solution moved as a like problem's moved since then, or the like problem's own; either alone where one is.

    The inverse Jacobian is that of last year's solution, which belongs to the very same instruments.
    """
    here = guesses[t] if guesses else None
    before = guesses[t - 1] if guesses and t else None
    if here is None or before is None or last is None:
        return here or last
    moved = tuple(
        np.clip(u + a - b, 0.0, 1.0)
        for u, a, b in zip(last.unknowns, here.unknowns, before.unknowns, strict=True)
    )
    return Start(last.funding_cost + here.funding_cost - before.funding_cost, moved, last.inverse)


def _restricted(year: PolicyYear, names: Sequence[str]) -> Start | None:
    """The solution of a year as a first guess where only some of its instruments act; None where others do as well."""
    known = list(year.outcomes)
    if not names or not set(names) <= set(known):
        return None  # without any instrument nothing is to be found: the year starts where it ends, exactly
    sizes = [len(u) for u in year.start.unknowns]
    first = np.cumsum([1, *sizes])
    rows = [0]
    for name in names:
        k = known.index(name)
        rows += list(range(first[k], first[k] + sizes[k]))
    unknowns = tuple(year.start.unknowns[known.index(name)] for name in names)
    return Start(year.start.funding_cost, unknowns, year.start.inverse[np.ix_(rows, rows)])


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


def _coarse_solutions(
    firms: pd.DataFrame, parameters: Mapping[str, Any], macro_path: Sequence[float] | None
) -> Sequence[Start | None]:
    """Solutions of the same scenario on every k-th firm: a first guess that saves most passes over a large table."""
    if len(firms) < SOLVED_DIRECTLY:
        return ()
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
