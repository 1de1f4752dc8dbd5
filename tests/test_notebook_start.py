from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from click.testing import CliRunner
from papermill.cli import papermill as papermill_command

from sme_analysis.errors import InputErrors
from sme_analysis.notebook import check_parameters, start
from sme_analysis.report import RESULT_MIME
from sme_analysis.scenario.freshness import TODAY_VARIABLE

DEFAULTS = """scenario: str = "haixi-2020"  # name in parameters/scenarios, or the path of a scenario YAML
changes: dict = {}  # catalogue keys to change, e.g. {"risk_compensation.loss_share": 0.6}
bands: bool = True  # whether to draw the bands
years: int = 5  # how far to look"""
START = """from sme_analysis.notebook import start
sc, rec = start("03_trial", scenario, changes, bands=bands, years=years)"""
RESULT = 'rec.number("years", years, unit="count", label="Years")'
GIVEN: dict[str, Any] = {"scenario": "haixi-2020", "changes": {}, "bands": True, "years": 5}


def injected(text: str) -> list[str]:
    return ["", DEFAULTS, f"# Parameters\n{text}", START]


def test_without_papermill_nothing_is_amiss() -> None:
    assert check_parameters("03_trial", GIVEN, ["", DEFAULTS, START]) == []
    assert check_parameters("03_trial", GIVEN, []) == []


def test_declared_parameters_may_be_passed() -> None:
    history = injected('scenario = "thin-fund"\nyears = -3\nchanges = {"a": [1, None, float(\'nan\')]}')
    assert check_parameters("03_trial", GIVEN, history) == []


def test_a_mistyped_name_is_refused_with_the_right_one() -> None:
    [problem] = check_parameters("03_trial", GIVEN, injected("yaers = 3"))
    assert problem.where == "03_trial, yaers"
    assert problem.hint == "did you mean years?"


def test_a_name_mistyped_among_values_that_are_no_literals_is_refused() -> None:
    [problem] = check_parameters("03_trial", GIVEN, injected("yaers = float('nan')\nyears = 3"))
    assert problem.where == "03_trial, yaers"


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("scenario", 2024, "text"),
        ("scenario", False, "text"),
        ("changes", "{a: 1}", "a mapping"),
        ("changes", None, "a mapping"),
        ("bands", "false", "True or False"),
        ("bands", 1, "True or False"),
        ("years", True, "a whole number"),
        ("years", "5", "a whole number"),
        ("years", 5.5, "a whole number"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(name: str, value: Any, allowed: str) -> None:
    [problem] = check_parameters("03_trial", {**GIVEN, name: value}, injected(f"{name} = {value!r}"))
    assert problem.where == f"03_trial, {name}"
    assert problem.allowed == allowed


def test_the_hint_for_a_switch_can_be_pasted() -> None:
    [problem] = check_parameters("03_trial", {**GIVEN, "bands": "false"}, injected('bands = "false"'))
    assert problem.hint is not None
    assert problem.hint.startswith("-p bands False")


def test_defaults_run_again_by_hand_forget_what_was_passed() -> None:
    history = [*injected("yaers = 3"), DEFAULTS, START]
    assert check_parameters("03_trial", GIVEN, history) == []


def test_parameters_that_the_defaults_undo_are_refused() -> None:
    [problem] = check_parameters(
        "03_trial", GIVEN, ["", '# Parameters\nscenario = "thin-fund"', DEFAULTS, START]
    )
    assert 'the tag "parameters"' in problem.allowed


def test_a_declared_parameter_that_start_does_not_receive_is_refused() -> None:
    given = {name: value for name, value in GIVEN.items() if name != "years"}
    for history in (["", DEFAULTS, START], injected("years = 3")):
        [problem] = check_parameters("03_trial", given, history)
        assert problem.where == "03_trial, years"
        assert problem.hint == "start(…, years=years)"


def test_everything_is_told_at_once() -> None:
    with pytest.raises(InputErrors) as caught:
        start("03_trial", "haixi-2021", {"risk_compensation.loss_shar": "60%"})
    assert len(caught.value.problems) == 2
    with pytest.raises(InputErrors) as caught:
        start("03_trial", "haixi-2020", "x")  # type: ignore[arg-type]
    assert len(caught.value.problems) == 1


def shown(monkeypatch: pytest.MonkeyPatch, today: str) -> list[dict[str, Any]]:
    """Return what start shows on a day."""
    outputs: list[dict[str, Any]] = []
    monkeypatch.setattr("sme_analysis.notebook.publish", lambda data, metadata: outputs.append(data))
    monkeypatch.setenv(TODAY_VARIABLE, today)
    start("03_trial", "haixi-2020", {})
    return outputs


def test_a_banner_stands_above_results_that_rest_on_parameters_past_their_review(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line, banner = shown(monkeypatch, "2027-07-01")
    assert RESULT_MIME in line
    assert set(banner) == {"text/html", "text/plain"}
    assert banner["text/plain"].startswith("Due for review: ")
    assert "were due for review, the oldest on 2027-06-30" in banner["text/plain"]
    assert banner["text/html"].startswith('<p class="banner" role="note" style="')
    assert banner["text/html"].count("<") == 4
    # The same on every day until more is due: what is stored does not change by itself.
    assert shown(monkeypatch, "2028-06-30")[1] == banner
    assert shown(monkeypatch, "2028-07-01")[1] != banner


def test_nothing_is_added_while_all_is_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(shown(monkeypatch, "2027-06-30")) == 1


def test_a_bad_day_is_told_with_everything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TODAY_VARIABLE, "soon")
    with pytest.raises(InputErrors) as caught:
        start("03_trial", "haixi-2021", {})
    assert [problem.where for problem in caught.value.problems] == [TODAY_VARIABLE, "scenario"]


def test_start_gives_scenario_and_recorder() -> None:
    scenario, recorder = start("03_trial", "haixi-2020", {"risk_compensation.loss_share": "60%"})
    assert recorder.scenario is scenario
    assert scenario.parameters["risk_compensation.loss_share"] == 0.6


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    cells = [
        nbformat.v4.new_code_cell(DEFAULTS, metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(START),
        nbformat.v4.new_code_cell(RESULT),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(notebook, tmp_path / "trial.ipynb")
    return tmp_path / "trial.ipynb"


def run(notebook: Path, **parameters: Any) -> Any:
    return papermill.execute_notebook(
        notebook,
        notebook.with_name("out.ipynb"),
        parameters=parameters,
        progress_bar=False,
        kernel_name="python3",
    )


@pytest.mark.kernel
def test_papermill_stops_at_a_mistyped_name_with_a_short_message(trial: Path) -> None:
    with pytest.raises(papermill.PapermillExecutionError) as caught:
        run(trial, yaers=3, bands="false", changes={"risk_compensation.loss_shar": 0.6})
    assert caught.value.ename == "InputErrors"
    message = str(caught.value)
    for part in ("03_trial, yaers", "did you mean years?", "-p bands False", "risk_compensation.loss_share?"):
        assert part in message
    assert "Traceback" not in message
    assert len(message.splitlines()) < 30
    cells = nbformat.read(trial.with_name("out.ipynb"), as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert [cell.metadata.papermill.status for cell in code[-2:]] == ["failed", "pending"]
    assert not code[-1].outputs


@pytest.mark.kernel
def test_papermill_runs_a_notebook_and_its_results_travel_in_it(trial: Path) -> None:
    run(trial, years=3, changes={"risk_compensation.loss_share": 0.55})
    cells = nbformat.read(trial.with_name("out.ipynb"), as_version=4).cells
    results = [
        output.data[RESULT_MIME]
        for cell in cells
        for output in cell.get("outputs", [])
        if RESULT_MIME in output.get("data", {})
    ]
    opening, number = results
    assert opening["kind"] == "start"
    assert opening["changes"][0]["key"] == "risk_compensation.loss_share"
    assert opening["changes"][0]["after"] == 0.55
    assert number["value"] == 3


def test_papermill_explains_the_parameters(trial: Path) -> None:
    shown = CliRunner().invoke(papermill_command, ["--help-notebook", str(trial)])
    assert "scenario: str" in shown.output
    assert "name in parameters/scenarios, or the path of a scenario YAML" in shown.output
    assert "changes: dict" in shown.output
    assert "catalogue keys to change" in shown.output
