"""The command line as a user meets it: exit codes, messages, interruption."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sme_analysis import cli
from sme_analysis.scenario.freshness import TODAY_VARIABLE
from sme_analysis.scenario.paths import HOME_VARIABLE, project_root

ROOT = project_root()
MAIN = "from sme_analysis.cli import main; main()"
RECORD = """
from IPython.display import display
display({"application/vnd.sme-analysis.result+json": {"kind": "number", "name": "lending", "value": 1.0,
    "unit": "money", "label": "Additional lending", "text": "CNY 1 m"}, "text/plain": "x"}, raw=True)
"""


def notebook(*sources: str) -> str:
    parameters = 'scenario: str = "haixi-2020"\nchanges: dict = {}'
    cells: list[dict[str, Any]] = []
    for number, source in enumerate([parameters, *sources]):
        tags = {"tags": ["parameters"]} if number == 0 else {}
        cell = {"cell_type": "code", "id": f"c{number}", "metadata": tags, "source": source}
        cells.append({**cell, "outputs": [], "execution_count": None})
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return json.dumps(
        {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    )


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(ROOT / "parameters", tmp_path / "project" / "parameters")
    (tmp_path / "project" / "notebooks").mkdir()
    (tmp_path / "home").mkdir()
    (tmp_path / "desk").mkdir()
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "project"))
    monkeypatch.chdir(tmp_path / "desk")
    return tmp_path / "desk"


def write(desk: Path, name: str, *sources: str) -> None:
    path = desk.parent / "project" / "notebooks" / f"{name}.ipynb"
    path.write_text(notebook(*sources), encoding="utf-8")


def call(arguments: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """Return the exit code of a command run in this process."""
    monkeypatch.setattr(sys, "argv", ["sme-analysis", *arguments])
    with pytest.raises(SystemExit) as left:
        cli.main()
    code = left.value.code
    return code if isinstance(code, int) else 0


def test_list_names_scenarios_notebooks_and_instruments(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(desk, "03_risk_compensation", RECORD)
    assert call(["list"], monkeypatch) == cli.GOOD
    text = capsys.readouterr().out
    for word in ("haixi-2020", "03_risk_compensation", "special_fund", "credit_incentive"):
        assert word in text


def test_show_tells_every_parameter_and_what_was_changed(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["show", "haixi-2020"], monkeypatch) == cli.GOOD
    text = capsys.readouterr().out
    for word in ("risk_compensation.loss_share", "assumption", "range", "article"):
        assert word in text
    setting = ["--set", "risk_compensation.loss_share=60%"]
    assert call(["show", "haixi-2020", "--changes", *setting], monkeypatch) == cli.GOOD
    text = capsys.readouterr().out
    assert "60 %" in text
    assert "bank." not in text


def test_check_reports_all_problems_of_all_files(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["check", "haixi-2020"], monkeypatch) == cli.GOOD
    (desk / "a.yaml").write_text("title: A\nchanges:\n  risk_compensation.loss_shar: 60%\n", encoding="utf-8")
    (desk / "b.yaml").write_bytes(b"\x00\x01")
    assert call(["check", "a.yaml", "b.yaml"], monkeypatch) == cli.FAILED
    errors = capsys.readouterr().err
    assert errors.startswith("error: ")
    for word in ("a.yaml", "b.yaml", "author", "risk_compensation.loss_share"):
        assert word in errors


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "haixi-2020", "--set", "risk_compensation.loss_shar=60%"], ["risk_compensation.loss_share"]),
        (["run", "haixi-2020", "--set", "loss", "--set", "risk_compensation.fund=-5m"], ["KEY=VALUE"]),
        (["run", "haixi-2020", "--set", "bank.margin=1%", "--set", "bank.margin=2%"], ["twice"]),
        (["run", "haixi-2021"], ["haixi-2020"]),
        (["run", "haixi-2020", "--notebook", "07"], ["01_baseline"]),
        (["run", "haixi-2020", "--output", "file/out"], ["could not be written", "file"]),
        (["show", "missing.yaml"], ["missing.yaml"]),
    ],
)
def test_bad_input_is_refused_in_a_sentence(
    arguments: list[str],
    words: list[str],
    desk: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(desk, "01_baseline", RECORD)
    (desk / "file").write_text("mine", encoding="utf-8")
    assert call(arguments, monkeypatch) == cli.BAD_INPUT
    errors = capsys.readouterr().err
    assert errors.startswith("error: ")
    assert "Traceback" not in errors
    for word in words:
        assert word in errors
    assert not list(desk.glob(".*"))


def test_unknown_options_are_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    assert call(["run", "haixi-2020", "--fast"], monkeypatch) == cli.BAD_INPUT


def start(desk: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the command line as its own process, with a home of its own and no PATH to a Python."""
    environment = {**os.environ, "HOME": str(desk.parent / "home"), "PATH": "/usr/bin:/bin"}
    environment.pop("XDG_CONFIG_HOME", None)
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, *arguments],
        cwd=desk,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.kernel
def test_run_ends_with_the_headline_and_the_page(desk: Path) -> None:
    write(desk, "01_baseline", RECORD, "import os; assert os.environ['NUMBA_NUM_THREADS'] == '1'")
    process = start(desk, "run", "haixi-2020", "--output", "out")
    out, err = process.communicate(timeout=60)
    assert process.returncode == cli.GOOD, err
    assert "CNY 1 m" in out
    assert out.splitlines()[-1] == str(Path("out") / "index.html")
    assert "good     01_baseline" in err
    assert "TCP without encryption" not in err
    assert sorted(path.name for path in desk.iterdir()) == ["out"]
    assert [path.name for path in (desk.parent / "home").rglob("*") if "jupyter" in str(path)] == []
    assert not (desk.parent / "home" / ".ipython").exists()


@pytest.mark.kernel
def test_status_tells_which_runs_still_stand(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["status"], monkeypatch) == cli.GOOD
    assert "no run in" in capsys.readouterr().out
    write(desk, "01_baseline", RECORD)
    assert call(["run", "haixi-2020"], monkeypatch) == cli.GOOD
    assert "due for review" not in capsys.readouterr().err
    assert call(["status"], monkeypatch) == cli.GOOD
    text = capsys.readouterr()
    assert "fresh" in text.out
    assert "runs/haixi-2020-" in text.out
    assert text.err == ""

    firms = desk.parent / "project" / "parameters" / "catalogue" / "firms.yaml"
    content = firms.read_text(encoding="utf-8")
    firms.write_text(f"{content}# looked at\n", encoding="utf-8")
    assert call(["status", "../project/runs"], monkeypatch) == cli.FAILED
    text = capsys.readouterr()
    assert "older than: parameters/catalogue/firms.yaml" in text.out
    assert text.err == "warning: 1 of 1 results is not fresh: haixi-2020\n"
    firms.write_text(content, encoding="utf-8")

    monkeypatch.setenv(TODAY_VARIABLE, "2027-07-02")
    assert call(["status"], monkeypatch) == cli.FAILED
    text = capsys.readouterr()
    assert "parameters past review, the oldest by 2 days" in text.out
    assert "haixi-2020: " in text.out
    assert "due for review, the oldest on 2027-06-30" in text.out
    assert "warning: 1 of 1" in text.err
    for made in ("good     01_baseline", "warning: "):
        assert call(["run", "haixi-2020"], monkeypatch) == cli.GOOD
        text = capsys.readouterr()
        assert "due for review, the oldest on 2027-06-30" in text.err
        assert made in text.err
    assert "made before and is unchanged" in text.out
    assert call(["status"], monkeypatch) == cli.FAILED
    assert "a later run stands for it" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["status"], ["run", "haixi-2020"], ["show", "haixi-2020"]])
def test_a_day_that_is_none_is_bad_input(
    arguments: list[str], desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(TODAY_VARIABLE, "soon")
    assert call(arguments, monkeypatch) == cli.BAD_INPUT
    errors = capsys.readouterr().err
    assert TODAY_VARIABLE in errors
    assert "2027-06-30" in errors
    assert list((desk.parent / "project").glob("runs/*")) == []


def test_status_of_a_folder_that_is_not_there(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["status", "nowhere"], monkeypatch) == cli.BAD_INPUT
    assert "nowhere" in capsys.readouterr().err


def test_show_marks_what_is_past_its_review(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call(["show", "haixi-2020"], monkeypatch)
    assert ", overdue" not in capsys.readouterr().out
    monkeypatch.setenv(TODAY_VARIABLE, "2027-07-01")
    call(["show", "haixi-2020"], monkeypatch)
    assert "review by 2027-06-30, overdue" in capsys.readouterr().out


@pytest.mark.kernel
def test_a_failing_cell_is_told_and_the_exit_code_is_1(desk: Path) -> None:
    write(desk, "01_baseline", RECORD, "raise ValueError('the rate is negative')")
    process = start(desk, "run", "haixi-2020")
    out, err = process.communicate(timeout=60)
    assert process.returncode == cli.FAILED
    assert "error: 01_baseline: code cell 4: ValueError: the rate is negative" in err
    assert "raise ValueError" in err
    assert "Traceback" not in err
    assert out == ""


@pytest.mark.kernel
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_nothing(number: signal.Signals, desk: Path) -> None:
    mark = desk.parent / "pid"
    source = (
        f"import os, pathlib, time; pathlib.Path({str(mark)!r}).write_text(str(os.getpid()))\ntime.sleep(60)"
    )
    write(desk, "01_baseline", RECORD, source)
    write(desk, "02_special_funds", RECORD, "time = __import__('time'); time.sleep(60)")
    write(desk, "03_risk_compensation", RECORD)
    process = start(desk, "run", "haixi-2020", "--output", "out")
    deadline = time.monotonic() + 60
    while not (mark.exists() and mark.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    kernel = int(mark.read_text())
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == cli.INTERRUPTED, err
    assert err.splitlines()[-1].startswith("interrupted")
    assert "Traceback" not in err
    assert list(desk.iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.kill(kernel, 0)
