"""Parameter tables: one row a parameter, ready to print."""

from __future__ import annotations

from typing import Any

import pandas as pd

from sme_analysis.scenario.calibrations import Calibration
from sme_analysis.scenario.scenario import Scenario

DESCRIBE_COLUMNS = (
    "key",
    "label",
    "value",
    "unit",
    "default",
    "range",
    "article",
    "grade",
    "confirmed",
    "source",
    "review_by",
    "changed_from",
)
CHANGES_COLUMNS = ("key", "label", "before", "after", "article", "origin")


def describe(scenario: Scenario) -> pd.DataFrame:
    """Return every parameter of a scenario.

    Parameters
    ----------
    scenario : Scenario
        Any scenario.

    Returns
    -------
    DataFrame
        One row a parameter in the order of the catalogue, columns `DESCRIBE_COLUMNS`, all text but
        `confirmed` (bool) and `review_by` (date). `changed_from` is the parent's value where it differs,
        else "".
    """
    moved = {change.key: change.parent_value for change in scenario.changes if change.moves}
    found = scenario.calibration
    # An estimate that the scenario has not overruled rests on the calibration, not on what the catalogue says of its default.
    estimates = {k: v for k, v in found.values.items() if scenario.parameters[k] == v} if found else {}
    rows: list[dict[str, Any]] = []
    for key, record in scenario.parameters.catalogue.items():
        rows.append(
            {
                "key": key,
                "label": record.label,
                "value": record.show(scenario.parameters[key]),
                "unit": record.unit,
                "default": record.show(record.value),
                "range": record.range_text,
                "article": articles_text(record.article),
                "grade": "estimate" if key in estimates else record.grade,
                "confirmed": record.confirmed,
                "source": _estimated(found, key) if found and key in estimates else record.source,
                "review_by": record.review_by,
                "changed_from": record.show(moved[key]) if key in moved else "",
            }
        )
    return pd.DataFrame(rows, columns=list(DESCRIBE_COLUMNS))


def _estimated(calibration: Calibration, key: str) -> str:
    error = calibration.standard_errors[key]
    log = calibration.scales[calibration.keys.index(key)] == "log"
    spread = f"{error:.0%} of it" if log else f"{error:.3g}"
    return f"Estimated by the calibration {calibration.name} ({calibration.method}); standard error {spread}."


def changes_table(scenario: Scenario) -> pd.DataFrame:
    """Return what a scenario changes against its parent, or against the defaults where there is none.

    Parameters
    ----------
    scenario : Scenario
        Any scenario.

    Returns
    -------
    DataFrame
        One row a change that moves its value, columns `CHANGES_COLUMNS`, all text.
    """
    catalogue = scenario.parameters.catalogue
    rows = [
        {
            "key": change.key,
            "label": catalogue[change.key].label,
            "before": catalogue[change.key].show(change.parent_value),
            "after": catalogue[change.key].show(change.value),
            "article": articles_text(catalogue[change.key].article),
            "origin": change.origin,
        }
        for change in scenario.changes
        if change.moves
    ]
    return pd.DataFrame(rows, columns=list(CHANGES_COLUMNS))


def articles_text(numbers: tuple[int, ...]) -> str:
    """Return article numbers as "7, 9", or "–" for a parameter of the model that rests on none."""
    return ", ".join(map(str, numbers)) or "–"
