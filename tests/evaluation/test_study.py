from __future__ import annotations

from pathlib import Path

import pytest

from sme_analysis.errors import InputErrors
from sme_analysis.evaluation import DESIGNS, Bunching, Discontinuity, Staggered, TwoWay, estimate, load_study
from tests.evaluation.conftest import simple_panel

GOOD = """\
title: A grant
design: staggered adoption
data: firms.csv
columns: {outcome: y, unit: firm, time: year, cohort: start, measured_in: log points}
options: {average: dynamic, base: universal, level: 0.95}
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "design.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def said(tmp_path: Path, text: str) -> str:
    with pytest.raises(InputErrors) as caught:
        load_study(written(tmp_path, text))
    return str(caught.value)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_study_runs_from_its_file(tmp_path: Path, ending: str) -> None:
    data = simple_panel()
    data.to_csv(tmp_path / "firms.csv", index=False)
    data.to_parquet(tmp_path / "firms.parquet")
    study = load_study(written(tmp_path, GOOD.replace("csv", ending)))
    assert study.design == Staggered(average="dynamic", base="universal", level=0.95)
    assert study.title == "A grant"
    assert estimate(study.panel(), study.design).estimate == pytest.approx(1.0, abs=0.3)


def test_all_problems_of_a_file_with_line_and_nearest_name(tmp_path: Path) -> None:
    text = GOOD.replace("staggered adoption", "stagered adoption").replace("unit: firm", "unti: firm")
    found = said(tmp_path, text + "optoins: 1\n")
    assert "3 problems found" in found
    assert "did you mean staggered adoption?" in found
    assert "did you mean unit?" in found
    assert "did you mean options?" in found
    assert "line 2, design" in found


def test_options_that_are_not_allowed_are_named_with_what_is(tmp_path: Path) -> None:
    found = said(
        tmp_path,
        GOOD.replace("average: dynamic, base: universal, level: 0.95", "average: dynamics, level: 90"),
    )
    assert "one of simple, dynamic, group, calendar" in found
    assert "did you mean dynamic?" in found
    assert "a fraction between 0 and 1" in found


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ("{draws: many}", "a whole number"),
        ("{draws: 0}", "a number above 0"),
        ("{errors: 3}", "text"),
        ("{level: high}", "a number"),
        ("[1, 2]", "key: value"),
    ],
)
def test_kinds_of_options(tmp_path: Path, options: str, text: str) -> None:
    source = f"design: two-way fixed effects\ncolumns: {{outcome: y}}\noptions: {options}\n"
    assert text in said(tmp_path, source)


def test_lists_and_single_values_both_make_a_list(tmp_path: Path) -> None:
    source = (
        "design: regression discontinuity\n"
        "columns: {outcome: y, running: r, covariates: [a, b]}\noptions: {cutoffs: 5, fuzzy: true}\n"
    )
    study = load_study(written(tmp_path, source))
    assert study.design == Discontinuity(cutoffs=(5.0,), fuzzy=True)
    assert study.columns.covariates == ("a", "b")
    assert "true or false" in said(tmp_path, source.replace("true", "perhaps"))


def test_options_without_a_default_must_be_given(tmp_path: Path) -> None:
    source = "design: bunching\ncolumns: {outcome: y, running: y}\noptions: {cap: 10, width: 1, below: 1, above: 2}\n"
    assert "a value for reach" in said(tmp_path, source)
    assert load_study(written(tmp_path, source.replace("above: 2", "above: 2, reach: 9"))).design == Bunching(
        cap=10, width=1, below=1, above=2, reach=9
    )


@pytest.mark.parametrize("text", ["", "- 1\n", "design: [\n"])
def test_what_is_no_design_file(tmp_path: Path, text: str) -> None:
    said(tmp_path, text)


def test_missing_files_are_said(tmp_path: Path) -> None:
    with pytest.raises(InputErrors, match=r"design\.yaml"):
        load_study(tmp_path / "design.yaml")
    with pytest.raises(InputErrors, match=r"firms\.csv"):
        load_study(written(tmp_path, GOOD)).panel()
    with pytest.raises(InputErrors, match="path of a CSV"):
        load_study(written(tmp_path, GOOD.replace("data: firms.csv\n", ""))).panel()


def test_designs_from_python_are_checked_too() -> None:
    with pytest.raises(InputErrors, match="one of cluster, wild, independent"):
        TwoWay(errors="clustered")


def test_every_design_has_a_name_and_says_what_it_needs() -> None:
    assert len({design.name for design in DESIGNS}) == len(DESIGNS)
    assert all(design.needs for design in DESIGNS)
