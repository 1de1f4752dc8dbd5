"""Whether an executed notebook is good, and the results that it left behind."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

RESULT_MIME = "application/vnd.sme-analysis.result+json"
KINDS = ("number", "table", "figure", "sentence")
ERROR_TAG = "papermill-error-cell-tag"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
_TERMINAL_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True)
class Result:
    """A named result: what the notebook recorded, and the picture shown with it."""

    record: Mapping[str, Any]
    png: str | None = None

    @property
    def kind(self) -> str:
        """One of `KINDS`."""
        return str(self.record["kind"])

    @property
    def name(self) -> str:
        """Its name within the notebook."""
        return str(self.record["name"])


@dataclass(frozen=True)
class Outcome:
    """How a notebook came out.

    `error` says in a few lines why it is not good, and is empty where it is; `seconds` is the time it took.
    """

    notebook: str
    title: str
    seconds: float
    error: str = ""
    results: tuple[Result, ...] = ()
    content: Any = field(default=None, repr=False, compare=False)

    @property
    def good(self) -> bool:
        """Whether its results may be used."""
        return not self.error


def results_of(content: Any) -> list[Result]:
    """Return what a notebook recorded, in order.

    Parameters
    ----------
    content : NotebookNode
        An executed notebook.

    Returns
    -------
    list of Result
        Of the kinds in `KINDS`.
    """
    return [
        Result(data[RESULT_MIME], data.get("image/png"))
        for data in _bundles(content)
        if data[RESULT_MIME].get("kind") in KINDS
    ]


def fault(content: Any, fingerprint: str) -> str:
    """Return why an executed notebook is not good.

    An exit code tells little: `sys.exit(0)` in a cell ends a notebook early and counts as success with
    papermill, and a kernel that was killed leaves no exception behind.

    Parameters
    ----------
    content : NotebookNode
        As papermill left it.
    fingerprint : str
        Of the parameters that the notebook was run for.

    Returns
    -------
    str
        Empty if the notebook is good.
    """
    about = content.metadata.get("papermill", {})
    for place, cell in enumerate(code_cells(content), start=1):
        for output in cell.outputs:
            if output.output_type == "error":
                return _error_text(place, output)
        status = cell.metadata.get("papermill", {}).get("status")
        if status != "completed" or (cell.source.strip() and cell.execution_count is None):
            return f"code cell {place} did not run to its end"
    if about.get("exception"):
        return "it ended with an exception"
    if not about.get("end_time"):
        return "it did not run to its end"
    return _result_fault(content, fingerprint)


def code_cells(content: Any) -> list[Any]:
    """Return the code cells, papermill's with the parameters included; pages and errors count them from 1."""
    return [cell for cell in content.cells if cell.cell_type == "code"]


def failing_cell(content: Any) -> str:
    """Return the source of the cell that raised, or ""."""
    for cell in code_cells(content):
        if any(output.output_type == "error" for output in cell.outputs):
            return str(cell.source)
    return ""


def _result_fault(content: Any, fingerprint: str) -> str:
    started = [data[RESULT_MIME] for data in _bundles(content) if data[RESULT_MIME].get("kind") == "start"]
    for start in started:
        if start.get("fingerprint") != fingerprint:
            return (
                f"it computed the parameters {start.get('fingerprint')} instead of those it was given, "
                f"{fingerprint}; did a scenario file change during the run?"
            )
    results = results_of(content)
    if not results:
        return "it recorded no result"
    names = [str(result.record.get("name")) for result in results]
    for name in names:
        if not _NAME.fullmatch(name):
            return f"the result name {name!r} is not made of letters, digits and underscores"
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        return f"it recorded {', '.join(twice)} more than once"
    missing = [result.name for result in results if result.kind == "figure" and not result.png]
    if missing:
        return f"it recorded a figure without a picture: {', '.join(missing)}"
    return ""


def _bundles(content: Any) -> Iterator[Mapping[str, Any]]:
    for cell in content.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if isinstance(data.get(RESULT_MIME), Mapping):
                yield data


def _error_text(place: int, output: Mapping[str, Any]) -> str:
    text = _TERMINAL_COLOURS.sub("", str(output.get("evalue", ""))).strip()
    name = str(output.get("ename", "error"))
    if name == "SystemExit":
        return f"code cell {place} left the notebook by sys.exit({text}); what follows it never ran"
    return f"code cell {place}: {name}: {text}" if text else f"code cell {place}: {name}"
