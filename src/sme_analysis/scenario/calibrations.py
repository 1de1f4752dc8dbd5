"""Calibrations: files of estimated parameters with their covariance, which scenarios name.

A file says which parameters were estimated, how precisely, how the estimates would move if parameters that were held
fixed were others, and what they rest on. It is written by `sme-analysis calibrate` or `sme-analysis learn`, never by hand.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq

from sme_analysis.errors import InputErrors, Problem
from sme_analysis.scenario import paths
from sme_analysis.scenario.catalogue import Catalogue
from sme_analysis.scenario.fingerprint import fingerprint
from sme_analysis.scenario.units import UnitError, nearest
from sme_analysis.scenario.yamlfile import read_mapping

Array = npt.NDArray[np.float64]
Scale = Literal["log", "linear"]
_HEADER = """# Written by sme-analysis; do not edit, make it again. Values in inner units: fractions, CNY million, years.
"""


class Held(BaseModel):
    """A parameter that was held fixed: at what, on which scale, and how each estimate moves per unit of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scale: Scale
    at: float
    moves: tuple[float, ...]


class Evidence(BaseModel):
    """An ex-post estimate that the calibration has learned from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    experiment: str
    effect: float
    standard_error: float = Field(gt=0)
    source: str = Field(min_length=5)


class Calibration(BaseModel):
    """Estimated parameters of a scenario.

    Attributes
    ----------
    keys, scales, estimates : the parameters, whether their errors are those of the logarithm, their values in inner units
    covariance : of the estimates on their scales, shape (keys, keys)
    held : parameters that were held fixed, by key (Jørgensen 2023: sensitivity of estimates to calibrated parameters)
    extends : the calibration whose draws this one has learned from, or ""
    moments : what was fitted: name -> (model, published, standard error)
    draws, draws_hash : rows and SHA-256 of the file `<name>.csv` beside it, draws of parameters that fit together
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str = Field(min_length=5)
    method: str = Field(min_length=5)
    made: str
    extends: str = ""
    keys: tuple[str, ...]
    scales: tuple[Scale, ...]
    estimates: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    held: dict[str, Held] = Field(default_factory=dict)
    moments: dict[str, tuple[float, float, float]] = Field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    draws: int = Field(default=0, ge=0)
    draws_hash: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        n = len(self.keys)
        if n == 0 or len(set(self.keys)) != n:
            raise ValueError("keys: one or more parameters, each once")
        if len(self.scales) != n or len(self.estimates) != n:
            raise ValueError(f"scales and estimates: one for each of the {n} keys")
        matrix = np.array(self.covariance, dtype=float) if self._square(n) else None
        if matrix is None or not np.allclose(matrix, matrix.T, rtol=1e-6, atol=1e-15):
            raise ValueError(f"covariance: a symmetric table of {n} rows and columns")
        # rounded to six digits, a matrix that is singular, as of fewer draws than keys, may be a little below
        if np.linalg.eigvalsh(matrix).min() < -1e-6 * float(np.abs(np.diag(matrix)).sum()):
            raise ValueError("covariance: it has a negative eigenvalue")
        for key, held in self.held.items():
            if len(held.moves) != n or key in self.keys:
                raise ValueError(f"held, {key}: {n} moves, and not itself among the keys")
        return self

    def _square(self, n: int) -> bool:
        return len(self.covariance) == n and all(len(row) == n for row in self.covariance)

    @property
    def values(self) -> dict[str, float]:
        """Estimates by key, inner units."""
        return dict(zip(self.keys, self.estimates, strict=True))

    @property
    def standard_errors(self) -> dict[str, float]:
        """By key, on the estimate's scale: of the logarithm, a relative error, or in inner units."""
        return dict(zip(self.keys, np.sqrt(np.diag(np.array(self.covariance))).tolist(), strict=True))

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that depend on the estimates, their covariance and what was held fixed."""
        content = self.model_dump(mode="json", include={"keys", "scales", "estimates", "covariance", "held"})
        return fingerprint(content)


def on_scale(value: float, scale: str) -> float:
    """The value itself, or its logarithm."""
    return math.log(value) if scale == "log" else value


def calibrations_folder() -> Path:
    """Return the folder of the calibrations."""
    return paths.project_root() / "parameters" / "calibrations"


def calibration_names() -> tuple[str, ...]:
    """Return the names of the stored calibrations, sorted."""
    return tuple(sorted(file.stem for file in calibrations_folder().glob("*.yaml")))


def load_calibration(name: str, catalogue: Catalogue, where: str = "calibration") -> Calibration:
    """Read a calibration by name.

    Raises
    ------
    InputErrors
        With every problem: no such calibration, unknown keys, values out of range, tables of the wrong shape.
    """
    path = calibrations_folder() / f"{name}.yaml"
    if name not in calibration_names():
        allowed = "one of " + (", ".join(calibration_names()) or "none: parameters/calibrations is empty")
        raise InputErrors(
            [Problem(where, f'"{name}", which does not exist', allowed, nearest(name, calibration_names()))]
        )
    entries, problems = read_mapping(path)
    file = paths.readable(path)
    if problems:
        raise InputErrors(problems)
    try:
        found = Calibration.model_validate({**{k: e.plain() for k, e in entries.items()}, "name": name})
    except ValidationError as error:
        raise InputErrors(
            [
                Problem(
                    ", ".join([file, *(str(part) for part in detail["loc"])]),
                    "nothing" if detail["type"] == "missing" else str(detail.get("input"))[:80],
                    detail["msg"],
                    "make it again: sme-analysis calibrate",
                )
                for detail in error.errors(include_url=False)
            ]
        ) from None
    for key, value in found.values.items():
        if key not in catalogue:
            problems.append(
                Problem(f"{file}, {key}", "an unknown key", "a key of the catalogue", catalogue.suggest(key))
            )
            continue
        try:
            catalogue[key].coerce(value)
        except UnitError as error:
            problems.append(Problem(f"{file}, {key}", error.given, error.allowed, error.hint))
    problems += [
        Problem(f"{file}, held, {key}", "an unknown key", "a key of the catalogue", catalogue.suggest(key))
        for key in found.held
        if key not in catalogue
    ]
    if problems:
        raise InputErrors(problems)
    return found


def save_calibration(calibration: Calibration, folder: Path | None = None) -> Path:
    """Write a calibration to `<name>.yaml` in a folder, by default the project's; one row of a table a line."""
    content: dict[str, Any] = calibration.model_dump(mode="json", exclude={"name"})
    content["covariance"] = [_flow(row) for row in content["covariance"]]
    for name in ("keys", "scales", "estimates"):
        content[name] = content[name] if name == "keys" else _flow(content[name])
    for held in content["held"].values():
        held["moves"] = _flow(held["moves"])
    content["moments"] = {name: _flow(row) for name, row in content["moments"].items()}
    target = (calibrations_folder() if folder is None else folder) / f"{calibration.name}.yaml"
    target.parent.mkdir(parents=True, exist_ok=True)
    yaml = YAML()
    yaml.width = 4000
    with target.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(_HEADER)
        yaml.dump(content, stream)
    return target


def draws_file(name: str, folder: Path | None = None) -> Path:
    """Where the draws of a calibration lie."""
    return (calibrations_folder() if folder is None else folder) / f"{name}.csv"


def save_draws(name: str, draws: pd.DataFrame, folder: Path | None = None) -> str:
    """Write the draws of a calibration, six significant digits each, and return their hash."""
    path = draws_file(name, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    draws.to_csv(path, index=False, float_format="%.6g", lineterminator="\n")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load_draws(calibration: Calibration) -> pd.DataFrame | None:
    """Read the draws of a calibration: columns block, weight and parameters; None where it has none.

    Raises
    ------
    InputErrors
        If the file is missing or not the one that the calibration was stored with.
    """
    if not calibration.draws:
        return None
    path = draws_file(calibration.name)
    where, again = paths.readable(path), "make the calibration again: sme-analysis calibrate"
    try:
        content = path.read_bytes()
    except OSError:
        raise InputErrors(
            [Problem(where, "no such file", f"the draws of {calibration.name}", again)]
        ) from None
    if hashlib.sha256(content).hexdigest() != calibration.draws_hash:
        raise InputErrors(
            [Problem(where, "another content than was stored", "the file as it was written", again)]
        )
    return pd.read_csv(path)


def rounded(values: Sequence[float], digits: int = 8) -> tuple[float, ...]:
    """Values to so many significant digits: noise of the last bits must not make another file."""
    return tuple(float(f"{value:.{digits}g}") for value in values)


def _flow(row: Sequence[Any]) -> CommentedSeq:
    line = CommentedSeq(row)
    line.fa.set_flow_style()
    return line


def scale_of(low: float) -> Scale:
    """The scale on which a parameter is estimated or moved: its logarithm where it cannot be zero."""
    return "log" if low > 0 else "linear"


def calibrated(values: Mapping[str, Any], calibration: Calibration | None) -> dict[str, Any]:
    """Values with those of a calibration in their place."""
    return {**values, **(calibration.values if calibration is not None else {})}
