"""The catalogue: one record a parameter, with its value, unit, range, article, evidence and source."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from sme_analysis.errors import InputErrors, Problem, UserError
from sme_analysis.scenario import paths
from sme_analysis.scenario.units import NUMERIC_UNITS, Unit, UnitError, coerce, nearest, parse, show
from sme_analysis.scenario.yamlfile import Entry, read_mapping

Grade = Literal["law", "statistic", "estimate", "expert", "assumption"]
ARTICLE_COUNT = 32
_ALLOWED = {"review_by": "a date such as 2028-06-30"}
# The order of reading; groups that are not named follow by name.
GROUP_ORDER = (
    "special_fund",
    "innovation_fund",
    "credit_incentive",
    "relending",
    "risk_compensation",
    "loan_guarantee",
    "loan_insurance",
    "credit_rating",
    "arrears_clearance",
    "emergency_relief",
    "service_efficiency",
    "policy_credibility",
    "equal_entry",
    "incubators",
    "market_matching",
    "receivables_platform",
    "horizon",
    "stress",
    "local_revenue",
    "real_effects",
    "arrears",
    "firms",
    "market",
    "bank",
    "micro_lender",
    "simulation",
)


class Distribution(BaseModel):
    """Where the true value plausibly lies, in inner units.

    `shape` is uniform between `low` and `high`, or triangular with its peak at `mode`. The bounds may be
    narrower than the range that a user is allowed to set.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shape: Literal["uniform", "triangular"]
    low: float
    mode: float | None = None
    high: float

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.low < self.high:
            raise ValueError("low must lie below high")
        if (self.shape == "triangular") != (self.mode is not None):
            raise ValueError("a triangular distribution has a mode, a uniform one has none")
        if self.mode is not None and not self.low <= self.mode <= self.high:
            raise ValueError("mode must lie between low and high")
        return self


class Record(BaseModel):
    """One parameter: what it is, what it may be, where it comes from.

    `value`, `low` and `high` are in inner units (fractions, CNY million, years). `confirmed` says that every
    figure cited in `evidence` was read at its source; an assumption without evidence is never confirmed.
    `decision` marks what whoever asks the question sets (a budget, a share, a shock): no part of what is unknown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str = Field(pattern=r"^[a-z_]+(\.[a-z_]+)+$")
    unit: Unit
    decision: bool = False
    choices: tuple[str, ...] = ()
    # The type of these three depends on the unit, which the type checker cannot see.
    low: Any = None
    high: Any = None
    value: Any
    distribution: Distribution | None = None
    label: str = Field(min_length=3, max_length=80)
    description: str = Field(min_length=10)
    article: tuple[int, ...] = ()
    grade: Grade
    source: str = Field(min_length=5)
    evidence: tuple[str, ...] = ()
    review_by: dt.date
    confirmed: bool = False

    @model_validator(mode="before")
    @classmethod
    def _split_range(cls, data: Any) -> Any:
        """Write `range: [low, high]` as two fields."""
        if isinstance(data, dict) and "range" in data:
            data = dict(data)
            bounds = data.pop("range")
            if not isinstance(bounds, list) or len(bounds) != 2:
                raise ValueError("range must be a list of two values, [lowest, highest]")
            data["low"], data["high"] = bounds
        return data

    @field_validator("value", "low", "high", mode="before")
    @classmethod
    def _in_unit(cls, given: Any, info: ValidationInfo) -> Any:
        unit = info.data.get("unit")
        # Without a unit there is nothing to read the value by, and the missing unit is reported anyway.
        return given if given is None or unit is None else parse(given, unit, info.data.get("choices", ()))

    @field_validator("distribution", mode="before")
    @classmethod
    def _distribution_in_unit(cls, given: Any, info: ValidationInfo) -> Any:
        unit = info.data.get("unit")
        if not isinstance(given, dict) or unit is None:
            return given
        return {name: text if name == "shape" else parse(text, unit) for name, text in given.items()}

    @field_validator("article")
    @classmethod
    def _article_exists(cls, numbers: tuple[int, ...]) -> tuple[int, ...]:
        for number in numbers:
            if not 1 <= number <= ARTICLE_COUNT:
                raise ValueError(f"there is no article {number}: the regulation has {ARTICLE_COUNT}")
        return numbers

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        ranged = self.unit in NUMERIC_UNITS or self.unit == "month"
        if ranged != (self.low is not None and self.high is not None):
            raise ValueError("quantities and months have a range, other units have none")
        if (self.unit in {"choice", "tags"}) != bool(self.choices):
            raise ValueError("choices and tags list their choices, other units have none")
        self.check_range(self.value)
        if self.distribution is not None:
            self.check_range(self.distribution.low)
            self.check_range(self.distribution.high)
        if self.confirmed and not self.evidence and self.grade != "law":
            raise ValueError("confirmed without evidence")
        return self

    @property
    def group(self) -> str:
        """The first part of the key."""
        return self.key.partition(".")[0]

    @property
    def range_text(self) -> str:
        """What is allowed, for a reader."""
        if self.low is not None:
            return f"{show(self.low, self.unit, 12)} to {show(self.high, self.unit, 12)}"
        if self.unit == "choice":
            return " or ".join(self.choices)
        return "any of " + ", ".join(self.choices) if self.unit == "tags" else "yes or no"

    def show(self, value: object) -> str:
        """Return a value of this parameter as text for a reader."""
        return show(value, self.unit, 12)

    def parse(self, given: object) -> Any:
        """Read a value as a user writes it, and check its range.

        Parameters
        ----------
        given : object
            As for `units.parse`.

        Returns
        -------
        bool, int, float, str or tuple of str
            In inner units.

        Raises
        ------
        UnitError
            If it cannot be read or lies outside the range.
        """
        value = parse(given, self.unit, self.choices)
        self.check_range(value)
        return value

    def coerce(self, value: object) -> Any:
        """Check a value in inner units, and its range; otherwise as `parse`."""
        checked = coerce(value, self.unit, self.choices)
        self.check_range(checked)
        return checked

    def check_range(self, value: Any) -> None:
        """Refuse a value outside the allowed range.

        Raises
        ------
        UnitError
            With the nearest allowed value as its hint.
        """
        if self.low is None or self.high is None:
            return
        if value < self.low or value > self.high:
            bound, side = (
                (self.low, "below the lowest") if value < self.low else (self.high, "above the highest")
            )
            raise UnitError(
                f"{self.show(value)}, {side} allowed",
                self.range_text,
                f"the nearest allowed is {self.show(bound)}",
            )


class UnknownKeyError(UserError, KeyError):
    """A parameter that is not in the catalogue."""

    def __str__(self) -> str:
        return str(self.args[0])


class Catalogue(Mapping[str, Record]):
    """All records by key, in the order of the files.

    Parameters
    ----------
    records : mapping of str to Record
        The records.
    """

    def __init__(self, records: Mapping[str, Record]) -> None:
        self._records = dict(records)

    def __getitem__(self, key: str) -> Record:
        try:
            return self._records[key]
        except KeyError:
            raise unknown_key(self, key) from None

    def __contains__(self, key: object) -> bool:
        return key in self._records

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    @property
    def groups(self) -> tuple[str, ...]:
        """First parts of the keys, each once."""
        return tuple(dict.fromkeys(record.group for record in self._records.values()))

    def is_prefix(self, name: str) -> bool:
        """Return whether some keys begin with `name.`."""
        return any(key.startswith(f"{name}.") for key in self._records)

    def suggest(self, key: str) -> str | None:
        """Return "did you mean …?" for an unknown key, or None.

        Parameters
        ----------
        key : str
            A mistyped key, or one without its group.

        Returns
        -------
        str or None
            A question with up to three keys.
        """
        endings = [known for known in self._records if known.endswith(f".{key}")]
        if endings:
            return f"did you mean {' or '.join(endings[:3])}?"
        if self.is_prefix(key):
            names = [known for known in self._records if known.startswith(f"{key}.")]
            return (
                f"{key} is a group; its parameters are {', '.join(names[:4])}{' …' if len(names) > 4 else ''}"
            )
        return nearest(key, list(self._records))


def unknown_key(catalogue: Catalogue, key: str) -> UnknownKeyError:
    """Return the error for a key that is not in the catalogue, with the nearest that is."""
    hint = catalogue.suggest(key)
    return UnknownKeyError(f"no parameter {key!r} in the catalogue" + (f"; {hint}" if hint else ""))


def load_catalogue(folder: Path | None = None) -> Catalogue:
    """Read the parameter catalogue.

    Parameters
    ----------
    folder : Path, optional
        The folder of its YAML files; the project's own by default.

    Returns
    -------
    Catalogue
        All records.

    Raises
    ------
    InputErrors
        With every problem of every file.
    """
    folder = paths.catalogue_folder() if folder is None else folder
    files = sorted(folder.glob("*.yaml"), key=lambda file: (_place(file.stem), file.stem))
    if not files:
        raise UserError(f"{paths.readable(folder)} holds no catalogue: there is no YAML file in it")
    return _load(tuple((file, file.stat().st_mtime_ns, file.stat().st_size) for file in files))


def _place(group: str) -> int:
    """Return the place of a group in tables: policy first, then the economy, then the machinery."""
    return GROUP_ORDER.index(group) if group in GROUP_ORDER else len(GROUP_ORDER)


@functools.lru_cache(maxsize=4)
def _load(files: tuple[tuple[Path, int, int], ...]) -> Catalogue:
    """Read files; the cache is keyed by their times and sizes too, so an edited catalogue is read again."""
    records: dict[str, Record] = {}
    problems: list[Problem] = []
    for file, _, _ in files:
        entries, found = read_mapping(file)
        problems += found
        for key, entry in entries.items():
            where = f"{paths.readable(file)}, line {entry.line}, {key}"
            if key.partition(".")[0] != file.stem:
                problems.append(
                    Problem(where, f"the group {key.partition('.')[0]}", f"the group {file.stem}")
                )
            record, found = _record(key, entry, paths.readable(file))
            problems += found
            if record is not None:
                records[key] = record
    if problems:
        raise InputErrors(problems)
    return Catalogue(records)


def _record(key: str, entry: Entry, file: str) -> tuple[Record | None, list[Problem]]:
    """Return the record of one entry, or its problems."""
    if not isinstance(entry.content, dict):
        return None, [
            Problem(f"{file}, line {entry.line}, {key}", "no fields", "value, unit, range, label, …")
        ]
    try:
        return Record.model_validate({**entry.plain(), "key": key}), []
    except ValidationError as error:
        problems = []
        for detail in error.errors(include_url=False):
            name = str(detail["loc"][0]) if detail["loc"] else ""
            field = entry.content.get("range" if name in {"low", "high"} else name)
            line = entry.line if field is None else field.line
            where = f"{file}, line {line}, {key}" + (f", {name}" if name else "")
            cause = detail.get("ctx", {}).get("error")
            if isinstance(cause, UnitError):
                problems.append(Problem(where, cause.given, cause.allowed, cause.hint))
            else:
                hint = (
                    nearest(name, list(Record.model_fields)) if detail["type"] == "extra_forbidden" else None
                )
                given = "nothing" if detail["type"] == "missing" else str(detail.get("input"))[:80]
                allowed = _ALLOWED.get(name) or (
                    str(cause) if isinstance(cause, Exception) else detail["msg"]
                )
                problems.append(Problem(where, given, allowed, hint))
        return None, problems
