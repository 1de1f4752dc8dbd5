"""Special development fund (articles 7, 9, 11, 12, 14): interest subsidies and grants within a yearly budget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.instruments.base import Outcome, Queue, Year, eligible
from sme_analysis.market.credit import Credit, chunked_sum
from sme_analysis.market.levers import Levers, add

Array = npt.NDArray[np.float64]
_TURN = 0.6180339887498949  # grants go round: each year the queue starts elsewhere, evenly spread


class SpecialFund:
    """Interest subsidy on the loans of enrolled firms, grants to others, each within its part of the budget."""

    name = "special_fund"

    def __init__(self, firms: pd.DataFrame, parameters: Mapping[str, Any]) -> None:
        self.p = {k.split(".", 1)[1]: v for k, v in parameters.items() if k.startswith("special_fund.")}
        self.kept = parameters["policy_credibility.kept"]
        self.reach = self.p["participation"] * parameters["service_efficiency.awareness"]
        self.ok = eligible(firms, self.p)
        self.u = firms["u_special_fund"].to_numpy(dtype=float)
        self.u_grant = firms["u_grant"].to_numpy(dtype=float)
        self.asks = (firms["wants"] * firms["applies"]).to_numpy(dtype=float)

    def open(self, year: Year, memory: Any = None) -> SpecialFundYear:
        """Open a year of the instrument."""
        return SpecialFundYear(self, year)


class SpecialFundYear:
    """One year of the special fund; the unknown is the place where the queue for subsidies closes."""

    stiff = False

    def __init__(self, fund: SpecialFund, year: Year) -> None:
        self.fund, self.year = fund, year
        p, need = fund.p, year.state.need
        budget = p["budget"] * year.share
        self.subsidy_budget = budget * (1 - p["grant_share"])
        self.rate = np.minimum(p["interest_subsidy"], p["subsidy_cap"] / need)
        if self.subsidy_budget <= 0 or p["interest_subsidy"] <= 0:
            self.rate = np.zeros_like(need)
        self.queue = Queue(fund.u, fund.ok & (fund.u < fund.reach) & (self.rate > 0))
        turned = (fund.u_grant + year.index * _TURN) % 1.0
        queue = Queue(turned, fund.ok & (turned < fund.reach))
        grant_budget = budget * p["grant_share"]
        price = p["grant_size"] * year.state.weight
        self.granted = (
            queue.enrolled(queue.close_at(price[queue.rows], grant_budget))
            if grant_budget > 0
            else np.zeros_like(need)
        )
        self.grant = p["grant_size"] * self.granted
        self.safer = -p["grant_quality_effect"] * self.grant / need
        self.grants_paid = chunked_sum(self.granted * price)
        self.mass = year.state.weight * fund.asks
        self.unknowns = np.ones(1)
        rows = self.queue.rows
        # public cost per unit borrowed; loans made before the policy was in force earn none
        self.full_rate = self.rate[rows] * self.mass[rows] * year.share
        self.cost = self.full_rate * need[rows]

    def start_from(self, unknowns: Array) -> None:
        """Take last year's solution as the first guess."""
        self.unknowns = unknowns

    def levers(self, levers: Levers, unknowns: Array) -> Levers:
        """The levers after the instrument has moved its own."""
        subsidy = self.rate * self.queue.enrolled(float(unknowns[0])) * self.fund.kept
        moved: dict[str, Any] = {"subsidy": add(levers.subsidy, subsidy)}
        if self.grants_paid > 0:
            moved["own_funds"] = add(levers.own_funds, self.grant)
            moved["quality"] = add(levers.quality, self.safer)
        return levers.with_("special_fund", **moved)

    def respond(self, credit: Credit, unknowns: Array) -> Array:
        """The unknowns that the market's answer implies."""
        rows = self.queue.rows
        inside = float(unknowns[0]) * self.queue.places > self.queue.place
        # What a firm outside would cost is known from the pass in which it was last enrolled.
        self.cost = np.where(inside, self.full_rate * credit.loan[rows], self.cost)
        return np.array([self.queue.close_at(self.cost, self.subsidy_budget)])

    def close(self, credit: Credit, unknowns: Array) -> Outcome:
        """Costs and per-firm results of the year."""
        share = self.queue.enrolled(float(unknowns[0]))
        subsidised = self.year.share * share * credit.loan * self.mass
        subsidy = chunked_sum(self.rate * subsidised)
        touched = np.where(self.rate > 0, share, 0.0)
        touched = self.year.share * (touched + (1 - touched) * self.granted)
        return Outcome(
            lines={"interest subsidies": subsidy, "grants": self.grants_paid},
            facts={
                "subsidised firms": chunked_sum(share * self.mass),
                "subsidised lending": chunked_sum(subsidised),
                "granted firms": chunked_sum(self.granted * self.year.state.weight),
                "queue closes at": float(unknowns[0]),
            },
            loan=touched * credit.loan,
            deadweight=touched * credit["loan0"],
        )
