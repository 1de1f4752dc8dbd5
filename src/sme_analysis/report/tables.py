"""Tables as accessible HTML for notebooks and pages, or as plain text for terminals."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd

from sme_analysis.report.quantities import (
    NUMERIC,
    UNIT_HEADINGS,
    WHOLE,
    cell_text,
    column_decimals,
    with_unit,
)

UNCONFIRMED = "unconfirmed"


COMMON_LABELS: dict[str, str] = {
    "article": "Article",
    "confirmed": "Status",
    "grade": "Evidence",
    "industry": "Industry",
    "key": "Parameter key",
    "label": "Parameter",
    "measure": "Measure",
    "range": "Range",
    "size_class": "Size class",
    "source": "Source",
    "value": "Value",
    "year": "Year",
}


@dataclass(frozen=True)
class Column:
    """A column of a table: name, heading, unit and decimal places; `unit_from` names a column of units."""

    name: str
    label: str
    unit: str | None = None
    decimals: int = 0
    unit_from: str | None = None

    @property
    def numeric(self) -> bool:
        """Whether cells are aligned as numbers."""
        return self.unit in NUMERIC or self.unit_from is not None

    @property
    def heading_unit(self) -> str:
        """What stands beside the heading, or ""."""
        return UNIT_HEADINGS.get(self.unit or "", "")


def columns_of(
    data: pd.DataFrame,
    labels: Mapping[str, str],
    units: Mapping[str, str] | None = None,
    digits: Mapping[str, int] | int | None = None,
) -> list[Column]:
    """Return how each column is shown.

    Parameters
    ----------
    data : DataFrame
        Any table without a meaningful index.
    labels : mapping
        Column -> heading; a missing one is made from the column's name.
    units : mapping, optional
        Column -> one of `UNITS`, or "=other" where the column `other` holds the unit of each row.
    digits : mapping or int, optional
        Decimal places as shown; by default as `column_decimals` says.

    Returns
    -------
    list of Column
        In the order of the frame.
    """
    columns: list[Column] = []
    for name in map(str, data.columns):
        unit = (units or {}).get(name) or _unit_of(data[name])
        unit_from = unit[1:] if unit and unit.startswith("=") else None
        unit = None if unit_from else unit
        chosen = digits.get(name) if isinstance(digits, Mapping) else digits
        decimals = column_decimals(data[name].tolist(), unit) if chosen is None or unit in WHOLE else chosen
        label = labels.get(name) or COMMON_LABELS.get(name) or name.replace("_", " ").capitalize()
        columns.append(Column(name, label, unit, decimals, unit_from))
    return columns


def shown_cells(
    data: pd.DataFrame, columns: Sequence[Column]
) -> tuple[list[Column], list[list[str]], list[bool]]:
    """Return the columns a reader sees, the text of their cells, and which rows are unconfirmed.

    Parameters
    ----------
    data : DataFrame
        The table.
    columns : sequence of Column
        From `columns_of`. A truth column `confirmed` becomes a badge and columns of units go into the cells.

    Returns
    -------
    columns, rows, unconfirmed : tuple
        Rows of text, not escaped, and one truth value a row.
    """
    hidden = {column.unit_from for column in columns}
    badge = "confirmed" in data and pd.api.types.is_bool_dtype(data["confirmed"])
    if badge:
        hidden.add("confirmed")
    visible = [column for column in columns if column.name not in hidden]
    rows: list[list[str]] = []
    for record in data.to_dict("records"):
        row: list[str] = []
        for column in visible:
            value = record[column.name]
            if column.unit_from:
                row.append(with_unit(value, str(record[column.unit_from])))
            else:
                row.append(cell_text(value, column.unit, column.decimals))
        rows.append(row)
    unconfirmed = [value is False for value in data["confirmed"].tolist()] if badge else [False] * len(rows)
    return visible, rows, unconfirmed


def html_table(data: pd.DataFrame, columns: Sequence[Column], caption: str, below: str = "") -> str:
    """Return a table for readers and screen readers alike.

    Parameters
    ----------
    data : DataFrame
        The table; its first visible column heads the rows.
    columns : sequence of Column
        From `columns_of`.
    caption : str
        Plain text.
    below : str
        HTML under the table, from `source_html`.

    Returns
    -------
    str
        HTML with everything from the data escaped.
    """
    visible, rows, unconfirmed = shown_cells(data, columns)
    head = "".join(
        f'<th scope="col"{_alignment(column)}>{escape(column.label)}{_unit_html(column)}</th>'
        for column in visible
    )
    body: list[str] = []
    for row, doubtful in zip(rows, unconfirmed, strict=True):
        badge = f" {badge_html(UNCONFIRMED)}" if doubtful else ""
        cells = [f'<th scope="row"{_alignment(visible[0])}>{escape(row[0])}{badge}</th>']
        cells += [
            f"<td{_alignment(column)}>{escape(text)}</td>"
            for column, text in zip(visible[1:], row[1:], strict=True)
        ]
        body.append(f"<tr>{''.join(cells)}</tr>")
    return (
        '<div class="result result-table"><table>\n'
        f'<caption style="{_CAPTION_STYLE}">{escape(caption)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{chr(10).join(body)}\n</tbody>\n</table>{below}</div>"
    )


def text_table(data: pd.DataFrame, columns: Sequence[Column], caption: str, below: str = "") -> str:
    """Return a table as plain text, wide East Asian characters counted as two.

    Parameters
    ----------
    data : DataFrame
        The table.
    columns : sequence of Column
        From `columns_of`.
    caption : str
        Line above the table; none if empty.
    below : str
        Lines under the table; none if empty.

    Returns
    -------
    str
        Without trailing blanks.
    """
    visible, rows, unconfirmed = shown_cells(data, columns)
    heads = [" ".join(filter(None, [column.label, _bracketed(column)])) for column in visible]
    marked = [
        [f"{row[0]} [{UNCONFIRMED}]" if doubtful else row[0], *row[1:]]
        for row, doubtful in zip(rows, unconfirmed, strict=True)
    ]
    widths = [max(map(_width, column)) for column in zip(heads, *marked, strict=True)]
    lines = [
        "  ".join(
            _pad(text, width, right=column.numeric)
            for text, width, column in zip(row, widths, visible, strict=True)
        ).rstrip()
        for row in (heads, ["-" * width for width in widths], *marked)
    ]
    return "\n".join([*filter(None, [caption]), *lines, *filter(None, [below])])


def source_html(source: str, note: str = "", lead: str = "") -> str:
    """Return the small lines under a table or figure.

    Parameters
    ----------
    source, note, lead : str
        Plain text; `lead` comes first (a figure's caption).

    Returns
    -------
    str
        HTML, escaped.
    """
    parts = [f"<strong>{escape(lead)}</strong>"] if lead else []
    parts += [escape(note)] if note else []
    parts += [f"Source: {escape(source)}"] if source else []
    return f'<p class="source" style="{SMALL_STYLE}">{"<br>".join(parts)}</p>'


def badge_html(word: str) -> str:
    """Return a word set apart as a badge.

    Parameters
    ----------
    word : str
        Such as "unconfirmed"; also its class.

    Returns
    -------
    str
        HTML.
    """
    return f'<span class="badge {word.split()[0]}" style="{_BADGE_STYLE}">{escape(word)}</span>'


def banner_html(heading: str, text: str) -> str:
    """Return a warning that stands above everything else.

    Parameters
    ----------
    heading, text : str
        Plain text; the heading is in bold.

    Returns
    -------
    str
        HTML, escaped.
    """
    return (
        f'<p class="banner" role="note" style="{_BANNER_STYLE}">'
        f"<strong>{escape(heading)}.</strong> {escape(text)}</p>"
    )


# Notebooks have no style sheet of their own: what a reader needs stands with the element, and the pages of
# a run can still overrule it by class.
SMALL_STYLE = "font-size:0.85em;color:#52575c;margin:0.3em 0 1em"
_BADGE_STYLE = (
    "font-size:0.8em;font-weight:normal;white-space:nowrap;color:#7a3600;background:#fff1df;"
    "border:1px solid #d9974a;border-radius:3px;padding:0 0.35em"
)
_BANNER_STYLE = (
    "color:#7a3600;background:#fff1df;border:1px solid #d9974a;border-left-width:5px;"
    "padding:0.5em 0.9em;margin:0.6em 0"
)
_CAPTION_STYLE = "caption-side:top;text-align:left;font-weight:bold;white-space:normal;padding:0.3em 0"


def _alignment(column: Column) -> str:
    if column.numeric:
        return ' class="number" style="text-align:right;font-variant-numeric:tabular-nums"'
    return ' style="text-align:left"'


def _unit_html(column: Column) -> str:
    unit = escape(_bracketed(column))
    return f' <span class="unit" style="font-weight:normal;white-space:nowrap">{unit}</span>' if unit else ""


def _bracketed(column: Column) -> str:
    return f"({column.heading_unit})" if column.heading_unit else ""


def _unit_of(values: pd.Series[Any]) -> str | None:
    if pd.api.types.is_bool_dtype(values):
        return "switch"
    if values.name == "year" and pd.api.types.is_numeric_dtype(values):
        return "year"
    return "number" if pd.api.types.is_numeric_dtype(values) else None


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _pad(text: str, width: int, *, right: bool) -> str:
    blanks = " " * (width - _width(text))
    return blanks + text if right else text + blanks
