"""A study in a file: a design by name, the role of each column, options, and where the data are."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pandas as pd
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from sme_analysis.errors import InputErrors, Problem
from sme_analysis.evaluation.design import DESIGNS, Design
from sme_analysis.evaluation.panel import Columns, Panel, make_panel
from sme_analysis.scenario.units import nearest

_BY_NAME = {design.name: design for design in DESIGNS}
_KEYS = ("title", "design", "data", "columns", "options")


@dataclass(frozen=True)
class Study:
    """A design with its columns and where its data are, as a YAML file says."""

    design: Design
    columns: Columns
    data: Path | None = None
    title: str = ""

    def panel(self, data: pd.DataFrame | None = None) -> Panel:
        """Check the data, by default those of the file: CSV, or Parquet by its ending."""
        if data is None:
            if self.data is None:
                raise InputErrors([Problem("data", "nothing", "the path of a CSV or Parquet file")])
            try:
                read = pd.read_parquet if self.data.suffix == ".parquet" else pd.read_csv
                data = read(self.data)
            except (OSError, ValueError) as error:
                raise InputErrors(
                    [Problem(f"data, {self.data}", str(error), "a CSV or Parquet file")]
                ) from error
        return make_panel(data, self.columns)


def load_study(path: Path | str) -> Study:
    """Read a design file.

    Parameters
    ----------
    path : YAML with `design` (its name), `columns` (role: column), and where wanted `title`, `data` (beside the file), `options`

    Raises
    ------
    InputErrors
        Unknown keys with the nearest name, options of the wrong kind, a design without what it needs: all of it.
    """
    path = Path(path)
    try:
        raw = YAML().load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise InputErrors(
            [Problem(str(path), str(error).splitlines()[0], "a design file in YAML")]
        ) from error
    if not isinstance(raw, Mapping):
        raise InputErrors([Problem(str(path), "no mapping", 'lines of "key: value"')])
    problems = _unknown(raw, _KEYS, str(path))
    kind = _BY_NAME.get(str(raw.get("design", "")))
    if kind is None:
        given = f'"{raw["design"]}"' if "design" in raw else "nothing"
        hint = nearest(str(raw.get("design", "")), tuple(_BY_NAME))
        problems.append(
            Problem(_place(raw, "design", str(path)), given, "one of " + ", ".join(_BY_NAME), hint)
        )
    columns = _filled(raw.get("columns") or {}, Columns, f"{path}, columns", problems)
    design = None if kind is None else _filled(raw.get("options") or {}, kind, f"{path}, options", problems)
    if problems or columns is None or design is None:
        raise InputErrors(problems)
    data = path.parent / str(raw["data"]) if raw.get("data") else None
    return Study(design, columns, data, str(raw.get("title", "")))


def _place(raw: Any, key: str, where: str) -> str:
    """Say file, line and key, as far as they are known."""
    marks = getattr(getattr(raw, "lc", None), "data", None) or {}
    return f"{where}, line {marks[key][0] + 1}, {key}" if key in marks else f"{where}, {key}"


def _unknown(raw: Mapping[str, Any], known: tuple[str, ...], where: str) -> list[Problem]:
    return [
        Problem(
            _place(raw, str(key), where),
            "an unknown key",
            "one of " + ", ".join(known),
            nearest(str(key), known),
        )
        for key in raw
        if key not in known
    ]


def _filled(raw: Any, kind: type[Any], where: str, problems: list[Problem]) -> Any:
    """Return an instance of a dataclass made from YAML, or None after adding what is wrong."""
    if not isinstance(raw, Mapping):
        problems.append(Problem(where, f"{raw!r}", 'lines of "key: value"'))
        return None
    before = len(problems)
    fields = {f.name: f for f in dataclasses.fields(kind)}
    problems += _unknown(raw, tuple(fields), where)
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for key, given in raw.items():
        if key in fields:
            good, value, allowed = _as(given, hints[key])
            values[key] = value
            if not good:
                problems.append(Problem(_place(raw, key, where), f"{given!r}", allowed))
    for name, f in fields.items():
        if f.default is dataclasses.MISSING and name not in raw:
            problems.append(Problem(f"{where}, {name}", "nothing", f"a value for {name}", f"{name}: …"))
    if len(problems) > before:
        return None
    try:
        return kind(**values)
    except InputErrors as errors:
        problems += [
            Problem(_place(raw, p.where.rpartition(", ")[2], where), p.given, p.allowed, p.hint)
            for p in errors.problems
        ]
        return None


def _as(given: Any, hint: Any) -> tuple[bool, Any, str]:
    """Return whether a YAML value is of a field's kind, the value in that kind, and what is allowed."""
    if hint in (tuple[str, ...], tuple[float, ...]):
        kind = get_args(hint)[0]
        items = list(given) if isinstance(given, list | tuple) else [given]
        parts = [_as(item, kind) for item in items]
        return (
            all(good for good, _, _ in parts),
            tuple(value for _, value, _ in parts),
            f"a list of {_word(kind)}",
        )
    if hint is bool:
        return isinstance(given, bool), given, "true or false"
    real = isinstance(given, int | float) and not isinstance(given, bool)
    if hint is int:
        return real and float(given).is_integer(), int(given) if real else given, "a whole number"
    if hint is str:
        return isinstance(given, str), str(given), "text"
    optional = given is None and hint is not float
    return real or optional, float(given) if real else given, "a number"


def _word(kind: type[Any]) -> str:
    return "names" if kind is str else "numbers"
