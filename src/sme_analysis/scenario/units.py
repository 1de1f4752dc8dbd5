"""Units: how a quantity is written and what it means inside.

Inside, shares and rates are fractions, money is CNY million and time is in years. Each kind has its own way
of being written and kinds never mix: "80m" is no share and "5%" is no amount of money.
"""

from __future__ import annotations

import datetime as dt
import difflib
import math
import numbers
import re
import unicodedata
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Literal, get_args

from sme_analysis.errors import UserError
from sme_analysis.scenario.display import plain, show

__all__ = [
    "EXPECTED",
    "NUMERIC_UNITS",
    "UNITS",
    "Unit",
    "UnitError",
    "coerce",
    "nearest",
    "parse",
    "show",
    "spellings",
]

Unit = Literal["share", "rate", "money", "count", "duration", "number", "month", "switch", "choice", "tags"]
UNITS: tuple[str, ...] = get_args(Unit)
NUMERIC_UNITS = frozenset({"share", "rate", "money", "count", "duration", "number"})
FRACTIONS = frozenset({"share", "rate"})

# How each kind is written; the text doubles as what an error says is allowed.
EXPECTED: dict[str, str] = {
    "share": 'a share such as "60%" (or 0.6)',
    "rate": 'a rate such as "3%" or "50bp" (or 0.03)',
    "money": 'an amount in yuan such as "80m", "1.2bn", "300 wan" or "4,000 yuan"',
    "count": "a whole number such as 10000",
    "duration": 'a length of time such as "18 months" or "2y"',
    "number": "a plain number such as 0.5",
    "month": 'a month such as "2027-01"',
    "switch": "true or false",
}

_PERCENT = Fraction(1, 100)
_YUAN = Fraction(1, 1_000_000)
_WAN = Fraction(1, 100)
_MONTH = Fraction(1, 12)
_FRACTION_WORDS = {
    _PERCENT: "% percent pct 'per cent'",
    Fraction(1, 10_000): "bp bps 'basis point' 'basis points'",
    Fraction(1, 1000): "‰ permille 'per mille'",
}
_MONEY_WORDS = {
    _YUAN: "yuan rmb cny 元",
    _YUAN * 1000: "k thousand 千 千元",
    _WAN: "wan 万 万元",
    Fraction(1): "m mn million 百万 百万元",
    Fraction(100): "yi 亿 亿元",
    Fraction(1000): "bn b billion 十亿",
}
_TIME_WORDS = {
    Fraction(1, 365): "d day days 天 日",
    Fraction(7, 365): "week weeks 周",
    _MONTH: "mo month months 个月",
    _MONTH * 3: "quarter quarters 季度",
    Fraction(1): "y yr yrs year years 年",
}
_TIMES_WORDS = {Fraction(1): "x × times 倍"}


def _suffixes() -> dict[str, tuple[str, Fraction]]:
    """Return suffix -> (kind, factor to the inner unit)."""
    table: dict[str, tuple[str, Fraction]] = {}
    kinds = {
        "fraction": _FRACTION_WORDS,
        "money": _MONEY_WORDS,
        "duration": _TIME_WORDS,
        "multiple": _TIMES_WORDS,
    }
    for kind, words in kinds.items():
        for factor, text in words.items():
            for quoted, single in re.findall(r"'([^']+)'|(\S+)", text):
                table[quoted or single] = (kind, factor)
    return table


_SUFFIXES = _suffixes()
_KIND_NAMES = {
    "fraction": "a share or rate",
    "money": "an amount of money",
    "duration": "a length of time",
    "multiple": "a multiple",
}
# Python's own float() would also take "1_0.0_1", "infinity" or digits of other scripts.
_QUANTITY = re.compile(
    r"(?P<sign>[+-]?)\s*(?P<digits>[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+(?:_[0-9]+)*|(?=\.[0-9]))"
    r"(?P<decimals>\.[0-9]*)?(?P<exponent>[eE][+-]?[0-9]{1,3})?\s*(?P<suffix>[^0-9.,].*)?"
)
_MONTH_TEXT = re.compile(r"([0-9]{4})\s*[-/年.]\s*([0-9]{1,2})\s*月?")
_LONGEST = 80


class UnitError(UserError, ValueError):
    """A value that cannot be read in its unit.

    Parameters
    ----------
    given : str
        What was found.
    allowed : str
        What is expected.
    hint : str or None
        The nearest right thing.
    """

    def __init__(self, given: str, allowed: str, hint: str | None = None) -> None:
        super().__init__(given, allowed, hint)
        self.given, self.allowed, self.hint = given, allowed, hint

    def __str__(self) -> str:
        text = f"{self.given}; expected {self.allowed}"
        return f"{text} ({self.hint})" if self.hint else text


def parse(given: object, unit: str, choices: Sequence[str] = ()) -> Any:
    """Read a value as a user writes it.

    Parameters
    ----------
    given : object
        Text such as "3%", "50bp", "300 wan", "80m", "18 months", or a number, truth value or list from YAML,
        JSON or Python. A number without a unit is taken for a share or rate only as a decimal fraction
        between -1 and 1 (0.6), and never for money or a duration other than 0.
    unit : str
        One of `UNITS`.
    choices : sequence of str
        What a choice or tag may be.

    Returns
    -------
    bool, int, float, str or tuple of str
        Fractions for shares and rates, CNY million, years, "YYYY-MM" for a month.

    Raises
    ------
    UnitError
        If it cannot be read in this unit.
    """
    if unit in NUMERIC_UNITS:
        return _parse_quantity(given, unit)
    if unit == "month":
        return _parse_month(given)
    if unit == "switch":
        return _parse_switch(given)
    if unit == "choice":
        return _parse_choice(given, choices)
    if unit == "tags":
        return _parse_tags(given, choices)
    raise ValueError(f"{unit!r} is no unit; units are {', '.join(UNITS)}")


def coerce(value: object, unit: str, choices: Sequence[str] = ()) -> Any:
    """Check a value that is already in inner units (fractions, CNY million, years).

    Parameters
    ----------
    value : object
        A Python value.
    unit : str
        One of `UNITS`.
    choices : sequence of str
        What a choice or tag may be.

    Returns
    -------
    bool, int, float, str or tuple of str
        The same value in its plain Python type.

    Raises
    ------
    UnitError
        If it is not of this unit.
    """
    if unit not in NUMERIC_UNITS or isinstance(value, str):
        return parse(value, unit, choices)
    return _finish(_real(value, unit), unit, _shown(value))


def _parse_quantity(given: object, unit: str) -> int | float:
    if isinstance(given, str):
        return _parse_text(given, unit)
    exact = _real(given, unit)
    shown = _shown(given)
    _refuse_bare(exact, unit, shown, decimal=not isinstance(given, numbers.Integral))
    return _finish(exact, unit, shown)


def _parse_text(given: str, unit: str) -> int | float:
    shown = _shown(given)
    text = _tidy(given)
    match = _QUANTITY.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        hint = 'write a decimal point, as in "1.5"' if re.fullmatch(r"[+-]?[0-9]+,[0-9]+.*", text) else None
        finite = " (not a finite number)" if text.lstrip("+-.").lower() in {"nan", "inf", "infinity"} else ""
        raise UnitError(shown + finite, EXPECTED[unit], hint)
    digits = re.sub("[,_]", "", match["digits"])
    decimals = (match["decimals"] or "").rstrip(".")
    literal = match["sign"] + (digits or "0") + decimals + (match["exponent"] or "")
    if not math.isfinite(float(literal)):
        raise UnitError(f"{shown} (not a finite number)", EXPECTED[unit])
    if len(digits) > 1 and digits.startswith("0"):
        # YAML 1.1 reads 010 as eight, YAML 1.2 as ten: neither is a safe guess.
        raise UnitError(f"{shown}, with a leading zero", EXPECTED[unit], f'write "{text.lstrip("0") or "0"}"')
    exact = Fraction(literal)
    suffix = match["suffix"] or ""
    if not suffix:
        _refuse_bare(exact, unit, shown, decimal=bool(match["decimals"] or match["exponent"]))
        return _finish(exact, unit, shown)
    return _finish(exact * _factor(suffix, unit, shown, literal), unit, shown)


def _factor(suffix: str, unit: str, shown: str, literal: str) -> Fraction:
    scale = re.sub(r"(?<=.)\s*(?:yuan|cny|rmb)$", "", suffix)
    if _SUFFIXES.get(scale, ("", 0))[0] == "money":
        suffix = scale
    kind, factor = _SUFFIXES.get(suffix, (None, Fraction(1)))
    wanted = {"money": "money", "duration": "duration", "number": "multiple"}.get(unit, "fraction")
    if kind == wanted and unit != "count":
        return factor
    if kind is None:
        near = difflib.get_close_matches(suffix, _SUFFIXES, n=1)
        raise UnitError(
            f'{shown}, where "{suffix}" is no known unit',
            EXPECTED[unit],
            f'did you mean "{literal} {near[0]}"?' if near else None,
        )
    hint = None
    if unit == "duration" and suffix == "m":
        hint = f'"{literal} months"'
    elif unit in {"count", "number"}:
        hint = f"write {literal if kind != 'fraction' else plain(float(literal) * float(factor), 12)}"
    raise UnitError(f"{shown}, {_KIND_NAMES[kind]}", EXPECTED[unit], hint)


def _refuse_bare(exact: Fraction, unit: str, shown: str, *, decimal: bool) -> None:
    """Refuse a number without a unit wherever it could be read in two ways."""
    if exact == 0 or unit in {"count", "number"}:
        return
    number = plain(float(exact), 12)
    if unit in FRACTIONS:
        if decimal and abs(exact) <= 1:
            return
        hint = f'write "{number}%"'
        if abs(exact) == 1:
            hint = 'write "100%" for the whole, "1%" for one hundredth'
        elif decimal and abs(exact) < 10:
            hint = f'write "{number}%" or "{plain(float(exact) * 100, 12)}%"'
    elif unit == "money":
        hint = f'write "{number}m" for CNY million or "{number} wan" for 万元'
    else:
        hint = f'write "{number} months" or "{number}y"'
    raise UnitError(f"{shown}, without a unit", EXPECTED[unit], hint)


def _real(given: object, unit: str) -> Fraction:
    """Return a Python number exactly."""
    if given is True or given is False or not isinstance(given, numbers.Real):
        raise UnitError(_shown(given), EXPECTED[unit])
    number = float(given)
    if not math.isfinite(number):
        raise UnitError(f"{_shown(given)} (not a finite number)", EXPECTED[unit])
    return Fraction(int(given)) if isinstance(given, numbers.Integral) else Fraction(number)


def _finish(exact: Fraction, unit: str, shown: str) -> int | float:
    if unit != "count":
        return float(exact) + 0.0  # + 0.0 turns -0.0 into 0.0
    if exact.denominator != 1:
        raise UnitError(f"{shown}, not a whole number", EXPECTED[unit])
    return int(exact)


def _parse_month(given: object) -> str:
    if isinstance(given, dt.date):
        if given.day == 1:
            return f"{given.year:04d}-{given.month:02d}"
        raise UnitError(_shown(given), EXPECTED["month"], f'write "{given.year:04d}-{given.month:02d}"')
    match = _MONTH_TEXT.fullmatch(_tidy(given)) if isinstance(given, str) else None
    if match is None:
        raise UnitError(_shown(given), EXPECTED["month"])
    year, month = int(match[1]), int(match[2])
    if not 1 <= month <= 12:
        raise UnitError(f"{_shown(given)}, where the month is {month}", EXPECTED["month"])
    return f"{year:04d}-{month:02d}"


def _parse_switch(given: object) -> bool:
    if isinstance(given, bool):
        return given
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    if isinstance(given, str) and given.strip().lower() in words:
        return words[given.strip().lower()]
    raise UnitError(_shown(given), EXPECTED["switch"])


def _parse_choice(given: object, choices: Sequence[str]) -> str:
    allowed = "one of " + ", ".join(choices)
    if isinstance(given, str):
        word = given.strip().lower()
        if word in choices:
            return word
        raise UnitError(_shown(given), allowed, nearest(word, choices))
    raise UnitError(_shown(given), allowed)


def _parse_tags(given: object, choices: Sequence[str]) -> tuple[str, ...]:
    allowed = "a list of any of " + ", ".join(choices)
    if isinstance(given, str):
        given = [] if given.strip().lower() in {"", "none", "[]"} else given.strip().strip("[]").split(",")
    if not isinstance(given, list | tuple) or not all(isinstance(word, str) for word in given):
        raise UnitError(_shown(given), allowed)
    words = [word.strip().lower() for word in given]
    unknown = [word for word in words if word not in choices]
    if unknown:
        raise UnitError(", ".join(map(_shown, unknown)), allowed, nearest(unknown[0], choices))
    # In the order of the choices, so that the order of writing makes no other fingerprint.
    return tuple(choice for choice in choices if choice in words)


def nearest(word: str, words: Sequence[str]) -> str | None:
    """Return "did you mean …?" for the words most like a mistyped one, or None.

    Parameters
    ----------
    word : str
        What was typed.
    words : sequence of str
        What exists.

    Returns
    -------
    str or None
        A question with up to three suggestions, the second and third only if they are nearly as like.
    """
    near = difflib.get_close_matches(word, words, n=3, cutoff=0.6)
    if not near:
        return None
    likeness = [difflib.SequenceMatcher(None, other, word).ratio() for other in near]
    close = [other for other, ratio in zip(near, likeness, strict=True) if ratio > likeness[0] - 0.05]
    return f"did you mean {' or '.join(close)}?"


def spellings(unit: str) -> tuple[str, ...]:
    """Return the suffixes that a unit is written with, longest first.

    Parameters
    ----------
    unit : str
        One of `UNITS`.

    Returns
    -------
    tuple of str
        Empty for a unit that is written without any.
    """
    kind = {"share": "fraction", "rate": "fraction", "number": "multiple"}.get(unit, unit)
    return tuple(
        sorted((word for word, (of, _) in _SUFFIXES.items() if of == kind), key=lambda w: (-len(w), w))
    )


def _tidy(text: str) -> str:
    """Return text with full-width forms, odd minus signs and spaces made plain, "CNY 80 m" as "80 m yuan"."""
    text = unicodedata.normalize("NFKC", text).replace("\u2212", "-").strip().lower()
    text = " ".join(text.split())
    return re.sub(r"^([+-]?)(?:cny|rmb|¥)\s*(.+)$", r"\1\2 yuan", text)


def _shown(given: object) -> str:
    if given is None:
        return "nothing"
    if isinstance(given, bool):
        return "true" if given else "false"
    text = f'"{given}"' if isinstance(given, str) else str(given)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
