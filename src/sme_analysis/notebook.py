"""The front door of a notebook: its parameters are checked by name and kind before anything is computed."""

from __future__ import annotations

import ast
import datetime as dt
import linecache
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from IPython.core.getipython import get_ipython

from sme_analysis.errors import InputErrors, Problem, UserError
from sme_analysis.report.content import plain_value
from sme_analysis.report.recorder import RESULT_MIME, RESULT_VERSION, Recorder
from sme_analysis.report.session import publish
from sme_analysis.report.style import use_style
from sme_analysis.report.tables import badge_html, banner_html
from sme_analysis.scenario import Scenario, load_scenario
from sme_analysis.scenario.freshness import current_date, overdue, sentence
from sme_analysis.scenario.units import nearest

# papermill writes this line at the head of the cell it injects.
_INJECTED = "# Parameters"
_KINDS: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "list": (list,),
    "dict": (dict,),
}
_WORDS = {
    "bool": "True or False",
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "list": "a list",
    "dict": "a mapping",
}
_CHANGES_HINT = "papermill … -y '{changes: {risk_compensation.loss_share: 60%}}'"


def start(name: str, scenario: str, changes: dict[str, Any], /, **extra: Any) -> tuple[Scenario, Recorder]:
    """Check a notebook's parameters, load its scenario and open its recorder.

    Parameters
    ----------
    name : str
        Name of the notebook without its ending.
    scenario : str
        A name in `parameters/scenarios`, or the path of a YAML file.
    changes : dict
        Catalogue keys to change.
    **extra
        Every further parameter that the notebook declares, by its own name.

    Returns
    -------
    (Scenario, Recorder)
        What is asked, and where results go.

    Raises
    ------
    InputErrors
        If papermill passed a parameter that the notebook does not declare, the notebook declares one that is
        not handed on, a value is of the wrong kind, or scenario, changes or `SME_ANALYSIS_TODAY` are wrong: all
        of it at once.
    """
    shell = get_ipython()
    if shell is not None:
        shell.set_custom_exc((UserError,), _show_briefly)  # type: ignore[no-untyped-call]
    given = {"scenario": scenario, "changes": changes, **extra}
    problems = check_parameters(name, given, shell.user_ns.get("In", []) if shell is not None else [])
    bad = {problem.where.rpartition(", ")[2] for problem in problems}
    loaded: Scenario | None = None
    today: dt.date | None = None
    try:
        today = current_date()
    except InputErrors as errors:
        problems += errors.problems
    if "scenario" not in bad:
        try:
            loaded = load_scenario(scenario, {} if "changes" in bad else changes)
        except InputErrors as errors:
            problems += errors.problems
    if problems or loaded is None or today is None:
        raise InputErrors(problems)
    use_style()
    _introduce(name, loaded)
    _warn(loaded, today)
    return loaded, Recorder(name, loaded)


@dataclass
class Declared:
    """What the cells run so far say about parameters.

    `kinds` are those of the parameters cell, by name; `injected` are the names papermill assigned, in order;
    `on_top` tells that papermill's cell stands before the defaults, which then undo what it set.
    """

    kinds: dict[str, str | None] = field(default_factory=dict)
    injected: tuple[str, ...] = ()
    on_top: bool = False


def check_parameters(name: str, given: Mapping[str, Any], history: Sequence[str]) -> list[Problem]:
    """Return what is wrong with the parameters of a notebook.

    Parameters
    ----------
    name : str
        Name of the notebook.
    given : mapping
        Parameter -> its value, for every declared parameter.
    history : sequence of str
        Sources of the cells run so far.

    Returns
    -------
    list of Problem
        Empty if papermill passed only declared names and every value is of its default's kind.
    """
    declared = read_history(history)
    problems: list[Problem] = []
    for injected in declared.injected:
        if injected not in given and injected not in declared.kinds:
            allowed = "one of " + ", ".join(given)
            hint = nearest(injected, tuple(given))
            problems.append(Problem(f"{name}, {injected}", "an unknown parameter", allowed, hint))
    for parameter in declared.kinds:
        if parameter not in given:
            problems.append(
                Problem(
                    f"{name}, {parameter}",
                    "a parameter that the notebook declares and does not hand on",
                    "every parameter as an argument of start",
                    f"start(…, {parameter}={parameter})",
                )
            )
    if declared.on_top:
        problems.append(
            Problem(
                f"{name}, cell tags",
                "parameters, but no cell that is tagged to take them",
                'the tag "parameters" on the cell with the defaults',
            )
        )
    kinds = {**declared.kinds, "scenario": "str", "changes": "dict"}
    for parameter, value in given.items():
        kind = kinds.get(parameter)
        if kind in _KINDS and not _is_kind(value, kind):
            hint = _kind_hint(parameter, value, kind)
            shown = f"{value!r:.80} ({type(value).__name__})"
            problems.append(Problem(f"{name}, {parameter}", shown, _WORDS[kind], hint))
    return problems


def read_history(history: Sequence[str]) -> Declared:
    """Return what the last parameters cell and papermill's cell say.

    Parameters
    ----------
    history : sequence of str
        Sources of the cells run so far, oldest first; a notebook's kernel may have run them several times.

    Returns
    -------
    Declared
        Names and kinds.
    """
    declared = Declared()
    seen_defaults = False
    for source in history:
        assigned = _assignments(source)
        bare = all(annotated is None for _, annotated in assigned.values())
        if assigned and bare and source.lstrip().startswith(_INJECTED):
            declared.injected = tuple(assigned)
            declared.on_top = not seen_defaults
        elif "scenario" in assigned and "changes" in assigned:
            # Run once more by hand, the defaults undo what papermill had set.
            declared.injected = declared.injected if declared.on_top else ()
            seen_defaults = True
            declared.kinds = {name: annotated or default for name, (default, annotated) in assigned.items()}
    declared.on_top = declared.on_top and seen_defaults
    return declared


def _assignments(source: str) -> dict[str, tuple[str | None, str | None]]:
    """Return name -> (kind of the value, kind by annotation) of a cell that only assigns literals."""
    try:
        body = ast.parse(source).body
    except SyntaxError:  # a magic or a shell command
        return {}
    found: dict[str, tuple[str | None, str | None]] = {}
    for node in body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value, annotated = node.targets[0], node.value, None
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            target, value = node.target, node.value
            annotated = ast.unparse(node.annotation).strip("'\"").partition("[")[0]
        else:
            return {}
        if not isinstance(target, ast.Name):
            return {}
        try:
            default: str | None = type(ast.literal_eval(value)).__name__
        except ValueError:  # papermill writes float('nan')
            default = None
        found[target.id] = (default, annotated)
    return found


def _is_kind(value: object, kind: str) -> bool:
    return isinstance(value, _KINDS[kind]) and (kind == "bool" or not isinstance(value, bool))


def _kind_hint(parameter: str, value: object, kind: str) -> str | None:
    if parameter == "changes":
        return _CHANGES_HINT
    if kind == "bool" and isinstance(value, str) and value.lower() in {"true", "false", "yes", "no"}:
        return f"-p {parameter} {value.lower() in {'true', 'yes'}}, with a capital letter"
    if kind == "str":
        return f"papermill … -r {parameter} {value}, which keeps it as text"
    return None


def _introduce(name: str, scenario: Scenario) -> None:
    """Show in one line what the notebook was run for, and leave it for the runner to check."""
    moved = [change for change in scenario.changes if change.moves]
    parent = scenario.parent.name if scenario.parent else "the defaults"
    count = {0: "no change", 1: "1 change"}.get(len(moved), f"{len(moved)} changes") + f" against {parent}"
    plain = f"{scenario.title} · {scenario.fingerprint} · {count} · synthetic sample"
    html = (
        f'<p class="scenario"><strong>{escape(scenario.title)}</strong> · '
        f"<code>{scenario.fingerprint}</code> · {escape(count)} · "
        f"{badge_html('synthetic sample')}</p>"
    )
    result = {
        "version": RESULT_VERSION,
        "kind": "start",
        "name": "start",
        "notebook": name,
        "scenario": scenario.name,
        "title": scenario.title,
        "fingerprint": scenario.fingerprint,
        "changes": [
            {"key": change.key, "before": _plain(change.parent_value), "after": _plain(change.value)}
            for change in moved
        ],
    }
    publish({"text/html": html, "text/plain": plain, RESULT_MIME: result}, {})


def _warn(scenario: Scenario, today: dt.date) -> None:
    """Show a banner if parameters are past their review; nothing otherwise."""
    text = sentence(overdue(scenario.parameters, today))
    if text:
        html = banner_html("Due for review", text)
        publish({"text/html": html, "text/plain": f"Due for review: {text}"}, {})


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else plain_value(value)


def _show_briefly(
    shell: Any,
    kind: type[BaseException],
    error: BaseException,
    trace: types.TracebackType | None,
    tb_offset: int | None = None,
) -> list[str]:
    """Show a user's mistake as its message and the cell's line, with no traceback through the package."""
    lines = [str(error)]
    while trace is not None:
        file, number = trace.tb_frame.f_code.co_filename, trace.tb_lineno
        if trace.tb_frame.f_globals is shell.user_ns:
            lines.append(f"(line {number} of this cell: {linecache.getline(file, number).strip()})")
            break
        trace = trace.tb_next
    # IPython leaves it to the handler to show the error; the cell counts as failed either way.
    shell._showtraceback(kind, error, lines)
    return lines
