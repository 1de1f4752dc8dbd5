"""What a scenario moved against the one it changes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sme_analysis.runs.identity import identify
from sme_analysis.runs.plan import make_plan
from sme_analysis.runs.store import read_results, verified
from sme_analysis.scenario import Scenario, load_scenario

Key = tuple[str, str]


@dataclass(frozen=True)
class Comparison:
    """A good run of the scenario that this one changes, and what differs.

    `numbers` are the base's numbers as shown, by notebook and name; `moved_numbers` and `moved_tables` count
    the results that differ, figures among the tables by the data they draw.
    """

    base: str
    moved_numbers: int
    moved_tables: int
    numbers: Mapping[Key, str] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """What to tell the reader if the changes moved no number, else ""."""
        if self.moved_numbers:
            return ""
        if not self.moved_tables:
            return f"This change had no effect: no result differs from those of {self.base}."
        # A table of settings differs by itself, so this does not contradict that nothing happened.
        return (
            f"This change had no effect on any recorded number: all are those of {self.base}. "
            f"{self.moved_tables} of the tables and figures differ."
        )


def base_of(scenario: Scenario, overridden: bool) -> Scenario | None:
    """Return the scenario that changes are judged against.

    Parameters
    ----------
    scenario : Scenario
        What is asked.
    overridden : bool
        Whether settings were put on top of the file.

    Returns
    -------
    Scenario or None
        The file as it is for settings on top of it, else its parent; None where there is neither.
    """
    return load_scenario(scenario.path) if overridden else scenario.parent


def compare(
    root: Path,
    base: Scenario | None,
    notebooks: Sequence[str],
    content: Mapping[str, Any],
    today: dt.date,
) -> Comparison | None:
    """Compare results with those of a good run of the base by the same code, data and notebooks.

    Parameters
    ----------
    root : Path
        The folder that runs lie in.
    base : Scenario or None
        From `base_of`.
    notebooks : sequence of str
        Those that ran.
    content : mapping
        Results of this run, from `artifacts.results_content`.
    today : date
        The run of the base is the one that would be made on it.

    Returns
    -------
    Comparison or None
        None if there is no base, no such run, or nothing to compare.
    """
    if base is None:
        return None
    identity = identify(make_plan(base, {}, notebooks), today)
    folder = root / identity.folder
    if verified(folder, identity.fingerprint) is None:
        return None
    before = _measures(read_results(folder))
    after = _measures(content)
    if not after:
        return None
    moved = [value[0] for key, value in after.items() if before.get(key) != value]
    numbers = moved.count("number")
    texts = {key: value[-1] for key, value in before.items() if value[0] == "number"}
    return Comparison(base.name, numbers, len(moved) - numbers, texts)


def _measures(content: Mapping[str, Any]) -> dict[Key, tuple[Any, ...]]:
    """Return what each number, table and figure says, by notebook and name; words do not count."""
    found: dict[Key, tuple[Any, ...]] = {}
    for result in content["results"]:
        key = (result["notebook"], result["name"])
        if result["kind"] == "number":
            found[key] = ("number", result["value"], result.get("text") or str(result["value"]))
        elif result["kind"] in {"table", "figure"}:
            found[key] = (result["kind"], result.get("rows"))
    return found
