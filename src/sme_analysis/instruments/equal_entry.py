"""Equal entry to markets (article 6): firms start more easily in industries that the negative list leaves open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from sme_analysis.instruments.base import Instrument, Steady, Year, among


class EqualEntry(Instrument):
    """Raises the rate of entry in the industries named."""

    name: ClassVar[str] = "equal_entry"
    articles: ClassVar[tuple[int, ...]] = (6,)

    def __init__(self, firms: pd.DataFrame, parameters: Mapping[str, Any]) -> None:
        super().__init__(firms, parameters)
        self.opened = among(firms["industry"], self.p["industries"])

    def open(self, year: Year, memory: Any = None) -> Steady:
        """Open a year of the instrument."""
        factor = 1 + np.where(self.opened, self.p["entry_increase"], 0.0) * year.share
        return Steady(self.name, {"entry_factor": factor})
