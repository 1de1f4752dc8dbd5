"""Publicity and one-window service (articles 8, 28 and 31): more firms know of the support, and a loan costs less to make."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from sme_analysis.instruments.base import Instrument, Steady, Transfer, Year


class ServiceEfficiency(Instrument):
    """Lowers the fixed cost of every loan; the publicity acts through `awareness`, which scales take-up of the others."""

    name: ClassVar[str] = "service_efficiency"
    articles: ClassVar[tuple[int, ...]] = (8, 28, 31)

    def open(self, year: Year, memory: Any = None) -> Steady:
        """Open a year of the instrument."""
        return Steady(
            self.name,
            {"fixed_cost_factor": np.full(len(self.weight), 1 - self.p["fixed_cost_saving"])},
            (
                Transfer(
                    "service and publicity", "public", "resources", self.p["operating_cost"] * year.share
                ),
            ),
        )
