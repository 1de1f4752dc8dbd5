"""The floors of the house: a room imports only from those below, and no two modules need each other."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "sme_analysis"
FLOORS = ("regulation", "scenario", "firms", "market", "instruments", "simulation", "impact", "inference")
# What each room may import, beside itself and `errors` (floor 0). A name with a dot allows that module only.
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    **{room: set(FLOORS[:floor]) for floor, room in enumerate(FLOORS)},
    "report": {"scenario"},
    "figures": {*FLOORS, "report", "evaluation"},
    "evaluation": {"scenario.units"},
    "runs": {"scenario", "report"},
    "notebook": {*FLOORS, "report", "evaluation", "runs"},
    "cli_inference": {*FLOORS, "report", "figures", "evaluation"},
    "cli": {*FLOORS, "report", "evaluation", "runs", "notebook", "cli_inference"},
}
LONGEST_MODULE = 400


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
ROOMS = sorted({name.partition(".")[0] for name in MODULES if name})


def imports(path: Path) -> set[str]:
    """Modules of the package that a module imports, anywhere in it, without the package's own name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            named = [
                name if name.removeprefix("sme_analysis.") in MODULES else node.module for name in inside
            ]
        else:
            continue
        found |= {
            n.removeprefix("sme_analysis").removeprefix(".") for n in named if n.startswith("sme_analysis")
        }
    return found - {""}


def breaches(room: str) -> list[str]:
    allowed = ALLOWED[room] | {room, "errors"}
    return [
        f"{name or 'sme_analysis'} imports {target}"
        for name, path in MODULES.items()
        if name.partition(".")[0] == room
        for target in sorted(imports(path))
        if target not in allowed and target.partition(".")[0] not in allowed
    ]


def test_every_room_has_a_floor() -> None:
    assert [room for room in ROOMS if room not in ALLOWED] == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_from_the_floors_below(room: str) -> None:
    assert breaches(room) == []


def test_the_package_itself_imports_no_room() -> None:
    assert imports(MODULES[""]) == set()


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {name: imports(path) - {name} for name, path in MODULES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]), pytrace=False)


def test_no_module_is_longer_than_a_room_should_be() -> None:
    lengths = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in MODULES.items()}
    assert {name: length for name, length in lengths.items() if length > LONGEST_MODULE} == {}


def test_every_folder_says_what_it_answers() -> None:
    folders = {path.parent for path in MODULES.values()}
    silent = [
        folder.name
        for folder in folders
        if not (folder / "__init__.py").is_file()
        or not ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))
    ]
    assert silent == []


@pytest.mark.parametrize("name", MODULES, ids=lambda name: name or "sme_analysis")
def test_every_public_function_has_a_docstring(name: str) -> None:
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    owners = [tree, *classes]
    undocumented = [
        f"{node.name} (line {node.lineno})"
        for owner in owners
        for node in owner.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert undocumented == []
