"""Emergency support (article 26): in a year of crisis deferrals take a part of the shock off the firms that are hit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.instruments.base import Instrument, Steady, Transfer, Year, number_of_firms, reached
from sme_analysis.market.credit import chunked_sum

Array = npt.NDArray[np.float64]


class EmergencyRelief(Instrument):
    """Fees and contributions are deferred in a shock year; outside one the instrument does nothing."""

    name: ClassVar[str] = "emergency_relief"
    articles: ClassVar[tuple[int, ...]] = (26,)
    acts_in_shocks_only: ClassVar[bool] = True

    def __init__(self, firms: pd.DataFrame, parameters: Mapping[str, Any]) -> None:
        super().__init__(firms, parameters)
        self.relieved = reached(firms, self)

    def open(self, year: Year, memory: Any = None) -> Steady:
        """Open a year of the instrument.

        Cost: the interest on what is deferred, deferred share x revenue x cost of funds x months / 12.
        """
        if not year.environment.shock:
            return Steady(self.name, {})
        p = self.p
        deferred = np.where(self.relieved, p["deferred_share"], 0.0) * year.state.revenue * year.share
        amount = chunked_sum(deferred * year.state.weight)
        cost = amount * self.parameters["market.funding_cost"] * p["deferral"]
        relief = -p["offset"] * np.maximum(year.environment.quality, 0.0) * self.relieved * year.share
        return Steady(
            self.name,
            {"quality": relief},
            (Transfer("interest on deferred fees", "public", "borrowers", cost),),
            {"fees deferred": amount, "relieved firms": number_of_firms(self, year, self.relieved)},
        )
