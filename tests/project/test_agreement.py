"""pyproject.toml, requirements.lock, environment.yml, the Makefile and the changelog say the same."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ("3.11", "3.12", "3.13")
PLATFORMS = ("linux", "darwin", "win32")
MODULE_OF = {
    "ruamel.yaml": "ruamel",
    "ipython": "IPython",
    "jupyter-client": "jupyter_client",
    "python-docx": "docx",
    "salib": "SALib",
    "diff-diff": "diff_diff",
}
PINNED = {"diff-diff"}  # adapters rest on what this version holds; see docs/decisions.md


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def declared() -> list[Requirement]:
    table = project()["project"]
    extras = [line for lines in table["optional-dependencies"].values() for line in lines]
    return [Requirement(line) for line in table["dependencies"] + extras]


def pins() -> list[Requirement]:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    logical = re.sub(r"\\\n", " ", text)
    return [Requirement(re.sub(r"\s+--hash=\S+", "", line).strip()) for line in logical.splitlines() if line]


def in_force(python: str, platform: str) -> list[Requirement]:
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.9",
        "sys_platform": platform,
        "platform_system": {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}[platform],
        "os_name": "nt" if platform == "win32" else "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    return [pin for pin in pins() if pin.marker is None or pin.marker.evaluate(environment)]


def conda() -> list[Requirement]:
    entries = YAML(typ="safe").load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    by_pip = [line for entry in entries if isinstance(entry, dict) for line in entry["pip"] if line != "-e ."]
    return [Requirement(entry) for entry in (*entries, *by_pip) if isinstance(entry, str)]


def floors(requirements: list[Requirement]) -> dict[str, str]:
    return {canonicalize_name(r.name): str(r.specifier) for r in requirements}


def test_conda_has_the_packages_and_floors_of_pyproject() -> None:
    expected = floors(declared()) | {"python": project()["project"]["requires-python"], "pip": ""}
    assert floors(conda()) == expected


def test_conda_installs_the_package_itself_by_pip() -> None:
    entries = YAML(typ="safe").load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    assert [entry["pip"][0] for entry in entries if isinstance(entry, dict)] == ["-e ."]


def test_every_dependency_states_a_floor_and_nothing_else() -> None:
    exact = {r.name for r in declared() if re.fullmatch(r"==[\d.]+", str(r.specifier))}
    floors = {r.name for r in declared() if re.fullmatch(r">=[\d.]+", str(r.specifier))}
    assert exact == PINNED
    assert {r.name for r in declared()} == exact | floors


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_pins_every_dependency_once_above_its_floor(python: str, platform: str) -> None:
    locked = in_force(python, platform)
    names = Counter(canonicalize_name(pin.name) for pin in locked)
    assert [name for name, count in names.items() if count > 1] == []
    versions = {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in locked}
    for requirement in declared():
        version = versions.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not in requirements.lock: run `make lock`"
        assert requirement.specifier.contains(version), f"{requirement} but locked {version}: run `make lock`"


def test_the_lock_holds_exact_versions_with_hashes_and_no_address() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert all(re.fullmatch(r"==[^,*]+", str(pin.specifier)) and pin.url is None for pin in pins())
    entries = re.sub(r"\\\n", " ", text).splitlines()
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert re.search(r"://|--index|--find-links|(?m:^-)|@ ", text) is None


def test_python_versions_agree() -> None:
    table = project()
    assert table["project"]["requires-python"] == ">=3.11"
    assert table["tool"]["ruff"]["target-version"] == "py311"
    assert table["tool"]["mypy"]["python_version"] == "3.11"
    assert "(3, 11)" in (ROOT / "Makefile").read_text(encoding="utf-8")
    stated = {c.rpartition(" ")[2] for c in table["project"]["classifiers"] if "Python :: 3." in c}
    assert stated == set(PYTHONS)


def test_the_changelog_opens_with_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## \[(\d[^\]]*)\] - \d{4}-\d{2}-\d{2}$", text, flags=re.MULTILINE)
    assert released[0] == project()["project"]["version"]


def test_every_dependency_is_explained() -> None:
    text = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
    assert [r.name for r in declared() if f"`{r.name}`" not in text] == []


def test_every_import_of_the_package_is_declared() -> None:
    table = project()["project"]
    names = [Requirement(line).name for line in table["dependencies"]]
    known = {MODULE_OF.get(name, name) for name in names} | set(sys.stdlib_module_names) | {"sme_analysis"}
    used: dict[str, str] = {}
    for path in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules = [node.module]
            else:
                continue
            used |= {module.partition(".")[0]: path.name for module in modules}
    assert {name: where for name, where in used.items() if name not in known} == {}
