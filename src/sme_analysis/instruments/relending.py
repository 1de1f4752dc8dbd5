"""Re-lending (article 15): banks refinance a part of their small loans below their cost of funds, up to a quota."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.instruments.base import Instrument, OpenYear, Outcome, Transfer, Year, eligible
from sme_analysis.market.credit import Credit, chunked_sum
from sme_analysis.market.levers import Levers, add

Array = npt.NDArray[np.float64]


class Relending(Instrument):
    """Cheaper refinancing of loans to eligible firms: it lowers the cost of each by the share refinanced."""

    name: ClassVar[str] = "relending"
    articles: ClassVar[tuple[int, ...]] = (15,)

    def __init__(self, firms: pd.DataFrame, parameters: Mapping[str, Any]) -> None:
        super().__init__(firms, parameters)
        self.ok = eligible(firms, self.p).astype(float)
        self.spread = max(parameters["market.funding_cost"] - self.p["rate"], 0.0)

    def open(self, year: Year, memory: Any = None) -> RelendingYear:
        """Open a year of the instrument."""
        return RelendingYear(self, year)


class RelendingYear(OpenYear):
    """One year of re-lending; the unknown is the share of eligible loans that the quota refinances."""

    def __init__(self, relending: Relending, year: Year) -> None:
        self.relending, self.year = relending, year
        self.unknowns = np.array([relending.p["most"]])

    def levers(self, levers: Levers, unknowns: Array) -> Levers:
        """The levers after the instrument has moved its own."""
        r = self.relending
        cheaper = r.spread * float(unknowns[0]) * r.kept * r.ok
        return levers.with_(r.name, bank_reward=add(levers.bank_reward, cheaper))

    def respond(self, credit: Credit, unknowns: Array) -> Array:
        """The unknowns that the market's answer implies: refinanced share = min(most, quota / eligible lending)."""
        p, lending = self.relending.p, self._lending(credit)
        return np.array([min(p["most"], p["quota"] * self.year.share / lending) if lending > 0 else 0.0])

    def _lending(self, credit: Credit) -> float:
        return chunked_sum(credit["bank_loan"] * credit.mass * self.relending.ok)

    def close(self, credit: Credit, unknowns: Array) -> Outcome:
        """Costs and per-firm results of the year; the central bank bears what the locality does not."""
        r = self.relending
        refinanced = float(unknowns[0]) * self._lending(credit) * self.year.share
        cost = r.spread * refinanced
        local = cost * r.p["local_share"]
        return Outcome(
            transfers=(
                Transfer("re-lending spread", "public", "lenders", local),
                Transfer("re-lending spread, central bank", "province and nation", "lenders", cost - local),
            ),
            facts={"refinanced lending": refinanced, "refinanced share": float(unknowns[0])},
        )
