"""What every instrument has in common: eligibility, closing when a budget binds, and its year."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.market.credit import Credit, State
from sme_analysis.market.levers import Levers

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Year:
    """A policy year as an instrument sees it.

    Attributes
    ----------
    index : 0 for the first policy year; `share` : part of the year in which the policy is in force (0..1]
    state : weights, needs and revenues of the firms
    lending_before : weighted bank lending by firm in the year before the policy, CNY million
    z : realised macro state of the year, or None on the expected path
    """

    index: int
    share: float
    state: State
    lending_before: Array
    z: float | None = None


class OpenYear(Protocol):
    """An instrument in one year. `unknowns` are found together with the market."""

    unknowns: Array
    stiff: bool  # the first unknown falls where it is assumed high: may need bracketing

    def start_from(self, unknowns: Array) -> None:
        """Take last year's solution as the first guess where it makes sense."""

    def levers(self, levers: Levers, unknowns: Array) -> Levers:
        """The levers after this instrument has moved its own."""

    def respond(self, credit: Credit, unknowns: Array) -> Array:
        """The unknowns that the market's answer implies; a fixed point in equilibrium."""

    def close(self, credit: Credit, unknowns: Array) -> Outcome:
        """Costs and per-firm results of the year once the equilibrium is found."""


class Instrument(Protocol):
    """A policy instrument bound to a firm table and parameters."""

    name: str

    def open(self, year: Year, memory: Any) -> OpenYear:
        """Open a year, given what the instrument remembers of the one before (None in the first)."""


@dataclass(frozen=True)
class Outcome:
    """An instrument's year: money by line (CNY million), per-firm loans and deadweight under it, memory for next year.

    `lines` are flows of public money (cost positive, income negative) and `facts` other figures worth reporting.
    `loan` and `deadweight` are expected values a firm that asks (CNY million): lending under the programme, and what the
    same firms would have borrowed on the counterfactual terms.
    """

    lines: Mapping[str, float]
    facts: Mapping[str, float]
    loan: Array
    deadweight: Array
    memory: Any = None


def eligible(firms: pd.DataFrame, settings: Mapping[str, Any]) -> npt.NDArray[np.bool_]:
    """Firms that an instrument admits: by size class, by tag (none named: all), by legal form (article 2: enterprises)."""
    sizes = settings["eligible_sizes"]
    ok = firms["size_class"].isin(list(sizes)).to_numpy()
    if not settings.get("individual_businesses", False):
        ok = ok & (firms["legal_form"] == "enterprise").to_numpy()
    tags = settings.get("eligible_tags", ())
    if tags:
        ok = ok & firms[list(tags)].to_numpy(dtype=bool).any(axis=1)
    return np.asarray(ok, dtype=bool)


class Queue:
    """Firms in the order of their fixed draw u; enrolment closes where the budget is reached.

    Firms with equal u stand at one place. A position x of the queue enrols the first floor(x) places whole and the next in
    part, so that spending is continuous in x and a binding budget is met exactly.
    """

    def __init__(self, u: Array, admitted: npt.NDArray[np.bool_]) -> None:
        self.admitted = admitted
        self.rows = np.flatnonzero(admitted)
        values, self.place = np.unique(u[self.rows], return_inverse=True)
        self.places = len(values)

    def enrolled(self, position: float) -> Array:
        """Share of each firm that is enrolled when the queue closes at `position` (0 none, 1 all)."""
        share = np.zeros(len(self.admitted))
        share[self.rows] = np.clip(position * self.places - self.place, 0.0, 1.0)
        return share

    def close_at(self, cost: Array, budget: float) -> float:
        """Position at which the cumulated `cost` of the firms in `rows` (if wholly enrolled) reaches `budget`."""
        by_place = np.bincount(self.place, cost, max(self.places, 1))
        spent = np.cumsum(by_place)
        if not self.places or spent[-1] <= budget:
            return 1.0
        k = int(np.searchsorted(spent, budget))
        before = spent[k - 1] if k else 0.0
        part = (budget - before) / by_place[k] if by_place[k] > 0 else 0.0
        return float((k + part) / self.places)
