"""Science and technology innovation fund (article 13): grants to innovative firms, and a certificate that lenders can read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.instruments.base import (
    TURN,
    Instrument,
    Queue,
    Steady,
    Transfer,
    Year,
    draw,
    number_of_firms,
    reached,
)
from sme_analysis.market.credit import chunked_sum

Array = npt.NDArray[np.float64]


class InnovationFund(Instrument):
    """Grants go round among certified firms within the year's budget; a certificate raises the precision of scores."""

    name: ClassVar[str] = "innovation_fund"
    articles: ClassVar[tuple[int, ...]] = (13,)

    def __init__(self, firms: pd.DataFrame, parameters: Mapping[str, Any]) -> None:
        super().__init__(firms, parameters)
        self.certified = reached(firms, self) & firms["innovative"].to_numpy(dtype=bool)
        self.u = draw(firms, "innovation_grant")
        self.precision = np.where(self.certified, self.p["certification_precision"], 0.0)

    def open(self, year: Year, memory: Any = None) -> Steady:
        """Open a year of the instrument."""
        p, state = self.p, year.state
        queue = Queue((self.u + year.index * TURN) % 1.0, self.certified)
        price = p["grant_size"] * state.weight
        budget = p["budget"] * year.share
        place = queue.close_at(price[queue.rows], budget) if budget > 0 else 0.0
        granted = queue.enrolled(place)
        grant = p["grant_size"] * granted
        certified = number_of_firms(self, year, self.certified)
        return Steady(
            self.name,
            {
                "precision": self.precision,
                "own_funds": grant,
                "quality": -p["grant_quality_effect"] * grant / state.need,
            },
            (
                Transfer("innovation grants", "public", "borrowers", chunked_sum(granted * price)),
                Transfer(
                    "certification",
                    "public",
                    "resources",
                    p["certification_cost"] * certified * year.share,
                ),
            ),
            {"certified firms": certified, "firms with a grant": number_of_firms(self, year, granted)},
            share=granted * year.share,
        )
