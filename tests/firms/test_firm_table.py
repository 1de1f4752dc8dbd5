"""Every problem of a firm table is named at once, in the reader's terms."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from sme_analysis.errors import InputErrors
from sme_analysis.firms import check_firms, synthetic_firms
from sme_analysis.scenario import load_scenario


@pytest.fixture(scope="module")
def firms() -> pd.DataFrame:
    return synthetic_firms(load_scenario("haixi-2020").parameters.replace({"simulation.firms": 300}))


def message(table: pd.DataFrame) -> str:
    with pytest.raises(InputErrors) as error:
        check_firms(table, "firms.csv")
    return str(error.value)


def test_a_sound_table_comes_back_in_order(firms: pd.DataFrame) -> None:
    shuffled = firms.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(check_firms(shuffled), firms)


def test_further_columns_are_kept(firms: pd.DataFrame) -> None:
    assert "county" in check_firms(firms.assign(county="Golmud"))


def test_values_repeats_and_classes_are_reported_together(firms: pd.DataFrame) -> None:
    bad = firms.copy()
    bad.loc[3, "need"] = -1.0
    bad.loc[7, "weight"] = np.nan
    bad.loc[9, "firm_id"] = 8
    bad.loc[5, "size_class"] = "micro" if bad.loc[5, "size_class"] != "micro" else "medium"
    text = message(bad)
    assert "4 problems found" in text
    for piece in (
        "firms.csv, column need, row 3",
        "a number above 0, not infinite",
        "column weight, row 7",
        "column firm_id, rows 8, 9",
        "every number once",
        "column size_class, row 5",
        "the class that the national thresholds give",
    ):
        assert piece in text


def test_rows_are_named_by_the_index(firms: pd.DataFrame) -> None:
    bad = firms.set_axis(range(1000, 1300))
    bad.loc[1003, "wants"] = 1.4
    assert "row 1003" in message(bad)


def test_a_column_under_another_name_is_recognised(firms: pd.DataFrame) -> None:
    text = message(firms.rename(columns={"collateral_ratio": "colateral_ratio"}).drop(columns="age"))
    assert "did you mean colateral_ratio?" in text
    assert "no column age" in text


@pytest.mark.parametrize(
    ("column", "change", "expected"),
    [
        ("industry", lambda c: c.astype(str), "categories"),
        ("employees", lambda c: c.astype(int), "decimal numbers"),
        ("need", lambda c: c.astype(str), "decimal numbers"),
        ("agri", lambda c: c.astype(int), "true or false"),
        ("firm_id", lambda c: c.astype(float), "whole numbers"),
    ],
)
def test_a_column_of_another_type_is_one_problem(
    firms: pd.DataFrame, column: str, change: Callable[[pd.Series], pd.Series], expected: str
) -> None:
    text = message(firms.assign(**{column: change(firms[column])}))
    assert "1 problem found" in text
    assert f"column {column}" in text
    assert expected in text


def test_a_mistyped_industry_is_recognised(firms: pd.DataFrame) -> None:
    names = firms["industry"].astype(str)
    names.iloc[2] = "retial"
    assert "did you mean retail?" in message(firms.assign(industry=names.astype("category")))


@pytest.mark.parametrize("column", ["revenue", "assets", "collateral_ratio", "overdue_receivables"])
def test_infinite_amounts_are_refused(firms: pd.DataFrame, column: str) -> None:
    bad = firms.copy()
    bad.loc[4, column] = np.inf
    assert f"column {column}, row 4" in message(bad)


def test_an_empty_table_is_refused(firms: pd.DataFrame) -> None:
    assert "at least one firm" in message(firms.iloc[:0])
