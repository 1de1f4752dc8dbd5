"""What reviewers read: an index and one page a notebook, complete in themselves."""

from __future__ import annotations

import datetime as dt
import functools
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from sme_analysis.runs.artifacts import write_bytes
from sme_analysis.runs.body import Body, body_of, code_styles, phrase
from sme_analysis.runs.compare import Comparison
from sme_analysis.runs.outcome import Outcome
from sme_analysis.runs.plan import BRIEF
from sme_analysis.runs.store import INDEX, MANIFEST, RESULTS
from sme_analysis.scenario import Scenario, changes_table, describe
from sme_analysis.scenario.freshness import overdue, sentence
from sme_analysis.scenario.units import show


@dataclass(frozen=True)
class Headline:
    """A recorded number as the index and the terminal show it.

    `interval` is its 5 to 95 %, "" where none was worked out; `unconfirmed` of the `inputs` it rests on were not
    read at their source; `before` is the same number in
    the scenario that this one changes, "" where that was not run.
    """

    notebook: str
    label: str
    text: str
    interval: str
    note: str
    before: str
    inputs: int
    unconfirmed: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """A notebook and its body."""

    outcome: Outcome
    body: Body | None

    @property
    def address(self) -> str:
        """Of the page, from the index."""
        return f"pages/{self.outcome.notebook}.html"


def checked(outcome: Outcome) -> Page:
    """Render a notebook, and count it as failed if it cannot be shown to reviewers.

    Parameters
    ----------
    outcome : Outcome
        Of an executed notebook.

    Returns
    -------
    Page
        With the faults of its body in the outcome's error.
    """
    if outcome.content is None:
        return Page(outcome, None)
    body = body_of(outcome.content)
    if body.faults and outcome.good:
        listed = "; ".join(dict.fromkeys(body.faults))
        outcome = replace(outcome, error=f"its page would hold {listed}")
    # A failed notebook is shown as far as it came, but its page loads nothing either.
    loads = any(fault.startswith(("a reference", "a script")) for fault in body.faults)
    return Page(outcome, None if loads else body)


def headlines(
    scenario: Scenario, content: Mapping[str, Any], comparison: Comparison | None = None
) -> list[Headline]:
    """Return every recorded number in reading order, those of the brief first.

    Parameters
    ----------
    scenario : Scenario
        Whose catalogue says what is confirmed.
    content : mapping
        From `artifacts.results_content`, or read back from a run.
    comparison : Comparison, optional
        With the numbers before.

    Returns
    -------
    list of Headline
        None from failed notebooks.
    """
    before = comparison.numbers if comparison else {}
    return [
        _headline(scenario, record, before.get((record["notebook"], record["name"]), ""))
        for record in content["results"]
        if record["kind"] == "number"
    ]


def leading(rows: Sequence[Headline]) -> list[Headline]:
    """Return the rows of the first notebook that has any, which is the brief where it ran."""
    return [row for row in rows if row.notebook == rows[0].notebook] if rows else []


def write_site(
    folder: Path,
    scenario: Scenario,
    pages: Sequence[Page],
    content: Mapping[str, Any],
    manifest: Mapping[str, Any],
    comparison: Comparison | None,
    command: Sequence[str],
    today: dt.date,
) -> None:
    """Write the index and the pages of a run.

    Parameters
    ----------
    folder : Path
        The run's, with its tables, figures and notebooks.
    scenario : Scenario
        What was asked.
    pages : sequence of Page
        In reading order.
    content : mapping
        From `artifacts.results_content`.
    manifest : mapping
        From `artifacts.manifest_content`.
    comparison : Comparison or None
        Against the scenario that this one changes.
    command : sequence of str
        Which makes this run again.
    today : date
        Parameters that are overdue on it are told at the head of every page.
    """
    due = overdue(scenario.parameters, today)
    rows = headlines(scenario, content, comparison)
    shared = {
        "scenario": scenario,
        "manifest": manifest,
        "good": manifest["status"] == "good",
        "changes": changes_table(scenario).to_dict("records"),
        "parameters": describe(scenario).to_dict("records"),
        "parent": scenario.parent.name if scenario.parent else None,
        "command": shlex.join(command),
        "due": frozenset(item.key for item in due),
        "due_text": sentence(due),
        "pages": pages,
        "manifest_file": MANIFEST,
        "results_file": RESULTS,
    }
    lead = leading(rows)
    index = {
        "headlines": lead,
        "others": rows[len(lead) :],
        "answers": _sentences(content, "answer", BRIEF),
        "silent": _sentences(content, "no_effect"),
        "verdict": comparison.verdict if comparison else "",
        "base": comparison.base if comparison else "",
        "downloads": _downloads(folder),
        "root": "",
    }
    templates = _templates()
    html = templates.get_template("index.html.j2").render(**shared, **index)
    write_bytes(folder / INDEX, html.encode())
    for position, page in enumerate(pages):
        around = {
            "page": page,
            "previous": pages[position - 1] if position else None,
            "following": pages[position + 1] if position + 1 < len(pages) else None,
            "root": "../",
        }
        html = templates.get_template("page.html.j2").render(**shared, **around)
        write_bytes(folder / page.address, html.encode())


def _headline(scenario: Scenario, record: Mapping[str, Any], before: str) -> Headline:
    catalogue = scenario.parameters.catalogue
    inputs = [key for key in record.get("rests_on") or () if key in catalogue]
    text = record.get("text") or show(record.get("value"), str(record.get("unit", "number")))
    return Headline(
        notebook=record["notebook"],
        label=str(record.get("label") or record["name"]),
        text=str(text),
        interval=str(record.get("interval") or ""),
        note=str(record.get("note") or ""),
        before=before,
        inputs=len(inputs),
        unconfirmed=tuple(key for key in inputs if not catalogue[key].confirmed),
    )


def _sentences(content: Mapping[str, Any], name: str, notebook: str = "") -> list[Markup]:
    """Return the sentences of a name, from one notebook or from all."""
    found = [
        record.get("text") or record.get("value") or ""
        for record in content["results"]
        if record["kind"] == "sentence" and record["name"] == name and notebook in {"", record["notebook"]}
    ]
    return [Markup(phrase(str(text))) for text in dict.fromkeys(found) if text]


def _downloads(folder: Path) -> list[dict[str, Any]]:
    """Return name and address of every table and figure, a table's formats together."""
    tables = sorted(file.stem for file in (folder / "tables").glob("*.csv"))
    figures = sorted(file.stem for file in (folder / "figures").glob("*.png"))
    return [
        {
            "name": name,
            "files": [
                (kind, f"tables/{name}{suffix}")
                for kind, suffix in TABLE_FILES
                if (folder / "tables" / f"{name}{suffix}").is_file()
            ],
            "figure": f"figures/{name}.png" if name in figures else "",
        }
        for name in dict.fromkeys([*tables, *figures])
    ]


TABLE_FILES = (("CSV", ".csv"), ("Parquet", ".parquet"), ("XLSX", ".xlsx"), ("DOCX", ".docx"))


@functools.cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sme_analysis.runs"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["style"] = Markup(styles())
    return environment


def styles() -> str:
    """Return the style sheet of every page."""
    own = resources.files("sme_analysis.runs").joinpath("templates", "site.css").read_text(encoding="utf-8")
    return f"{own}\n{code_styles()}"
