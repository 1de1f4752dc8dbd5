"""What every instrument has in common: its year, eligibility, closing when a budget binds, and who pays whom."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.market.credit import Credit, State, chunked_sum
from sme_analysis.market.environment import Environment
from sme_analysis.market.levers import NO_LEVERS, Levers

Array = npt.NDArray[np.float64]
Rows = npt.NDArray[np.bool_]

TURN = 0.6180339887498949  # grants go round: each year the queue starts elsewhere, evenly spread
# Who pays and receives. `public` is the prefecture's budget with its funds; `province and nation` takes in the central bank;
# `debtors` owe firms money; `resources` are costs of work and capital, `lost` what default destroys.
PARTIES = (
    "borrowers",
    "lenders",
    "guarantors",
    "insurers",
    "province and nation",
    "debtors",
    "public",
    "resources",
    "lost",
)


class Transfer(NamedTuple):
    """Money that passes in a year, CNY million: what for, from whom, to whom."""

    line: str
    payer: str
    receiver: str
    amount: float


@dataclass(frozen=True)
class Year:
    """A policy year as an instrument sees it.

    Attributes
    ----------
    index : 0 for the first policy year; `share` : part of the year in which the policy is in force (0..1]
    state : weights, needs and revenues of the firms
    lending_before, served_before : weighted bank lending (CNY million) and share served by banks, by firm, before the policy
    environment : the realised macro state and shocks of the year
    """

    index: int
    share: float
    state: State
    lending_before: Array
    served_before: Array
    environment: Environment

    @property
    def z(self) -> float | None:
        """Realised macro state of the year, or None on the expected path."""
        return self.environment.z


@dataclass(frozen=True)
class Outcome:
    """An instrument's year.

    Attributes
    ----------
    transfers : every payment that the instrument makes or causes, on loans of the year
    facts : other figures worth reporting, in the unit that the name says (CNY million, number of firms, a share)
    loan, deadweight : expected values a firm that asks (CNY million): lending under the programme, and what the same firms
        would have borrowed on the counterfactual terms; None where no lending is under the instrument
    memory : what the instrument needs to know next year
    """

    transfers: Sequence[Transfer] = ()
    facts: Mapping[str, float] = field(default_factory=dict)
    loan: Array | None = None
    deadweight: Array | None = None
    memory: Any = None

    @property
    def lines(self) -> dict[str, float]:
        """Flows of public money by line, CNY million: costs positive, income negative."""
        flows: dict[str, float] = {}
        for line, payer, receiver, amount in self.transfers:
            if "public" in (payer, receiver):
                flows[line] = flows.get(line, 0.0) + (amount if payer == "public" else -amount)
        return flows


class OpenYear:
    """An instrument in one year. `unknowns` (each between 0 and 1) are found together with the market."""

    stiff = False  # the first unknown falls where it is assumed high: may need bracketing
    unknowns: Array = np.zeros(0)

    def start_from(self, unknowns: Array) -> None:
        """Take last year's solution as the first guess where it makes sense."""
        self.unknowns = unknowns

    def levers(self, levers: Levers, unknowns: Array) -> Levers:
        """The levers after this instrument has moved its own."""
        return levers

    def respond(self, credit: Credit, unknowns: Array) -> Array:
        """The unknowns that the market's answer implies; a fixed point in equilibrium."""
        return unknowns

    def close(self, credit: Credit, unknowns: Array) -> Outcome:
        """Costs and per-firm results of the year once the equilibrium is found."""
        return Outcome()


class Instrument:
    """A policy instrument bound to a firm table and parameters.

    A subclass in a module of this package is an instrument: it is found by its `name`, the group of its parameters.

    Attributes
    ----------
    name : group of its parameters; `articles` : articles of the regulation that it carries out
    stage : instruments act on the levers in the order of stages; a fund that backs what others bear comes after them
    p : its parameters by the part of the key after the group; `kept` : trust in public promises
    shares_risk : whether it enrols loans in risk sharing; `sharing` : the rows that it may enrol, or None
    acts_in_shocks_only : whether it is idle in a year without a shock
    """

    name: ClassVar[str] = ""
    articles: ClassVar[tuple[int, ...]] = ()
    stage: ClassVar[int] = 0
    shares_risk: ClassVar[bool] = False
    acts_in_shocks_only: ClassVar[bool] = False
    sharing: Rows | None = None

    def __init__(self, firms: pd.DataFrame, parameters: Mapping[str, Any]) -> None:
        prefix = f"{self.name}."
        self.p = {k[len(prefix) :]: v for k, v in parameters.items() if k.startswith(prefix)}
        self.parameters = parameters
        self.kept = parameters["policy_credibility.kept"]
        self.weight = firms["weight"].to_numpy(dtype=float)
        self.asks = (firms["wants"] * firms["applies"]).to_numpy(dtype=float)

    def open(self, year: Year, memory: Any = None) -> OpenYear:
        """Open a year, given what the instrument remembers of the one before (None in the first)."""
        raise NotImplementedError

    def need_factor(self, year: Year) -> Array | None:
        """Factor on the credit that firms seek this year, or None for no change."""
        return None


class Steady(OpenYear):
    """A year whose levers and cost do not depend on the market: columns moved, transfers and facts known at the start."""

    def __init__(
        self,
        name: str,
        columns: Mapping[str, Any],
        transfers: Sequence[Transfer] = (),
        facts: Mapping[str, float] | None = None,
        share: Array | None = None,
    ) -> None:
        self.name, self.columns, self.transfers = name, columns, transfers
        self.facts, self.share = facts or {}, share

    def levers(self, levers: Levers, unknowns: Array) -> Levers:
        """The levers after this instrument has moved its own: shifts are added, factors multiplied."""
        moved = {}
        for name, column in self.columns.items():
            before, plain = getattr(levers, name), getattr(NO_LEVERS, name)
            if np.isscalar(before) and before == plain:
                moved[name] = column
            else:
                moved[name] = before * column if plain == 1.0 else before + column
        return levers.with_(self.name, **moved)

    def close(self, credit: Credit, unknowns: Array) -> Outcome:
        """Costs and per-firm results of the year."""
        if self.share is None:
            return Outcome(self.transfers, self.facts)
        return Outcome(self.transfers, self.facts, self.share * credit.loan, self.share * credit["loan0"])


def eligible(firms: pd.DataFrame, settings: Mapping[str, Any]) -> Rows:
    """Firms that an instrument admits: by size class, tag (none named: all), legal form (article 2: enterprises), standing.

    Firms that a rating has put in bad standing (article 18, column `in_good_standing`) are admitted to nothing.
    """
    sizes = settings["eligible_sizes"]
    ok = among(firms["size_class"], sizes)
    if not settings.get("individual_businesses", False):
        ok = ok & among(firms["legal_form"], ["enterprise"])
    tags = settings.get("eligible_tags", ())
    if tags:
        ok = ok & firms[list(tags)].to_numpy(dtype=bool).any(axis=1)
    if "in_good_standing" in firms:
        ok = ok & firms["in_good_standing"].to_numpy(dtype=bool)
    return np.asarray(ok, dtype=bool)


def among(column: pd.Series, names: Sequence[str]) -> Rows:
    """Rows of a categorical column that hold one of the names, by its codes."""
    wanted = np.array([name in names for name in column.cat.categories], dtype=bool)
    codes: npt.NDArray[np.integer[Any]] = column.cat.codes.to_numpy()
    return np.asarray(wanted[codes], dtype=np.bool_)


def awareness(parameters: Mapping[str, Any]) -> float:
    """Share of firms that know of the programmes, with the publicity of articles 8 and 31 or without it."""
    known = "awareness" if parameters["service_efficiency.active"] else "awareness_without"
    return float(parameters[f"service_efficiency.{known}"])


def draw(firms: pd.DataFrame, name: str) -> Array:
    """The fixed draw u in [0, 1) of each firm for a programme: column `u_<name>`, or a hash of `firm_id` without it.

    The hash is splitmix64 of the id mixed with the name, so that a user's own table needs no such columns.
    """
    column = f"u_{name}"
    if column in firms:
        return firms[column].to_numpy(dtype=float)
    with np.errstate(over="ignore"):
        x = firms["firm_id"].to_numpy(dtype=np.int64).astype(np.uint64)
        x = x * np.uint64(0x9E3779B97F4A7C15) + np.uint64(zlib.crc32(column.encode()))
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x = x ^ (x >> np.uint64(31))
    u: Array = (x >> np.uint64(11)).astype(np.float64) / 2.0**53
    return u


def reached(firms: pd.DataFrame, instrument: Instrument, *, aware: bool = True) -> Rows:
    """Eligible firms that take part: u < participation x awareness."""
    share = instrument.p["participation"] * (awareness(instrument.parameters) if aware else 1.0)
    rows: Rows = eligible(firms, instrument.p) & (draw(firms, instrument.name) < share)
    return rows


def number_of_firms(instrument: Instrument, year: Year, rows: Rows | Array) -> float:
    """Weighted number of firms among `rows` (a mask, or the share of each)."""
    return chunked_sum(year.state.weight * rows)


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
