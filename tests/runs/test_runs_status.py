"""What is past its review or made of something else is told: on every page, and of every run."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from tiny_notebooks import NUMBER

from sme_analysis.runs import run_scenario, store
from sme_analysis.runs.body import body_of, inspect_html
from sme_analysis.runs.status import Standing, standings
from sme_analysis.scenario.freshness import TODAY_VARIABLE

Write = Callable[..., Path]
NOW = dt.date(2026, 11, 23)
FAR = dt.date(2035, 1, 1)
START = 'from sme_analysis.notebook import start\nstart("01_baseline", scenario, changes)\n'
DUE = "Due for review."


def pages(run: Path) -> list[str]:
    found = [run / store.INDEX, *sorted((run / "pages").glob("*.html"))]
    return [page.read_text(encoding="utf-8") for page in found]


def the_one(folder: Path, today: dt.date = NOW) -> Standing:
    [standing] = standings(folder, today)
    return standing


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def latest(found: list[Standing]) -> list[str]:
    return [run.folder.name for run in found if run.latest]


@pytest.mark.kernel
def test_every_page_says_what_is_past_its_review(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("01_baseline", START, NUMBER)
    write("05_policy_package", NUMBER)
    fresh = run_scenario("haixi-2020")
    assert fresh.overdue == ()
    assert fresh.manifest["review"] == {"today": "2026-11-23", "valid_until": "2027-06-30", "overdue": []}
    assert len(pages(fresh.folder)) == 3
    for html in pages(fresh.folder):
        assert DUE not in html
        assert ">overdue<" not in html
        assert '<time datetime="2027-06-30">2027-06-30</time>' in html
    notebook = (fresh.folder / "notebooks" / "01_baseline.ipynb").read_text(encoding="utf-8")
    assert "due for review" not in notebook

    # The day it is judged on tells pages apart, so the run without a banner is not used again.
    monkeypatch.setenv(TODAY_VARIABLE, FAR.isoformat())
    stale = run_scenario("haixi-2020")
    assert not stale.reused
    assert stale.folder != fresh.folder
    told = stale.manifest["review"]
    assert told["today"] == "2035-01-01"
    assert [entry["key"] for entry in told["overdue"]] == [entry.key for entry in stale.overdue]
    assert stale.overdue
    assert not any(entry.key.startswith("relending.") for entry in stale.overdue)
    for html in pages(stale.folder):
        assert html.count('<section class="notice due"') == 1
        assert html.index(DUE) < html.index("<h2")
        assert "the oldest on 2027-06-30" in html
        # The two parameters of what is off are listed without a mark.
        assert html.count(">overdue<") == len(stale.overdue)
        assert inspect_html(html).faults == []

    # A page that papermill and nbconvert make without us has it too, with its style beside it.
    content = nbformat.read(stale.folder / "notebooks" / "01_baseline.ipynb", as_version=4)
    body = body_of(content)
    assert '<p class="banner" role="note" style="' in body.html
    assert body.faults == ()
    again = run_scenario("haixi-2020")
    assert again.reused
    assert again.overdue == stale.overdue


@pytest.mark.kernel
def test_a_run_is_fresh_until_what_it_is_made_of_changes(desk: Path, write: Write, runs: Path) -> None:
    write("01_baseline", NUMBER)
    assert standings(runs, NOW) == []
    report = run_scenario("haixi-2020", {"risk_compensation.loss_share": "60%"})
    project = desk.parent / "project"
    standing = the_one(runs)
    assert standing.fresh
    assert standing.latest
    assert (standing.scenario, standing.folder) == ("haixi-2020", report.folder)
    assert the_one(report.folder).fresh
    before = {path: path.read_bytes() for path in report.folder.rglob("*") if path.is_file()}

    kept = desk.parent / "kept"
    shutil.copytree(project, kept, ignore=shutil.ignore_patterns("runs"))

    def moved(*changes: tuple[str, str]) -> tuple[str, ...]:
        for name, text in changes:
            append(project / name, text) if (project / name).exists() else (project / name).write_text(text)
        standing = the_one(runs)
        for name, _ in changes:
            if (kept / name).exists():
                shutil.copy(kept / name, project / name)
            else:
                (project / name).unlink()
        assert not standing.fresh
        return standing.moved

    assert moved(("data/figures.csv", "x,1\n"), ("parameters/catalogue/firms.yaml", "# looked at\n")) == (
        "data/figures.csv",
        "parameters/catalogue/firms.yaml",
    )
    assert moved(("data/another.csv", "x\n")) == ("data/another.csv",)
    assert moved(("notebooks/01_baseline.ipynb", "spoilt")) == ("notebooks/01_baseline.ipynb",)
    shutil.copy(project / "notebooks" / "01_baseline.ipynb", kept / "new.ipynb")
    assert moved(("notebooks/02_more.ipynb", (kept / "new.ipynb").read_text())) == (
        "notebooks/02_more.ipynb",
    )
    scenario = "parameters/scenarios/haixi-2020.yaml"
    assert moved((scenario, "changes: {risk_compensation.fund: 80m}\n")) == ("scenario haixi-2020",)
    # Words about the words change nothing, as nothing would run again.
    append(project / scenario, "# a remark\n")
    assert the_one(runs).fresh
    (project / scenario).unlink()
    assert the_one(runs).moved == ("scenario haixi-2020",)
    shutil.copy(kept / scenario, project / scenario)

    assert the_one(runs, FAR).overdue
    assert the_one(runs, FAR).moved == ()
    assert {path: path.read_bytes() for path in before} == before
    (report.folder / "results.json").write_text("{}", encoding="utf-8")
    assert the_one(runs).altered
    assert not the_one(runs).fresh


def fake(runs: Path, name: str, like: Path, *, made: str, **changes: object) -> None:
    """Copy a run under another name, made at another time."""
    shutil.copytree(like, runs / name)
    manifest = json.loads((runs / name / store.MANIFEST).read_text(encoding="utf-8"))
    manifest |= {"finished": made, **changes}
    (runs / name / store.MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")


@pytest.mark.kernel
def test_the_last_good_run_of_a_question_stands_for_it(runs: Path, write: Write) -> None:
    write("01_baseline", NUMBER)
    run = run_scenario("haixi-2020").folder
    fake(runs, "haixi-2020-old", run, made="2020-01-01T00:00:00+00:00", data={"data/figures.csv": "0"})
    fake(runs, "haixi-2020-new.failed", run, made="2040-01-01T00:00:00+00:00", status="failed")
    found = standings(runs, NOW)
    assert [each.folder.name for each in found] == ["haixi-2020-new.failed", run.name, "haixi-2020-old"]
    assert latest(found) == [run.name]
    assert [each.good for each in found] == [False, True, True]
    assert "data/figures.csv" in found[2].moved

    # The same scenario with a setting on top is another question; so is one that never came out.
    command = ["sme-analysis", "run", "haixi-2020", "--set", "risk_compensation.loss_share=50%"]
    fake(runs, "variant", run, made="2041-01-01T00:00:00+00:00", command=command)
    fake(
        runs, "lost.failed", run, made="2040-01-01T00:00:00+00:00", status="failed", command=[*command, "-x"]
    )
    assert latest(standings(runs, NOW)) == [run.name, "lost.failed", "variant"]
    assert [each.fresh for each in standings(runs, NOW) if each.latest] == [True, False, True]


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"scenario": "haixi-2020", "finished": None},
        {"scenario": {"name": "x"}, "finished": "2026", "data": [], "code": {}, "parameters": {}},
        {"scenario": {"name": "x"}, "finished": "2026", "data": {}, "parameters": {}, "command": ["a"]},
    ],
)
def test_a_manifest_of_another_version_is_no_accident(content: dict[str, object], runs: Path) -> None:
    (runs / "x").mkdir(parents=True)
    manifest = {"format": store.FORMAT, "status": "good", "fingerprint": "0", **content}
    (runs / "x" / store.MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    (runs / "y").mkdir()
    (runs / "z.txt").write_text("mine", encoding="utf-8")
    standing = the_one(runs)
    assert not standing.fresh
    assert "another version" in standing.moved[0]
