"""How a run shows that it moves: bars on a terminal, plain lines in a log."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from sme_analysis.runs.execute import Progress, Step


@contextlib.contextmanager
def showing(console: Console) -> Iterator[Progress]:
    """Give what a run reports its steps to.

    Parameters
    ----------
    console : Console
        A terminal gets one bar a notebook, anything else one line when a notebook starts and when it is done.

    Yields
    ------
    callable
        Takes each `Step`, from any thread.
    """
    if not console.is_terminal:
        yield _plain(console)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[outcome]}", markup=False),
    )
    with Bars(*columns, console=console) as bars:
        tasks: dict[str, int] = {}

        def show(step: Step) -> None:
            if step.notebook not in tasks:
                tasks[step.notebook] = bars.add_task(step.notebook, total=step.cells, outcome="")
            task = bars.tasks[tasks[step.notebook]].id
            if step.state == "done" and step.outcome is not None:
                ending = "good" if step.outcome.good else "failed"
                bars.update(task, completed=step.cells, outcome=ending)
                bars.stop_task(task)
            else:
                bars.update(task, completed=max(step.cell - 1, 0))

        yield show


def _plain(console: Console) -> Progress:
    lock = threading.Lock()

    def show(step: Step) -> None:
        with lock:
            if step.state == "started":
                console.print(f"running  {step.notebook}")
            elif step.outcome is not None:
                ending = "good    " if step.outcome.good else "FAILED  "
                console.print(f"{ending} {step.notebook}  {step.outcome.seconds:.1f} s")

    return show
