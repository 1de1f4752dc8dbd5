"""Loan risk compensation fund (article 16): a fund bears a share of the losses on covered loans, as far as it can pay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.instruments.base import Instrument, OpenYear, Outcome, Queue, Transfer, Year, draw, reached
from sme_analysis.market.credit import Credit, chunked_sum
from sme_analysis.market.levers import Levers, add, least, times
from sme_analysis.market.macro import STATES, ClaimPool, correlation_of

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Fund:
    """What the fund carries from year to year.

    Attributes
    ----------
    balance : CNY million at the start of the year, before the year's appropriation
    recoveries : recoveries due this year on claims paid last year, CNY million
    suspended : True where the stop rule closed new cover for this year
    """

    balance: float
    recoveries: float = 0.0
    suspended: bool = False


@dataclass(frozen=True)
class FundClaims:
    """Claims on the fund: those of its own shares, and its part of what guarantors and insurers leave unpaid.

    `by_state` has one value a state of `STATES` (CNY million), whose mean is the expectation; `to_guarantors` is the share of
    the expected claims that guarantors make, the rest is lenders'.
    """

    pool: ClaimPool
    unpaid: Array
    by_state: Array
    to_guarantors: float

    def claims(self, z: npt.ArrayLike) -> Array:
        """Claims in macro states z, CNY million."""
        states = np.atleast_1d(np.asarray(z, dtype=float))
        value: Array = self.pool.claims(states) + np.interp(states, STATES, self.unpaid)
        return value

    def paid(self, payable: float, price_of_risk: float = 0.0) -> float:
        """Expected claims paid, E min(C(z), payable), CNY million; under a price of risk lambda z is N(-lambda, 1) instead.

        The shift makes every PD its risk-neutral Phi(Phi^-1(p) + lambda sqrt(R)) (Lucas 2012).
        """
        scale = self.expected / float(self.claims(STATES).mean()) if self.expected > 0 else 1.0
        return float(np.minimum(scale * self.claims(STATES - price_of_risk), payable).mean())

    @property
    def expected(self) -> float:
        """Expected claims, CNY million."""
        return float(self.by_state.mean())

    def credibility(self, payable: float) -> float:
        """Phi = E min(C(z), payable) / E C(z): the share of promised claims that can be paid, where it is needed."""
        total = float(self.by_state.sum())
        if total <= 0:
            return 1.0 if payable > 0 else 0.0
        return float(np.minimum(self.by_state, max(payable, 0.0)).sum()) / total


class RiskCompensation(Instrument):
    """Cover of a share of lenders' and guarantors' losses, with a leverage limit, a yearly cap and a stop rule."""

    name: ClassVar[str] = "risk_compensation"
    articles: ClassVar[tuple[int, ...]] = (16,)
    shares_risk: ClassVar[bool] = True
    stage: ClassVar[int] = 1

    def __init__(self, firms: pd.DataFrame, parameters: Mapping[str, Any]) -> None:
        super().__init__(firms, parameters)
        self.correlation = correlation_of(parameters)
        self.queue = Queue(draw(firms, self.name), reached(firms, self))
        self.sharing = self.queue.admitted

    def open(self, year: Year, memory: Fund | None = None) -> RiskCompensationYear:
        """Open a year of the instrument."""
        return RiskCompensationYear(self, year, memory or Fund(balance=self.p["fund"]))

    def shares(self, levers: Levers, first_loan: Array) -> tuple[Array, Array, Array]:
        """Promised shares of (lender's residual, guarantor's own loss, what others leave unpaid), one value a firm.

        All public support of one loan is held within `public_cap` of the loss, in the order of the waterfall:
        re-guarantee first, then guarantors, then what is left unpaid, then lenders.
        """
        p, admitted = self.p, self.queue.admitted
        g = np.broadcast_to(np.asarray(levers.guarantee, dtype=float), admitted.shape)
        own = np.broadcast_to(np.asarray(levers.own, dtype=float), admitted.shape)
        short = g - levers.guarantee_paid
        direct = np.minimum(p["loss_share"] + p["first_loan_bonus"] * first_loan, 1.0)
        cover = np.where(g > 0, p["guaranteed_share"], direct) * admitted
        backing, excess = p["guarantor_share"] * admitted, p["excess_share"] * admitted * (g > 0)
        room = np.maximum(p["public_cap"] - levers.public_share, 0.0)
        taken = []
        for share, of in ((backing, own), (excess, short), (cover, 1 - g)):
            allowed = np.minimum(share * of, room)
            room = room - allowed
            taken.append(np.divide(allowed, of, out=np.zeros_like(allowed), where=of > 1e-12))
        return taken[2], taken[0], taken[1]


class RiskCompensationYear(OpenYear):
    """One year of the fund; the unknowns are its credibility and the place where its queue closes."""

    stiff = True

    def __init__(self, scheme: RiskCompensation, year: Year, fund: Fund) -> None:
        self.scheme, self.year, self.fund = scheme, year, fund
        p = scheme.p
        linked = 1 - p["revenue_link"] + p["revenue_link"] * year.environment.revenue
        self.appropriation = p["appropriation"] * year.share * linked
        self.available = fund.balance + self.appropriation + fund.recoveries
        self.payable = p["annual_cap"] * self.available
        promised = p["loss_share"] + p["guaranteed_share"] + p["guarantor_share"] + p["excess_share"]
        self.open = not fund.suspended and promised > 0 and self.available > 0
        self.unknowns = np.array([1.0, 1.0]) if self.open else np.array([0.0, 0.0])
        self.before: Array | float = 1.0
        self.touched = scheme.queue.admitted
        self.beside: tuple[object, ...] = ()  # what others bear, for which the columns of `_columns` hold
        self.first_loan = 1 - np.clip(year.served_before, 0.0, 1.0)

    def start_from(self, unknowns: Array) -> None:
        """Take last year's solution as the first guess."""
        if self.open and unknowns[0] > 0:
            self.unknowns = unknowns

    def levers(self, levers: Levers, unknowns: Array) -> Levers:
        """The levers after the instrument has moved its own."""
        if not self.open:
            return levers
        self._columns(levers)
        self.before = levers.enrol
        enrolled = np.where(self.touched, self.scheme.queue.enrolled(float(unknowns[1])), 1.0)
        return levers.with_(
            self.scheme.name,
            cover=self.cover,
            backing=self.backing,
            excess=self.excess,
            enrol=times(levers.enrol, enrolled),
            cover_limit=self.limit_of_loan,
            fee=self.fee,
            paperwork=self.paperwork,
            credibility=float(np.clip(unknowns[0], 0.0, 1.0)),
            kept=self.scheme.kept,
        )

    def _columns(self, levers: Levers) -> None:
        """Columns that stay as they are while what others bear of a loss does."""
        p = self.scheme.p
        # only a share of what insurers leave unpaid depends on how much that is
        paid = levers.guarantee_paid if p["excess_share"] > 0 else None
        beside = (levers.guarantee, levers.own, paid, levers.paperwork)
        if self.beside and all(a is b for a, b in zip(beside, self.beside, strict=True)):
            return
        self.beside = beside
        self.cover, self.backing, self.excess = self.scheme.shares(levers, self.first_loan)
        self.touched = (self.cover > 0) | (self.backing > 0) | (self.excess > 0)
        direct = (self.cover > 0) & (np.asarray(levers.guarantee) == 0)
        self.limit_of_loan = least(levers.cover_limit, np.where(self.touched, p["loan_cap"], np.inf))
        self.fee = add(levers.fee, np.where(self.cover > 0, p["fee"], 0.0))
        self.paperwork = add(levers.paperwork, np.where(direct, p["paperwork"], 0.0))

    def claims(self, credit: Credit) -> FundClaims:
        """Claims promised on the year's covered loans."""
        rows, levers = self.scheme.queue.rows, credit.levers

        def share(column: Array | float) -> Array:
            return np.broadcast_to(np.asarray(column, dtype=float), credit.mass.shape)[rows]

        lenders = (1 - share(levers.guarantee)) * share(levers.cover)
        guarantors = share(levers.own) * share(levers.backing)
        loss, mass = credit.part("covered_loss", rows), credit.mass[rows]
        pool = ClaimPool(
            credit.part("covered_loss_if_default", rows) * (lenders + guarantors),
            loss * (lenders + guarantors),
            mass,
            self.year.state.revenue[rows],
            self.scheme.correlation,
        )
        unpaid = np.zeros(len(STATES))
        behind = float((share(levers.excess) * share(levers.guarantee) * loss * mass).sum())
        for by_state, expected in credit.left_unpaid:
            unpaid = unpaid + by_state * (behind / expected if expected > 0 else 0.0)
        by_state = pool.by_state() + unpaid
        back = float((guarantors * loss * mass).sum())
        total = float(by_state.mean())
        return FundClaims(pool, unpaid, by_state, back / total if total > 0 else 0.0)

    def respond(self, credit: Credit, unknowns: Array) -> Array:
        """The unknowns that the market's answer implies."""
        if not self.open:
            return unknowns
        rows = self.scheme.queue.rows
        enrolled = np.broadcast_to(np.asarray(self.before, dtype=float), credit.mass.shape)[rows]
        lending = credit.part("coverable_loan", rows) * credit.mass[rows] * self.year.share * enrolled
        place = self.scheme.queue.close_at(
            lending * self.touched[rows], self.scheme.p["leverage"] * self.available
        )
        return np.array([self.claims(credit).credibility(self.payable), place])

    def close(self, credit: Credit, unknowns: Array) -> Outcome:
        """Costs and per-firm results of the year."""
        p, year = self.scheme.p, self.year
        under = self.touched.astype(float) * self.open
        covered = chunked_sum(credit["covered_loan"] * credit.mass * under)
        claims = self.claims(credit)
        promised = claims.by_state if year.z is None else claims.claims(year.z)
        paid = float(np.minimum(promised, self.payable).mean())
        defaults = chunked_sum(credit["covered_default"] * credit.mass * under)
        default_rate = defaults / covered if covered > 0 else 0.0
        if year.z is not None and claims.expected > 0:
            default_rate *= float(promised[0]) / claims.expected
        charged = np.asarray(credit.levers.cover) > 0
        fees = p["fee"] * chunked_sum(credit["covered_loan"] * credit.mass * (under * charged))
        balance = (self.available - paid + fees) * (1 + p["yield"])
        memory = Fund(balance, p["recovery_share"] * paid, default_rate > p["stop_rate"])
        back = claims.to_guarantors
        return Outcome(
            transfers=(
                Transfer("claims paid", "public", "lenders", paid * (1 - back)),
                Transfer("claims paid to guarantors", "public", "guarantors", paid * back),
                Transfer("recoveries", "lost", "public", self.fund.recoveries),
                Transfer("fees received", "lenders", "public", fees),
            ),
            facts={
                "covered lending": covered,
                "covered firms": chunked_sum(credit["covered_served"] * credit.mass * under),
                "claims promised": float(promised.mean()),
                "price of risk": claims.paid(self.payable, self.scheme.parameters["horizon.price_of_risk"])
                - claims.paid(self.payable),
                "credibility": float(unknowns[0]),
                "queue closes at": float(unknowns[1]),
                "available": self.available,
                "balance at end": balance,
                "covered default rate": default_rate,
                "suspended": float(self.fund.suspended),
                "appropriation": self.appropriation + (p["fund"] if year.index == 0 else 0.0),
            },
            loan=credit["covered_loan"] * under,
            deadweight=credit["covered_deadweight"] * under,
            memory=memory,
        )
