"""Loan risk compensation fund (article 16): a fund bears a share of the losses on covered loans, as far as it can pay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.instruments.base import Outcome, Queue, Year, eligible
from sme_analysis.market.credit import Credit
from sme_analysis.market.levers import Levers
from sme_analysis.market.macro import ClaimPool, correlation_of, macro_states

Array = npt.NDArray[np.float64]
STATES = macro_states(256)


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


class RiskCompensation:
    """Cover of a share of lenders' losses, with a leverage limit, a yearly cap and a stop rule."""

    name = "risk_compensation"

    def __init__(self, firms: pd.DataFrame, parameters: Mapping[str, Any]) -> None:
        self.p = {k.split(".", 1)[1]: v for k, v in parameters.items() if k.startswith("risk_compensation.")}
        self.kept = parameters["policy_credibility.kept"]
        self.correlation = correlation_of(parameters)
        reach = self.p["participation"] * parameters["service_efficiency.awareness"]
        u = firms["u_risk_compensation"].to_numpy(dtype=float)
        self.queue = Queue(u, eligible(firms, self.p) & (u < reach))
        self.cover = self.p["loss_share"] * self.queue.admitted

    def open(self, year: Year, memory: Fund | None = None) -> RiskCompensationYear:
        """Open a year of the instrument."""
        return RiskCompensationYear(self, year, memory or Fund(balance=self.p["fund"]))


class RiskCompensationYear:
    """One year of the fund; the unknowns are its credibility and the place where its queue closes."""

    stiff = True

    def __init__(self, scheme: RiskCompensation, year: Year, fund: Fund) -> None:
        self.scheme, self.year, self.fund = scheme, year, fund
        p = scheme.p
        self.available = fund.balance + p["appropriation"] * year.share + fund.recoveries
        self.payable = p["annual_cap"] * self.available
        self.open = not fund.suspended and p["loss_share"] > 0 and self.available > 0
        self.unknowns = np.array([1.0, 1.0]) if self.open else np.array([0.0, 0.0])

    def start_from(self, unknowns: Array) -> None:
        """Take last year's solution as the first guess."""
        if self.open and unknowns[0] > 0:
            self.unknowns = unknowns

    def levers(self, levers: Levers, unknowns: Array) -> Levers:
        """The levers after the instrument has moved its own."""
        if not self.open:
            return levers
        p = self.scheme.p
        return levers.with_(
            "risk_compensation",
            cover=self.scheme.cover,
            enrol=self.scheme.queue.enrolled(float(unknowns[1])),
            cover_limit=p["loan_cap"],
            fee=p["fee"],
            paperwork=p["paperwork"],
            credibility=float(np.clip(unknowns[0], 0.0, 1.0)),
            kept=self.scheme.kept,
        )

    def pool(self, credit: Credit) -> ClaimPool:
        """Claims promised on the year's covered loans."""
        rows = self.scheme.queue.rows
        return ClaimPool(
            credit.part("claim_if_default", rows),
            credit.part("claim", rows),
            credit.mass[rows],
            self.year.state.revenue[rows],
            self.scheme.correlation,
        )

    def respond(self, credit: Credit, unknowns: Array) -> Array:
        """The unknowns that the market's answer implies."""
        if not self.open:
            return unknowns
        rows = self.scheme.queue.rows
        place = self.scheme.queue.close_at(
            credit.part("coverable_loan", rows) * credit.mass[rows] * self.year.share,
            self.scheme.p["leverage"] * self.available,
        )
        return np.array([self.pool(credit).credibility(self.payable, STATES), place])

    def close(self, credit: Credit, unknowns: Array) -> Outcome:
        """Costs and per-firm results of the year."""
        p, year = self.scheme.p, self.year
        covered = credit.total("covered_loan")
        pool = self.pool(credit)
        promised = pool.claims(STATES) if year.z is None else pool.claims(year.z)
        paid = float(np.minimum(promised, self.payable).mean())
        default_rate = credit.total("covered_default") / covered if covered > 0 else 0.0
        if year.z is not None and pool.expected > 0:
            default_rate *= float(promised[0]) / pool.expected
        fees = p["fee"] * covered
        balance = (self.available - paid + fees) * (1 + p["yield"])
        memory = Fund(balance, p["recovery_share"] * paid, default_rate > p["stop_rate"])
        return Outcome(
            lines={"claims paid": paid, "recoveries": -self.fund.recoveries, "fees received": -fees},
            facts={
                "covered lending": covered,
                "covered firms": credit.total("covered_served"),
                "claims promised": float(promised.mean()),
                "credibility": float(unknowns[0]),
                "queue closes at": float(unknowns[1]),
                "available": self.available,
                "balance at end": balance,
                "covered default rate": default_rate,
                "suspended": float(self.fund.suspended),
                "appropriation": p["appropriation"] * year.share + (p["fund"] if year.index == 0 else 0.0),
            },
            loan=credit["covered_loan"],
            deadweight=credit["covered_deadweight"],
            memory=memory,
        )
