"""Jobs over processes: in order, whatever their number, and whatever happens to one of them."""

import os
import signal
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest

from sme_analysis.inference.parallel import in_order

needs_kill = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
LARGE = 2_000_000  # numbers, more than a pipe holds: a process is still being sent its share when the first begins


def plus(shared, job):
    return shared + job


def raises(shared, job):
    if job == shared:
        raise ValueError(f"job {job}")
    return job


def dies_once(shared, job):
    marker, _ = shared
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return job
    return os.kill(os.getpid(), signal.SIGKILL)


def dies(shared, job):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_the_order_of_the_jobs(workers):
    steps = []
    found = list(in_order(plus, 100, range(11), workers=workers, progress=lambda *step: steps.append(step)))
    assert found == list(range(100, 111))
    assert steps == [(k, 11) for k in range(1, 12)]


def test_no_job_gives_no_result():
    assert list(in_order(plus, 1, [], workers=2)) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_job_raises_is_raised(workers):
    results = in_order(raises, 5, range(9), workers=workers)
    with pytest.raises(ValueError, match="job 5"):
        list(results)


@needs_kill
@pytest.mark.parametrize("large", [1, LARGE])
def test_a_process_that_is_killed_loses_nothing_even_while_others_start(tmp_path, large):
    shared = (tmp_path / "killed", np.zeros(large))
    assert list(in_order(dies_once, shared, range(12), workers=3)) == list(range(12))
    assert shared[0].exists()


@needs_kill
def test_processes_that_die_again_and_again_are_an_error():
    with pytest.raises(BrokenProcessPool):
        list(in_order(dies, np.zeros(LARGE), range(12), workers=3))
