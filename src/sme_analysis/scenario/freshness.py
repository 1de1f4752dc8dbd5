"""What is past its date: parameters whose figures were due to be looked at again."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sme_analysis.errors import InputErrors, Problem
from sme_analysis.scenario.catalogue import Catalogue, Record
from sme_analysis.scenario.parameters import Parameters

TODAY_VARIABLE = "SME_ANALYSIS_TODAY"
_NAMED = 3  # in a sentence


@dataclass(frozen=True)
class Overdue:
    """A parameter that was due for review on `review_by`, which is `days` ago."""

    key: str
    label: str
    review_by: dt.date
    days: int


def current_date() -> dt.date:
    """Return the day it is here, or the one that the environment variable `SME_ANALYSIS_TODAY` names.

    For the outermost callers only; everything else takes the day as an argument.

    Returns
    -------
    date
        So that tests, stored notebooks and old runs can be made as on a given day.

    Raises
    ------
    InputErrors
        If the variable holds no date.
    """
    given = os.environ.get(TODAY_VARIABLE, "").strip()
    if not given:
        return dt.datetime.now().astimezone().date()
    try:
        return dt.date.fromisoformat(given)
    except ValueError:
        allowed = "a date such as 2027-06-30, or nothing for the day it is"
        raise InputErrors([Problem(TODAY_VARIABLE, f'"{given}"', allowed)]) from None


def relied_on(values: Mapping[str, Any], catalogue: Catalogue) -> list[Record]:
    """Return the records that some values rest on.

    Parameters
    ----------
    values : mapping of str to value
        By key; a key that the catalogue does not hold counts for nothing.
    catalogue : Catalogue
        The records.

    Returns
    -------
    list of Record
        In the order of the catalogue, without the groups that are switched off by `<group>.active`.
    """
    # Asked by `in` first: a key that `Parameters` does not hold is answered with suggestions, which take long.
    switches = {group: f"{group}.active" for group in catalogue.groups}
    off = {group for group, key in switches.items() if key in values and not values[key]}
    return [record for key, record in catalogue.items() if key in values and record.group not in off]


def overdue(parameters: Parameters, today: dt.date) -> tuple[Overdue, ...]:
    """Return the parameters that a scenario rests on and that were due for review before a day.

    Parameters
    ----------
    parameters : Parameters
        Of the scenario; those of instruments that are off do not count.
    today : date
        A parameter is overdue from the day after its `review_by`.

    Returns
    -------
    tuple of Overdue
        The oldest first, then in the order of the catalogue.
    """
    return past(relied_on(parameters, parameters.catalogue), today)


def past(records: Sequence[Record], today: dt.date) -> tuple[Overdue, ...]:
    """Return which of some records are overdue on a day, the oldest first."""
    found = [
        Overdue(record.key, record.label, record.review_by, (today - record.review_by).days)
        for record in records
        if record.review_by < today
    ]
    return tuple(sorted(found, key=lambda item: item.review_by))


def valid_until(parameters: Parameters) -> dt.date:
    """Return the first day on which a parameter that the scenario rests on is due for review."""
    return min(record.review_by for record in relied_on(parameters, parameters.catalogue))


def sentence(items: Sequence[Overdue]) -> str:
    """Say what is overdue; the same words on every day until more is.

    Parameters
    ----------
    items : sequence of Overdue
        From `overdue`.

    Returns
    -------
    str
        "" if there is none.
    """
    if not items:
        return ""
    named = "; ".join(item.label for item in items[:_NAMED])
    if len(items) == 1:
        return f"1 parameter was due for review on {items[0].review_by}: {named}. See its source."
    more = f" and {len(items) - _NAMED} more" if len(items) > _NAMED else ""
    return (
        f"{len(items)} parameters were due for review, the oldest on {items[0].review_by}: {named}{more}. "
        "See their sources."
    )
