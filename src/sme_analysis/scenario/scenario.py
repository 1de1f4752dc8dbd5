"""Scenarios: a short YAML of changes to the catalogue, which may extend another scenario."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sme_analysis.errors import InputErrors, Problem, UserError
from sme_analysis.scenario import paths
from sme_analysis.scenario.calibrations import Calibration, calibrated, load_calibration
from sme_analysis.scenario.catalogue import Catalogue, load_catalogue
from sme_analysis.scenario.checks import clashes
from sme_analysis.scenario.parameters import Parameters
from sme_analysis.scenario.units import UnitError, nearest
from sme_analysis.scenario.yamlfile import Entry, read_mapping

SUFFIXES = (".yaml", ".yml")
TEXT_FIELDS = ("title", "author", "reference", "description", "extends", "calibration")
REQUIRED_FIELDS = ("title", "author", "reference")
_EXAMPLE = '"risk_compensation.loss_share: 60%"'


@dataclass(frozen=True)
class Change:
    """One change against the parent, or against the catalogue's defaults where there is no parent.

    `origin` says where it was asked for: a file and line, or the name of the override. A change may repeat
    the parent's value, and then moves nothing.
    """

    key: str
    parent_value: Any
    value: Any
    origin: str

    @property
    def moves(self) -> bool:
        """Whether the value differs from the parent's."""
        return bool(self.value != self.parent_value)


@dataclass(frozen=True)
class Scenario:
    """A named question: all parameters, and how they differ from the parent's.

    `calibration` is the one whose estimates stand in place of the catalogue's values, its own or the parent's; None if none.
    """

    name: str
    title: str
    author: str
    reference: str
    description: str
    path: Path
    parent: Scenario | None
    parameters: Parameters
    changes: tuple[Change, ...]
    calibration: Calibration | None = None

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that depend on the resolved parameters only."""
        return self.parameters.fingerprint

    @property
    def lineage(self) -> tuple[str, ...]:
        """Names from this scenario up to the one that extends nothing."""
        return (self.name, *(self.parent.lineage if self.parent else ()))


def scenario_names() -> tuple[str, ...]:
    """Return the names of the shipped scenarios, sorted."""
    return tuple(sorted(file.stem for file in paths.scenarios_folder().glob("*.yaml")))


def load_scenario(
    name: str | Path, changes: Mapping[str, Any] | None = None, *, origin: str = "changes"
) -> Scenario:
    """Read a scenario, its parents and overrides, and check everything.

    Parameters
    ----------
    name : str or Path
        A name in `parameters/scenarios`, or the path of a YAML file.
    changes : mapping, optional
        Overrides on top, by dotted key or nested: {"risk_compensation.loss_share": "60%"}. Written as in a
        file; a bare number is taken only where it cannot be misread (0.6 for a share, a count, 0).
    origin : str
        What errors and `Change.origin` call the overrides, for example "--set".

    Returns
    -------
    Scenario
        Frozen.

    Raises
    ------
    InputErrors
        With every problem of the file, its parents and the overrides.
    """
    loader = _Loader(load_catalogue())
    path = loader.find(name)
    scenario = loader.load(path, ()) if path is not None else None
    overrides = loader.flatten(_as_entries(changes, origin, loader.problems), origin, of_file=False)
    found = loader.values(overrides)
    if loader.problems or scenario is None:
        raise InputErrors(loader.problems)
    if overrides:
        scenario = loader.override(scenario, found)
    if loader.problems:
        raise InputErrors(loader.problems)
    return scenario


def check_files(files: Iterable[str | Path]) -> list[Problem]:
    """Return every problem of some scenario files.

    Parameters
    ----------
    files : iterable of str or Path
        Paths or names of scenarios.

    Returns
    -------
    list of Problem
        Empty if all are good.
    """
    problems: list[Problem] = []
    for file in files:
        try:
            load_scenario(file)
        except InputErrors as errors:
            problems += [problem for problem in errors.problems if problem not in problems]
        except UserError as error:
            problems.append(Problem(str(file), str(error), "a project with a catalogue"))
    return problems


def diff(before: Scenario, after: Scenario) -> tuple[Change, ...]:
    """Return what differs between two scenarios, in the order of the catalogue.

    Parameters
    ----------
    before, after : Scenario
        Any two.

    Returns
    -------
    tuple of Change
        `parent_value` is the value before, `origin` the name of the scenario after.
    """
    return tuple(
        Change(key, before.parameters[key], value, after.name)
        for key, value in after.parameters.items()
        if before.parameters[key] != value
    )


@dataclass(frozen=True)
class _Wish:
    """A change as written: its key, its text, and the place to name in errors."""

    key: str
    given: Any
    place: str


class _Loader:
    """Collects problems while files and overrides are read, so that all are reported together."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.problems: list[Problem] = []
        self.defaults = Parameters({key: record.value for key, record in catalogue.items()}, catalogue)

    def find(self, name: str | Path, near: Path | None = None, where: str = "scenario") -> Path | None:
        """Return the file of a named scenario or path; relative paths start from the folder `near`."""
        text = str(name).strip()
        if isinstance(name, Path) or text.endswith(SUFFIXES) or "/" in text or "\\" in text:
            path = near / text if near is not None else Path(text).expanduser()
            if _exists(path):
                return path.resolve()
            self._no_such(text, path.stem, where)
            return None
        shipped = paths.scenarios_folder() / f"{text}.yaml"
        if text in scenario_names():
            return shipped.resolve()
        if near is not None and (near / f"{text}.yaml").is_file():
            return (near / f"{text}.yaml").resolve()
        self._no_such(text, text, where)
        return None

    def _no_such(self, text: str, stem: str, where: str) -> None:
        names = scenario_names()
        given = f'"{text}", which does not exist' if text else "nothing"
        allowed = f"one of {', '.join(names)}, or the path of a YAML file"
        self.problems.append(Problem(where, given, allowed, nearest(stem, names)))

    def load(self, path: Path, children: tuple[Path, ...]) -> Scenario | None:
        """Return the scenario of a file; None if it, or a parent, has problems."""
        before = len(self.problems)
        where = paths.readable(path)
        entries, found = read_mapping(path)
        self.problems += found
        if found and not entries:
            return None
        texts = self._texts(entries, where)
        parent: Scenario | None = None
        if "extends" in entries and texts.get("extends"):
            parent = self._parent(texts["extends"], entries["extends"], path, (*children, path))
        raw = entries.get("changes", Entry({}, 1))
        wishes = self.flatten(self._changes_of(raw, where), where)
        values = self.values(wishes)
        if len(self.problems) > before:
            return None
        calibration = self._calibration(texts.get("calibration", ""), entries, where)
        if len(self.problems) > before:
            return None
        start = parent.parameters if parent else self.defaults
        base = Parameters(calibrated(start, calibration), self.catalogue)
        earlier = start if parent else base
        origins = dict.fromkeys(
            calibration.values if parent and calibration else {}, f"calibration {texts.get('calibration')}"
        )
        origins |= {wish.key: wish.place.rpartition(", ")[0] for wish in wishes}
        parameters = self._resolve(base, values)
        if parameters is None:
            return None
        changes = tuple(Change(key, earlier[key], parameters[key], origin) for key, origin in origins.items())
        named = {field: texts.get(field, "") for field in ("title", "author", "reference", "description")}
        calibration = calibration or (parent.calibration if parent else None)
        return Scenario(
            name=path.stem, path=path, parent=parent, parameters=parameters, changes=changes,
            calibration=calibration, **named
        )  # fmt: skip

    def _start(self, scenario: Scenario) -> Parameters:
        """What a scenario without parent starts from: the defaults, those of its calibration in their place."""
        return Parameters(calibrated(self.defaults, scenario.calibration), self.catalogue)

    def _calibration(self, name: str, entries: Mapping[str, Entry], where: str) -> Calibration | None:
        if not name:
            return None
        try:
            return load_calibration(
                name, self.catalogue, f"{where}, line {entries['calibration'].line}, calibration"
            )
        except InputErrors as errors:
            self.problems += errors.problems
            return None

    def override(self, scenario: Scenario, values: Mapping[_Wish, Any]) -> Scenario:
        """Return a scenario with overrides on top of its own changes."""
        base = scenario.parent.parameters if scenario.parent else self._start(scenario)
        parameters = self._resolve(scenario.parameters, values)
        if parameters is None:
            return scenario
        changes = {change.key: change for change in scenario.changes}
        for wish, value in values.items():
            changes[wish.key] = Change(wish.key, base[wish.key], value, wish.place.rpartition(", ")[0])
        return dataclasses.replace(scenario, parameters=parameters, changes=tuple(changes.values()))

    def flatten(self, entries: Mapping[str, Entry], where: str, *, of_file: bool = True) -> list[_Wish]:
        """Return dotted wishes from dotted or nested entries; report unknown keys and double ones."""
        wishes: list[_Wish] = []
        seen: dict[str, int] = {}

        def walk(level: Mapping[str, Entry], prefix: str) -> None:
            for name, entry in level.items():
                key = f"{prefix}.{name}" if prefix else name
                place = f"{where}, line {entry.line}, {key}" if of_file else f"{where}, {key}"
                if isinstance(entry.content, dict) and self.catalogue.is_prefix(key):
                    walk(entry.content, key)
                elif key not in self.catalogue:
                    hint = self.catalogue.suggest(key)
                    self.problems.append(Problem(place, "an unknown key", "a key of the catalogue", hint))
                elif key in seen:
                    again = (
                        f"a key that stands on line {seen[key]} already" if of_file else "a key given twice"
                    )
                    self.problems.append(Problem(place, again, "every key once", "remove one of the two"))
                else:
                    seen[key] = entry.line
                    wishes.append(_Wish(key, entry, place))

        walk(entries, "")
        return wishes

    def values(self, wishes: Iterable[_Wish]) -> dict[_Wish, Any]:
        """Return the checked value of each wish; report those that cannot be read or are out of range."""
        values: dict[_Wish, Any] = {}
        for wish in wishes:
            try:
                values[wish] = self.catalogue[wish.key].parse(wish.given.plain())
            except UnitError as error:
                self.problems.append(Problem(wish.place, error.given, error.allowed, error.hint))
        return values

    def _resolve(self, base: Parameters, values: Mapping[_Wish, Any]) -> Parameters | None:
        resolved = {**base, **{wish.key: value for wish, value in values.items()}}
        places = {wish.key: wish.place for wish in values}
        found = clashes(resolved)
        for clash in found:
            where = next((places[key] for key in clash.keys if key in places), ", ".join(clash.keys))
            self.problems.append(Problem(where, clash.given, clash.allowed, clash.hint))
        return None if found else Parameters(resolved, self.catalogue)

    def _parent(self, name: str, entry: Entry, path: Path, chain: tuple[Path, ...]) -> Scenario | None:
        where = f"{paths.readable(path)}, line {entry.line}, extends"
        parent = self.find(name, near=path.parent, where=where)
        if parent is None:
            return None
        if parent in chain:
            circle = [file.stem for file in (*chain[chain.index(parent) :], parent)]
            self.problems.append(
                Problem(
                    where, f"circular parents: {' → '.join(circle)}", "a parent that does not lead back here"
                )
            )
            return None
        return self.load(parent, chain)

    def _texts(self, entries: Mapping[str, Entry], where: str) -> dict[str, str]:
        """Return the text fields; report unknown, missing and ill-typed ones."""
        known = (*TEXT_FIELDS, "changes")
        for field, entry in entries.items():
            if field not in known:
                hint = nearest(field, known)
                if field in self.catalogue or self.catalogue.is_prefix(field):
                    hint = "indent it under changes:"
                self.problems.append(
                    Problem(
                        f"{where}, line {entry.line}, {field}", "an unknown field", ", ".join(known), hint
                    )
                )
        texts: dict[str, str] = {}
        for field in TEXT_FIELDS:
            found = entries.get(field)
            content = found.content if found is not None else None
            if isinstance(content, str) and content.strip():
                texts[field] = " ".join(content.split())
            elif found is not None and content is not None and not isinstance(content, str):
                self.problems.append(
                    Problem(f"{where}, line {found.line}, {field}", "a list or mapping", "text")
                )
            elif field in REQUIRED_FIELDS or found is not None:
                line = f", line {found.line}" if found is not None else ""
                hint = f'add a line "{field}: …"' if found is None else None
                self.problems.append(Problem(f"{where}{line}, {field}", "nothing", "text", hint))
        return texts

    def _changes_of(self, entry: Entry, where: str) -> Mapping[str, Entry]:
        if entry.content is None:
            return {}
        if isinstance(entry.content, dict):
            return entry.content
        kind = "a list" if isinstance(entry.content, list) else f'"{entry.content}"'
        self.problems.append(
            Problem(f"{where}, line {entry.line}, changes", kind, f"keys with values, such as {_EXAMPLE}")
        )
        return {}


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name too long, or with a null character
        return False


class _Given(Entry):
    """An override from Python: its content is the value itself."""

    def plain(self) -> Any:
        return self.content


def _as_entries(changes: object, origin: str, problems: list[Problem]) -> dict[str, Entry]:
    """Return overrides as entries, so that they go the same way as those of a file."""
    if changes is None:
        return {}
    if not isinstance(changes, Mapping):
        problems.append(Problem(origin, f"{changes!r:.80}", f"keys with values, such as {_EXAMPLE}"))
        return {}
    entries: dict[str, Entry] = {}
    for key, value in changes.items():
        if isinstance(value, Mapping):
            entries[str(key)] = Entry(_as_entries(value, origin, problems), 0)
        else:
            entries[str(key)] = _Given(value, 0)
    return entries
