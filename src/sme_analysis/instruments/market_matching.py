"""Orders from large firms and public bodies (articles 19, 20 and 21): suppliers grow faster, and so does the credit they seek."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from sme_analysis.instruments.base import Instrument, Steady, Transfer, Year, number_of_firms, reached


class MarketMatching(Instrument):
    """Adds to the growth of firms that are matched with a large buyer or a public one."""

    name: ClassVar[str] = "market_matching"
    articles: ClassVar[tuple[int, ...]] = (19, 20, 21)

    def __init__(self, firms: pd.DataFrame, parameters: Mapping[str, Any]) -> None:
        super().__init__(firms, parameters)
        self.matched = reached(firms, self)

    def open(self, year: Year, memory: Any = None) -> Steady:
        """Open a year of the instrument."""
        return Steady(
            self.name,
            {"growth": np.where(self.matched, self.p["growth"] * year.share, 0.0)},
            (Transfer("matching events", "public", "resources", self.p["operating_cost"] * year.share),),
            {"matched firms": number_of_firms(self, year, self.matched)},
        )
