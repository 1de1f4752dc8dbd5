"""Where the project's folders are."""

from __future__ import annotations

import os
from pathlib import Path

from sme_analysis.errors import UserError

HOME_VARIABLE = "SME_ANALYSIS_HOME"


def project_root() -> Path:
    """Return the folder that holds `parameters/` and `notebooks/`.

    The environment variable `SME_ANALYSIS_HOME` decides where it is set; else the first folder upwards from
    the working folder, else upwards from this package's own file.

    Returns
    -------
    Path
        An absolute folder.

    Raises
    ------
    UserError
        If there is no such folder.
    """
    home = os.environ.get(HOME_VARIABLE)
    if home:
        folder = Path(home).expanduser().resolve()
        if not _is_root(folder):
            raise UserError(
                f"{HOME_VARIABLE} is {home}, but there is no folder parameters/catalogue in it. "
                "Set it to the folder that holds parameters/ and notebooks/, or unset it."
            )
        return folder
    for start in (Path.cwd(), Path(__file__).resolve().parent):
        for folder in (start, *start.parents):
            if _is_root(folder):
                return folder
    raise UserError(
        f"No project found: neither {Path.cwd()} nor a folder above it holds parameters/catalogue. "
        f"Change to the project's folder, or set {HOME_VARIABLE} to it."
    )


def catalogue_folder() -> Path:
    """Return the folder of the parameter catalogue."""
    return project_root() / "parameters" / "catalogue"


def scenarios_folder() -> Path:
    """Return the folder of the shipped scenarios."""
    return project_root() / "parameters" / "scenarios"


def readable(path: Path) -> str:
    """Return a path as a reader wants it: relative to the working folder or the project where it lies within.

    Parameters
    ----------
    path : Path
        Any path.

    Returns
    -------
    str
        The path with forward slashes.
    """
    for base in (Path.cwd(), _root_or_none()):
        if base is not None and path.is_relative_to(base):
            return path.relative_to(base).as_posix()
    return path.as_posix()


def _root_or_none() -> Path | None:
    try:
        return project_root()
    except UserError:
        return None


def _is_root(folder: Path) -> bool:
    return (folder / "parameters" / "catalogue").is_dir()
