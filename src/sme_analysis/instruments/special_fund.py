"""Special development fund (articles 7, 9, 11, 12, 14): interest subsidies and grants within a yearly budget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.instruments.base import (
    TURN,
    Instrument,
    OpenYear,
    Outcome,
    Queue,
    Transfer,
    Year,
    awareness,
    draw,
    eligible,
)
from sme_analysis.market.credit import Credit, chunked_sum
from sme_analysis.market.levers import Levers, add

Array = npt.NDArray[np.float64]


class SpecialFund(Instrument):
    """Interest subsidy on the loans of enrolled firms, grants to others, each within its part of the budget.

    Firms of a kind in `priority_tags` stand first in both queues; firms of the circular economy (article 12) may get a higher
    subsidy.
    """

    name: ClassVar[str] = "special_fund"
    articles: ClassVar[tuple[int, ...]] = (7, 9, 11, 12, 14, 19, 20)

    def __init__(self, firms: pd.DataFrame, parameters: Mapping[str, Any]) -> None:
        super().__init__(firms, parameters)
        self.reach = self.p["participation"] * awareness(parameters)
        self.ok = eligible(firms, self.p)
        self.u = draw(firms, "special_fund")
        self.u_grant = draw(firms, "grant")
        tags = list(self.p["priority_tags"])
        first = firms[tags].to_numpy(dtype=bool).any(axis=1) if tags else np.ones(len(firms), dtype=bool)
        self.later = np.where(first, 0.0, 1.0)
        self.extra = self.p["circular_extra"] * firms["circular"].to_numpy(dtype=float)

    def open(self, year: Year, memory: Any = None) -> SpecialFundYear:
        """Open a year of the instrument."""
        return SpecialFundYear(self, year)


class SpecialFundYear(OpenYear):
    """One year of the special fund; the unknown is the place where the queue for subsidies closes."""

    def __init__(self, fund: SpecialFund, year: Year) -> None:
        self.fund, self.year = fund, year
        p, need = fund.p, year.state.need
        budget = p["budget"] * year.share
        self.subsidy_budget = budget * (1 - p["grant_share"])
        self.rate = np.minimum(p["interest_subsidy"] + fund.extra, p["subsidy_cap"] / need)
        if self.subsidy_budget <= 0:
            self.rate = np.zeros_like(need)
        self.queue = Queue(fund.u + fund.later, fund.ok & (fund.u < fund.reach) & (self.rate > 0))
        turned = (fund.u_grant + year.index * TURN) % 1.0
        queue = Queue(turned + fund.later, fund.ok & (turned < fund.reach))
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
            transfers=(
                Transfer("interest subsidies", "public", "borrowers", subsidy),
                Transfer("grants", "public", "borrowers", self.grants_paid),
            ),
            facts={
                "subsidised firms": chunked_sum(share * self.mass),
                "subsidised lending": chunked_sum(subsidised),
                "granted firms": chunked_sum(self.granted * self.year.state.weight),
                "queue closes at": float(unknowns[0]),
            },
            loan=touched * credit.loan,
            deadweight=touched * credit["loan0"],
        )
