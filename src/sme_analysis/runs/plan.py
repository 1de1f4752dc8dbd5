"""What is to run: the notebooks, in reading order, with parameters checked before any kernel starts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sme_analysis.errors import InputErrors, Problem, UserError
from sme_analysis.scenario import Scenario, project_root
from sme_analysis.scenario.paths import readable, scenarios_folder
from sme_analysis.scenario.units import nearest

BRIEF = "05_policy_package"
PARAMETERS_TAG = "parameters"
_NUMBERED = re.compile(r"\d\d_\w+")
_NOTHING: Mapping[str, Any] = {}
_REQUIRED = {"scenario": "str", "changes": "dict"}


@dataclass(frozen=True)
class Notebook:
    """A notebook of the project: its name without the ending, where it lies, its title and its cells.

    `cells` are those of the file, by nbformat.
    """

    name: str
    path: Path
    title: str
    cells: tuple[Mapping[str, Any], ...]

    @property
    def declared(self) -> frozenset[str]:
        """Names that the cell tagged "parameters" assigns."""
        sources = [c["source"] for c in self.cells if PARAMETERS_TAG in c.get("metadata", {}).get("tags", [])]
        return frozenset(re.findall(r"^(\w+)\s*(?::[^=\n]+)?=", "\n".join(sources), re.M))

    @property
    def length(self) -> int:
        """How many cells there are to run, with the one that papermill puts in."""
        return len(self.cells) + 1

    @property
    def parameter_cells(self) -> int:
        """How many cells are tagged to take parameters."""
        return sum(PARAMETERS_TAG in cell.get("metadata", {}).get("tags", []) for cell in self.cells)


@dataclass(frozen=True)
class Plan:
    """A scenario, the notebooks to run for it in reading order, and what they are given.

    `arguments` go to every notebook, `options` to those that declare them.
    """

    scenario: Scenario
    notebooks: tuple[Notebook, ...]
    arguments: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)

    def given(self, notebook: Notebook) -> dict[str, Any]:
        """What a notebook is given."""
        own = {name: value for name, value in self.options.items() if name in notebook.declared}
        return {**self.arguments, **own}


def notebooks_folder() -> Path:
    """Return the folder of the project's notebooks."""
    return project_root() / "notebooks"


def reading_order(names: Sequence[str]) -> list[str]:
    """Return names with the brief first and the others by number.

    Parameters
    ----------
    names : sequence of str
        Names of notebooks.

    Returns
    -------
    list of str
        The same names.
    """
    return sorted(names, key=lambda name: (name != BRIEF, name))


def notebook_names() -> list[str]:
    """Return the project's numbered notebooks in reading order."""
    found = [file.stem for file in notebooks_folder().glob("*.ipynb") if _NUMBERED.fullmatch(file.stem)]
    return reading_order(found)


def read_notebook(path: Path) -> Notebook:
    """Read a notebook without loading Jupyter.

    Parameters
    ----------
    path : Path
        An .ipynb file.

    Returns
    -------
    Notebook
        Its title is the first heading of a text cell, else its name.

    Raises
    ------
    InputErrors
        If the file is no notebook.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        cells = tuple({**cell, "source": _joined(cell["source"])} for cell in content["cells"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        where = readable(path)
        given = f"something that cannot be read as a notebook ({error})"
        raise InputErrors([Problem(where, given, "a Jupyter notebook of format 4")]) from error
    return Notebook(path.stem, path, _title(cells) or path.stem, cells)


def make_plan(
    scenario: Scenario,
    changes: Mapping[str, Any],
    names: Sequence[str] = (),
    options: Mapping[str, Any] = _NOTHING,
) -> Plan:
    """Choose the notebooks and check that each takes the scenario.

    Parameters
    ----------
    scenario : Scenario
        What is asked, overrides included.
    changes : mapping of str to str
        The overrides as they were written.
    names : sequence of str
        Notebooks to run; all where empty. "03" names "03_risk_compensation".
    options : mapping
        Further parameters for the notebooks that declare them.

    Returns
    -------
    Plan
        In reading order.

    Raises
    ------
    InputErrors
        With every unknown notebook, unreadable one, and one that does not declare `scenario` and `changes`
        in a cell tagged "parameters".
    """
    known = notebook_names()
    if not known:
        raise UserError(f"There is no notebook in {readable(notebooks_folder())}.")
    problems: list[Problem] = []
    chosen = _chosen(names, known, problems) if names else known
    notebooks: list[Notebook] = []
    for name in chosen:
        try:
            notebook = read_notebook(notebooks_folder() / f"{name}.ipynb")
        except InputErrors as errors:
            problems += errors.problems
        else:
            problems += parameter_problems(notebook)
            notebooks.append(notebook)
    if problems:
        raise InputErrors(problems)
    arguments = {"scenario": _address(scenario), "changes": dict(changes)}
    return Plan(scenario, tuple(notebooks), arguments, dict(options))


def parameter_problems(notebook: Notebook) -> list[Problem]:
    """Return what keeps a notebook from taking the parameters of a run.

    Parameters
    ----------
    notebook : Notebook
        From `read_notebook`.

    Returns
    -------
    list of Problem
        Empty if one cell is tagged "parameters" and declares `scenario: str` and `changes: dict`.
    """
    where = readable(notebook.path)
    if notebook.parameter_cells != 1:
        given = f"{notebook.parameter_cells or 'no'} cells tagged parameters"
        hint = 'tag the cell that sets scenario and changes with "parameters"'
        return [Problem(where, given, "one such cell, which takes the scenario", hint)]
    declared = _inferred(notebook.path)
    problems = []
    for name, kind in _REQUIRED.items():
        if name not in declared:
            given = "no such parameter in the cell tagged parameters"
            problems.append(
                Problem(f"{where}, {name}", given, f"{name}: {kind} = …", nearest(name, tuple(declared)))
            )
        elif declared[name] != kind:
            given = f"of kind {declared[name]}"
            problems.append(Problem(f"{where}, {name}", given, f"{name}: {kind} = …"))
    return problems


def _inferred(path: Path) -> dict[str, str]:
    """Return parameter -> its kind, as papermill reads the cell."""
    from sme_analysis.runs.jupyter import papermill

    found = papermill().inspect_notebook(str(path))
    return {name: str(about["inferred_type_name"]) for name, about in found.items()}


def _chosen(names: Sequence[str], known: Sequence[str], problems: list[Problem]) -> list[str]:
    chosen: set[str] = set()
    for given in names:
        wanted = given.removesuffix(".ipynb").rpartition("/")[2]
        matches = [name for name in known if name == wanted or name.startswith(f"{wanted}_")]
        if len(matches) == 1:
            chosen.update(matches)
        else:
            hint = nearest(wanted, known)
            problems.append(Problem("--notebook", f'"{given}"', f"one of {', '.join(sorted(known))}", hint))
    return reading_order(list(chosen))


def _address(scenario: Scenario) -> str:
    """Return what a notebook in any folder can load the scenario by."""
    shipped = scenario.path.parent == scenarios_folder().resolve()
    return scenario.name if shipped else str(scenario.path)


def _joined(source: Any) -> str:
    return "".join(source) if isinstance(source, list) else str(source)


def _title(cells: Sequence[Mapping[str, Any]]) -> str:
    for cell in cells:
        if cell["cell_type"] == "markdown" and (found := re.search(r"^# +(.+?)\s*$", cell["source"], re.M)):
            return found[1]
    return ""
