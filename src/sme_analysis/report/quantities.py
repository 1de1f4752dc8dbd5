"""Numbers as text with their units, as headlines and as cells of a table."""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

from sme_analysis.scenario.units import UNITS as SCENARIO_UNITS
from sme_analysis.scenario.units import show

MISSING = "–"
# What stands beside a column's heading, its cells being in this unit.
UNIT_HEADINGS: dict[str, str] = {
    "share": "%",
    "rate": "%",
    "money": "CNY m",
    "change_money": "CNY m",
    "change_rate": "bp",
    "change_share": "pp",
    "change_count": "",
    "multiple": "×",
    "duration": "years",
    "year": "",
    "count": "",
    "number": "",
}
# Factor from the inner unit to the one shown.
_FACTORS = {"share": 100.0, "rate": 100.0, "change_rate": 1e4, "change_share": 100.0}
WHOLE = frozenset({"count", "change_count", "year"})
_SIGNED = frozenset({"change_money", "change_rate", "change_share", "change_count"})
UNITS: tuple[str, ...] = tuple(dict.fromkeys((*SCENARIO_UNITS, *UNIT_HEADINGS)))
NUMERIC = frozenset(UNIT_HEADINGS)


def number_text(value: float, unit: str = "number", digits: int | None = None) -> str:
    """Write one number with its unit.

    Parameters
    ----------
    value : float
        In inner units: a fraction, CNY million, years, a count.
    unit : str
        One of `NUMERIC`; the units "change_…" carry a sign, and "change_rate" is shown in basis points.
    digits : int, optional
        Significant digits; by default 3 for percentages and basis points, else 4. Counts stay whole.

    Returns
    -------
    str
        For example "CNY 123.4 m", "12.3 %", "−45 bp", "+1.2 pp", "1,234", "3.2 ×"; "–" if missing.
    """
    if not is_number(value) or not math.isfinite(value):
        return MISSING
    digits = digits or (3 if unit in _FACTORS else 4)
    size = _round_significant(abs(float(value)) * _FACTORS.get(unit, 1.0), digits)
    if unit in WHOLE:
        size = float(round(abs(float(value))))
    if unit in {"money", "change_money"}:
        text = show(size, "money", digits)
    elif unit == "duration":
        text = show(abs(float(value)), "duration", digits)
    elif unit == "year":
        text = f"{size:.0f}"
    else:
        text = " ".join(filter(None, [_grouped(size, _decimals_needed(size, digits)), UNIT_HEADINGS[unit]]))
    return _sign(float(value) if re.search("[1-9]", text) else 0.0, unit) + text


def cell_text(value: Any, unit: str | None, decimals: int | None = None) -> str:
    """Write a value as it stands in a table's cell, its unit being in the heading.

    Parameters
    ----------
    value : object
        In inner units, or text.
    unit : str or None
        One of `UNITS`; None is text.
    decimals : int, optional
        Decimal places, the same for a whole column.

    Returns
    -------
    str
        Not escaped.
    """
    if is_missing(value):
        return MISSING
    if isinstance(value, bool) or unit == "switch":
        return "yes" if value else "no"
    if unit not in NUMERIC or not is_number(value):
        return show(value, unit) if unit in SCENARIO_UNITS and not isinstance(value, str) else str(value)
    if unit == "year":
        return f"{float(value):.0f}"
    shown = float(value) * _FACTORS.get(unit, 1.0)
    text = f"{abs(shown):,.{decimals or 0}f}"
    if shown and not text.strip("0.,"):
        # A small amount in a column of large ones must not pass for nothing.
        text = f"{_round_significant(abs(shown), 1):.12f}".rstrip("0").rstrip(".")
    return _sign(shown if text != "0" else 0.0, unit) + text


def column_decimals(values: Sequence[Any], unit: str | None) -> int:
    """Return the decimal places that show a column's largest value with about four digits.

    Parameters
    ----------
    values : sequence
        In inner units; missing ones and text are passed over.
    unit : str or None
        Unit of the column.

    Returns
    -------
    int
        0 to 6; never more than the values need.
    """
    if unit not in NUMERIC or unit in WHOLE:
        return 0
    factor = _FACTORS.get(unit, 1.0)
    sizes = [abs(float(value)) * factor for value in values if is_number(value) and math.isfinite(value)]
    largest = max(sizes, default=0.0)
    if largest == 0:
        return 0
    digits = 3 if unit in _FACTORS else 4
    allowed = min(max(digits - 1 - math.floor(math.log10(largest)), 0), 6)
    if unit in _FACTORS and unit != "change_rate" and 1 <= largest < 100:
        allowed = 1
    return max(_decimals_used(size, allowed) for size in sizes)


def with_unit(value: Any, unit: str) -> str:
    """Write a value of any unit with that unit.

    Parameters
    ----------
    value : object
        In inner units.
    unit : str
        One of `UNITS`.

    Returns
    -------
    str
        As `number_text` for numbers, else as `cell_text`.
    """
    if unit in NUMERIC and is_number(value):
        return number_text(value, unit)
    return cell_text(value, unit)


def is_missing(value: Any) -> bool:
    """Return whether a cell is empty: None, NaN, NaT or NA."""
    return value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))


def is_number(value: Any) -> bool:
    """Return whether a cell is a real number of Python or NumPy; truth values are none."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _sign(value: float, unit: str) -> str:
    if value < 0:
        return "−"
    return "+" if value > 0 and unit in _SIGNED else ""


def _round_significant(size: float, digits: int) -> float:
    return float(f"{size:.{digits}g}")


def _decimals_needed(size: float, digits: int) -> int:
    if size == 0:
        return 0
    return _decimals_used(size, min(max(digits - 1 - math.floor(math.log10(size)), 0), 12))


def _decimals_used(size: float, allowed: int) -> int:
    """Return the decimal places left when trailing zeros are dropped."""
    decimals = f"{size:.{allowed}f}".partition(".")[2].rstrip("0")
    return len(decimals)


def _grouped(size: float, decimals: int) -> str:
    return f"{size:,.{decimals}f}"
