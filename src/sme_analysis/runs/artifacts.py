"""What a run leaves besides its pages: results, tidy tables, pictures and the manifest."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from sme_analysis.report.budget_file import write_budget_file
from sme_analysis.runs.identity import Identity, file_hash
from sme_analysis.runs.outcome import Outcome, Result
from sme_analysis.runs.store import FORMAT, MANIFEST, RESULTS
from sme_analysis.scenario import Scenario
from sme_analysis.scenario.freshness import overdue, valid_until

FORMAT_VERSION = 1
BUDGET_TABLE = "performance_targets"  # also left in the form of the budget file (绩效目标表)
BUDGET_FILES = (".xlsx", ".docx")


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file of a run, its folder included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def write_json(path: Path, content: Any) -> None:
    """Write readable JSON; a value that JSON does not have is an error."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    write_bytes(path, (text + "\n").encode())


def stem(notebook: str, name: str) -> str:
    """Return what the files of a result are called."""
    return f"{notebook}.{name}"


def changes_of(scenario: Scenario) -> list[dict[str, Any]]:
    """Return what a scenario changes against its parent, in inner units."""
    return [
        {"key": change.key, "before": change.parent_value, "after": change.value, "origin": change.origin}
        for change in scenario.changes
        if change.moves
    ]


def about_scenario(scenario: Scenario) -> dict[str, Any]:
    """Return what a scenario is called and where it comes from."""
    return {
        "name": scenario.name,
        "title": scenario.title,
        "author": scenario.author,
        "reference": scenario.reference,
        "description": scenario.description,
        "lineage": list(scenario.lineage),
        "fingerprint": scenario.fingerprint,
    }


def results_content(scenario: Scenario, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return every result of a run; the same run has the same bytes on any day.

    Parameters
    ----------
    scenario : Scenario
        What was asked.
    outcomes : sequence of Outcome
        In reading order; those of failed notebooks bring no results.

    Returns
    -------
    dict
        Ready for JSON.
    """
    return {
        "format": "sme-analysis results",
        "version": FORMAT_VERSION,
        "scenario": about_scenario(scenario),
        "parameters": dict(scenario.parameters),
        "changes": changes_of(scenario),
        "notebooks": [
            {"name": outcome.notebook, "title": outcome.title, "status": status(outcome)}
            for outcome in outcomes
        ],
        "results": [
            {**result.record, "notebook": outcome.notebook, **_files(outcome.notebook, result)}
            for outcome in outcomes
            if outcome.good
            for result in outcome.results
        ],
    }


def status(outcome: Outcome) -> str:
    """Return "good" or "failed"."""
    return "good" if outcome.good else "failed"


def write_artifacts(folder: Path, content: Mapping[str, Any], outcomes: Sequence[Outcome]) -> None:
    """Write `results.json`, `tables/` and `figures/`.

    Parameters
    ----------
    folder : Path
        The run's.
    content : mapping
        From `results_content`.
    outcomes : sequence of Outcome
        Those of failed notebooks bring nothing.
    """
    write_json(folder / RESULTS, content)
    good = [(outcome.notebook, result) for outcome in outcomes if outcome.good for result in outcome.results]
    numbers = [
        {"notebook": notebook, **result.record} for notebook, result in good if result.kind == "number"
    ]
    columns = ["notebook", "name", "label", "value", "unit", "text", "low", "high", "note"]
    _write_table(folder / "tables" / "numbers", pd.DataFrame(numbers).reindex(columns=columns))
    described: list[dict[str, Any]] = []
    for notebook, result in good:
        if result.png:
            write_bytes(folder / "figures" / f"{stem(notebook, result.name)}.png", picture(result.png))
        if has_data(result):
            about = columns_of(result)
            described += [{"notebook": notebook, "table": result.name, **column} for column in about]
            data = pd.DataFrame(result.record["rows"], columns=[column["column"] for column in about])
            _write_table(folder / "tables" / stem(notebook, result.name), data)
            if result.name == BUDGET_TABLE:
                _write_budget_files(
                    folder / "tables" / stem(notebook, result.name), data, content["scenario"]
                )
    names = ["notebook", "table", "column", "label", "unit"]
    _write_table(folder / "tables" / "columns", pd.DataFrame(described, columns=names))


def has_data(result: Result) -> bool:
    """Return whether a result is a table, or a figure that carries the data it draws."""
    return result.kind in {"table", "figure"} and bool(result.record.get("columns"))


def columns_of(result: Result) -> list[dict[str, str]]:
    """Return name, label and unit of each column of a result."""
    columns = []
    for given in result.record["columns"]:
        about = given if isinstance(given, Mapping) else {"name": given}
        name = str(about["name"])
        unit = about.get("unit") or ""
        columns.append({"column": name, "label": str(about.get("label") or name), "unit": str(unit)})
    return columns


def picture(text: str | Iterable[str]) -> bytes:
    """Return the bytes of a picture as a notebook holds it."""
    joined = text if isinstance(text, str) else "".join(text)
    try:
        return base64.b64decode(joined)
    except binascii.Error:
        return b""


def manifest_content(
    identity: Identity,
    scenario: Scenario,
    outcomes: Sequence[Outcome],
    times: Mapping[str, Any],
    command: Sequence[str],
    today: dt.date,
) -> dict[str, Any]:
    """Return what a run was made of and how it went, without the hashes of its files.

    Parameters
    ----------
    identity : Identity
        Of the run.
    scenario : Scenario
        What was asked.
    outcomes : sequence of Outcome
        In reading order.
    times : mapping
        `started`, `finished` (ISO 8601) and `seconds`.
    command : sequence of str
        Which makes this run again.
    today : date
        The day that parameters are overdue on, or not.

    Returns
    -------
    dict
        Ready for JSON.
    """
    inputs = identity.inputs
    return {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "status": "good" if all(outcome.good for outcome in outcomes) else "failed",
        "fingerprint": identity.fingerprint,
        "scenario": about_scenario(scenario),
        "seed": scenario.parameters.get("simulation.seed"),
        "command": list(command),
        **times,
        "review": {
            "today": today.isoformat(),
            "valid_until": valid_until(scenario.parameters).isoformat(),
            "overdue": [
                {
                    "key": item.key,
                    "label": item.label,
                    "review_by": item.review_by.isoformat(),
                    "days": item.days,
                }
                for item in overdue(scenario.parameters, today)
            ],
        },
        "notebooks": [
            {
                "name": outcome.notebook,
                "title": outcome.title,
                "status": status(outcome),
                "seconds": outcome.seconds,
                "error": outcome.error or None,
            }
            for outcome in outcomes
        ],
        "changes": changes_of(scenario),
        "parameters": inputs["parameters"],
        "data": inputs["data"],
        "code": inputs["code"],
        "versions": inputs["versions"],
        "units": {"money": "CNY million", "shares and rates": "fraction", "durations": "years"},
    }


def seal(folder: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Write the manifest with the hash of every file; nothing may be written to the run after.

    Parameters
    ----------
    folder : Path
        The run's, complete but for the manifest.
    manifest : mapping
        From `manifest_content`.

    Returns
    -------
    dict
        The manifest with its `files`.
    """
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name != MANIFEST)
    sealed = {**manifest, "files": {file.relative_to(folder).as_posix(): file_hash(file) for file in files}}
    write_json(folder / MANIFEST, sealed)
    return sealed


def _write_budget_files(path: Path, data: pd.DataFrame, scenario: Mapping[str, Any]) -> None:
    numbers = {name: pd.to_numeric(data[name]) for name in ("value", "expected")}
    for suffix in BUDGET_FILES:
        write_budget_file(
            data.assign(**numbers),
            path.with_name(path.name + suffix),
            title=str(scenario["title"]),
            scenario=str(scenario["name"]),
        )


def _files(notebook: str, result: Result) -> dict[str, str]:
    name = stem(notebook, result.name)
    files = {"png": f"figures/{name}.png"} if result.png else {}
    return {**files, **({"csv": f"tables/{name}.csv"} if has_data(result) else {})}


def _write_table(path: Path, data: pd.DataFrame) -> None:
    csv = data.to_csv(index=False, lineterminator="\n")
    # A CSV may begin with the mark by which spreadsheets know that Chinese text is UTF-8.
    write_bytes(path.with_name(f"{path.name}.csv"), csv.encode("utf-8-sig"))
    plain = data.copy()
    for column in plain.columns:
        # A column that holds text and numbers has no type in Parquet.
        if pd.api.types.infer_dtype(plain[column], skipna=True).startswith("mixed"):
            plain[column] = plain[column].map(lambda cell: None if cell is None else str(cell))
    write_bytes(path.with_name(f"{path.name}.parquet"), plain.to_parquet(index=False))
