"""Incubators and start-up parks (article 23): young firms inside close less often."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from sme_analysis.instruments.base import Instrument, Steady, Transfer, Year, number_of_firms, reached


class Incubators(Instrument):
    """Lowers the exit of the young firms that have a place, at a cost a place."""

    name: ClassVar[str] = "incubators"
    articles: ClassVar[tuple[int, ...]] = (23,)

    def __init__(self, firms: pd.DataFrame, parameters: Mapping[str, Any]) -> None:
        super().__init__(firms, parameters)
        self.inside = reached(firms, self) & (firms["age"] < self.p["oldest"]).to_numpy()

    def open(self, year: Year, memory: Any = None) -> Steady:
        """Open a year of the instrument."""
        places = number_of_firms(self, year, self.inside)
        return Steady(
            self.name,
            {"exit_factor": np.where(self.inside, 1 - self.p["exit_reduction"] * year.share, 1.0)},
            (
                Transfer(
                    "incubator places", "public", "resources", self.p["cost_per_place"] * places * year.share
                ),
            ),
            {"firms in incubators": places},
        )
