"""The command line: run, list, show, check, status; `cli_inference` has how sure we are."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from sme_analysis import cli_inference
from sme_analysis.cli_inference import parsed
from sme_analysis.errors import InputErrors, UserError

if TYPE_CHECKING:  # loaded where they are used, so that help comes at once
    import pandas as pd
    from rich.console import Console
    from rich.table import Table

    from sme_analysis.runs.run import RunReport
    from sme_analysis.runs.status import Standing

GOOD, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
# A terminal that closes and a scheduler that ends the run are interruptions like Ctrl-C.
_INTERRUPTIONS = {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}

app = typer.Typer(
    name="sme-analysis",
    help="Policy impact analysis of SME financing: run notebooks for a scenario and read the answer.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ScenarioArgument = Annotated[
    str, typer.Argument(help="A name in parameters/scenarios, or the path of a YAML file.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a parameter, such as risk_compensation.loss_share=60%. Repeatable.",
    ),
]


@app.command()
def run(
    scenario: ScenarioArgument,
    settings: SetOption = None,
    output: Annotated[
        Path | None, typer.Option(help="The folder to fill, instead of one below runs/.")
    ] = None,
    notebook: Annotated[
        list[str] | None, typer.Option(help="Run only this notebook. Repeatable; 03 names 03_…")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Run although the same run is there.")] = False,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds that a notebook may take.")] = 600,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Notebooks that run at once.")] = 2,
    draws: Annotated[
        int | None, typer.Option(min=0, help="Draws of what is unknown for the intervals; 0 for none.")
    ] = None,
) -> None:
    """Run the notebooks for a scenario and write a site of rendered notebooks."""
    from sme_analysis.runs import run_scenario
    from sme_analysis.runs.progress import showing

    try:
        with _interruptible(), showing(_console(stderr=True)) as progress:
            report = run_scenario(
                scenario,
                parsed(settings),
                output=output,
                notebooks=notebook or (),
                force=force,
                timeout=timeout,
                workers=workers,
                options={} if draws is None else {"draws": draws},
                progress=progress,
            )
    except KeyboardInterrupt:
        print("interrupted: the kernels have ended and nothing was left behind", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    _tell(report)
    if not report.good:
        raise typer.Exit(FAILED)


@app.command("list")
def list_() -> None:
    """List scenarios, notebooks and instruments."""
    from sme_analysis.runs import plan
    from sme_analysis.scenario import load_catalogue, load_scenario, scenario_names
    from sme_analysis.scenario.tables import articles_text

    table = _table("Scenarios")
    for heading in ("Name", "Title", "Extends"):
        table.add_column(heading)
    for name in scenario_names():
        scenario = load_scenario(name)
        table.add_row(name, scenario.title, scenario.parent.name if scenario.parent else "–")
    _console().print(table)
    table = _table("Notebooks, in reading order")
    table.add_column("Name", no_wrap=True)
    table.add_column("Title")
    for name in plan.notebook_names():
        table.add_row(name, plan.read_notebook(plan.notebooks_folder() / f"{name}.ipynb").title)
    _console().print(table)
    catalogue = load_catalogue()
    table = _table("Instruments")
    table.add_column("Parameters", no_wrap=True)
    table.add_column("Articles of the regulation")
    # An instrument is what a scenario can switch off as a whole.
    for group in [key.removesuffix(".active") for key in catalogue if key.endswith(".active")]:
        articles = {
            number for record in catalogue.values() if record.group == group for number in record.article
        }
        table.add_row(f"{group}.*", articles_text(tuple(sorted(articles))))
    _console().print(table)


@app.command()
def show(
    scenario: ScenarioArgument,
    changes: Annotated[
        bool, typer.Option("--changes", help="Only what differs from the parent scenario.")
    ] = False,
    settings: SetOption = None,
) -> None:
    """Show every parameter of a scenario with range, article, evidence and source."""
    from sme_analysis.scenario import changes_table, describe, load_scenario
    from sme_analysis.scenario.freshness import current_date, overdue

    loaded = load_scenario(scenario, parsed(settings), origin="--set")
    parent = loaded.parent.name if loaded.parent else "the catalogue's defaults"
    _console().print(f"{loaded.title}\n{loaded.author} · {loaded.reference}", markup=False, highlight=False)
    if changes:
        moved = changes_table(loaded)
        if moved.empty:
            _console().print(f"Nothing differs from {parent}.", markup=False)
        else:
            _print_frame(moved, f"Changed against {parent}")
        return
    due = {item.key for item in overdue(loaded.parameters, current_date())}
    for row in describe(loaded).to_dict("records"):
        was = f"  (was {row['changed_from']})" if row["changed_from"] else ""
        grade = row["grade"] if row["confirmed"] else f"{row['grade']}, unconfirmed"
        about = [row["unit"], f"range {row['range']}", f"article {row['article']}", grade]
        print(f"\n{row['key']} = {row['value']}{was}\n    {row['label']}")
        review = f"review by {row['review_by']}{', overdue' if row['key'] in due else ''}"
        print(f"    {' · '.join([*about, review])}\n    {row['source']}")


@app.command()
def check(
    files: Annotated[list[str], typer.Argument(help="Scenario files, or names in parameters/scenarios.")],
) -> None:
    """Check scenario files and report every problem."""
    from sme_analysis.scenario import check_files

    problems = check_files(files)
    if problems:
        print(f"error: {InputErrors(problems)}", file=sys.stderr)
        raise typer.Exit(FAILED)
    count = len(files)
    print(f"{count} scenario{'' if count == 1 else 's'} checked: no problem found")


@app.command()
def status(
    folder: Annotated[
        Path | None, typer.Argument(help="A run, or a folder of runs; runs/ of the project by default.")
    ] = None,
) -> None:
    """Tell which runs still stand: nothing they are made of has changed, no parameter is past its review."""
    from sme_analysis.runs import runs_root
    from sme_analysis.runs.status import standings
    from sme_analysis.scenario.freshness import current_date, sentence
    from sme_analysis.scenario.paths import readable

    if folder is not None and not folder.is_dir():
        raise UserError(f"{folder} is no folder: name a run, or a folder of runs.")
    place = (folder or runs_root()).resolve()
    found = standings(place, current_date())
    if not found:
        print(f"no run in {readable(place)}")
        return
    table = _table()
    for heading in ("Run", "Made (UTC)", "Result", "Stands"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "Made (UTC)")
    for run in found:
        made = run.made[:16].replace("T", " ") or "–"
        table.add_row(readable(run.folder), made, "good" if run.good else "failed", _standing(run))
    _console().print(table)
    latest = [run for run in found if run.latest]
    for text in dict.fromkeys(sentence(run.overdue) for run in latest if run.overdue):
        names = dict.fromkeys(run.scenario for run in latest if sentence(run.overdue) == text)
        print(f"{', '.join(names)}: {text}")
    if stale := [run for run in latest if not run.fresh]:
        names = dict.fromkeys(run.scenario for run in stale)
        said = f"{len(stale)} of {len(latest)} results {'is' if len(stale) == 1 else 'are'} not fresh"
        print(f"warning: {said}: {', '.join(names)}", file=sys.stderr)
        raise typer.Exit(FAILED)


cli_inference.attach(app)


def main() -> NoReturn:
    """Run the command line and leave with its exit code."""
    try:
        app()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except BrokenPipeError:  # the reader, such as head, has seen enough
        sys.stderr.close()
        sys.exit(GOOD)
    raise AssertionError("typer leaves by itself")


def _standing(run: Standing) -> str:
    """Say what speaks against a run, or that nothing does."""
    told = [] if run.latest else ["a later run stands for it"]
    if run.moved:
        more = f" and {len(run.moved) - 6} more" if len(run.moved) > 6 else ""
        told.append(f"older than: {', '.join(run.moved[:6])}{more}")
    if run.overdue:
        count = f"{len(run.overdue)} parameter{'s' if len(run.overdue) > 1 else ''}"
        told.append(f"{count} past review, the oldest by {run.overdue[0].days} days")
    if run.altered:
        told.append("its files were changed after it was made")
    return "; ".join(told) or ("fresh" if run.good else "–")


def _tell(report: RunReport) -> None:
    """Print what a run found, or what failed, and where to read on."""
    if report.overdue:
        from sme_analysis.scenario.freshness import sentence

        print(f"warning: {sentence(report.overdue)}", file=sys.stderr)
    for failure in report.failures:
        print(f"error: {failure.notebook}: {failure.error}", file=sys.stderr)
        if failure.cell:
            indented = "\n".join(f"    {line}" for line in failure.cell.splitlines())
            print(f"  in the cell\n{indented}", file=sys.stderr)
    if report.headlines:
        print(f"\n{report.manifest['scenario']['title']}")
        table = _table()
        table.add_column("Measure")
        table.add_column("Result", justify="right", no_wrap=True)
        sure = any(row.interval for row in report.headlines)
        if sure:
            table.add_column("5–95 %", justify="right", no_wrap=True)
        if report.base:
            table.add_column(report.base, justify="right", no_wrap=True)
        for row in report.headlines:
            between = [row.interval or "–"] if sure else []
            table.add_row(row.label, row.text, *between, *([row.before or "–"] if report.base else []))
        _console().print(table)
    if report.verdict:
        print(report.verdict)
    here = Path.cwd()
    index = report.index.relative_to(here) if report.index.is_relative_to(here) else report.index
    if report.good:
        made = "this run was made before and is unchanged; --force runs it again\n" if report.reused else ""
        print(f"{made}{index}")
    else:
        print(f"the failed run is kept: {index}", file=sys.stderr)


def _print_frame(data: pd.DataFrame, title: str) -> None:
    table = _table(title)
    for column in data.columns:
        table.add_column(str(column), overflow="fold", no_wrap=column in {"key", "before", "after"})
    for row in data.astype(str).itertuples(index=False):
        table.add_row(*row)
    _console().print(table)


def _table(title: str = "") -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    heading = Text(title, style="bold", overflow="ignore", no_wrap=True) if title else None
    return Table(title=heading, title_justify="left", box=box.SIMPLE, pad_edge=False)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Take the first signal to end as an interruption, and let no other disturb the cleaning up."""
    before = {number: signal.getsignal(number) for number in _INTERRUPTIONS}

    def interrupt(number: int, frame: object) -> NoReturn:
        for each in _INTERRUPTIONS:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number, handler in before.items():
        if handler != signal.SIG_IGN:  # as nohup sets it
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _console(stderr: bool = False) -> Console:
    from rich.console import Console

    console = Console(stderr=stderr, markup=False, highlight=False)
    # A file or a pipe has no width to fold a table to.
    return (
        console if console.is_terminal else Console(stderr=stderr, markup=False, highlight=False, width=200)
    )
