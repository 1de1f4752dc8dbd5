"""The firm table: one row a firm with a weight, whatever its source."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from sme_analysis.errors import InputErrors, Problem
from sme_analysis.regulation import INDUSTRIES, SIZE_CLASSES, classify
from sme_analysis.scenario.units import nearest

LEGAL_FORMS = ("enterprise", "individual_business")
TAGS = ("innovative", "circular", "agri", "ecommerce", "supply_chain", "public_supplier")
_SHOWN = 5
_INDICATORS = ("employees", "revenue", "assets")


def _number(low: float, high: float = np.inf, *, above: bool = False) -> pa.Column:
    start = f"a number above {low:g}" if above else f"a number of at least {low:g}"
    allowed = f"{start} and at most {high:g}" if np.isfinite(high) else f"{start}, not infinite"
    lower = pa.Check.gt(low, error=allowed) if above else pa.Check.ge(low, error=allowed)
    upper = pa.Check.le(high, error=allowed) if np.isfinite(high) else pa.Check.lt(high, error=allowed)
    return pa.Column(float, [lower, upper])


def _draw() -> pa.Column:
    allowed = "a number of at least 0 and at most 1"
    return pa.Column(
        float, [pa.Check.ge(0, error=allowed), pa.Check.le(1, error=allowed)], regex=True, required=False
    )


def _between(low: float, high: float) -> pa.Column:
    allowed = f"a number between {low:g} and {high:g}"
    return pa.Column(float, [pa.Check.gt(low, error=allowed), pa.Check.lt(high, error=allowed)])


def _one_of(choices: tuple[str, ...]) -> pa.Column:
    return pa.Column("category", pa.Check.isin(choices, error=f"one of {', '.join(choices)}"))


FIRM_SCHEMA = pa.DataFrameSchema(
    {
        "firm_id": pa.Column("int64", unique=True),
        "weight": _number(0, above=True),  # real firms that the row stands for
        "legal_form": _one_of(LEGAL_FORMS),
        "industry": _one_of(INDUSTRIES),
        "size_class": _one_of(SIZE_CLASSES[:3]),
        "employees": _number(0, above=True),
        "revenue": _number(0),  # CNY million a year
        "assets": _number(0),  # CNY million
        "age": _number(0),  # years
        **{tag: pa.Column(bool) for tag in TAGS},
        "wants": _number(0, 1),  # share of such firms that want bank credit in a year
        "applies": _number(0, 1),  # of those, share that ask a lender
        "need": _number(0, above=True),  # D, financing sought, CNY million
        "quality": _between(-30, 30),  # logit of one-year PD at the reference rate
        "score_noise": _between(-10, 10),  # standard normal
        "collateral_ratio": _number(0),  # pledgeable value / need
        "overdue_receivables": _number(0),  # CNY million
        r"^u_\w+$": _draw(),  # fixed draw of a programme; where there is none it is made from `firm_id`
    },
    strict=False,
)
_KINDS = {
    "int64": "whole numbers",
    "float64": "decimal numbers",
    "bool": "true or false",
    "category": "categories",
}
_CHOICES = {"legal_form": LEGAL_FORMS, "industry": INDUSTRIES, "size_class": SIZE_CLASSES[:3]}


def check_firms(firms: pd.DataFrame, where: str = "firm table") -> pd.DataFrame:
    """Return the table sorted by `firm_id` if it is sound.

    Parameters
    ----------
    firms : DataFrame
        One row a firm, columns as in `FIRM_SCHEMA`; further columns are kept.
    where : str
        What the errors call the table, for example its file.

    Returns
    -------
    DataFrame
        The same rows in order of `firm_id`, numbered from 0.

    Raises
    ------
    InputErrors
        With every problem: columns that are missing or of another type, values out of range, and size classes
        that are not the ones that the official thresholds give. Rows are named as the table's index does.
    """
    problems: list[Problem] = []
    if firms.empty:
        problems.append(Problem(where, "no rows", "at least one firm"))
    try:
        FIRM_SCHEMA.validate(firms, lazy=True)
    except SchemaErrors as error:
        problems += _schema_problems(error.failure_cases, firms, where)
    wrong_types = {name for name in _CHOICES | dict.fromkeys(_INDICATORS) if not _usable(firms, name)}
    if not wrong_types:
        problems += _class_problems(firms, where)
    if problems:
        raise InputErrors(problems)
    return firms.sort_values("firm_id", kind="stable", ignore_index=True)


def _usable(firms: pd.DataFrame, name: str) -> bool:
    """Return whether a column is there and can be read as the classification needs it."""
    return name in firms and (name in _CHOICES or pd.api.types.is_numeric_dtype(firms[name]))


def _schema_problems(cases: pd.DataFrame, firms: pd.DataFrame, where: str) -> list[Problem]:
    """Return what a failed validation found, in the reader's terms."""
    problems = []
    spare = [str(name) for name in firms.columns if name not in FIRM_SCHEMA.columns]
    for (column, check), group in cases.groupby(["column", "check"], dropna=False, sort=False):
        given, check = group["failure_case"].tolist(), str(check)
        if check == "column_in_dataframe":
            problems += [
                Problem(where, f"no column {name}", f"a column {name}", nearest(str(name), spare))
                for name in given
            ]
        elif check.startswith("dtype("):
            # Where the type is wrong, its values were not compared with the range.
            kind = str(FIRM_SCHEMA.columns[column].dtype)
            found = f"{firms[column].dtype} values"
            problems.append(Problem(f"{where}, column {column}", found, f"{_KINDS[kind]} (dtype {kind})"))
        elif group["index"].notna().any():
            allowed = {"not_nullable": "a value", "field_uniqueness": "every number once"}.get(check, check)
            hint = nearest(str(given[0]), _CHOICES[column]) if column in _CHOICES else None
            shown = ", ".join("nothing" if pd.isna(v) else _plain(v) for v in given[:_SHOWN])
            place = f"{where}, column {column}, {_rows(group['index'].tolist())}"
            problems.append(Problem(place, shown, allowed, hint))
    return problems


def _class_problems(firms: pd.DataFrame, where: str) -> list[Problem]:
    """Return the rows whose size class is not the official one, among those that can be classed at all."""
    measures = firms[list(_INDICATORS)]
    known = firms["industry"].isin(INDUSTRIES) & firms["size_class"].isin(SIZE_CLASSES[:3])
    sound = np.flatnonzero(known & (measures >= 0).all(axis=1))
    rows = firms.iloc[sound]
    official = np.asarray(SIZE_CLASSES)[
        classify(rows["industry"], *(rows[name].to_numpy() for name in _INDICATORS))
    ]
    given = rows["size_class"].astype(str).to_numpy()
    wrong = np.flatnonzero(given != official)
    if not len(wrong):
        return []
    place = f"{where}, column size_class, {_rows(rows.index[wrong].tolist())}"
    first = wrong[:_SHOWN]
    allowed = "the class that the national thresholds give: " + ", ".join(official[first])
    return [Problem(place, ", ".join(given[first]), allowed)]


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _rows(index: list[Hashable]) -> str:
    more = f" and {len(index) - _SHOWN} more" if len(index) > _SHOWN else ""
    return f"{'rows' if len(index) > 1 else 'row'} {', '.join(map(str, index[:_SHOWN]))}{more}"
