"""Where runs lie: written beside and moved into place whole, verified before they are used again."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sme_analysis.errors import UserError
from sme_analysis.runs.identity import file_hash
from sme_analysis.scenario import project_root

FORMAT = "sme-analysis run"
MANIFEST = "manifest.json"
RESULTS = "results.json"
INDEX = "index.html"
LATEST = "latest.json"
# What file managers and Jupyter leave in a folder by looking at it.
_TRACES = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", ".ipynb_checkpoints", ".virtual_documents"})


class StoreError(UserError):
    """A run that could not be written; nothing half made was left behind."""


@dataclass(frozen=True)
class Place:
    """Where a run will lie, where it is written until it is whole, and where it is kept if it failed."""

    target: Path

    @property
    def staging(self) -> Path:
        """The folder beside the target that the run is written to."""
        return self._beside(f"partial-{os.getpid()}")

    @property
    def failed(self) -> Path:
        """Where a failed run is kept."""
        return self.target.with_name(f"{self.target.name}.failed")

    @property
    def replaced(self) -> Path:
        """Where the run that stood here waits until the new one stands."""
        return self._beside(f"old-{os.getpid()}")

    def leftovers(self, kind: str) -> list[Path]:
        """Return the "partial" or "old" folders of runs that were killed before they could clean up."""
        pattern = re.compile(rf"\.{re.escape(self.target.name)}\.{kind}-(\d+)")
        return [
            path
            for path in self.target.parent.iterdir()
            if (found := pattern.fullmatch(path.name)) and not _alive(int(found[1]))
        ]

    def _beside(self, ending: str) -> Path:
        return self.target.with_name(f".{self.target.name}.{ending}")


def runs_root() -> Path:
    """Return the folder that runs lie in where no other is asked for."""
    return project_root() / "runs"


def place_for(output: Path | None, name: str) -> Place:
    """Return where a run goes, and refuse a folder that is not ours to replace.

    Parameters
    ----------
    output : Path or None
        The folder asked for; None for one below `runs_root`.
    name : str
        Of the folder, where none is asked for.

    Returns
    -------
    Place
        Absolute.

    Raises
    ------
    UserError
        If it is a file, holds something else than a run, or cannot be replaced.
    """
    if output is None:
        return Place(runs_root() / name)
    target = output.expanduser().resolve()
    for folder, whose in ((project_root(), "the project lies in"), (Path.cwd(), "you are in")):
        if target == folder or target in folder.parents:
            raise UserError(f"--output {output} is a folder that {whose}: name one that the run can replace.")
    if target.exists() and not target.is_dir():
        raise UserError(f"--output {output} is a file: name a folder.")
    if target.is_dir() and not is_run(target) and _holds_anything(target):
        raise UserError(
            f"--output {output} holds files that are no run of sme-analysis, and they would be lost: "
            "name a new or an empty folder."
        )
    if os.path.ismount(target):
        raise UserError(f"--output {output} is a mount point, which cannot be replaced: name a folder in it.")
    return Place(target)


@contextlib.contextmanager
def staged(place: Place) -> Iterator[Path]:
    """Give a new folder to write a run to, which is removed unless it was moved into place.

    Parameters
    ----------
    place : Place
        Where the run will lie.

    Yields
    ------
    Path
        `place.staging`.

    Raises
    ------
    StoreError
        For whatever the file system refuses, from the first folder to the last move.
    UserError
        If a folder that the run may replace holds files of the user.
    """
    try:
        place.target.parent.mkdir(parents=True, exist_ok=True)
        for leftover in place.leftovers("old"):
            _put_back(leftover, place)
        for folder in (place.target, place.failed):
            _refuse_files_of_others(folder)
        for leftover in place.leftovers("partial"):
            shutil.rmtree(leftover, ignore_errors=True)
        shutil.rmtree(place.staging, ignore_errors=True)
        place.staging.mkdir()
        yield place.staging
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise StoreError(
            f"the run could not be written to {place.target}: {error.strerror or error}{where}. "
            "Nothing was left behind; what stood there is as it was."
        ) from error
    finally:
        shutil.rmtree(place.staging, ignore_errors=True)
        if place.replaced.exists():
            _put_back(place.replaced, place)


def settle(place: Place, *, good: bool) -> Path:
    """Move a whole run into place.

    Parameters
    ----------
    place : Place
        With its run in `place.staging`.
    good : bool
        A run that failed never takes the place of a good one.

    Notes
    -----
    Where it is interrupted between two moves, `staged` puts back what stood there.

    Returns
    -------
    Path
        Where it lies now.
    """
    target = place.target if good else place.failed
    if target.exists():
        target.rename(place.replaced)
    place.staging.rename(target)
    if good:
        shutil.rmtree(place.failed, ignore_errors=True)
    return target


def is_run(folder: Path) -> bool:
    """Return whether a folder is a run that this package wrote."""
    return read_manifest(folder) is not None


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of a run, or None where there is no readable one."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) and manifest.get("format") == FORMAT else None


def read_results(folder: Path) -> dict[str, Any]:
    """Return the results of a run that was verified."""
    content: dict[str, Any] = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
    return content


def verified(folder: Path, fingerprint: str) -> dict[str, Any] | None:
    """Return the manifest of a good run with a fingerprint, if every file is as it was written.

    Parameters
    ----------
    folder : Path
        Where the run should lie.
    fingerprint : str
        Of the run asked for.

    Returns
    -------
    dict or None
        None if there is no such run, it failed, or a file is missing or was changed.
    """
    manifest = read_manifest(folder)
    if manifest is None or manifest.get("fingerprint") != fingerprint or manifest.get("status") != "good":
        return None
    files = manifest.get("files")
    if not isinstance(files, Mapping) or not files:
        return None
    try:
        unchanged = all(file_hash(folder / name) == digest for name, digest in files.items())
    except OSError:
        return None
    return manifest if unchanged else None


def note_latest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Point `latest.json` and `index.html` beside a run to it.

    Parameters
    ----------
    folder : Path
        A good run below the root.
    manifest : mapping
        Of this run.
    """
    about = {"run": folder.name, **{key: manifest[key] for key in ("fingerprint", "finished")}}
    about["scenario"] = manifest["scenario"]["name"]
    address = f"{quote(folder.name)}/{INDEX}"
    page = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="refresh" content="0; url={escape(address)}">\n'
        "<title>Latest run</title>\n</head>\n"
        f'<body><p><a href="{escape(address)}">Latest run: {escape(folder.name)}</a></p></body>\n</html>\n'
    )
    try:
        _replace(folder.parent / LATEST, json.dumps(about, indent=2, ensure_ascii=False) + "\n")
        _replace(folder.parent / INDEX, page)
    except OSError as error:
        raise StoreError(f"the run is whole, but {LATEST} could not be written: {error}") from error


def _replace(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _put_back(old: Path, place: Place) -> None:
    """Return a run that waited to be replaced to its place, or remove it where another stands there."""
    manifest = read_manifest(old)
    home = place.failed if manifest and manifest.get("status") != "good" else place.target
    if home.exists():
        shutil.rmtree(old, ignore_errors=True)
    else:
        old.rename(home)


def _refuse_files_of_others(folder: Path) -> None:
    """Refuse a folder that would lose files which no run wrote."""
    if not folder.is_dir():
        return
    manifest = read_manifest(folder)
    files = manifest.get("files") if manifest else None
    ours = {MANIFEST, *(files if isinstance(files, Mapping) else ())}
    found = (path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir())
    strange = sorted(
        path.as_posix() for path in found if path.as_posix() not in ours and _TRACES.isdisjoint(path.parts)
    )
    if strange:
        more = f" and {len(strange) - 3} more" if len(strange) > 3 else ""
        raise UserError(
            f"{folder} would be replaced, but {', '.join(strange[:3])}{more} "
            f"{'was' if len(strange) == 1 else 'were'} not written by a run and would be lost: "
            "move it elsewhere, or name another folder by --output."
        )


def _holds_anything(folder: Path) -> bool:
    return any(folder.iterdir())


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
