"""Receivables-finance platform (articles 19 and 20): suppliers pledge what large buyers owe them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from sme_analysis.instruments.base import Instrument, Steady, Transfer, Year, number_of_firms, reached


class ReceivablesPlatform(Instrument):
    """Receivables confirmed by the buyer count as collateral at the advance rate."""

    name: ClassVar[str] = "receivables_platform"
    articles: ClassVar[tuple[int, ...]] = (19, 20)

    def __init__(self, firms: pd.DataFrame, parameters: Mapping[str, Any]) -> None:
        super().__init__(firms, parameters)
        self.on_platform = reached(firms, self)

    def open(self, year: Year, memory: Any = None) -> Steady:
        """Open a year of the instrument: own_funds += advance rate x receivables share x revenue."""
        p = self.p
        pledged = np.where(self.on_platform, p["advance_rate"] * p["receivables_share"], 0.0)
        return Steady(
            self.name,
            {"own_funds": pledged * year.state.revenue * year.share},
            (Transfer("platform", "public", "resources", p["operating_cost"] * year.share),),
            {"firms on the platform": number_of_firms(self, year, self.on_platform)},
        )
