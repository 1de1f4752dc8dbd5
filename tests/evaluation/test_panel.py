from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sme_analysis.errors import InputErrors
from sme_analysis.evaluation import Columns, change, make_panel
from tests.evaluation.conftest import SIMPLE, simple_panel


def said(data: pd.DataFrame, columns: Columns) -> str:
    with pytest.raises(InputErrors) as caught:
        make_panel(data, columns)
    return str(caught.value)


def test_all_that_is_wrong_is_said_at_once() -> None:
    data = simple_panel().assign(size="small")
    text = said(data, Columns("yy", "firm", "year", "strat", covariates=("size",), weights="weihgt"))
    assert "4 problems found" in text
    assert "did you mean start?" in text
    assert "text such as 'small'" in text


def test_a_unit_twice_in_a_period_is_named() -> None:
    data = pd.concat([simple_panel(), simple_panel().iloc[[0]]])
    assert "0 in 1 stand twice" in said(data, SIMPLE)


def test_unit_and_time_come_together() -> None:
    assert "unit and time together" in said(simple_panel(), Columns("y", unit="firm"))


def test_one_column_has_one_role() -> None:
    assert '"year" in two roles' in said(simple_panel(), Columns("y", "firm", "year", cohort="year"))


def test_treatment_that_switches_off_needs_a_word() -> None:
    data = simple_panel()
    data.loc[(data["firm"] == 0) & (data["year"] == 6), "d"] = 0
    assert "pulse: true" in said(data, Columns("y", "firm", "year", treatment="d"))
    panel = make_panel(data, Columns("y", "firm", "year", treatment="d", pulse=True))
    assert "cohort" not in panel.frame


def test_treatment_and_cohort_must_agree() -> None:
    data = simple_panel().assign(d=0)
    assert "disagree" in said(data, Columns("y", "firm", "year", "start", "d"))


def test_a_cohort_stays() -> None:
    data = simple_panel()
    data.loc[0, "start"] = 5
    assert "change cohort" in said(data, SIMPLE)


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [("year", 1.5, "whole periods"), ("y", np.inf, "finite numbers"), ("w", 0.0, "above zero")],
)
def test_values_out_of_range(column: str, value: float, text: str) -> None:
    data = simple_panel().assign(w=1.0)
    data[column] = data[column].astype(float)
    data.loc[3, column] = value
    assert text in said(data, Columns("y", "firm", "year", weights="w"))


def test_cohort_and_treatment_are_made_from_each_other() -> None:
    data = simple_panel()
    by_cohort, by_treatment = (
        make_panel(data, SIMPLE),
        make_panel(data, Columns("y", "firm", "year", treatment="d")),
    )
    assert by_cohort.frame["treatment"].tolist() == by_treatment.frame["treatment"].tolist()
    assert by_cohort.frame["cohort"].tolist() == by_treatment.frame["cohort"].tolist()


def test_rows_without_a_value_are_left_out_and_counted() -> None:
    data = simple_panel()
    data.loc[:4, "y"] = np.nan
    panel = make_panel(data, SIMPLE)
    assert len(panel.frame) == len(data) - 5
    assert panel.dropped == {"y": 5}
    assert not panel.balanced


def test_the_given_frame_is_not_touched() -> None:
    data = simple_panel().sample(frac=1, random_state=1)
    before = data.copy()
    make_panel(data, SIMPLE)
    pd.testing.assert_frame_equal(data, before)


def test_change_is_after_minus_before() -> None:
    data = simple_panel(noise=0.0)
    found = change(make_panel(data, SIMPLE)).frame
    gap = found.groupby("treatment")["outcome"].mean()
    assert len(found) == 60
    assert gap[1.0] - gap[0.0] == pytest.approx(1.0)
