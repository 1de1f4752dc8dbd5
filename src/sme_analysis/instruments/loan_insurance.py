"""Loan guarantee insurance (article 17): an insurer bears a share of the loss for a premium, up to a cap a year."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.instruments.base import Instrument, OpenYear, Outcome, Transfer, Year, reached
from sme_analysis.market.credit import Credit
from sme_analysis.market.levers import Levers, add, least
from sme_analysis.market.macro import ClaimPool, correlation_of

Array = npt.NDArray[np.float64]


class LoanInsurance(Instrument):
    """Insurance of loans that no guarantor backs, at one premium that breaks even between a floor and a cap."""

    name: ClassVar[str] = "loan_insurance"
    articles: ClassVar[tuple[int, ...]] = (17,)
    shares_risk: ClassVar[bool] = True

    def __init__(self, firms: pd.DataFrame, parameters: Mapping[str, Any]) -> None:
        super().__init__(firms, parameters)
        self.correlation = correlation_of(parameters)
        self.sharing = reached(firms, self)

    def open(self, year: Year, memory: Any = None) -> LoanInsuranceYear:
        """Open a year of the instrument."""
        return LoanInsuranceYear(self, year)


class LoanInsuranceYear(OpenYear):
    """One year of the insurer; the unknowns are the premium and the share of its claims that its cap lets it pay."""

    def __init__(self, scheme: LoanInsurance, year: Year) -> None:
        self.scheme, self.year = scheme, year
        p = scheme.p
        self.open = p["share"] > 0 and p["payout_cap"] > 0
        self.rows = np.flatnonzero(scheme.sharing if scheme.sharing is not None else [])
        self.unknowns = np.array([p["premium_cap"], 1.0])
        self.beside: object = None  # the guarantees for which the columns below hold

    def _columns(self, levers: Levers) -> None:
        """Columns that stay as they are while guarantees do: an insured loan is one that no guarantor backs."""
        if levers.guarantee is self.beside:
            return
        p = self.scheme.p
        on = np.asarray(self.scheme.sharing) & (np.asarray(levers.guarantee) == 0)
        self.beside, self.rows = levers.guarantee, np.flatnonzero(on)
        self.insured = np.where(on, p["share"], 0.0)
        self.guarantee = add(levers.guarantee, self.insured)
        self.paid_by_firm = np.where(on, 1 - p["premium_subsidy"], 0.0)
        self.paperwork = add(levers.paperwork, np.where(on, p["paperwork"], 0.0))
        self.limit_of_loan = least(levers.cover_limit, np.where(on, p["loan_cap"], np.inf))

    def levers(self, levers: Levers, unknowns: Array) -> Levers:
        """The levers after the instrument has moved its own."""
        if not self.open:
            return levers
        self._columns(levers)
        return levers.with_(
            self.scheme.name,
            guarantee=self.guarantee,
            guarantee_paid=add(levers.guarantee_paid, self.insured * unknowns[1]),
            premium=add(levers.premium, unknowns[0] * self.paid_by_firm),
            paperwork=self.paperwork,
            cover_limit=self.limit_of_loan,
        )

    def _pool(self, credit: Credit) -> tuple[float, ClaimPool]:
        """Insured lending (CNY million) and the claims on the insurer."""
        rows, share = self.rows, self.scheme.p["share"]
        lending = float((credit.part("covered_loan", rows) * credit.mass[rows]).sum())
        pool = ClaimPool(
            share * credit.part("covered_loss_if_default", rows),
            share * credit.part("covered_loss", rows),
            credit.mass[rows],
            self.year.state.revenue[rows],
            self.scheme.correlation,
        )
        return lending, pool

    def respond(self, credit: Credit, unknowns: Array) -> Array:
        """The unknowns that the market's answer implies.

        premium = admin cost + (1 + loading) x expected claims that are paid, per unit insured, within [premium_floor,
        premium_cap]; paid share = E min(C(z), cap x premium income) / E C(z). What is left unpaid is offered to a fund.
        """
        if not self.open:
            return unknowns
        p = self.scheme.p
        lending, pool = self._pool(credit)
        if lending <= 0 or pool.expected <= 0:
            return np.array([p["premium_cap"], 1.0])
        payable = p["payout_cap"] * float(unknowns[0]) * lending
        by_state = pool.by_state()
        paid = float(np.minimum(by_state, payable).mean())
        credit.left_unpaid.append((np.maximum(by_state - payable, 0.0), pool.expected))
        premium = p["admin_cost"] + (1 + p["loading"]) * paid / lending
        return np.array([np.clip(premium, p["premium_floor"], p["premium_cap"]), paid / pool.expected])

    def close(self, credit: Credit, unknowns: Array) -> Outcome:
        """Costs and per-firm results of the year."""
        if not self.open:
            return Outcome()
        p, z = self.scheme.p, self.year.z
        lending, pool = self._pool(credit)
        premium = float(unknowns[0]) * lending
        payable = p["payout_cap"] * premium
        claims = pool.by_state() if z is None else pool.claims(z)
        paid = float(np.minimum(claims, payable).mean()) if len(claims) else 0.0
        on = np.zeros(len(credit.mass))
        on[self.rows] = 1.0
        return Outcome(
            transfers=(
                Transfer("insurance premiums", "borrowers", "insurers", premium * (1 - p["premium_subsidy"])),
                Transfer("insurance premium subsidies", "public", "insurers", premium * p["premium_subsidy"]),
                Transfer("claims on insurers", "insurers", "lenders", paid),
                Transfer("insurers' administration", "insurers", "resources", p["admin_cost"] * lending),
            ),
            facts={
                "insured lending": lending,
                "premium": float(unknowns[0]),
                "share of claims paid": paid / float(claims.mean()) if claims.mean() > 0 else 1.0,
                "claims promised": float(claims.mean()),
            },
            loan=credit["covered_loan"] * on,
            deadweight=credit["covered_deadweight"] * on,
        )
