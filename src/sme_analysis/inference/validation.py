"""Validation: the model's own answers to causal studies' experiments beside what the studies found. Misses are shown."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sme_analysis.errors import InputErrors, Problem
from sme_analysis.firms import synthetic_firms
from sme_analysis.inference.experiments import EXPERIMENTS, answers
from sme_analysis.inference.parallel import Progress, in_order
from sme_analysis.scenario import paths
from sme_analysis.scenario.figures import load_figures
from sme_analysis.scenario.parameters import Parameters
from sme_analysis.scenario.units import UnitError, nearest, parse
from sme_analysis.simulation.equilibrium import NoEquilibrium

COLUMNS = ("name", "study", "country", "years", "method", "statistic", "value", "low", "high", "unit", "band",
           "source", "confirmed", "used", "comment")  # fmt: skip
AMOUNTS = ("value", "low", "high")
# How an amount of each unit is written: as the parameters of `scenario.units` are.
WRITTEN = {"number": "number", "share": "share", "change_share": "rate", "change_rate": "rate"}
# What the range rests on: the study itself, versions of it, a third of the value to either side, another stated range, a sign.
BANDS = ("study", "versions", "third", "stated", "sign")
FIRMS = 2000
INTERVAL = (0.05, 0.95)
TABLE = ("name", "study", "country", "statistic", "unit", "published", "low", "high", "model", "model_low",
         "model_high", "verdict", "used", "comment")  # fmt: skip
# Columns that may be empty, and patterns of some others with what is expected.
_EMPTY = {"years", *AMOUNTS}
_PATTERNS = {
    "years": (r"[0-9]{4}(-[0-9]{4})?", "2020 or 2018-2020, or nothing"),
    "source": (r"lit\.\S+|https?://\S+", "a key lit.… of data/figures.csv, or an address"),
    "confirmed": ("true|false", "true if it was read at its source, else false"),
    "used": ("true|false", "true if a parameter rests on it, else false"),
    "comment": (r".{20,400}", "one sentence on why model and study may differ, of 20 to 400 letters"),
}


def load_studies(path: Path | None = None) -> pd.DataFrame:
    """Read the causal studies.

    Parameters
    ----------
    path : Path, optional
        A file of the same columns; the project's `data/causal_studies.csv` by default.

    Returns
    -------
    DataFrame
        One row an experiment, columns `COLUMNS`; value, low and high in inner units. `value` is NaN where a study gives a sign
        only, and an end of the range NaN where it is open; confirmed and used are bool.

    Raises
    ------
    InputErrors
        With every problem of the file.
    """
    path = paths.project_root() / "data" / "causal_studies.csv" if path is None else path
    where = paths.readable(path)
    rows, lines = _read(path, where)
    problems: list[Problem] = []
    seen: set[str] = set()
    found: list[dict[str, Any]] = []
    for row, line in zip(rows, lines, strict=True):
        place = f"{where}, line {line}, {row['name'] or 'name'}"
        problems += _cell_problems(row, place)
        if row["name"] in seen:
            problems.append(Problem(place, "an experiment that stands above already", "every one once"))
        seen.add(row["name"])
        amounts, unread = _amounts(row, place)
        problems += unread
        found.append({**row, **amounts, **{name: row[name] == "true" for name in ("confirmed", "used")}})
    if problems:
        raise InputErrors(problems)
    return pd.DataFrame(found, columns=list(COLUMNS))


def validate(
    parameters: Parameters,
    firms: pd.DataFrame | None = None,
    draws: Sequence[Mapping[str, Any]] = (),
    weights: Sequence[float] | None = None,
    *,
    workers: int = 1,
) -> pd.DataFrame:
    """Set the model's answers beside those of the studies.

    Parameters
    ----------
    parameters : of a scenario; its instruments and shocks are switched off
    firms : firm table of the central answers; by default a synthetic one of 2,000 firms
    draws : changes of uncertain parameters, one mapping a draw, applied with `parameters.replace`; each has its own synthetic
        firms, as many as the central answers
    weights : of the draws, not negative; equal by default
    workers : processes that share the draws

    Returns
    -------
    DataFrame
        One row an experiment, columns `TABLE`: tests first, then (`used`) what parameters rest on. `published`, `low` and `high`
        are the study's value and the range that counts as inside; `model` is the central answer, `model_low` and `model_high` the
        weighted 5 and 95 % quantiles over the draws (NaN without draws). `verdict` is *inside*, *within draws* (the central
        answer is outside, the draws' interval reaches the range), *outside*, *sign only* (the study gives a sign, the
        model's is the same), *wrong sign*, or *no answer*.

    Raises
    ------
    InputErrors
        Where the file of studies or a draw is wrong.
    ValueError
        Where `weights` do not belong to `draws`.
    """
    studies = load_studies()
    sized = parameters.replace({"simulation.firms": FIRMS}) if firms is None else parameters
    table = synthetic_firms(sized) if firms is None else firms
    names = studies["name"].tolist()
    central = answers(parameters, table, names)
    spread = answers_by_draw(parameters, draws, len(table), names, workers=workers)
    share = np.ones(len(draws)) if weights is None else np.asarray(weights, dtype=float)
    if len(share) != len(draws) or bool((share < 0).any()) or (len(draws) and not share.sum() > 0):
        raise ValueError("weights must be one a draw, none negative, not all 0")
    ends = {name: weighted_interval(spread[name].to_numpy(dtype=float), share) for name in names}
    rows = []
    for study in studies.to_dict("records"):
        name = str(study["name"])
        answer = (central[name], *ends[name])
        rows.append(
            {
                **{key: study[key] for key in ("name", "study", "country", "statistic", "unit")},
                "published": study["value"],
                "low": study["low"],
                "high": study["high"],
                **dict(zip(("model", "model_low", "model_high"), answer, strict=True)),
                "verdict": verdict(study["value"], study["low"], study["high"], *answer),
                "used": study["used"],
                "comment": study["comment"],
            }
        )
    frame = pd.DataFrame(rows, columns=list(TABLE))
    return frame.sort_values("used", kind="stable", ignore_index=True)


def answers_by_draw(
    parameters: Parameters,
    draws: Sequence[Mapping[str, Any]],
    firms: int = FIRMS,
    names: Iterable[str] = tuple(EXPERIMENTS),
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Answers to the named experiments (columns) by draw (rows), each draw with its own synthetic table of `firms` rows.

    NaN where a draw has no equilibrium or an experiment treats nobody.
    """
    setting = (parameters, firms, tuple(names))
    found = list(
        in_order(
            _answers_of_draw, setting, [dict(draw) for draw in draws], workers=workers, progress=progress
        )
    )
    return pd.DataFrame(found, columns=list(setting[2]), dtype=float)


def _answers_of_draw(
    setting: tuple[Parameters, int, tuple[str, ...]], draw: Mapping[str, Any]
) -> dict[str, float]:
    parameters, firms, names = setting
    changed = parameters.replace({**draw, "simulation.firms": firms})
    table = synthetic_firms(changed)
    found: dict[str, float] = {}
    for name in names:
        try:
            found |= answers(changed, table, [name])
        except NoEquilibrium:
            found[name] = float("nan")
    return found


def weighted_interval(values: np.ndarray[Any, Any], weights: np.ndarray[Any, Any]) -> tuple[float, float]:
    """The 5 and 95 % quantiles of draws with weights, missing ones left out; NaN where there are none."""
    kept = np.isfinite(values) & (weights > 0)
    if not kept.any():
        return float("nan"), float("nan")
    low, high = np.quantile(values[kept], INTERVAL, weights=weights[kept], method="inverted_cdf")
    return float(low), float(high)


def verdict(value: float, low: float, high: float, model: float, model_low: float, model_high: float) -> str:
    """How the model's answer stands to the study's range; an end that is NaN is open."""
    if not np.isfinite(model):
        return "no answer"
    bottom, top = (end if np.isfinite(end) else inf for end, inf in ((low, -np.inf), (high, np.inf)))
    inside = bottom <= model <= top
    if not np.isfinite(value):
        return "sign only" if inside else "wrong sign"
    if inside:
        return "inside"
    return "within draws" if model_low <= top and model_high >= bottom else "outside"


def _read(path: Path, where: str) -> tuple[list[dict[str, str]], list[int]]:
    """The cells of a file as text, and the line of each row."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        given = f"a file that cannot be read ({error.strerror})"
        raise InputErrors([Problem(where, given, "a CSV file")]) from None
    except UnicodeDecodeError:
        advice = "in a spreadsheet choose the file type CSV UTF-8"
        raise InputErrors([Problem(where, "bytes that are not UTF-8 text", "a CSV file", advice)]) from None
    reader = csv.reader(io.StringIO(text, newline=""))
    header = next(reader, [])
    if header != list(COLUMNS):
        given = ",".join(header) or "nothing"
        raise InputErrors([Problem(f"{where}, line 1", given, f"the columns {','.join(COLUMNS)}")])
    rows, lines, problems = [], [], []
    for row in reader:
        if len(row) == len(header):
            rows.append(dict(zip(header, (cell.strip() for cell in row), strict=True)))
            lines.append(reader.line_num)
        elif row:
            hint = "a cell with a comma stands in double quotes" if len(row) > len(header) else None
            place = f"{where}, line {reader.line_num}"
            problems.append(Problem(place, f"{len(row)} cells", f"{len(header)} cells", hint))
    if problems:
        raise InputErrors(problems)
    return rows, lines


def _cell_problems(row: Mapping[str, str], place: str) -> list[Problem]:
    """What is wrong with the cells of a row that are no amounts."""
    problems = []

    def wrong(column: str, allowed: str, hint: str | None = None) -> None:
        given = f'"{row[column]}"' if row[column] else "nothing"
        problems.append(Problem(f"{place}, {column}", given, allowed, hint))

    known = EXPERIMENTS.get(row["name"])
    if known is None:
        wrong("name", "an experiment of inference.experiments", nearest(row["name"], list(EXPERIMENTS)))
    elif row["unit"] != known.unit:
        wrong("unit", f"{known.unit}, the unit of the experiment")
    if row["band"] not in BANDS:
        wrong("band", f"one of {', '.join(BANDS)}", nearest(row["band"], list(BANDS)))
    for column in COLUMNS:
        if column in ("name", "unit", "band") or (not row[column] and column in _EMPTY):
            continue
        pattern, allowed = _PATTERNS.get(column, (".+", "a text"))
        if column not in AMOUNTS and not re.fullmatch(pattern, row[column]):
            wrong(column, allowed)
    if row["source"].startswith("lit."):
        keys = load_figures()["key"].tolist()
        if row["source"] not in keys:
            wrong("source", "a key of data/figures.csv", nearest(row["source"], keys))
    return problems


def _amounts(row: Mapping[str, str], place: str) -> tuple[dict[str, float], list[Problem]]:
    """Value, low and high of a row in inner units, and what cannot be read or does not hold together."""
    amounts = dict.fromkeys(AMOUNTS, float("nan"))
    problems: list[Problem] = []
    written = WRITTEN.get(row["unit"])
    if written is None:
        return amounts, problems
    for name in AMOUNTS:
        try:
            amounts[name] = float(parse(row[name], written)) if row[name] else float("nan")
        except UnitError as error:
            problems.append(Problem(f"{place}, {name}", error.given, error.allowed, error.hint))
    value, low, high = (amounts[name] for name in AMOUNTS)
    # a comparison with NaN is false, so that an open or unread end is passed over
    if value < low or value > high or low > high:
        given = f"{row['value'] or '–'}, with a range from {row['low'] or '–'} to {row['high'] or '–'}"
        problems.append(Problem(place, given, "a value within its range"))
    if not row["low"] and not row["high"]:
        problems.append(
            Problem(f"{place}, low", "nothing", "at least one end of the range that counts as inside")
        )
    if (row["band"] == "sign") == bool(row["value"]):
        given = f"the value {row['value'] or 'nothing'} and the band {row['band']}"
        problems.append(
            Problem(f"{place}, value", given, "a value, or none where the study gives a sign only")
        )
    return amounts, problems
