"""Runs through real kernels: what counts as good, what is left behind, what is refused."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tiny_notebooks import FIGURE, NUMBER, SENTENCE, TABLE

from sme_analysis.errors import UserError
from sme_analysis.runs import Step, StoreError, artifacts, run_scenario
from sme_analysis.runs.body import inspect_html

pytestmark = pytest.mark.kernel
Write = Callable[..., Path]


def left_over(runs: Path) -> list[str]:
    return sorted(path.name for path in runs.iterdir()) if runs.exists() else []


def test_a_good_run_leaves_everything_and_is_used_again(runs: Path, write: Write, desk: Path) -> None:
    write("05_policy_package", SENTENCE, NUMBER, TABLE, FIGURE, title="The <brief>")
    write("01_baseline", TABLE)
    steps: list[Step] = []
    report = run_scenario("haixi-2020", progress=steps.append)
    assert report.good
    assert not report.reused
    assert [row.text for row in report.headlines] == ["CNY 1.5 m"]
    assert [step.state for step in steps].count("done") == 2
    assert report.folder.parent == runs
    assert report.folder.name.startswith("haixi-2020-")

    manifest = json.loads((report.folder / "manifest.json").read_text())
    assert manifest["status"] == "good"
    assert [notebook["name"] for notebook in manifest["notebooks"]] == ["05_policy_package", "01_baseline"]
    on_disk = {
        path.relative_to(report.folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in report.folder.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    assert manifest["files"] == on_disk
    assert {"index.html", "results.json", "figures/05_policy_package.cover.png"} <= set(on_disk)
    assert "tables/05_policy_package.cover.csv" in on_disk

    results = json.loads((report.folder / "results.json").read_text(encoding="utf-8"))
    assert [result["name"] for result in results["results"]][:2] == ["answer", "lending"]
    csv = pd.read_csv(report.folder / "tables" / "01_baseline.by_size.csv")
    parquet = pd.read_parquet(report.folder / "tables" / "01_baseline.by_size.parquet")
    assert csv["size_class"].tolist() == parquet["size_class"].tolist() == ["微型", "small"]
    assert csv["lending"].iloc[0] == 1.25

    for page in report.folder.rglob("*.html"):
        html = page.read_text(encoding="utf-8")
        assert inspect_html(html).faults == []
        assert "Additional <lending>" not in html
        assert "The <brief>" not in html
        assert str(desk.parent) not in html
    index = report.index.read_text(encoding="utf-8")
    assert index.index("05_policy_package") < index.index("01_baseline")
    assert "It <strong>helps</strong>." in index
    assert "synthetic sample" in index

    latest = json.loads((runs / "latest.json").read_text())
    assert latest["run"] == report.folder.name
    assert f"{report.folder.name}/index.html" in (runs / "index.html").read_text()
    assert left_over(runs) == sorted([report.folder.name, "index.html", "latest.json"])

    # Nothing runs again, until a file is touched.
    again: list[Step] = []
    second = run_scenario("haixi-2020", progress=again.append)
    assert second.reused
    assert again == []
    assert second.headlines == report.headlines
    (report.folder / "results.json").write_text("{}", encoding="utf-8")
    assert not run_scenario("haixi-2020", workers=1).reused


def test_a_change_without_effect_is_reported(write: Write) -> None:
    write("05_policy_package", NUMBER)
    run_scenario("haixi-2020")
    still = run_scenario("haixi-2020", {"special_fund.grant_share": "40%"})
    assert "no effect" in still.verdict
    assert "no effect" in still.index.read_text(encoding="utf-8")
    moved = run_scenario("haixi-2020", {"risk_compensation.loss_share": "60%"})
    assert moved.verdict == ""
    assert [(row.before, row.text) for row in moved.headlines] == [("CNY 1.5 m", "CNY 2.5 m")]


FAULTS = {
    "raises": ("1 / 0\n", "ZeroDivisionError"),
    "fails_in_the_shell": ("!exit 3\n", "exit code 3: exit 3"),
    "leaves": ("import sys; sys.exit(0)\n", "sys.exit"),
    "is_killed": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)\n", "kernel died"),
    "sleeps": ("import time; time.sleep(60)\n", "longer than the 6 s"),
    "has_no_alt": (
        'display({"image/png": PNG, "text/plain": "x"}, raw=True)\n',
        "picture without alternative text",
    ),
    "computes_another": (
        'record("start", "start", fingerprint="0123456789abcdef")\n',
        "did a scenario file change",
    ),
}


def test_what_is_not_good_is_marked_and_kept_apart(runs: Path, write: Write) -> None:
    for number, (name, (source, _)) in enumerate(FAULTS.items(), start=10):
        write(f"{number}_{name}", NUMBER, source, "print('after')\n")
    write("17_records_nothing", "1 + 1\n")
    report = run_scenario("haixi-2020", timeout=6)
    assert not report.good
    errors = {failure.notebook[3:]: failure.error for failure in report.failures}
    assert list(errors) == [*FAULTS, "records_nothing"]
    for name, (_, words) in FAULTS.items():
        assert words in errors[name], name
    assert "recorded no result" in errors["records_nothing"]
    assert report.failures[0].cell == "1 / 0\n"
    assert "ChildProcessError" in errors["fails_in_the_shell"]
    assert report.folder.name.endswith(".failed")
    assert left_over(runs) == [report.folder.name]
    index = report.index.read_text(encoding="utf-8")
    assert "ZeroDivisionError" in index
    assert index.index('id="failed"') < index.index('id="notebooks"')
    page = (report.folder / "pages" / "10_raises.html").read_text(encoding="utf-8")
    assert "This notebook failed" in page
    assert '<details class="code" open' in page
    assert json.loads((report.folder / "results.json").read_text())["results"] == []


def test_a_failed_run_never_replaces_a_good_one(desk: Path, write: Write) -> None:
    write("01_baseline", NUMBER)
    output = desk / "out"
    good = run_scenario("haixi-2020", output=output)
    assert good.index == output / "index.html"
    assert (output / "results.json").exists()
    write("01_baseline", NUMBER, "1 / 0\n")
    bad = run_scenario("haixi-2020", output=output)
    assert bad.folder == desk / "out.failed"
    assert json.loads((output / "manifest.json").read_text())["status"] == "good"
    write("01_baseline", NUMBER)
    assert run_scenario("haixi-2020", output=output).reused


def test_a_scenario_file_is_named_as_its_user_does(desk: Path, write: Write) -> None:
    write("01_baseline", NUMBER, "!true\nassert scenario.startswith('/'), scenario\n")
    (desk / "mine.yaml").write_text(
        "title: <b>Mine</b>\nauthor: <script>x</script>\nreference: 青海\nextends: haixi-2020\nchanges: {}\n",
        encoding="utf-8",
    )
    report = run_scenario("mine.yaml", output=desk / "out")
    assert report.good, report.failures
    for path in report.folder.rglob("*"):
        assert path.is_dir() or str(desk).encode() not in path.read_bytes(), path
    notebook = (report.folder / "notebooks" / "01_baseline.ipynb").read_text(encoding="utf-8")
    assert r"scenario = \"mine.yaml\"" in notebook
    index = report.index.read_text(encoding="utf-8")
    assert "&lt;b&gt;Mine" in index
    assert "<script" not in index


@pytest.mark.parametrize("when", ["notebook", "artifact"])
def test_a_full_disk_leaves_nothing(
    when: str, desk: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("01_baseline", NUMBER)

    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if when == "artifact":
        monkeypatch.setattr(artifacts, "write_bytes", full)
    else:
        monkeypatch.setattr("papermill.engines.write_ipynb", full)
    with pytest.raises(StoreError, match="No space left on device"):
        run_scenario("haixi-2020", output=desk / "out")
    assert list(desk.iterdir()) == []


def test_output_must_be_a_folder_that_may_be_replaced(desk: Path, write: Write) -> None:
    write("01_baseline", NUMBER)
    (desk / "file").write_text("mine", encoding="utf-8")
    (desk / "full").mkdir()
    (desk / "full" / "thesis.txt").write_text("mine", encoding="utf-8")
    refused = {"file": "is a file", "full": "holds files", ".": "you are in", "file/out": "written"}
    for output, words in refused.items():
        with pytest.raises(UserError, match=words):
            run_scenario("haixi-2020", output=Path(output))
    assert sorted(path.name for path in desk.iterdir()) == ["file", "full"]
