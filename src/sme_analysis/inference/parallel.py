"""Many like jobs over processes: results in order, the same whatever the number of processes, nothing lost with one of them."""

from __future__ import annotations

import multiprocessing
import pickle
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, TypeVar

Shared = TypeVar("Shared")
Job = TypeVar("Job")
Result = TypeVar("Result")
Progress = Callable[[int, int], None]
CHUNK = 4  # jobs sent at once


def in_order(
    work: Callable[[Shared, Job], Result],
    shared: Shared,
    jobs: Sequence[Job],
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> Iterator[Result]:
    """Yield work(shared, job) of each job, in the order of the jobs.

    Parameters
    ----------
    work : a function of a module, since other processes must find it
    shared : what all jobs need; it is sent to each process once
    workers : processes; 1 stays in this one
    progress : called with (done, all) as results come

    Raises
    ------
    BrokenProcessPool : a process died a second time; after the first its jobs are done again
    """
    for done, result in enumerate(_results(work, shared, jobs, workers), 1):
        if progress is not None:
            progress(done, len(jobs))
        yield result


def _results(
    work: Callable[[Shared, Job], Result], shared: Shared, jobs: Sequence[Job], workers: int
) -> Iterator[Result]:
    if workers <= 1 or len(jobs) <= CHUNK:
        yield from (work(shared, job) for job in jobs)
        return
    done, spare = 0, 1
    # Not forked: the process may have threads, of numba or of a notebook's kernel.
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        # By a file: what does not fit into a pipe holds up the start of each process until it reads, and a pool one of whose
        # processes dies while another is being started waits for that one forever.
        file = Path(folder) / "shared.pickle"
        file.write_bytes(pickle.dumps((work, shared)))
        while done < len(jobs):
            others = set(multiprocessing.active_children())
            with ProcessPoolExecutor(workers, context, _receive, (str(file),)) as pool:
                try:
                    for result in pool.map(_work, jobs[done:], chunksize=CHUNK):
                        done += 1
                        yield result
                except BrokenProcessPool:
                    for process in set(multiprocessing.active_children()) - others:
                        process.kill()  # one that was started too late to be ended by the pool
                    if not spare:
                        raise
                    spare -= 1


_received: list[Any] = []


def _receive(file: str) -> None:
    _received[:] = pickle.loads(Path(file).read_bytes())


def _work(job: Any) -> Any:
    work, shared = _received
    return work(shared, job)
