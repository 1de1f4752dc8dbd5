"""What is refused before any kernel starts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_notebooks import NUMBER, notebook_json

from sme_analysis.errors import InputErrors, UserError
from sme_analysis.runs import make_plan, notebook_names, read_notebook
from sme_analysis.runs.identity import identify
from sme_analysis.scenario import load_scenario

Write = Callable[..., Path]
NOW = dt.date(2026, 11, 23)


def test_the_brief_is_read_first(write: Write) -> None:
    for name in ("03_c", "05_policy_package", "00_a", "scratch"):
        write(name, NUMBER)
    assert notebook_names() == ["05_policy_package", "00_a", "03_c"]
    chosen = make_plan(load_scenario("haixi-2020"), {}, ["03", "00_a.ipynb"]).notebooks
    assert [notebook.name for notebook in chosen] == ["00_a", "03_c"]


def test_everything_wrong_with_the_notebooks_is_told_at_once(desk: Path, write: Write) -> None:
    write("01_good", NUMBER)
    write("02_untagged", NUMBER, tagged=False)
    write("03_broken", NUMBER).write_bytes(b"\x89PNG\x00")
    misnamed = notebook_json([NUMBER]).replace("scenario: str", "scenaro: str")
    write("04_misnamed").write_text(misnamed.replace("changes: dict = {}", "changes: list = []"))
    with pytest.raises(InputErrors) as caught:
        make_plan(load_scenario("haixi-2020"), {})
    text = str(caught.value)
    assert "02_untagged.ipynb" in text
    assert "no cells tagged parameters" in text
    assert "03_broken.ipynb" in text
    assert "scenario: str" in text
    assert "scenaro" in text
    assert "of kind list" in text
    assert "01_good" not in text


def test_an_unknown_notebook_is_refused_by_name(write: Write) -> None:
    write("03_risk_compensation", NUMBER)
    with pytest.raises(InputErrors, match="03_risk_compensation"):
        make_plan(load_scenario("haixi-2020"), {}, ["03_risk_compensatio"])


def test_a_project_without_notebooks_says_so(desk: Path) -> None:
    with pytest.raises(UserError, match="no notebook"):
        make_plan(load_scenario("haixi-2020"), {})


def test_the_fingerprint_follows_what_results_depend_on(desk: Path, write: Write) -> None:
    path = write("01_baseline", NUMBER)

    def fingerprint(changes: dict[str, str] | None = None, today: dt.date = NOW) -> str:
        scenario = load_scenario("haixi-2020", changes)
        return identify(make_plan(scenario, changes or {}), today).fingerprint

    first = fingerprint()
    assert fingerprint() == first
    assert fingerprint({"risk_compensation.loss_share": "50%"}) == first
    assert fingerprint({"risk_compensation.loss_share": "60%"}) != first
    # Pages tell what is overdue, so the day matters as soon as something is, and no day before.
    assert fingerprint(today=NOW.replace(month=12)) == first
    assert fingerprint(today=NOW.replace(year=2035)) != first
    assert fingerprint({"risk_compensation.loss_share": "60%"}) == fingerprint(
        {"risk_compensation.loss_share": "0.6"}
    )
    write("01_baseline", NUMBER + "1 + 1\n")
    assert fingerprint() != first
    write("01_baseline", NUMBER)
    assert fingerprint() == first
    assert read_notebook(path).title == "A notebook"
    (desk.parent / "project" / "data" / "figures.csv").write_text("key,value\nx,1\n", encoding="utf-8")
    assert fingerprint() != first
