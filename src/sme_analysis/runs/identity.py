"""What a run is made of: two runs with the same fingerprint have the same results."""

from __future__ import annotations

import datetime as dt
import hashlib
import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import sme_analysis
from sme_analysis.runs.plan import Notebook, Plan
from sme_analysis.scenario import project_root
from sme_analysis.scenario.fingerprint import canonical_json
from sme_analysis.scenario.freshness import overdue

FINGERPRINT_LENGTH = 12
# Those whose version can move a result, a picture or a page.
PACKAGES = (
    "ipykernel",
    "jinja2",
    "matplotlib",
    "nbconvert",
    "numba",
    "numpy",
    "pandas",
    "papermill",
    "pyarrow",
    "scipy",
    "statsmodels",
)
_CODE = {".py", ".yaml", ".j2", ".css"}


@dataclass(frozen=True)
class Identity:
    """The name of a run, and everything its results depend on."""

    scenario: str
    inputs: Mapping[str, Any]

    @property
    def fingerprint(self) -> str:
        """12 hexadecimal digits that depend on the inputs only."""
        return hashlib.sha256(canonical_json(self.inputs).encode()).hexdigest()[:FINGERPRINT_LENGTH]

    @property
    def folder(self) -> str:
        """Name of the run's folder."""
        slug = re.sub(r"[^\w.-]+", "-", self.scenario).strip("-.") or "scenario"
        return f"{slug}-{self.fingerprint}"


def identify(plan: Plan, today: dt.date) -> Identity:
    """Return what a run of this plan would be.

    Parameters
    ----------
    plan : Plan
        From `make_plan`.
    today : date
        Parameters that are overdue on it are told on every page, so a run that does not tell them is another.

    Returns
    -------
    Identity
        Its inputs are the resolved parameters, what the pages say about the scenario, the hashes of data and
        code, and the versions of Python and the packages that matter.
    """
    scenario = plan.scenario
    parent = scenario.parent
    inputs: dict[str, Any] = {
        "parameters": dict(scenario.parameters),
        "options": dict(plan.options),
        "scenario": {
            "name": scenario.name,
            "title": scenario.title,
            "author": scenario.author,
            "reference": scenario.reference,
            "description": scenario.description,
            "parent": [parent.name, parent.fingerprint] if parent else None,
        },
        "data": data_hashes(),
        "code": {
            "package": package_hash(),
            "notebooks": {notebook.name: notebook_hash(notebook) for notebook in plan.notebooks},
        },
        "versions": versions(),
    }
    if due := overdue(scenario.parameters, today):
        inputs["overdue"] = [item.key for item in due]
    return Identity(scenario.name, inputs)


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def data_hashes() -> dict[str, str]:
    """Return the hash of every file of `data/`, the parameter catalogue and the calibrations, by its path."""
    root = project_root()
    files = [
        file
        for folder in ("data", "parameters/catalogue", "parameters/calibrations")
        for file in (root / folder).rglob("*")
    ]
    return {
        file.relative_to(root).as_posix(): file_hash(file)
        for file in sorted(files)
        if file.is_file() and not file.name.startswith(".")
    }


def package_hash() -> str:
    """Return one hash of the package's modules, tables and templates."""
    root = Path(sme_analysis.__file__).parent
    files = sorted(file for file in root.rglob("*") if file.suffix in _CODE)
    return _digest(f"{file.relative_to(root).as_posix()} {file_hash(file)}" for file in files)


def notebook_hash(notebook: Notebook) -> str:
    """Return one hash of a notebook's cells without their outputs."""
    return _digest(
        canonical_json(
            {
                "type": cell["cell_type"],
                "source": cell["source"],
                "tags": cell.get("metadata", {}).get("tags", []),
            }
        )
        for cell in notebook.cells
    )


def versions() -> dict[str, str]:
    """Return the versions of Python, this package and those it builds on."""
    found = {"python": platform.python_version(), "sme-analysis": sme_analysis.__version__}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
