"""What a search for a mix may set: settings with their ranges, checked against the catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sme_analysis.errors import InputErrors, Problem
from sme_analysis.instruments import INSTRUMENTS
from sme_analysis.scenario import Catalogue, Parameters, load_catalogue
from sme_analysis.scenario.units import NUMERIC_UNITS, UnitError, nearest

# An instrument is in force while one key of each of its groups is above zero; at zero it is switched off, cost and all.
ON_WHILE: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "special_fund": (("budget",),),
    "innovation_fund": (("budget",),),
    "credit_incentive": (("reward",), ("annual_cap",)),
    "relending": (("quota",), ("most",)),
    "risk_compensation": (
        ("loss_share", "first_loan_bonus", "guaranteed_share", "guarantor_share", "excess_share"),
        ("fund", "appropriation"),
    ),
    "loan_guarantee": (("share",), ("capital",)),
    "loan_insurance": (("share",), ("payout_cap",)),
}
MONEY = ("budget", "annual_cap", "fund", "appropriation", "capital", "quota")
# From nothing to what has been seen elsewhere: the upper end of each record's distribution.
DEFAULT_KEYS = (
    "special_fund.budget",
    "special_fund.interest_subsidy",
    "special_fund.grant_share",
    "innovation_fund.budget",
    "credit_incentive.reward",
    "credit_incentive.annual_cap",
    "risk_compensation.loss_share",
    "risk_compensation.fund",
    "risk_compensation.appropriation",
    "risk_compensation.leverage",
    "loan_guarantee.capital",
    "loan_guarantee.premium_subsidy",
    "loan_insurance.share",
    "loan_insurance.premium_subsidy",
)
NOT_FROM_ZERO = ("special_fund.interest_subsidy", "risk_compensation.leverage")
SNAP = 1e-3  # of a setting's range: so close to zero an instrument is off


@dataclass(frozen=True)
class Setting:
    """One thing that the search may set, between `low` and `high` (inner units)."""

    key: str
    low: float
    high: float

    @property
    def instrument(self) -> str:
        """The instrument that it belongs to."""
        return self.key.partition(".")[0]

    @property
    def money(self) -> bool:
        """Whether it is an amount that is set aside or the most that is spent."""
        return self.key.rpartition(".")[2] in MONEY

    @property
    def intensity(self) -> bool:
        """Whether its instrument is off where it is zero, alone or with others."""
        return any(self.key.rpartition(".")[2] in group for group in ON_WHILE.get(self.instrument, ()))

    def at(self, x: float) -> float:
        """The setting at a place x in [0, 1] of its range; exactly the end close to one."""
        inside = 0.0 if x < SNAP else (1.0 if x > 1 - SNAP else float(x))
        return self.high if inside == 1.0 else self.low + inside * (self.high - self.low)


def default_space(catalogue: Catalogue | None = None) -> tuple[Setting, ...]:
    """What the search sets where the user names nothing else."""
    records = load_catalogue() if catalogue is None else catalogue
    found = []
    for key in DEFAULT_KEYS:
        seen = records[key].distribution
        low, high = (0.0, records[key].value) if seen is None else (seen.low, seen.high)
        if key == "special_fund.interest_subsidy":  # the model takes no subsidy beyond the reference rate
            least = records["market.reference_rate"].distribution
            high = min(high, least.low if least is not None else high)
        found.append(Setting(key, float(low) if key in NOT_FROM_ZERO else 0.0, float(high)))
    return tuple(found)


def read_space(
    space: Mapping[str, Sequence[Any]] | None, catalogue: Catalogue | None = None
) -> tuple[Setting, ...]:
    """Check what a search may set.

    Parameters
    ----------
    space : catalogue key -> [lowest, highest] as in a scenario file ("30%", "80m"), or None for `default_space`

    Raises
    ------
    InputErrors : a key is unknown, not decided by the policy maker, not of an instrument, or its range is none or beyond what
        is allowed; all of it at once
    """
    records = load_catalogue() if catalogue is None else catalogue
    if space is None:
        return default_space(records)
    decided = [
        key for key, r in records.items() if r.decision and r.unit in NUMERIC_UNITS and r.group in INSTRUMENTS
    ]
    problems, found = [], []
    if not space:
        problems.append(Problem("space", "nothing", "at least one catalogue key with its [lowest, highest]"))
    for key, bounds in space.items():
        where = f"space, {key}"
        if key not in records:
            problems.append(
                Problem(where, "an unknown parameter", "a key of the catalogue", records.suggest(key))
            )
            continue
        record = records[key]
        if key not in decided:
            what = "not an amount or share" if record.unit not in NUMERIC_UNITS else "not an instrument's"
            given = what if record.decision else "a parameter that nobody decides on (`decision` is not set)"
            near = [k for k in decided if k.startswith(f"{record.group}.")]
            hint = f"of this group: {', '.join(near)}" if near else nearest(key, decided)
            problems.append(Problem(where, given, "a number that the policy maker sets", hint))
            continue
        if not isinstance(bounds, list | tuple) or len(bounds) != 2:
            hint = f"[{record.show(record.low)}, {record.show(record.value)}]"
            problems.append(
                Problem(where, f"{bounds!r:.60}", "a list of two values, [lowest, highest]", hint)
            )
            continue
        ends = []
        for value in bounds:
            try:
                ends.append(float(record.parse(value)))
            except UnitError as error:
                problems.append(Problem(where, error.given, error.allowed, error.hint))
        if len(ends) == 2 and not ends[0] < ends[1]:
            given = f"{record.show(ends[0])} to {record.show(ends[1])}"
            problems.append(
                Problem(where, given, "a lowest value below the highest", "swap them, or set it in `changes`")
            )
        elif len(ends) == 2:
            found.append(Setting(key, *ends))
    if problems:
        raise InputErrors(problems)
    return tuple(found)


def settings_at(space: Sequence[Setting], place: Sequence[float]) -> dict[str, Any]:
    """The catalogue's values at a place of the space; an instrument without intensity is switched off."""
    found: dict[str, Any] = {s.key: s.at(x) for s, x in zip(space, place, strict=True)}
    return found


def switches(parameters: Parameters, settings: Mapping[str, Any]) -> dict[str, bool]:
    """Switches of the instruments that have settings: off where a needed intensity is zero."""
    off = {}
    for name in dict.fromkeys(key.partition(".")[0] for key in settings if not key.endswith(".active")):
        for group in ON_WHILE.get(name, ()):
            keys = [f"{name}.{key}" for key in group]
            if all(settings.get(key, parameters[key]) == 0 for key in keys):
                off[f"{name}.active"] = False
    return off
