"""Credit management and rating of firms (article 18): lenders know more of rated firms, at a lower cost a loan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.instruments.base import Instrument, Rows, Steady, Transfer, Year, number_of_firms, reached

Array = npt.NDArray[np.float64]


def _rated(firms: pd.DataFrame, instrument: Instrument) -> Rows:
    return reached(firms.drop(columns="in_good_standing", errors="ignore"), instrument, aware=False)


def standing(firms: pd.DataFrame, parameters: Mapping[str, Any]) -> Rows:
    """Firms in good standing: all but the rated firms whose grade lies in the lowest `excluded_share` of the rated.

    The grade is what a lender with the rating sees: quality plus the noise that the rating leaves,
    sigma sqrt((1 - rho)/rho) epsilon with rho the bank's precision and the rating's.
    """
    rating = CreditRating(firms, parameters)
    rho = min(parameters["bank.precision"] + rating.p["precision"], 1 - 1e-6)
    noise = parameters["firms.quality_spread"] * np.sqrt((1 - rho) / rho)
    grade = firms["quality"].to_numpy(dtype=float) + noise * firms["score_noise"].to_numpy(dtype=float)
    order = np.flatnonzero(rating.rated)[np.argsort(-grade[rating.rated], kind="stable")]
    weight = firms["weight"].to_numpy(dtype=float)
    through = np.cumsum(weight[order])
    good = np.ones(len(firms), dtype=bool)
    if len(order):
        # a grade belongs to the excluded where the firms up to and with it are no more than the share
        edge = rating.p["excluded_share"] * through[-1] * (1 + 1e-12)
        worst = pd.Series(through).groupby(-grade[order]).transform("max").to_numpy()
        good[order[worst <= edge]] = False
    return good


class CreditRating(Instrument):
    """Ratings raise the precision of lenders' scores and lower the fixed cost of a loan to rated firms."""

    name: ClassVar[str] = "credit_rating"
    articles: ClassVar[tuple[int, ...]] = (18,)

    def __init__(self, firms: pd.DataFrame, parameters: Mapping[str, Any]) -> None:
        super().__init__(firms, parameters)
        self.rated = _rated(firms, self)
        self.precision = np.where(self.rated, self.p["precision"], 0.0)
        self.cost_factor = np.where(self.rated, 1 - self.p["fixed_cost_saving"], 1.0)

    def open(self, year: Year, memory: Any = None) -> Steady:
        """Open a year of the instrument."""
        firms = number_of_firms(self, year, self.rated)
        cost = self.p["cost_per_firm"] * firms * year.share
        return Steady(
            self.name,
            {"precision": self.precision, "fixed_cost_factor": self.cost_factor},
            (Transfer("rating of firms", "public", "resources", cost),),
            {"rated firms": firms},
        )
