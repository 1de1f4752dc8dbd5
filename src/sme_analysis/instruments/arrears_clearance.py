"""Clearance of arrears (article 25): public bodies and large firms pay what they owe; firms need less credit and default less."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.instruments.base import (
    Instrument,
    Outcome,
    Steady,
    Transfer,
    Year,
    number_of_firms,
    reached,
)
from sme_analysis.market.credit import Credit, chunked_sum, value_per_unit
from sme_analysis.market.environment import arrears_effects

Array = npt.NDArray[np.float64]


class Clearance(Steady):
    """A year of the clearance; what credit it takes the place of is known once the market is solved."""

    met: Array  # need that receivables meet, CNY million a firm

    def close(self, credit: Credit, unknowns: Array) -> Outcome:
        """Payments and facts; the credit replaced is what firms would have borrowed of the need that is met."""
        outcome = super().close(credit, unknowns)
        per_need = np.divide(
            credit["loan0"], credit.need, out=np.zeros_like(credit.need), where=credit.need > 0
        )
        replaced = chunked_sum(per_need * self.met * credit.mass)
        return Outcome(outcome.transfers, {**outcome.facts, "credit replaced by receivables": replaced})


class ArrearsClearance(Instrument):
    """A share of the receivables past their due date is paid each year while the clearance lasts."""

    name: ClassVar[str] = "arrears_clearance"
    articles: ClassVar[tuple[int, ...]] = (25,)

    def __init__(self, firms: pd.DataFrame, parameters: Mapping[str, Any]) -> None:
        super().__init__(firms, parameters)
        self.firms = firms[["need"]]
        self.served = reached(firms, self, aware=False)

    def _cleared(self, year: Year) -> Array:
        return np.where(self.served, self.p["cleared_share"], 0.0) * year.environment.overdue * year.share

    def need_factor(self, year: Year) -> Array | None:
        """Firms that are paid need less working capital."""
        return arrears_effects(self.firms, self.parameters, -self._cleared(year))[0]

    def open(self, year: Year, memory: Any = None) -> Steady:
        """Open a year of the instrument.

        What firms that ask for credit no longer seek is worth to them what credit in full would be; debtors bear the cost of
        funds on what they pay sooner.
        """
        cleared = self._cleared(year)
        factor, safer = arrears_effects(self.firms, self.parameters, -cleared)
        met = year.state.need * (1 / factor - 1)  # the need of the year is after the clearance
        liquidity = value_per_unit(self.parameters) * chunked_sum(met * year.state.weight * self.asks)
        carried = self.parameters["market.funding_cost"] * chunked_sum(cleared * year.state.weight)
        opened = Clearance(
            self.name,
            {"quality": safer},
            (
                Transfer("need met by receivables paid", "value", "borrowers", liquidity),
                Transfer("cost of paying sooner", "debtors", "resources", carried),
            ),
            {
                "arrears cleared, paid by debtors": chunked_sum(cleared * year.state.weight),
                "firms paid": number_of_firms(self, year, self.served),
            },
        )
        opened.met = met
        return opened
