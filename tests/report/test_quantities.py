from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sme_analysis.report.quantities import NUMERIC, cell_text, column_decimals, number_text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (123.4123, "money", "CNY 123.4 m"),
        (6812.25, "money", "CNY 6.812 bn"),
        (0.3, "money", "CNY 300,000"),
        (-12.5, "change_money", "−CNY 12.5 m"),
        (0.12345, "share", "12.3 %"),
        (0.6, "share", "60 %"),
        (1, "share", "100 %"),
        (0.00456, "rate", "0.456 %"),
        (-0.0045, "change_rate", "−45 bp"),
        (0.0012, "change_rate", "+12 bp"),
        (0.0, "change_rate", "0 bp"),
        (0.012, "change_share", "+1.2 pp"),
        (1234, "count", "1,234"),
        (1234.4, "count", "1,234"),
        (-0.2, "change_count", "0"),
        (3.2, "multiple", "3.2 ×"),
        (1.5, "duration", "18 months"),
        (2027, "year", "2027"),
        (-0.0, "money", "CNY 0"),
        (12345.678, "number", "12,350"),
        (math.nan, "money", "–"),
        (np.float64(0.5), "share", "50 %"),
    ],
)
def test_numbers_are_written_with_their_unit(value: float, unit: str, text: str) -> None:
    assert number_text(value, unit) == text


@given(st.floats(allow_nan=False, allow_infinity=False, width=32), st.sampled_from(sorted(NUMERIC)))
def test_every_finite_number_can_be_written(value: float, unit: str) -> None:
    text = number_text(value, unit)
    assert text
    assert "nan" not in text
    assert "-" not in text.replace("e-", "")
    assert not (text.startswith(("−", "+")) and not text.strip("−+0., CNYmbnpx%×years"))


def test_a_small_amount_among_large_ones_does_not_pass_for_nothing() -> None:
    decimals = column_decimals([6812.25, 0.31], "money")
    assert cell_text(6812.25, "money", decimals) == "6,812"
    assert cell_text(0.31, "money", decimals) == "0.3"
    assert cell_text(0.0, "money", decimals) == "0"


@pytest.mark.parametrize(
    ("values", "unit", "decimals"),
    [([1, 2, 3], "number", 0), ([0.05, 0.031], "share", 1), ([0.5, math.nan], "number", 1), ([], "money", 0)],
)
def test_a_column_has_no_more_decimals_than_it_needs(values: list[float], unit: str, decimals: int) -> None:
    assert column_decimals(values, unit) == decimals


def test_truth_values_and_missing_ones_are_words() -> None:
    assert cell_text(True, "switch") == "yes"
    assert cell_text(None, None) == "–"
    assert cell_text("text", None) == "text"
