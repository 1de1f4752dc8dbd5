"""How quantities are written, and that kinds never mix."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sme_analysis.errors import UserError
from sme_analysis.scenario.units import NUMERIC_UNITS, UnitError, coerce, nearest, parse, show

SIZES = ("micro", "small", "medium")


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("3%", "share", 0.03),
        ("60 %", "share", 0.6),
        ("60％", "share", 0.6),
        ("8.3%", "rate", 0.083),
        ("50bp", "rate", 0.005),
        ("150 basis points", "rate", 0.015),
        ("5‰", "rate", 0.005),
        ("1 per mille", "rate", 0.001),
        ("-20%", "rate", -0.2),
        ("\u221220%", "rate", -0.2),
        ("0.6", "share", 0.6),
        (".6", "share", 0.6),
        ("1.0", "share", 1.0),
        ("6e-1", "share", 0.6),
        ("0", "share", 0.0),
        ("300%", "share", 3.0),
        ("80m", "money", 80.0),
        ("CNY 80 m", "money", 80.0),
        ("¥80m", "money", 80.0),
        ("80 million yuan", "money", 80.0),
        ("1.2bn", "money", 1200.0),
        ("300 wan", "money", 3.0),
        ("300万", "money", 3.0),
        ("300万元", "money", 3.0),
        ("3亿", "money", 300.0),
        ("4,000 yuan", "money", 0.004),
        ("CNY 4,000", "money", 0.004),
        ("200k", "money", 0.2),
        ("-5m", "money", -5.0),
        ("0", "money", 0.0),
        ("18 months", "duration", 1.5),
        ("2y", "duration", 2.0),
        ("1 year", "duration", 1.0),
        ("2 quarters", "duration", 0.5),
        ("73 days", "duration", 0.2),
        ("10000", "count", 10000),
        ("10,000", "count", 10000),
        ("10_000", "count", 10000),
        ("1e4", "count", 10000),
        ("0.5", "number", 0.5),
        ("10x", "number", 10.0),
        ("1e-3", "number", 0.001),
        ("2027-01", "month", "2027-01"),
        ("2027-1", "month", "2027-01"),
        ("2027年1月", "month", "2027-01"),
        ("true", "switch", True),
        ("No", "switch", False),
        ("off", "switch", False),
    ],
)
def test_text_is_read(text: str, unit: str, value: object) -> None:
    found = parse(text, unit)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("given", "unit", "said"),
    [
        ("3", "share", 'write "3%"'),
        (3, "rate", 'write "3%"'),
        (1, "share", '"100%" for the whole'),
        ("1.2", "share", 'write "1.2%" or "120%"'),
        ("80m", "share", "an amount of money"),
        ("2 years", "rate", "a length of time"),
        ("5%", "money", "a share or rate"),
        ("80", "money", 'write "80m" for CNY million'),
        (80.0, "money", 'write "80m" for CNY million'),
        ("80 usd", "money", "no known unit"),
        ("18", "duration", "months"),
        ("18m", "duration", '"18 months"'),
        ("80m", "duration", "an amount of money"),
        ("2.5", "count", "not a whole number"),
        ("5%", "count", "a share or rate"),
        ("5万", "count", "an amount of money"),
        ("5 years", "count", "write 5"),
        ("5%", "number", "write 0.05"),
        ("50 pb", "rate", "no known unit"),
        ("3 milion", "money", 'did you mean "3 million"?'),
        ("1,5%", "share", "decimal point"),
        ("010", "count", 'write "10"'),
        ("0x10", "count", "no known unit"),
        ("nan", "share", "not a finite number"),
        (".nan", "money", "not a finite number"),
        ("-.inf", "rate", "not a finite number"),
        ("1e400", "number", "not a finite number"),
        (float("nan"), "share", "not a finite number"),
        (math.inf, "money", "not a finite number"),
        ("", "share", 'a share such as "60%"'),
        (None, "share", "nothing"),
        (True, "share", "true"),
        ([0.6], "share", "[0.6]"),
        ("a lot", "money", "an amount in yuan"),
        ("2027-13", "month", "the month is 13"),
        ("202701", "month", "a month such as"),
        (2027, "month", "a month such as"),
        (dt.date(2027, 1, 15), "month", 'write "2027-01"'),
        (1, "switch", "true or false"),
        ("maybe", "switch", "true or false"),
        ("1e999999999", "number", "a plain number"),
        ("9" * 100, "count", "a whole number"),
    ],
)
def test_what_could_be_misread_is_refused(given: object, unit: str, said: str) -> None:
    with pytest.raises(UnitError) as caught:
        parse(given, unit)
    assert said in str(caught.value)
    assert isinstance(caught.value, UserError)


@pytest.mark.parametrize(
    ("given", "unit", "value"),
    [
        (0.6, "share", 0.6),
        (np.float64(0.6), "share", 0.6),
        (0, "money", 0.0),
        (10000.0, "count", 10000),
        (np.int64(7), "count", 7),
        (dt.date(2027, 1, 1), "month", "2027-01"),
        (False, "switch", False),
    ],
)
def test_python_values_are_read(given: object, unit: str, value: object) -> None:
    found = parse(given, unit)
    assert found == value
    assert type(found) is type(value)


def test_inner_values_need_no_unit() -> None:
    assert coerce(80, "money") == 80.0
    assert coerce(1, "share") == 1.0
    assert coerce("80m", "money") == 80.0
    assert coerce(1.5, "duration") == 1.5
    with pytest.raises(UnitError):
        coerce(True, "money")
    with pytest.raises(UnitError):
        coerce(2.5, "count")


def test_choices_and_tags() -> None:
    assert parse("Basel", "choice", ("basel", "fixed")) == "basel"
    with pytest.raises(UnitError, match="did you mean basel"):
        parse("bassel", "choice", ("basel", "fixed"))
    assert parse("medium, micro", "tags", SIZES) == ("micro", "medium")
    assert parse(["small", "micro", "small"], "tags", SIZES) == ("micro", "small")
    assert parse("none", "tags", SIZES) == ()
    assert parse([], "tags", SIZES) == ()
    with pytest.raises(UnitError, match="did you mean micro"):
        parse(["mikro"], "tags", SIZES)
    with pytest.raises(UnitError, match="a list of any of"):
        parse({"micro": 1}, "tags", SIZES)


def test_an_unknown_unit_is_the_programmers_mistake() -> None:
    with pytest.raises(ValueError, match="no unit"):
        parse("3%", "percentage")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.6, "share", "60 %"),
        (0.015, "rate", "1.5 %"),
        (0.07, "rate", "7 %"),
        (-0.0005, "rate", "-0.05 %"),
        (0.0, "money", "CNY 0"),
        (80.0, "money", "CNY 80 m"),
        (1200.0, "money", "CNY 1.2 bn"),
        (0.3, "money", "CNY 300,000"),
        (0.004, "money", "CNY 4,000"),
        (54500, "count", "54,500"),
        (2025, "count", "2025"),
        (1.5, "duration", "18 months"),
        (1.0, "duration", "1 year"),
        (2.25, "duration", "2.25 years"),
        (0.00004, "number", "0.00004"),
        (math.nan, "money", "–"),
        (True, "switch", "yes"),
        (("micro", "small"), "tags", "micro, small"),
        ((), "tags", "none"),
        ("2027-01", "month", "2027-01"),
        ("basel", "choice", "basel"),
    ],
)
def test_values_are_shown(value: object, unit: str, text: str) -> None:
    assert show(value, unit) == text


def test_digits_are_the_callers_choice() -> None:
    assert show(6812.3456, "money", 3) == "CNY 6.81 bn"


@given(st.sampled_from(sorted(NUMERIC_UNITS)), st.floats(-1e4, 1e4), st.integers(-(10**9), 10**9))
def test_what_is_shown_can_be_read(unit: str, number: float, whole: int) -> None:
    value: float = whole if unit == "count" else number
    assert parse(show(value, unit, 15), unit) == pytest.approx(value, rel=1e-9, abs=1e-9)


@given(st.text(max_size=12), st.sampled_from(sorted(NUMERIC_UNITS)))
def test_any_text_is_read_or_refused(text: str, unit: str) -> None:
    try:
        value = parse(text, unit)
    except UnitError:
        return
    assert math.isfinite(value)


def test_nearest_suggests_only_what_is_near() -> None:
    assert nearest("haixi2020", ("haixi-2020", "no-policy")) == "did you mean haixi-2020?"
    assert nearest("zzz", ("haixi-2020", "no-policy")) is None
