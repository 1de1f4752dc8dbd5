"""Guarantee companies (article 16): they bear a share of the loss for a premium, and re-guarantors a part of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.instruments.base import Instrument, OpenYear, Outcome, Queue, Transfer, Year, draw, reached
from sme_analysis.market.credit import Credit
from sme_analysis.market.levers import Levers, add, least, times
from sme_analysis.market.macro import ClaimPool, correlation_of

Array = npt.NDArray[np.float64]


class LoanGuarantee(Instrument):
    """Guarantees within the guarantors' capital, at one premium that breaks even between a floor and a cap."""

    name: ClassVar[str] = "loan_guarantee"
    articles: ClassVar[tuple[int, ...]] = (16,)
    shares_risk: ClassVar[bool] = True

    def __init__(self, firms: pd.DataFrame, parameters: Mapping[str, Any]) -> None:
        super().__init__(firms, parameters)
        self.correlation = correlation_of(parameters)
        self.queue = Queue(draw(firms, self.name), reached(firms, self))
        self.sharing = self.queue.admitted
        self.reinsured = min(self.p["national_share"] + self.p["province_share"], self.p["share"])

    def open(self, year: Year, memory: Any = None) -> LoanGuaranteeYear:
        """Open a year of the instrument."""
        return LoanGuaranteeYear(self, year)


class LoanGuaranteeYear(OpenYear):
    """One year of the guarantors; the unknowns are the premium and the place where their queue closes."""

    def __init__(self, scheme: LoanGuarantee, year: Year) -> None:
        self.scheme, self.year = scheme, year
        p = scheme.p
        self.limit = p["capital"] * p["leverage"]
        self.open = p["share"] > 0 and self.limit > 0
        self.unknowns = np.array([p["premium_cap"], 1.0])
        on = scheme.queue.admitted
        # columns that stay as they are while the year is solved
        self.guaranteed = np.where(on, p["share"], 0.0)
        self.own = np.where(on, p["share"] - scheme.reinsured, 0.0)
        self.public = np.where(on, scheme.reinsured, 0.0)
        self.paperwork = np.where(on, p["paperwork"], 0.0)
        self.limit_of_loan = np.where(on, p["loan_cap"], np.inf)
        self.paid_by_firm = np.where(on, 1 - p["premium_subsidy"], 0.0)

    def levers(self, levers: Levers, unknowns: Array) -> Levers:
        """The levers after the instrument has moved its own."""
        if not self.open:
            return levers
        queue = self.scheme.queue
        enrolled = np.where(queue.admitted, queue.enrolled(float(unknowns[1])), 1.0)
        return levers.with_(
            self.scheme.name,
            guarantee=add(levers.guarantee, self.guaranteed),
            guarantee_paid=add(levers.guarantee_paid, self.guaranteed),
            own=add(levers.own, self.own),
            public_share=add(levers.public_share, self.public),
            premium=add(levers.premium, unknowns[0] * self.paid_by_firm),
            paperwork=add(levers.paperwork, self.paperwork),
            enrol=times(levers.enrol, enrolled),
            cover_limit=least(levers.cover_limit, self.limit_of_loan),
        )

    def _totals(self, credit: Credit) -> tuple[float, float, float]:
        """Guaranteed lending, its expected loss, and the share of the guarantors' own part that the fund counts on bearing."""
        rows = self.scheme.queue.rows
        mass = credit.mass[rows]
        loss = credit.part("covered_loss", rows) * mass
        backing = np.broadcast_to(np.asarray(credit.levers.backing, dtype=float), credit.mass.shape)[rows]
        total = float(loss.sum())
        back = float((loss * backing).sum()) / total if total > 0 else 0.0
        lending = float((credit.part("covered_loan", rows) * mass).sum())
        return lending, total, back * credit.levers.credibility * credit.levers.kept

    def respond(self, credit: Credit, unknowns: Array) -> Array:
        """The unknowns that the market's answer implies.

        premium = admin cost + reinsurance fee x reinsured share + (1 + loading) x own expected loss net of the fund's part,
        per unit guaranteed, within [premium_floor, premium_cap].
        """
        if not self.open:
            return unknowns
        p, rows = self.scheme.p, self.scheme.queue.rows
        lending, loss, back = self._totals(credit)
        own = (p["share"] - self.scheme.reinsured) * (1 - back)
        expected = own * loss / lending if lending > 0 else p["premium_cap"]
        premium = (
            p["admin_cost"] + p["reinsurance_fee"] * self.scheme.reinsured + (1 + p["loading"]) * expected
        )
        place = self.scheme.queue.close_at(
            credit.part("coverable_loan", rows) * credit.mass[rows] * self.year.share, self.limit
        )
        return np.array([np.clip(premium, p["premium_floor"], p["premium_cap"]), place])

    def close(self, credit: Credit, unknowns: Array) -> Outcome:
        """Costs and per-firm results of the year."""
        p, scheme = self.scheme.p, self.scheme
        if not self.open:
            return Outcome()
        rows, on = scheme.queue.rows, scheme.queue.admitted.astype(float)
        lending, loss, _ = self._totals(credit)
        if self.year.z is not None:
            pool = ClaimPool(
                credit.part("covered_loss_if_default", rows),
                credit.part("covered_loss", rows),
                credit.mass[rows],
                self.year.state.revenue[rows],
                scheme.correlation,
            )
            loss = float(pool.claims(self.year.z)[0])
        premium = float(unknowns[0]) * lending
        own = p["share"] - scheme.reinsured
        transfers = (
            Transfer("guarantee premiums", "borrowers", "guarantors", premium * (1 - p["premium_subsidy"])),
            Transfer("guarantee premium subsidies", "public", "guarantors", premium * p["premium_subsidy"]),
            Transfer("claims on guarantors", "guarantors", "lenders", own * loss),
            Transfer("claims on re-guarantors", "province and nation", "lenders", scheme.reinsured * loss),
            Transfer(
                "re-guarantee fees",
                "guarantors",
                "province and nation",
                p["reinsurance_fee"] * scheme.reinsured * lending,
            ),
            Transfer("guarantors' administration", "guarantors", "resources", p["admin_cost"] * lending),
        )
        return Outcome(
            transfers=transfers,
            facts={
                "guaranteed lending": lending,
                "premium": float(unknowns[0]),
                "payout rate": own * loss / lending if lending > 0 else 0.0,
                "queue closes at": float(unknowns[1]),
            },
            loan=credit["covered_loan"] * on,
            deadweight=credit["covered_deadweight"] * on,
        )
