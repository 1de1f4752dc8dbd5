"""The national classification of firms by size (article 2), for all 16 industries.

Source: 工信部联企业〔2011〕300号, thresholds unchanged by 国统字〔2017〕213号. A firm is in a class if it
reaches all lower bounds of the class that apply to its industry; missing one, it drops to the next class.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.errors import InputErrors, Problem

SIZE_CLASSES = ("micro", "small", "medium", "large")
INDICATORS = ("employees", "revenue", "assets")
_SHOWN = 8

Bounds = tuple[float, float, float]

# Lower bounds of (small, medium, large); revenue and assets in CNY 10,000 as the standard prints them.
_PRINTED: dict[str, tuple[str, str, dict[str, Bounds]]] = {
    "agri": ("Agriculture", "农林牧渔业", {"revenue": (50, 500, 20000)}),
    "industry": ("Industry", "工业", {"employees": (20, 300, 1000), "revenue": (300, 2000, 40000)}),
    "construction": (
        "Construction",
        "建筑业",
        {"revenue": (300, 6000, 80000), "assets": (300, 5000, 80000)},
    ),
    "wholesale": ("Wholesale", "批发业", {"employees": (5, 20, 200), "revenue": (1000, 5000, 40000)}),
    "retail": ("Retail", "零售业", {"employees": (10, 50, 300), "revenue": (100, 500, 20000)}),
    "transport": ("Transport", "交通运输业", {"employees": (20, 300, 1000), "revenue": (200, 3000, 30000)}),
    "storage": ("Storage", "仓储业", {"employees": (20, 100, 200), "revenue": (100, 1000, 30000)}),
    "post": ("Post", "邮政业", {"employees": (20, 300, 1000), "revenue": (100, 2000, 30000)}),
    "lodging": ("Lodging", "住宿业", {"employees": (10, 100, 300), "revenue": (100, 2000, 10000)}),
    "catering": ("Catering", "餐饮业", {"employees": (10, 100, 300), "revenue": (100, 2000, 10000)}),
    "infotrans": (
        "Information transmission",
        "信息传输业",
        {"employees": (10, 100, 2000), "revenue": (100, 1000, 100000)},
    ),
    "software": (
        "Software and information services",
        "软件和信息技术服务业",
        {"employees": (10, 100, 300), "revenue": (50, 1000, 10000)},
    ),
    "realestate": (
        "Real estate development",
        "房地产开发经营",
        {"revenue": (100, 1000, 200000), "assets": (2000, 5000, 10000)},
    ),
    "property": (
        "Property management",
        "物业管理",
        {"employees": (100, 300, 1000), "revenue": (500, 1000, 5000)},
    ),
    "leasing": (
        "Leasing and business services",
        "租赁和商务服务业",
        {"employees": (10, 100, 300), "assets": (100, 8000, 120000)},
    ),
    "other": ("Other", "其他未列明行业", {"employees": (10, 100, 300)}),
}
INDUSTRIES = tuple(_PRINTED)
INDUSTRY_NAMES: Mapping[str, str] = MappingProxyType({code: name for code, (name, _, _) in _PRINTED.items()})
INDUSTRY_NAMES_ZH: Mapping[str, str] = MappingProxyType(
    {code: name for code, (_, name, _) in _PRINTED.items()}
)


def _inner(indicator: str, bounds: Bounds) -> Bounds:
    scale = 1.0 if indicator == "employees" else 100.0
    return (bounds[0] / scale, bounds[1] / scale, bounds[2] / scale)


#: Lower bounds of (small, medium, large) by industry and indicator; revenue and assets in CNY million.
THRESHOLDS: Mapping[str, Mapping[str, Bounds]] = MappingProxyType(
    {
        code: MappingProxyType({name: _inner(name, bounds) for name, bounds in used.items()})
        for code, (_, _, used) in _PRINTED.items()
    }
)


def classify(
    industry: npt.ArrayLike, employees: npt.ArrayLike, revenue: npt.ArrayLike, assets: npt.ArrayLike
) -> npt.NDArray[np.int8]:
    """Return the official size class of each firm.

    Parameters
    ----------
    industry : array of str or int, shape (n,)
        Codes of `INDUSTRIES`, or their positions in it.
    employees : array, shape (n,)
        Persons. This and the next two may be single numbers; one that the industry does not use is ignored
        and may be missing.
    revenue, assets : array, shape (n,)
        CNY million.

    Returns
    -------
    array of int8, shape (n,)
        Index into `SIZE_CLASSES`: the least, over the indicators of the industry, of the number of lower
        bounds that the firm reaches.

    Raises
    ------
    InputErrors
        Unknown industries, columns of unequal length, and indicators in use that are missing or negative,
        with the number of rows of each.
    """
    codes, problems = _codes(industry)
    columns: dict[str, npt.NDArray[np.float64]] = {}
    for name, given in zip(INDICATORS, (employees, revenue, assets), strict=True):
        columns[name], found = _column(name, given, len(codes))
        problems += found
    if problems:
        raise InputErrors(problems)
    reached = np.full(len(codes), len(SIZE_CLASSES) - 1, dtype=np.int8)
    for position, (code, used) in enumerate(THRESHOLDS.items()):
        rows = np.flatnonzero(codes == position)
        for name, bounds in used.items() if len(rows) else ():
            values = columns[name][rows]
            problems += _unusable(name, values, code)
            steps = np.searchsorted(np.asarray(bounds), values, side="right").astype(np.int8)
            reached[rows] = np.minimum(reached[rows], steps)
    if problems:
        raise InputErrors(problems)
    return reached


def size_table() -> pd.DataFrame:
    """Return the thresholds as printed: lower bounds, revenue and assets in CNY 10,000.

    Returns
    -------
    DataFrame
        One row an industry and indicator; columns industry, name, name_zh, indicator, small, medium, large.
    """
    rows = [
        {"industry": code, "name": name, "name_zh": name_zh, "indicator": indicator}
        | dict(zip(SIZE_CLASSES[1:], bounds, strict=True))
        for code, (name, name_zh, used) in _PRINTED.items()
        for indicator, bounds in used.items()
    ]
    return pd.DataFrame(rows)


def _codes(industry: npt.ArrayLike) -> tuple[npt.NDArray[np.intp], list[Problem]]:
    """Return the position of each industry in `INDUSTRIES`, and what is no industry."""
    given = np.atleast_1d(np.asarray(industry))
    if given.ndim != 1:
        problem = Problem("column industry", f"an array of {given.ndim} dimensions", "one column")
        return np.empty(0, dtype=np.intp), [problem]
    if np.issubdtype(given.dtype, np.integer):
        known = (given >= 0) & (given < len(INDUSTRIES))
        codes = np.where(known, given, -1).astype(np.intp)
        allowed = f"{', '.join(INDUSTRIES)}, or their positions 0 to {len(INDUSTRIES) - 1}"
    else:
        codes = pd.Index(INDUSTRIES).get_indexer(pd.Index(given))
        allowed = ", ".join(INDUSTRIES)
    return codes, [_unknown(value, count, allowed) for value, count in _counted(given[codes < 0])]


def _counted(values: npt.NDArray[Any]) -> list[tuple[str, int]]:
    """Return how often each value stands there, frequent ones first, those beyond the first few as one."""
    texts = np.where(pd.isna(values), "", values.astype(str))
    counts = list(pd.Series(texts).value_counts().items())
    rest = sum(int(count) for _, count in counts[_SHOWN:])
    shown = [(str(text), int(count)) for text, count in counts[:_SHOWN]]
    return [*shown, (f"{len(counts) - _SHOWN} other values", rest)] if rest else shown


def _unknown(value: str, count: int, allowed: str) -> Problem:
    near = difflib.get_close_matches(value, INDUSTRIES, n=1)
    given = f"{value or 'nothing'} in {_rows(count)}"
    return Problem("column industry", given, allowed, f"did you mean {near[0]}?" if near else None)


def _column(name: str, given: npt.ArrayLike, length: int) -> tuple[npt.NDArray[np.float64], list[Problem]]:
    """Return an indicator as numbers, one a firm, and why it is none."""
    try:
        values = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        return np.empty(length), [Problem(f"column {name}", str(error), "numbers")]
    if values.ndim == 0 or values.shape == (length,):
        return np.broadcast_to(values, (length,)), []
    allowed = f"one number for each of the {length} firms, or one for all"
    return np.empty(length), [Problem(f"column {name}", f"an array of shape {values.shape}", allowed)]


def _unusable(name: str, values: npt.NDArray[np.float64], code: str) -> list[Problem]:
    bad = {"missing": np.isnan(values).sum(), "negative": (values < 0).sum()}
    return [
        Problem(
            f"column {name}", f"{how} in {_rows(int(count))} of industry {code}", "a number of at least 0"
        )
        for how, count in bad.items()
        if count
    ]


def _rows(count: int) -> str:
    return f"{count} row" if count == 1 else f"{count} rows"
