"""What a result holds: a tidy table as JSON takes it, and the faults that keep it from being published."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from sme_analysis.report import tables
from sme_analysis.report.quantities import UNITS, is_missing, is_number
from sme_analysis.scenario.units import nearest

SIGNIFICANT_DIGITS = 12

# Argument, what was given, what is allowed, hint.
Fault = tuple[str, str, str, str | None]


def plain_value(value: Any) -> Any:
    """Return a cell as JSON can hold it, floats rounded to 12 significant digits.

    Parameters
    ----------
    value : object
        A cell of a table.

    Returns
    -------
    None, bool, int, float or str
        None where it is missing.
    """
    if is_missing(value):
        return None
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool | int | str):
        return value
    if is_number(value):
        return float(f"{float(value):.{SIGNIFICANT_DIGITS}g}") + 0.0
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def flat(data: object) -> pd.DataFrame:
    """Return the frame with a named index as its first columns and with text for column names."""
    if not isinstance(data, pd.DataFrame):
        return pd.DataFrame()
    named = [name for name in data.index.names if name is not None]
    flat = data.reset_index(drop=not named)
    return flat.rename(columns=str)


def table_content(data: pd.DataFrame, columns: Sequence[tables.Column]) -> dict[str, Any]:
    """Return the `columns` and `rows` of a result, in inner units.

    Parameters
    ----------
    data : DataFrame
        From `flat`.
    columns : sequence of Column
        From `tables.columns_of`.

    Returns
    -------
    dict
        `columns` as a list of mappings and `rows` as a list of lists.
    """
    described = [
        {
            "name": column.name,
            "label": column.label,
            "unit": column.unit,
            "decimals": column.decimals,
            "unit_from": column.unit_from,
        }
        for column in columns
    ]
    cells = [[plain_value(value) for value in data[column.name].tolist()] for column in columns]
    return {"columns": described, "rows": [list(row) for row in zip(*cells, strict=True)]}


def figure_faults(fig: object) -> list[Fault]:
    """Return a fault unless it is a matplotlib figure with something on it."""
    if isinstance(fig, Figure):
        return [] if fig.axes else [("fig", "a figure without axes", "a drawn figure", None)]
    return [("fig", f"a {type(fig).__name__}", "a matplotlib Figure", None)]


def column_faults(
    data: pd.DataFrame,
    labels: Mapping[str, str],
    units: Mapping[str, str],
    digits: Mapping[str, int] | int | None,
    *,
    labelled: bool,
) -> list[Fault]:
    """Return faults of a table and of what is said about its columns."""
    if data.empty:
        return [("data", "no rows or no columns", "a pandas DataFrame with at least one row", None)]
    names = list(data.columns)
    faults: list[Fault] = []
    for twice in dict.fromkeys(data.columns[data.columns.duplicated()]):
        faults.append(("data", f'two columns "{twice}"', "every column once", None))
    about = {"labels": labels, "units": units, "digits": digits if isinstance(digits, Mapping) else {}}
    for field, mapping in about.items():
        for name in mapping:
            if name not in names:
                faults.append((field, f'"{name}"', "columns: " + ", ".join(names), nearest(str(name), names)))
    for name, unit in units.items():
        if unit.startswith("=") and unit[1:] not in names:
            faults.append(("units", f'"{unit}" for "{name}"', "columns: " + ", ".join(names), None))
        elif not unit.startswith("=") and unit not in UNITS:
            hint = nearest(unit, UNITS)
            faults.append(("units", f'"{unit}" for "{name}"', "one of " + ", ".join(UNITS), hint))
    silent = {unit[1:] for unit in units.values() if unit.startswith("=")} | {"confirmed"}
    for name in names:
        if labelled and name not in silent and not (labels.get(name) or name in tables.COMMON_LABELS):
            faults.append(("labels", f'none for column "{name}"', "a heading for every column", None))
        values = data[name]
        if pd.api.types.is_float_dtype(values) and bool(values.isin([math.inf, -math.inf]).any()):
            faults.append(("data", f'an infinite value in column "{name}"', "finite or missing values", None))
    return faults
