"""The commands on how sure we are."""

import shutil

import pandas as pd
import pytest
from typer.testing import CliRunner

from sme_analysis.cli import app
from sme_analysis.errors import InputErrors
from sme_analysis.scenario import project_root

EXPERIMENT = "cowan2015_credit_per_guarantee"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A copy of the project's parameters and data, to write a calibration to."""
    for name in ("parameters", "data"):
        shutil.copytree(project_root() / name, tmp_path / name)
    monkeypatch.setenv("SME_ANALYSIS_HOME", str(tmp_path))
    return tmp_path


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def test_uncertainty_prints_every_headline_and_keeps_the_draws(tmp_path):
    file = tmp_path / "draws.csv"
    shown = run("uncertainty", "haixi-2020", "--draws", 16, "--firms", 300, "--workers", 1, "--output", file)
    assert shown.exit_code == 0
    assert "Additional lending in the first year" in shown.stdout
    table = pd.read_csv(file)
    assert len(table) == 16
    assert {"bank.rate_ceiling", "loan_years", "weight"} <= set(table)


def test_learning_leaves_a_calibration_that_a_scenario_names(project):
    told = run(
        "learn", "haixi-2020", "--experiment", EXPERIMENT, "--effect", 0.7, "--se", 1, "--source", "a report of 2028",
        "--name", "after-2028", "--draws", 64, "--workers", 1,
    )  # fmt: skip
    assert told.exit_code == 0, told.stdout
    assert "effective draws of 64" in told.stdout
    mine = project / "mine.yaml"
    mine.write_text(
        "title: Mine\nauthor: A. Reader\nreference: a report\nextends: haixi-2020\ncalibration: after-2028\n",
        encoding="utf-8",
    )
    assert run("check", mine).exit_code == 0
    assert "a report of 2028" in (project / "parameters/calibrations/after-2028.yaml").read_text(
        encoding="utf-8"
    )


def test_what_is_learned_may_come_from_a_design_file(project):
    rows = [
        (
            firm,
            year,
            0.7 * (firm < 40 and year >= 3) + 0.1 * ((7 * firm + 3 * year) % 5),
            3 if firm < 40 else 0,
        )
        for firm in range(80)
        for year in range(1, 6)
    ]
    pd.DataFrame(rows, columns=["firm", "year", "y", "first"]).to_csv(project / "panel.csv", index=False)
    (project / "study.yaml").write_text(
        "title: Credit per guarantee in the first townships\ndata: panel.csv\ndesign: two-way fixed effects\n"
        "columns: {unit: firm, time: year, outcome: y, cohort: first}\n",
        encoding="utf-8",
    )
    told = run(
        "learn", "haixi-2020", "--experiment", EXPERIMENT, "--study", project / "study.yaml",
        "--name", "after-2028", "--draws", 64, "--workers", 1, "--model-error", 50,
    )  # fmt: skip
    assert told.exit_code == 0, told.stdout
    assert "it measures" in told.stdout
    stored = (project / "parameters/calibrations/after-2028.yaml").read_text(encoding="utf-8")
    assert "Credit per guarantee in the first townships" in stored


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (("learn", "haixi-2020", "--experiment", "cowan", "--name", "X"), "--experiment"),
        (("sensitivity", "haixi-2020", "--points", 100), "--points"),
        (("sensitivity", "haixi-2020", "--headline", "lending"), "--headline"),
        (("calibrate", "no-policy", "--name", "x", "--key", "bank.price"), "--key"),
        (("uncertainty", "haixi-2020", "--set", "bank.margin"), "--set"),
    ],
)
def test_bad_input_is_refused_before_anything_is_computed(words, place):
    with pytest.raises(InputErrors) as caught:
        run(*words)
    assert place in str(caught.value)
