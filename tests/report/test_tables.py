from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from sme_analysis.report import tables


@pytest.fixture
def data() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "size_class": ["micro", "<b>small & more</b>"],
            "lending": [6812.25, np.nan],
            "active": [True, False],
            "confirmed": [True, False],
        }
    )


def parse(html: str) -> ElementTree.Element:
    return ElementTree.fromstring(html.replace("<br>", "<br/>"))


def test_html_is_well_formed_escaped_and_says_what_heads_what(data: pd.DataFrame) -> None:
    columns = tables.columns_of(data, {"lending": "Lending", "active": "Active"}, {"lending": "money"})
    root = parse(tables.html_table(data, columns, "Caption <i>", tables.source_html("A & B", "note")))
    table = root.find("table")
    assert table is not None
    assert table.findtext("caption") == "Caption <i>"
    heads = table.findall("thead/tr/th")
    assert ["".join(head.itertext()) for head in heads] == ["Size class", "Lending (CNY m)", "Active"]
    assert {head.get("scope") for head in heads} == {"col"}
    rows = table.findall("tbody/tr")
    assert [row[0].get("scope") for row in rows] == ["row", "row"]
    assert [cell.text for cell in rows[0]] == ["micro", "6,812", "yes"]
    assert [cell.text for cell in rows[1]][1:] == ["–", "no"]
    assert rows[1][0].text == "<b>small & more</b> "
    assert rows[0][1].get("class") == "number"
    assert "dataframe" not in ElementTree.tostring(root, encoding="unicode")


def test_unconfirmed_rows_carry_a_badge_and_no_truth_value(data: pd.DataFrame) -> None:
    columns = tables.columns_of(data[["size_class", "confirmed"]], {})
    html = tables.html_table(data[["size_class", "confirmed"]], columns, "Caption")
    assert html.count(">unconfirmed</span>") == 1
    assert "True" not in html
    assert "False" not in html
    assert "[unconfirmed]" in tables.text_table(data[["size_class", "confirmed"]], columns, "")


def test_each_row_may_have_its_own_unit() -> None:
    data = pd.DataFrame({"measure": ["a", "b"], "value": [123.4, 0.0345], "unit": ["money", "rate"]})
    columns = tables.columns_of(data, {}, {"value": "=unit"})
    visible, rows, _ = tables.shown_cells(data, columns)
    assert [column.name for column in visible] == ["measure", "value"]
    assert rows == [["a", "CNY 123.4 m"], ["b", "3.45 %"]]


def test_plain_text_is_aligned_with_chinese_names_too() -> None:
    data = pd.DataFrame({"label": ["海西", "Delingha"], "value": [1.5, 20.25]})
    text = tables.text_table(data, tables.columns_of(data, {}), "Caption", "Source: x")
    assert text.splitlines() == [
        "Caption",
        "Parameter  Value",
        "---------  -----",
        "海西        1.50",
        "Delingha   20.25",
        "Source: x",
    ]


def test_chosen_decimals_hold_for_a_column_but_years_stay_whole() -> None:
    data = pd.DataFrame({"year": [2024], "share": [0.5], "amount": [1.0]})
    columns = tables.columns_of(data, {}, {"share": "share"}, {"share": 2})
    assert tables.shown_cells(data, columns)[1] == [["2024", "50.00", "1"]]
