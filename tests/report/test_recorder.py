from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import math
from typing import Any

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest

from sme_analysis.errors import UserError
from sme_analysis.report import RESULT_MIME, Recorder, RecordError, recorder, style
from sme_analysis.report.content import plain_value

Shown = list[tuple[dict[str, Any], dict[str, Any]]]
TABLE = {"caption": "By size", "source": "model run", "labels": {"lending": "Lending"}}
FIGURE = {"alt": "A line rises.", "caption": "Lending", "source": "model run"}


@pytest.fixture
def data() -> pd.DataFrame:
    return pd.DataFrame({"size_class": ["micro", "small"], "lending": [1 / 3, np.nan]})


def drawn() -> Any:
    fig = style.new_figure(4, 2)
    fig.subplots().plot([1, 2], [3, 4])
    return fig


def test_a_number_is_shown_and_travels_in_the_same_output(rec: Recorder, shown: Shown) -> None:
    rec.number(
        "lending", 123.4123, unit="money", label="Lending <2027>", rests_on=["risk_compensation.loss_share"]
    )
    [(output, _)] = shown
    assert output["text/plain"] == "Lending <2027>: CNY 123.4 m"
    assert "Lending &lt;2027&gt;" in output["text/html"]
    result = output[RESULT_MIME]
    assert result["kind"] == "number"
    assert result["value"] == 123.4123
    assert result["text"] == "CNY 123.4 m"
    assert result["notebook"] == "03_risk_compensation"
    assert result["rests_on"] == ["risk_compensation.loss_share"]
    assert result["articles"]
    assert rec.results == (result,)


def test_a_group_of_parameters_stands_for_its_keys(rec: Recorder) -> None:
    rec.sentence("answer", "Yes.", rests_on=["risk_compensation"])
    keys = rec.results[0]["rests_on"]
    assert len(keys) > 3
    assert all(key.startswith("risk_compensation.") for key in keys)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None, "12", True])
def test_a_headline_is_a_finite_number(rec: Recorder, value: Any) -> None:
    with pytest.raises(RecordError, match="a finite number"):
        rec.number("lending", value, unit="money", label="Lending")


def test_a_number_that_cannot_be_says_why(rec: Recorder, shown: Shown) -> None:
    rec.number("leverage", math.nan, unit="multiple", label="Leverage", missing="no public cost")
    assert rec.results[0]["value"] is None
    assert rec.results[0]["text"] == "–"
    assert shown[0][0]["text/plain"] == "Leverage: – (no public cost)"
    rec.number("cost", 3.0, unit="money", label="Cost", missing="no programme")
    assert shown[1][0]["text/plain"] == "Cost: CNY 3 m"
    with pytest.raises(RecordError, match="a finite number"):
        rec.number("ratio", math.inf, unit="multiple", label="Ratio", missing="no public cost")


def test_all_faults_are_told_at_once(rec: Recorder, shown: Shown) -> None:
    with pytest.raises(RecordError) as caught:
        rec.number("Lending 1", math.nan, unit="mony", label=" ", rests_on=["risk_compensation.los_share"])
    message = str(caught.value)
    assert isinstance(caught.value, UserError)
    assert message.startswith("5 problems found")
    assert "did you mean money?" in message
    assert "did you mean risk_compensation.loss_share?" in message
    assert not shown
    assert not rec.results


def test_a_table_records_tidy_data(rec: Recorder, shown: Shown, data: pd.DataFrame) -> None:
    before = data.copy()
    rec.table("by_size", data, units={"lending": "money"}, note="Two.", **TABLE)
    result = shown[0][0][RESULT_MIME]
    assert result["columns"][1] == {
        "name": "lending",
        "label": "Lending",
        "unit": "money",
        "decimals": 4,
        "unit_from": None,
    }
    assert result["rows"] == [["micro", 0.333333333333], ["small", None]]
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert "Two." in shown[0][0]["text/html"]
    pd.testing.assert_frame_equal(data, before)


def test_a_named_index_becomes_the_heading_of_rows(rec: Recorder, data: pd.DataFrame) -> None:
    rec.table("by_size", data.set_index("size_class"), **TABLE)
    assert [column["name"] for column in rec.results[0]["columns"]] == ["size_class", "lending"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"caption": ""}, "caption"),
        ({"source": " "}, "source"),
        ({"labels": {}}, 'none for column "lending"'),
        ({"labels": {"lending": "Lending", "landing": "x"}}, "did you mean lending?"),
        ({"units": {"lending": "monney"}}, "did you mean money?"),
        ({"units": {"lending": "=unit"}}, '"=unit"'),
        ({"digits": {"firms": 2}}, '"firms"'),
    ],
)
def test_an_incomplete_table_is_refused(
    rec: Recorder, data: pd.DataFrame, wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(RecordError, match="1 problem found") as caught:
        rec.table("by_size", data, **{**TABLE, **wrong})
    assert message in str(caught.value)


def test_infinite_empty_and_doubled_tables_are_refused(rec: Recorder, data: pd.DataFrame) -> None:
    with pytest.raises(RecordError, match="infinite"):
        rec.table("by_size", data.fillna(math.inf), **TABLE)
    with pytest.raises(RecordError, match="no rows"):
        rec.table("by_size", data.iloc[:0], **TABLE)
    with pytest.raises(RecordError, match="two columns"):
        rec.table("by_size", data[["size_class", "lending", "lending"]], **TABLE)
    with pytest.raises(RecordError, match="DataFrame"):
        rec.table("by_size", [1, 2], **TABLE)  # type: ignore[arg-type]


def test_a_figure_carries_picture_alt_text_and_data(rec: Recorder, shown: Shown, data: pd.DataFrame) -> None:
    rec.figure("path", drawn(), data=data, note="Median & more.", **FIGURE)
    (image, metadata), (below, _) = shown
    assert base64.b64decode(image["image/png"]).startswith(b"\x89PNG")
    assert metadata["image/png"] == {"alt": "A line rises.", "width": 384}
    assert image[RESULT_MIME]["rows"] == [["micro", 0.333333333333], ["small", None]]
    assert "Median &amp; more." in below["text/html"]
    assert below["text/html"].index("Lending") < below["text/html"].index("Source: model run")


def test_pictures_are_the_same_bytes_every_time(rec: Recorder, shown: Shown, data: pd.DataFrame) -> None:
    rec.figure("one", drawn(), data=data, **FIGURE)
    rec.figure("two", drawn(), data=data, **FIGURE)
    first, second = (base64.b64decode(shown[place][0]["image/png"]) for place in (0, 2))
    assert hashlib.sha256(first).hexdigest() == hashlib.sha256(second).hexdigest()
    assert b"Software" not in first
    assert b"matplotlib" not in first


def test_a_figure_of_pyplot_is_closed(rec: Recorder, data: pd.DataFrame) -> None:
    fig, ax = plt.subplots()
    ax.plot([1, 2])
    rec.figure("path", fig, data=data, **FIGURE)
    assert not plt.fignum_exists(fig.number)


@pytest.mark.parametrize("missing", ["alt", "caption", "source"])
def test_a_figure_without_words_is_refused(rec: Recorder, data: pd.DataFrame, missing: str) -> None:
    with pytest.raises(RecordError, match=missing):
        rec.figure("path", drawn(), data=data, **{**FIGURE, missing: ""})


def test_a_figure_without_data_or_axes_is_refused(rec: Recorder, data: pd.DataFrame) -> None:
    with pytest.raises(RecordError, match="no rows"):
        rec.figure("path", drawn(), data=data.iloc[:0], **FIGURE)
    with pytest.raises(RecordError, match="without axes"):
        rec.figure("path", style.new_figure(), data=data, **FIGURE)
    with pytest.raises(RecordError, match="a matplotlib Figure"):
        rec.figure("path", "picture", data=data, **FIGURE)  # type: ignore[arg-type]


def test_sentences_keep_markdown_and_lose_html(rec: Recorder, shown: Shown) -> None:
    rec.sentence("answer", "**Yes**: PD < 5 % <script>alert(1)</script>")
    assert shown[0][0]["text/markdown"] == "**Yes**: PD < 5 % &lt;script>alert(1)&lt;/script>"
    with pytest.raises(RecordError, match="finite numbers"):
        rec.sentence("cost", "It costs CNY nan m.")
    with pytest.raises(RecordError, match="text"):
        rec.sentence("cost", "")


def test_a_name_is_used_once(rec: Recorder) -> None:
    rec.sentence("answer", "Yes.")
    with pytest.raises(RecordError, match="recorded already"):
        rec.number("answer", 1.0, unit="count", label="Answer")


def test_a_cell_may_be_run_again_but_no_other_may_take_its_name(
    rec: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_cell(cell: str, count: int) -> None:
        monkeypatch.setattr(recorder, "current_cell", lambda: (cell, count))

    in_cell("a", 1)
    rec.sentence("answer", "Yes.")
    with pytest.raises(RecordError):
        rec.sentence("answer", "Twice in one cell.")
    in_cell("a", 2)
    rec.sentence("answer", "Yes, again.")
    in_cell("b", 3)
    with pytest.raises(RecordError):
        rec.sentence("answer", "No.")
    assert [result["text"] for result in rec.results] == ["Yes, again."]


def test_outputs_are_valid_in_a_notebook(rec: Recorder, shown: Shown, data: pd.DataFrame) -> None:
    rec.number("lending", 1.0, unit="money", label="Lending")
    rec.table("by_size", data, **TABLE)
    rec.figure("path", drawn(), data=data, **FIGURE)
    outputs = [nbformat.v4.new_output("display_data", out, metadata=metadata) for out, metadata in shown]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(outputs=outputs)])
    nbformat.validate(notebook)
    again = nbformat.reads(nbformat.writes(notebook), as_version=4)
    assert again.cells[0].outputs[0].data[RESULT_MIME]["value"] == 1.0


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (0.1 + 0.2, 0.3),
        (np.float64(-0.0), 0.0),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (pd.NA, None),
        (pd.NaT, None),
        (dt.date(2020, 8, 1), "2020-08-01"),
        (pd.Timestamp("2020-08-01"), "2020-08-01T00:00:00"),
        (pd.Period("2020-08", "M"), "2020-08"),
    ],
)
def test_cells_become_plain_json(value: Any, plain: Any) -> None:
    result = plain_value(value)
    assert result == plain
    assert type(result) is type(plain)
    assert str(result) == str(plain)
