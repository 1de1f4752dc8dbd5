"""Published figures that parameters and calibration rest on, from `data/figures.csv`.

Values are written with their unit as in the catalogue ("5.88%", "15100bn", "38 days") and read into inner
units: fractions, CNY million, years. A figure says by whose definition it was counted, and figures counted
by different definitions never come out as one series.
"""

from __future__ import annotations

import csv
import functools
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from sme_analysis.errors import InputErrors, Problem, UserError
from sme_analysis.scenario import paths
from sme_analysis.scenario.catalogue import Grade, UnknownKeyError
from sme_analysis.scenario.units import EXPECTED, NUMERIC_UNITS, UnitError, nearest, parse, show

GRADES: tuple[str, ...] = get_args(Grade)
COLUMNS = (
    "key",
    "value",
    "low",
    "high",
    "unit",
    "year",
    "geography",
    "definition",
    "source",
    "grade",
    "confirmed",
    "note",
)
AMOUNTS = ("value", "low", "high")
_UNITS = sorted(NUMERIC_UNITS)
_KEY = r"[a-z][A-Za-z0-9_]*(\.[A-Za-z0-9_/-]+)+"
_POINT = r"[0-9]{4}(?:Q[1-4]|-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12][0-9]|3[01]))?)?"
_SPAN = r"[0-9]{4}(?:Q[1-4])?-([0-9]{4}(?:Q[1-4])?)"
_LONGEST_NOTE = 100
_SHOWN = 8


def _text(pattern: str, allowed: str) -> pa.Column:
    return pa.Column(str, pa.Check.str_matches(f"^(?:{pattern})$", error=allowed))


# Of the file as it stands, in which every cell is text; amounts are read by their units afterwards.
FIGURES_SCHEMA = pa.DataFrameSchema(
    {
        "key": pa.Column(
            str,
            pa.Check.str_matches(f"^{_KEY}$", error="names joined by dots"),
            unique=True,
            report_duplicates="exclude_first",
        ),
        "value": _text(".+", "an amount with its unit"),
        "low": pa.Column(str),
        "high": pa.Column(str),
        "unit": pa.Column(str, pa.Check.isin(_UNITS, error=f"one of {', '.join(_UNITS)}")),
        "year": _text(f"|{_POINT}|{_SPAN}", "2020, 2020Q3, 2020-07, 2020-07-01, 2018-2020 or nothing"),
        "geography": _text(".{2,60}", "a place"),
        "definition": _text(".{10,160}", "in at least ten letters what is counted, and by whom"),
        "source": _text(".{3,250}", "where the figure was found"),
        "grade": pa.Column(str, pa.Check.isin(GRADES, error=f"one of {', '.join(GRADES)}")),
        "confirmed": pa.Column(
            str, pa.Check.isin(["true", "false"], error="true if it was read at its source, else false")
        ),
        "note": _text(f".{{0,{_LONGEST_NOTE}}}", f"at most {_LONGEST_NOTE} letters"),
    },
    strict=True,
)


@dataclass(frozen=True)
class Figure:
    """One published figure, in inner units (fractions, CNY million, years).

    `low` and `high` are the range that the source or the evidence gives, if any. `definition` says what was
    counted and by whom; `confirmed` that the figure was read at its source.
    """

    key: str
    value: float
    low: float | None
    high: float | None
    unit: str
    year: str
    geography: str
    definition: str
    source: str
    grade: str
    confirmed: bool
    note: str

    @property
    def text(self) -> str:
        """The value as a reader wants it."""
        return show(self.value, self.unit)


def load_figures(path: Path | None = None) -> pd.DataFrame:
    """Read the figures.

    Parameters
    ----------
    path : Path, optional
        A file of the same columns; the project's `data/figures.csv` by default.

    Returns
    -------
    DataFrame
        One row a figure, columns `COLUMNS`; value, low and high in inner units, `low` and `high` NaN where
        there is no range; confirmed is bool, the others text.

    Raises
    ------
    InputErrors
        With every problem of the file.
    """
    path = paths.project_root() / "data" / "figures.csv" if path is None else path
    try:
        stat = path.stat()
        return _load(path, stat.st_mtime_ns, stat.st_size).copy()
    except OSError as error:
        raise InputErrors(
            [Problem(paths.readable(path), f"a file that cannot be read ({error.strerror})", "a CSV file")]
        ) from None


def figure(key: str) -> Figure:
    """Return one figure.

    Parameters
    ----------
    key : str
        For example "qh.incl_msme_loans.2025".

    Returns
    -------
    Figure
        The figure.

    Raises
    ------
    UnknownKeyError
        If there is none of this key, with the nearest ones.
    """
    frame = load_figures()
    rows = frame[frame["key"] == key]
    if rows.empty:
        raise _unknown(key, frame["key"].tolist())
    record: dict[str, Any] = {str(name): value for name, value in rows.to_dict("records")[0].items()}
    for bound in ("low", "high"):
        record[bound] = None if pd.isna(record[bound]) else record[bound]
    return Figure(**record)


def series(prefix: str) -> pd.DataFrame:
    """Return figures of one definition through time.

    Parameters
    ----------
    prefix : str
        The beginning of their keys, for example "cn.incl_msme_loans.pboc".

    Returns
    -------
    DataFrame
        Columns `COLUMNS` after `date`, the end of the period that a figure is of; in order of `date`.

    Raises
    ------
    UnknownKeyError
        If no key begins like this.
    UserError
        If the figures differ in definition, unit or place, if one has no year or two have the same.
    """
    frame = load_figures()
    rows = frame[(frame["key"] == prefix) | frame["key"].str.startswith(f"{prefix}.")]
    if rows.empty:
        raise _unknown(prefix, frame["key"].tolist())
    for column in ("definition", "unit", "geography"):
        _refuse_mixed(rows, prefix, column)
    undated = rows.loc[rows["year"] == "", "key"]
    if not undated.empty:
        raise UserError(f"{prefix} is no series: {', '.join(undated)} {_has(len(undated))} no year")
    dates = rows["year"].map(_end)
    twice = rows.loc[dates.duplicated(keep=False), "key"]
    if not twice.empty:
        raise UserError(f"{prefix} is no series: {', '.join(twice)} are of the same time")
    return rows.assign(date=dates)[["date", *COLUMNS]].sort_values("date", ignore_index=True)


@functools.lru_cache(maxsize=4)
def _load(path: Path, _changed: int, _size: int) -> pd.DataFrame:
    """Read a file; the cache is keyed by its time and size too, so an edited file is read again."""
    where = paths.readable(path)
    cells, lines = _read_cells(path, where)
    problems: list[Problem] = []
    try:
        FIGURES_SCHEMA.validate(cells, lazy=True)
    except SchemaErrors as error:
        problems = _schema_problems(error.failure_cases, cells, lines, where)
    if set(cells.columns) != set(COLUMNS):
        raise InputErrors(problems)
    amounts, unread = _amounts(cells, lines, where)
    problems += unread
    if problems:
        raise InputErrors(sorted(problems, key=_line_of))
    return cells.assign(**amounts, confirmed=cells["confirmed"] == "true")[list(COLUMNS)]


def _read_cells(path: Path, where: str) -> tuple[pd.DataFrame, list[int]]:
    """Return the cells as text and the line on which each row ends."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        advice = "in a spreadsheet choose the file type CSV UTF-8"
        raise InputErrors([Problem(where, "bytes that are not UTF-8 text", "a CSV file", advice)]) from None
    reader = csv.reader(io.StringIO(text, newline=""))
    header = next(reader, [])
    rows: list[list[str]] = []
    lines: list[int] = []
    problems: list[Problem] = []
    if len(set(header)) != len(header) or not header:
        problems.append(Problem(f"{where}, line 1", ",".join(header) or "nothing", ",".join(COLUMNS)))
    for row in reader:
        if len(row) == len(header):
            rows.append([cell.strip() for cell in row])
            lines.append(reader.line_num)
        elif row:
            hint = "a cell with a comma stands in double quotes" if len(row) > len(header) else None
            place = f"{where}, line {reader.line_num}"
            problems.append(Problem(place, f"{len(row)} cells", f"{len(header)} cells", hint))
    if problems:
        raise InputErrors(problems)
    return pd.DataFrame(rows, columns=header, dtype=str), lines


def _schema_problems(cases: pd.DataFrame, cells: pd.DataFrame, lines: list[int], where: str) -> list[Problem]:
    """Return what a failed validation found, in the file's own terms."""
    problems = []
    for case in cases.to_dict("records"):
        column, row, given = case["column"], case["index"], str(case["failure_case"])
        if case["check"] in {"column_in_schema", "column_in_dataframe"}:
            extra = case["check"] == "column_in_schema"
            hint = nearest(given, list(COLUMNS)) if extra else None
            found = f"a column {given}" if extra else f"no column {given}"
            problems.append(Problem(f"{where}, line 1", found, f"the columns {', '.join(COLUMNS)}", hint))
            continue
        place = f"{where}, line {lines[int(row)]}"
        key = cells["key"].iloc[int(row)] if "key" in cells else ""
        if case["check"] == "field_uniqueness":
            problems.append(Problem(f"{place}, {given}", "a key that stands above already", "every key once"))
            continue
        choices = {"unit": _UNITS, "grade": list(GRADES)}.get(column, [])
        problems.append(
            Problem(
                f"{place}, {key}, {column}",
                f'"{given}"' if given else "nothing",
                str(case["check"]),
                nearest(given, choices),
            )
        )
    return problems


def _amounts(
    cells: pd.DataFrame, lines: list[int], where: str
) -> tuple[dict[str, list[float]], list[Problem]]:
    """Return value, low and high in inner units, and what could not be read or stands in wrong order."""
    read: dict[str, list[float]] = {name: [] for name in AMOUNTS}
    problems: list[Problem] = []
    for row, line in zip(cells.to_dict("records"), lines, strict=True):
        place = f"{where}, line {line}, {row['key']}"
        for name in AMOUNTS:
            amount = float("nan")
            if row[name] and row["unit"] in EXPECTED:
                try:
                    amount = float(parse(row[name], row["unit"]))
                except UnitError as error:
                    problems.append(Problem(f"{place}, {name}", error.given, error.allowed, error.hint))
            read[name].append(amount)
        value, low, high = (read[name][-1] for name in AMOUNTS)
        # A comparison with NaN is false, so an open or unread end is passed over.
        if value < low or value > high or low > high:
            given = f"{row['value']}, with a range from {row['low'] or '–'} to {row['high'] or '–'}"
            problems.append(Problem(place, given, "a value within its range"))
    return read, problems


def _refuse_mixed(rows: pd.DataFrame, prefix: str, column: str) -> None:
    found = {str(name): group["key"].tolist() for name, group in rows.groupby(column, sort=False)}
    if len(found) == 1:
        return
    parts = "\n".join(f"- {_common(keys)}: {name}" for name, keys in list(found.items())[:_SHOWN])
    parts += f"\n- and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    raise UserError(f"{prefix} mixes figures of more than one {column}; ask for one of\n{parts}")


def _common(keys: list[str]) -> str:
    """Return the longest dotted beginning that keys share."""
    shared = keys[0].split(".")
    for key in keys[1:]:
        other = key.split(".")
        same = [a == b for a, b in zip(shared, other, strict=False)]
        shared = shared[: same.index(False) if False in same else len(same)]
    return ".".join(shared)


def _unknown(key: str, known: list[str]) -> UnknownKeyError:
    parts = [other for other in known if other.startswith(f"{key}.")]
    if parts:
        hint: str | None = f"there are {', '.join(parts[:_SHOWN])}{' …' if len(parts) > _SHOWN else ''}"
    else:
        words = (other.split(".") for other in known)
        beginnings = {".".join(word[:length]) for word in words for length in range(2, len(word) + 1)}
        hint = nearest(key, sorted(beginnings))
    return UnknownKeyError(f"no figure {key!r} in data/figures.csv" + (f"; {hint}" if hint else ""))


def _end(year: str) -> pd.Timestamp:
    """Return the last day of a period such as 2020, 2020Q3, 2020-07 or 2018-2020."""
    span = re.fullmatch(_SPAN, year)
    return pd.Period(span[1] if span else year).end_time.normalize()


def _line_of(problem: Problem) -> int:
    line = re.search(r", line ([0-9]+)", problem.where)
    return int(line[1]) if line else 0


def _has(count: int) -> str:
    return "has" if count == 1 else "have"
