"""Which runs still stand: made of what is here now, with no parameter past its review."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sme_analysis.errors import UserError
from sme_analysis.runs import store
from sme_analysis.runs.artifacts import about_scenario
from sme_analysis.runs.identity import data_hashes, notebook_hash, package_hash, versions
from sme_analysis.runs.plan import notebook_names, notebooks_folder, read_notebook
from sme_analysis.scenario import Scenario, load_catalogue, load_scenario, project_root
from sme_analysis.scenario.catalogue import Catalogue
from sme_analysis.scenario.freshness import Overdue, past, relied_on
from sme_analysis.scenario.scenario import SUFFIXES

_RUN = ("sme-analysis", "run")
# What a scenario is, beside its parameters, to somebody who reads a page.
_TEXTS = ("title", "author", "reference", "description")


@dataclass(frozen=True)
class Standing:
    """A run and what speaks against it.

    `moved` names what it was made of and is another now: files, code, versions, the scenario. `overdue` are
    the parameters it rests on that are past their review. `altered` tells that a file of the run is not as it was
    written. `latest` marks the one that stands for its question: the last good run of the same command, or the
    last failed one where none is good.
    """

    folder: Path
    scenario: str
    question: tuple[str, ...]
    made: str
    good: bool
    moved: tuple[str, ...] = ()
    overdue: tuple[Overdue, ...] = ()
    altered: bool = False
    latest: bool = False

    @property
    def fresh(self) -> bool:
        """Whether nothing speaks against it."""
        return self.good and not (self.moved or self.overdue or self.altered)


@dataclass(frozen=True)
class _Present:
    """What a run would be made of now."""

    data: Mapping[str, str]
    package: str
    notebooks: Mapping[str, str]
    versions: Mapping[str, str]
    catalogue: Catalogue


def standings(folder: Path, today: dt.date) -> list[Standing]:
    """Judge the runs of a folder by what is here now; nothing in them is touched.

    Parameters
    ----------
    folder : Path
        That runs lie in, or a run itself.
    today : date
        The day that parameters are overdue on, or not.

    Returns
    -------
    list of Standing
        By scenario, the newest first; empty where the folder holds no run or does not exist.

    Raises
    ------
    UserError
        If the catalogue cannot be read.
    """
    found = list(_manifests(folder))
    if not found:
        return []
    present = _present()
    judged = [_judged(run, manifest, present, today) for run, manifest in found]
    judged.sort(key=lambda run: (run.made, run.folder.name), reverse=True)
    judged.sort(key=lambda run: (run.scenario, run.question))
    standing: dict[tuple[str, ...], Path] = {}
    for run in sorted(judged, key=lambda run: not run.good):
        standing.setdefault(run.question, run.folder)
    return [replace(run, latest=standing[run.question] == run.folder) for run in judged]


def _manifests(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the runs of a folder, those under way left out."""
    folder = folder.resolve()
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    for run in [folder, *(path for path in inside if not path.name.startswith("."))]:
        manifest = store.read_manifest(run)
        if manifest is not None:
            yield run, manifest


def _present() -> _Present:
    """Take the hashes of everything once, for all runs."""
    notebooks: dict[str, str] = {}
    for name in notebook_names():
        try:
            notebooks[name] = notebook_hash(read_notebook(notebooks_folder() / f"{name}.ipynb"))
        except UserError:  # one that cannot be read is not what a run was made of
            notebooks[name] = ""
    return _Present(data_hashes(), package_hash(), notebooks, versions(), load_catalogue())


def _judged(run: Path, manifest: Mapping[str, Any], present: _Present, today: dt.date) -> Standing:
    try:
        about = manifest["scenario"]
        command = tuple(map(str, manifest.get("command") or (*_RUN, about["name"])))
        standing = Standing(
            folder=run,
            scenario=str(about["name"]),
            question=command[:3] + tuple(sorted(command[3:])),
            made=str(manifest["finished"]),
            good=manifest["status"] == "good",
        )
        return replace(
            standing,
            moved=tuple(_moved(manifest, command, present)),
            overdue=past(relied_on(manifest["parameters"], present.catalogue), today),
            altered=standing.good and store.verified(run, str(manifest["fingerprint"])) is None,
        )
    except (LookupError, TypeError, ValueError, AttributeError):
        moved = ("the form of its manifest, which another version wrote",)
        return Standing(run, run.name, (run.name,), "", manifest.get("status") == "good", moved)


def _moved(manifest: Mapping[str, Any], command: tuple[str, ...], present: _Present) -> Iterator[str]:
    """Name what a run was made of and is another now."""
    moved = [
        name
        for name in {**manifest["data"], **present.data}
        if manifest["data"].get(name) != present.data.get(name)
    ]
    yield from moved
    if _scenario_moved(manifest, command, any(name.startswith("parameters/") for name in moved)):
        yield f"scenario {manifest['scenario']['name']}"
    if manifest["code"]["package"] != present.package:
        yield "code of the package"
    ran = manifest["code"]["notebooks"]
    whole = "--notebook" not in command
    for name in {**ran, **(present.notebooks if whole else {})}:
        if ran.get(name) != present.notebooks.get(name):
            yield f"notebooks/{name}.ipynb"
    for name in {**manifest["versions"], **present.versions}:
        if manifest["versions"].get(name) != (now := present.versions.get(name)):
            yield f"{name} {now or 'absent'}"


def _scenario_moved(manifest: Mapping[str, Any], command: tuple[str, ...], catalogue_moved: bool) -> bool:
    """Return whether the scenario's file asks for something else now; one that lies elsewhere is not judged."""
    try:
        scenario = _file_of(command)
    except UserError:
        return True
    if scenario is None:
        return False
    now, then = about_scenario(scenario), manifest["scenario"]
    if any(now[name] != then.get(name) for name in _TEXTS) or now["lineage"] != then.get("lineage"):
        return True
    if catalogue_moved:  # whose file is named, and whose defaults are in every scenario
        return False
    pairs = zip(command[3::2], command[4::2], strict=False)
    changes = dict(value.split("=", 1) for option, value in pairs if option == "--set")
    try:
        parameters = load_scenario(scenario.path, changes).parameters
    except UserError:
        return True
    return bool({key: _plain(value) for key, value in parameters.items()} != manifest["parameters"])


def _file_of(command: tuple[str, ...]) -> Scenario | None:
    """Load the scenario that a command names; None if its file is not here."""
    name = command[2]
    if not name.endswith(SUFFIXES):
        return load_scenario(name)
    found = (path for path in (Path(name), project_root() / name) if path.is_file())
    return next((load_scenario(path.resolve()) for path in found), None)


def _plain(value: Any) -> Any:
    """Return a value as JSON gives it back."""
    return list(value) if isinstance(value, tuple) else value
