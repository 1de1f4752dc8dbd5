"""The size classes: official cases, and agreement with the rule restated literally."""

from __future__ import annotations

import csv

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sme_analysis.errors import InputErrors
from sme_analysis.regulation import (
    INDICATORS,
    INDUSTRIES,
    INDUSTRY_NAMES,
    SIZE_CLASSES,
    THRESHOLDS,
    classify,
    size_table,
)
from sme_analysis.scenario import project_root

EVIDENCE = project_root().parent / "shared" / "evidence" / "evidence.csv"
SHORT = {"employees": "emp", "revenue": "rev", "assets": "assets"}


def literal(industry: str, firm: dict[str, float]) -> str:
    """Return the class by the words of the standard: all lower bounds of a class, else the next down."""
    for place, size in ((2, "large"), (1, "medium"), (0, "small")):
        if all(firm[name] >= bounds[place] for name, bounds in THRESHOLDS[industry].items()):
            return size
    return "micro"


def named(*args: object) -> list[str]:
    return [SIZE_CLASSES[code] for code in classify(*args)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("industry", "employees", "revenue", "assets", "size"),
    [
        ("software", 103, 157.35, np.nan, "medium"),  # case of the statistics office
        ("industry", 25, 2.9, np.nan, "micro"),  # staff of a small firm, revenue of a micro one
        ("industry", 1200, 300, np.nan, "medium"),  # staff of a large firm, revenue of a medium one
        ("industry", 1000, 400, np.nan, "large"),
        ("industry", 20, 3, np.nan, "small"),
        ("realestate", np.nan, 2000, 100, "large"),
        ("realestate", np.nan, 2000, 99.99, "medium"),
        ("construction", np.nan, 60, 50, "medium"),
        ("agri", np.nan, 0.5, np.nan, "small"),
        ("leasing", 100, np.nan, 80, "medium"),
        ("other", 9, np.nan, np.nan, "micro"),
        ("wholesale", 5, 10, np.nan, "small"),
    ],
)
def test_official_cases(industry: str, employees: float, revenue: float, assets: float, size: str) -> None:
    assert named([industry], [employees], [revenue], [assets]) == [size]


def values(industry: str, name: str) -> st.SearchStrategy[float]:
    bounds = THRESHOLDS[industry].get(name, (1.0, 2.0, 3.0))
    near = [x for bound in bounds for x in (bound, np.nextafter(bound, 0), np.nextafter(bound, np.inf))]
    return st.sampled_from([0.0, *map(float, near)]) | st.floats(0, 3 * bounds[2])


@st.composite
def firm(draw: st.DrawFn) -> tuple[str, float, float, float]:
    industry = draw(st.sampled_from(INDUSTRIES))
    employees, revenue, assets = (draw(values(industry, name)) for name in INDICATORS)
    return industry, employees, revenue, assets


@settings(max_examples=150, deadline=None)
@given(st.lists(firm(), min_size=1, max_size=12))
def test_agrees_with_the_rule_restated(firms: list[tuple[str, float, float, float]]) -> None:
    industry, *columns = (list(column) for column in zip(*firms, strict=True))
    expected = [literal(one[0], dict(zip(INDICATORS, one[1:], strict=True))) for one in firms]
    assert named(industry, *columns) == expected
    positions = np.array([INDUSTRIES.index(name) for name in industry])
    assert named(positions, *columns) == expected


@settings(max_examples=60, deadline=None)
@given(firm(), st.sampled_from(range(3)), st.floats(0, 1e6))
def test_growth_never_lowers_the_class(one: tuple[str, float, float, float], which: int, more: float) -> None:
    larger = list(one[1:])
    larger[which] += more
    assert classify([one[0]], *larger)[0] >= classify([one[0]], *one[1:])[0]


@pytest.mark.parametrize("industry", INDUSTRIES)
def test_bounds_are_ordered_and_exact(industry: str) -> None:
    for name, bounds in THRESHOLDS[industry].items():
        assert name in INDICATORS
        assert 0 < bounds[0] < bounds[1] < bounds[2]
        for bound in bounds:
            # A user's own conversion from 万元 must not miss a bound by a rounding error.
            assert name == "employees" or round(bound * 100) * 0.01 >= bound == round(bound * 100) / 100


@pytest.mark.skipif(not EVIDENCE.exists(), reason="the evidence pack is not beside the checkout")
def test_thresholds_are_the_published_ones() -> None:
    with EVIDENCE.open(encoding="utf-8") as file:
        published = {
            row["key"]: float(row["value"])
            for row in csv.DictReader(file)
            if row["key"].startswith("size.") and row["key"].endswith("_min")
        }
    ours = {
        f"size.{row['industry']}.{SHORT[row['indicator']]}.{size}_min": float(row[size])
        for row in size_table().to_dict("records")
        for size in SIZE_CLASSES[1:]
    }
    assert ours == published


def test_table_names_every_industry() -> None:
    table = size_table()
    assert tuple(table["industry"].unique()) == INDUSTRIES == tuple(THRESHOLDS)
    assert len(INDUSTRIES) == len(set(INDUSTRY_NAMES.values())) == len(table["name_zh"].unique()) == 16


def test_takes_columns_of_every_kind() -> None:
    expected = np.array([1, 3], dtype=np.int8)
    for industry in (
        ["agri", "other"],
        pd.Categorical(["agri", "other"]),
        pd.Series(["agri", "other"]),
        [0, 15],
    ):
        result = classify(industry, pd.Series([None, 300], dtype="Float64"), 0.5, np.nan)  # type: ignore[arg-type]
        assert result.dtype == np.int8
        np.testing.assert_array_equal(result, expected)
    assert len(classify([], [], [], [])) == 0


def test_all_problems_at_once_with_their_rows() -> None:
    with pytest.raises(InputErrors) as caught:
        classify(["industry", "industry", "agri", "other"], [np.nan, 5, 1, 1], [-1.0, 1, np.nan, 0], np.nan)
    assert [(problem.where, problem.given) for problem in caught.value.problems] == [
        ("column revenue", "missing in 1 row of industry agri"),
        ("column employees", "missing in 1 row of industry industry"),
        ("column revenue", "negative in 1 row of industry industry"),
    ]


def test_unknown_industries_are_counted() -> None:
    with pytest.raises(InputErrors) as caught:
        classify(["retial", "retial", None, "agri"], 1, 1, 1)  # type: ignore[list-item]
    first, second = caught.value.problems
    assert (first.given, first.hint) == ("retial in 2 rows", "did you mean retail?")
    assert (second.given, second.hint) == ("nothing in 1 row", None)


def test_many_unknown_industries_are_summed_up() -> None:
    with pytest.raises(InputErrors) as caught:
        classify([f"x{i}" for i in range(100)], 1, 1, 1)
    assert len(caught.value.problems) < 12
    assert "in 92 rows" in caught.value.problems[-1].given


@pytest.mark.parametrize(
    ("args", "given"),
    [
        (([16], 1, 1, 1), "16 in 1 row"),
        (([-1], 1, 1, 1), "-1 in 1 row"),
        ((["agri"], 1, "lots", 1), "could not convert"),
        ((["agri"], 1, [1, 2], 1), "shape \\(2,\\)"),
        (([["agri"]], 1, 1, 1), "2 dimensions"),
    ],
)
def test_what_is_no_column_is_refused(args: tuple[object, ...], given: str) -> None:
    with pytest.raises(InputErrors, match=given):
        classify(*args)  # type: ignore[arg-type]
