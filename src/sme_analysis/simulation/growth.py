"""From year to year: firms close and start, and what they need grows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.market.credit import Credit, Market, State
from sme_analysis.market.levers import Levers

Array = npt.NDArray[np.float64]
SIZES = ("micro", "small", "medium")


class Growth:
    """From year to year: exit, entry and the growth of need and revenue with access to credit (section 7)."""

    def __init__(self, firms: pd.DataFrame, parameters: Mapping[str, Any], market: Market) -> None:
        self.p, self.quality = parameters, market.quality
        self.code = np.select([firms["size_class"] == name for name in SIZES], range(len(SIZES)))
        self.first = market.initial.weight
        self.first_mass = np.bincount(self.code, self.first, len(SIZES))
        self.asks = market.asks

    def funded_mean(self, credit: Credit, state: State) -> Array:
        """Mean expected funded share of a firm's need on the no-policy path, by size class."""
        funded = credit.loan / credit.need
        mass = np.bincount(self.code, state.weight, len(SIZES))
        mean: Array = np.bincount(self.code, state.weight * funded, len(SIZES)) / np.where(
            mass > 0, mass, 1.0
        )
        return mean

    def next(self, state: State, credit: Credit, normal: Array, levers: Levers) -> State:
        """The state of the following year: exit = exit0 + exit1 p, entry restores the class, need and revenue grow.

        The levers on exit, entry and growth act here.
        """
        p = self.p
        loan = credit.loan
        default = credit["bank_default"] + credit["micro_default"]
        base = 1 / (1 + np.exp(-self.quality))
        served = np.minimum(credit["bank_served"] + credit["micro_served"], 1.0)
        pd_ = (1 - served) * base + served * np.divide(default, loan, out=base.copy(), where=loan > 0)
        mass = np.bincount(self.code, state.weight, len(SIZES))
        entrants = (
            p["firms.entry"]
            * (mass / np.where(self.first_mass > 0, self.first_mass, 1.0))[self.code]
            * self.first
            * levers.entry_factor
        )
        leaving = (p["firms.exit_base"] + p["firms.exit_default_slope"] * pd_) * levers.exit_factor
        weight = state.weight * (1 - leaving) + entrants
        funded = loan / credit.need
        growth = 1 + p["firms.growth"] + levers.growth
        growth = growth + p["firms.growth_funding_effect"] * (funded - normal[self.code])
        return State(weight, state.need * growth, state.revenue * growth)
