"""How a quantity in inner units is written for a reader."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence


def show(value: object, unit: str, digits: int = 6) -> str:
    """Write a value for a reader; `units.parse` reads it back.

    Parameters
    ----------
    value : object
        A value in inner units (fractions, CNY million, years).
    unit : str
        One of `units.UNITS`.
    digits : int
        Significant digits kept.

    Returns
    -------
    str
        For example "60 %", "CNY 80 m", "CNY 300,000", "18 months", "2027-01", "yes"; "–" if not a number.
    """
    if unit == "switch":
        return "yes" if value else "no"
    if unit == "tags" and isinstance(value, Sequence):
        return ", ".join(value) or "none"
    if not isinstance(value, numbers.Real):
        return str(value)
    number = float(value)
    if not math.isfinite(number):
        return "–"
    if unit in {"share", "rate"}:
        return f"{plain(number * 100, digits)} %"
    if unit == "money":
        return _show_money(number, digits)
    if unit == "count":
        return _grouped(round(number), 15, from_size=10_000)
    if unit == "duration":
        return _show_duration(number, digits)
    return plain(number, digits)


def plain(number: float, digits: int) -> str:
    """Return a number without an exponent or trailing zeros, as far as that stays readable.

    Parameters
    ----------
    number : float
        Any finite number.
    digits : int
        Significant digits kept.

    Returns
    -------
    str
        For example "0.0004".
    """
    text = f"{number:.{digits}g}"
    if "e" not in text or abs(number) < 1e-9 or abs(number) >= 1e15:
        return text
    return f"{float(text):.15f}".rstrip("0").rstrip(".")


def _grouped(number: float, digits: int, from_size: int) -> str:
    """Return a number with thousands separators from a size on; years stay readable without them."""
    text = plain(number, digits)
    if abs(number) < from_size or "e" in text:
        return text
    whole, dot, decimals = text.partition(".")
    return f"{int(whole):,}{dot}{decimals}"


def _show_money(number: float, digits: int) -> str:
    size = abs(float(f"{number:.{digits}g}"))
    if size == 0:
        return "CNY 0"
    if size >= 1000:
        return f"CNY {_grouped(number / 1000, digits, from_size=1000)} bn"
    if size >= 1:
        return f"CNY {plain(number, digits)} m"
    return f"CNY {_grouped(number * 1e6, digits, from_size=1000)}"


def _show_duration(number: float, digits: int) -> str:
    months = number * 12
    if abs(number) < 2 and number not in {0, 1} and math.isclose(months, round(months), abs_tol=1e-9):
        amount, word = float(round(months)), "month"
    else:
        amount, word = number, "year"
    return f"{plain(amount, digits)} {word}{'' if amount == 1 else 's'}"
