"""How many entities there are of each legal form, industry and size class, and how many rows each of them gets."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.errors import InputErrors, Problem
from sme_analysis.regulation import INDUSTRIES, SIZE_CLASSES
from sme_analysis.scenario.paths import project_root, readable
from sme_analysis.scenario.units import nearest

CLASSES = SIZE_CLASSES[:3]
ENTERPRISE_SIZES = tuple(f"enterprise_{name}" for name in CLASSES)
SHARES = ("enterprise_share", "individual_share", *ENTERPRISE_SIZES, "individual_small")
COLUMNS = ("industry", *SHARES, "grade", "source")
_ROUNDING = 1e-6


def load_structure(path: Path | None = None) -> pd.DataFrame:
    """Read how entities are spread over industries and size classes.

    Parameters
    ----------
    path : Path, optional
        A file of the same columns; the project's `data/industry_structure.csv` by default.

    Returns
    -------
    DataFrame
        One row an industry, in the order of `INDUSTRIES`, which is the index; columns `SHARES` (fractions: of
        the entities of the legal form, and of those of the industry), grade and source.

    Raises
    ------
    InputErrors
        With every problem: unreadable file, columns or industries that are missing, unknown or repeated,
        shares outside 0 to 1, and shares that do not add to one.
    """
    path = project_root() / "data" / "industry_structure.csv" if path is None else path
    where = readable(path)
    try:
        cells = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputErrors(
            [Problem(where, str(error), f"a CSV file with columns {', '.join(COLUMNS)}")]
        ) from None
    problems = [
        Problem(f"{where}, line 1", f"no column {name}", f"the columns {', '.join(COLUMNS)}")
        for name in COLUMNS
        if name not in cells
    ]
    if problems:
        raise InputErrors(problems)
    problems += _industry_problems(cells["industry"], where)
    table = cells.assign(**{name: pd.to_numeric(cells[name], errors="coerce") for name in SHARES})
    problems += _share_problems(table, cells, where)
    if problems:
        raise InputErrors(problems)
    return table.set_index("industry").loc[list(INDUSTRIES)]


def _shipped_structure() -> pd.DataFrame:
    path = project_root() / "data" / "industry_structure.csv"
    try:
        stamp = path.stat()
    except OSError:
        return load_structure(path)  # which says what is wrong
    return _read_once(path, stamp.st_mtime_ns, stamp.st_size)


@functools.lru_cache(maxsize=2)
def _read_once(path: Path, time: int, size: int) -> pd.DataFrame:
    """Read the file; the cache is keyed by its time and size too, so an edited file is read again."""
    del time, size
    return load_structure(path)


def strata(parameters: Mapping[str, Any], structure: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the number of entities by legal form, industry and size class.

    Parameters
    ----------
    parameters : mapping of str
        Uses `firms.entities` and `firms.enterprise_share`.
    structure : DataFrame, optional
        As `load_structure` returns it, which it does by default.

    Returns
    -------
    DataFrame
        One row a stratum that is not empty; columns legal_form, industry, size_class and entities, which add to
        `firms.entities`.

    Raises
    ------
    InputErrors
        As `load_structure`.
    """
    table = _shipped_structure() if structure is None else structure
    total, share = parameters["firms.entities"], parameters["firms.enterprise_share"]
    rows = []
    for industry, r in table.iterrows():
        enterprises = total * share * r["enterprise_share"]
        individuals = total * (1 - share) * r["individual_share"]
        small = r["individual_small"]
        rows += [("enterprise", industry, size, enterprises * r[f"enterprise_{size}"]) for size in CLASSES]
        rows += [
            ("individual_business", industry, size, individuals * part)
            for size, part in (("micro", 1 - small), ("small", small))
        ]
    frame = pd.DataFrame(rows, columns=["legal_form", "industry", "size_class", "entities"])
    return frame[frame["entities"] > 0].reset_index(drop=True)


def allocate(
    entities: npt.NDArray[np.float64], emphasis: npt.NDArray[np.float64], rows: int
) -> npt.NDArray[np.int64]:
    """Share the rows of the sample out over the strata.

    Every stratum gets at least one row (two where there are enough); the rest goes in proportion to
    entities^0.7 times emphasis, by largest remainders.

    Parameters
    ----------
    entities : array of float, shape (strata,)
        Entities of each stratum, positive.
    emphasis : array of float, shape (strata,)
        How many rows an entity of the stratum is worth, relative to others.
    rows : int
        Rows of the sample, at least one a stratum.

    Returns
    -------
    array of int, shape (strata,)
        Rows of each stratum; they add to `rows`.
    """
    least = np.full(len(entities), 2 if rows >= 2 * len(entities) else 1)
    score = entities**0.7 * emphasis
    exact = score / score.sum() * (rows - least.sum())
    count = np.floor(exact).astype(np.int64)
    left = rows - least.sum() - count.sum()
    count[np.argsort(-(exact - count), kind="stable")[:left]] += 1
    total: npt.NDArray[np.int64] = count + least
    return total


def _industry_problems(given: pd.Series, where: str) -> list[Problem]:
    problems = [
        Problem(
            f"{where}, line {row + 2}, industry",
            name or "nothing",
            ", ".join(INDUSTRIES),
            nearest(name, INDUSTRIES),
        )
        for row, name in enumerate(given)
        if name not in INDUSTRIES
    ]
    problems += [
        Problem(
            f"{where}, line {row + 2}",
            f"industry {given.iloc[row]} for the second time",
            "one row an industry",
        )
        for row in np.flatnonzero(given.duplicated())
    ]
    problems += [
        Problem(
            where, f"no row for industry {name}", "one row an industry, with shares of 0 where there is none"
        )
        for name in INDUSTRIES
        if name not in set(given)
    ]
    return problems


def _share_problems(table: pd.DataFrame, cells: pd.DataFrame, where: str) -> list[Problem]:
    problems = []
    for name in SHARES:
        for row in np.flatnonzero(~table[name].between(0, 1)):
            place = f"{where}, line {row + 2}, {table['industry'].iloc[row]}, {name}"
            problems.append(Problem(place, cells[name].iloc[row] or "nothing", "a share from 0 to 1"))
    if problems:
        return problems
    for name in ("enterprise_share", "individual_share"):
        total = table[name].sum()
        if abs(total - 1) > _ROUNDING:
            problems.append(
                Problem(f"{where}, column {name}", f"shares that add to {total:.6g}", "a total of 1")
            )
    of_size = table[list(ENTERPRISE_SIZES)].sum(axis=1)
    for row in np.flatnonzero((of_size - 1).abs() > _ROUNDING):
        place = f"{where}, line {row + 2}, {table['industry'].iloc[row]}"
        given = f"{' + '.join(ENTERPRISE_SIZES)} = {of_size.iloc[row]:.6g}"
        problems.append(Problem(place, given, "a total of 1"))
    return problems
