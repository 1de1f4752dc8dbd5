"""Notebooks run side by side by papermill, in one process, each in a fresh kernel."""

from __future__ import annotations

import errno
import json
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sme_analysis.runs.jupyter import OwnKernel, own_kernel, papermill
from sme_analysis.runs.outcome import Outcome, fault, results_of
from sme_analysis.runs.plan import Notebook, Plan
from sme_analysis.scenario.paths import readable

TIMEOUT_SECONDS = 600.0
WORKERS = 2
_START_SECONDS = 60
# What papermill can meet when it writes a notebook; the run as a whole cannot go on then.
_NO_ROOM = {errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT, errno.EIO, errno.EFBIG}


@dataclass(frozen=True)
class Step:
    """What a notebook does now: `cell` of `cells` under way, or done with an outcome."""

    notebook: str
    state: Literal["started", "cell", "done"]
    cell: int = 0
    cells: int = 0
    outcome: Outcome | None = None


Progress = Callable[[Step], None]


class _Stopped(Exception):
    """The run was interrupted while this notebook ran."""


@dataclass
class _Batch:
    """What the workers of one run share."""

    plan: Plan
    folder: Path
    scratch: Path
    timeout: float
    progress: Progress
    stopped: threading.Event = field(default_factory=threading.Event)
    kernels: list[OwnKernel] = field(default_factory=list)

    def stop(self) -> None:
        """Start nothing more and end the kernels that run."""
        self.stopped.set()
        for kernel in tuple(self.kernels):
            kernel.kill()


def execute(
    plan: Plan,
    folder: Path,
    progress: Progress,
    *,
    timeout: float = TIMEOUT_SECONDS,
    workers: int = WORKERS,
) -> tuple[Outcome, ...]:
    """Run every notebook of a plan.

    Parameters
    ----------
    plan : Plan
        From `make_plan`.
    folder : Path
        Takes the executed notebooks.
    progress : callable
        Told every `Step`, from any of the workers' threads.
    timeout : float
        Seconds that a notebook may take.
    workers : int
        Notebooks that run at once.

    Returns
    -------
    tuple of Outcome
        In the order of the plan; one that failed does not keep the others from running.

    Raises
    ------
    OSError
        If an executed notebook cannot be written.
    KeyboardInterrupt
        If the run was interrupted; every kernel has ended by then.
    """
    papermill()  # once, before the threads
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sme-analysis-", ignore_cleanup_errors=True) as scratch:
        batch = _Batch(plan, folder, Path(scratch), timeout, progress)
        with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="notebook") as pool:
            futures = [pool.submit(_run, notebook, batch) for notebook in plan.notebooks]
            try:
                for future in wait(futures, return_when=FIRST_EXCEPTION).done:
                    future.result()
                return tuple(future.result() for future in futures)
            except BaseException:
                _stop(batch, futures)
                raise


def _stop(batch: _Batch, futures: list[Future[Outcome]]) -> None:
    """End every kernel, those included that are just being started."""
    for future in futures:
        future.cancel()
    while True:
        batch.stop()
        if not wait(futures, timeout=0.1).not_done:
            return


def _run(notebook: Notebook, batch: _Batch) -> Outcome:
    if batch.stopped.is_set():
        raise _Stopped
    target = batch.folder / f"{notebook.name}.ipynb"
    began = time.monotonic()
    batch.progress(Step(notebook.name, "started", 0, notebook.length))
    error = _papermill(notebook, target, batch)
    if batch.stopped.is_set():
        raise _Stopped
    outcome = _judge(notebook, target, error, time.monotonic() - began, batch)
    batch.progress(Step(notebook.name, "done", notebook.length, notebook.length, outcome))
    return outcome


def _papermill(notebook: Notebook, target: Path, batch: _Batch) -> str:
    """Run a notebook into its target; return what kept it from its end and is not told by its cells."""
    mine: list[OwnKernel] = []
    timed_out = threading.Event()

    def on_cell(cell: Any, cell_index: int) -> None:
        del cell
        if batch.stopped.is_set():
            raise _Stopped
        batch.progress(Step(notebook.name, "cell", cell_index + 1, notebook.length))

    def on_timeout() -> None:
        timed_out.set()
        for kernel in tuple(mine):
            kernel.kill()

    def on_kernel(kernel: OwnKernel) -> None:
        mine.append(kernel)
        batch.kernels.append(kernel)

    clock = threading.Timer(batch.timeout, on_timeout)
    clock.daemon = True
    clock.start()
    try:
        papermill().execute_notebook(
            str(notebook.path),
            str(target),
            parameters=batch.plan.given(notebook),
            kernel_name="python3",
            language="python",
            progress_bar=False,
            start_timeout=_START_SECONDS,
            shutdown_kernel="immediate",
            kernel_manager_class=own_kernel(batch.scratch, notebook.name, on_kernel),
            resources={"metadata": {"path": str(notebook.path.parent)}},
            on_cell_start=on_cell,
        )
    except papermill().PapermillExecutionError:
        return ""
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise
        return f"{type(error).__name__}: {error}"
    # Whatever a kernel, its client or the notebook's file can come to is this notebook's failure alone.
    except Exception as error:  # noqa: BLE001
        if timed_out.is_set():
            return f"it took longer than the {batch.timeout:g} s that a notebook may take"
        words = " ".join(kernel.last_words for kernel in mine).strip()
        return f"{_reason(error)}{f' ({words})' if words else ''}"
    finally:
        clock.cancel()
        for kernel in mine:
            kernel.close()
    return ""


def _reason(error: Exception) -> str:
    name = type(error).__name__
    if name == "DeadKernelError":
        return "its kernel died: killed from outside, out of memory, or a crash in compiled code"
    return f"{name}: {error}"


def _judge(notebook: Notebook, target: Path, error: str, seconds: float, batch: _Batch) -> Outcome:
    import nbformat

    seconds = round(seconds, 2)
    if not target.exists():
        return Outcome(notebook.name, notebook.title, seconds, error or "it was not started")
    content = nbformat.read(target, as_version=4)
    error = error or fault(content, batch.plan.scenario.fingerprint)
    # Where it lay while it ran is of no use to a reader.
    about = content.metadata.setdefault("papermill", {})
    about["input_path"] = about["output_path"] = f"notebooks/{notebook.name}.ipynb"
    _shorten_scenario(content, batch.plan)
    nbformat.write(content, target)
    results = tuple(results_of(content))
    return Outcome(notebook.name, notebook.title, seconds, error, results, content)


def _shorten_scenario(content: Any, plan: Plan) -> None:
    """Name a scenario file as the user does, instead of by where it lies on this machine."""
    given, shown = str(plan.arguments["scenario"]), readable(plan.scenario.path)
    passed = content.metadata["papermill"].get("parameters", {})
    if passed.get("scenario") != given or given == plan.scenario.name:
        return
    passed["scenario"] = shown
    for cell in content.cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            before, after = (json.dumps(path, ensure_ascii=False) for path in (given, shown))
            cell.source = cell.source.replace(before, after)
