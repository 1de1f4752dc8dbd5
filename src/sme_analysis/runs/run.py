"""One run from a plan to a folder in its place."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sme_analysis.runs import artifacts, site, store
from sme_analysis.runs.compare import Comparison, base_of, compare
from sme_analysis.runs.execute import TIMEOUT_SECONDS, WORKERS, Progress, Step, execute
from sme_analysis.runs.identity import Identity, identify
from sme_analysis.runs.outcome import Outcome, failing_cell
from sme_analysis.runs.plan import Plan, make_plan, notebook_names
from sme_analysis.scenario import Scenario, load_scenario
from sme_analysis.scenario.freshness import Overdue, current_date, overdue
from sme_analysis.scenario.paths import readable, scenarios_folder


@dataclass(frozen=True)
class Failure:
    """A notebook that is not good: why, and the source of the cell that raised, if one did."""

    notebook: str
    error: str
    cell: str


@dataclass(frozen=True)
class RunReport:
    """Where a run lies and what it says.

    `reused` tells that it had been made before and was found unchanged; `base` names the scenario that the
    headlines' numbers before come from; `overdue` are the parameters past their review, told on every page.
    """

    folder: Path
    reused: bool
    manifest: Mapping[str, Any]
    headlines: tuple[site.Headline, ...]
    verdict: str
    base: str
    failures: tuple[Failure, ...]
    overdue: tuple[Overdue, ...]

    @property
    def good(self) -> bool:
        """Whether every notebook is good."""
        return not self.failures

    @property
    def index(self) -> Path:
        """The page to open."""
        return self.folder / store.INDEX


def run_scenario(
    name: str | Path,
    changes: Mapping[str, Any] | None = None,
    *,
    output: Path | None = None,
    notebooks: Sequence[str] = (),
    force: bool = False,
    timeout: float = TIMEOUT_SECONDS,
    workers: int = WORKERS,
    options: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> RunReport:
    """Run the notebooks for a scenario and leave a folder that reviewers can read.

    Parameters
    ----------
    name : str or Path
        A name in `parameters/scenarios`, or the path of a YAML file.
    changes : mapping, optional
        Settings on top, by catalogue key.
    output : Path, optional
        The folder to fill; by default one below `runs/`, named by scenario and fingerprint.
    notebooks : sequence of str
        Those to run; all where empty.
    force : bool
        Run although a good run of the same parameters, data, code and versions is there.
    timeout : float
        Seconds that a notebook may take.
    workers : int
        Notebooks that run at once.
    options : mapping, optional
        Further parameters, such as `draws`, for the notebooks that declare them.
    progress : callable, optional
        Told every `Step`, from the workers' threads.

    Returns
    -------
    RunReport
        Also where notebooks failed; these are kept beside, and no good run is replaced by them.

    Raises
    ------
    UserError
        For bad input, before any kernel starts, and for a folder that cannot be written.
    KeyboardInterrupt
        If interrupted; nothing is left behind.
    """
    today = current_date()
    scenario = load_scenario(name, changes or {}, origin="--set")
    plan = make_plan(scenario, changes or {}, notebooks, options or {})
    identity = identify(plan, today)
    place = store.place_for(output, identity.folder)
    base = base_of(scenario, bool(changes))
    manifest = None if force else store.verified(place.target, identity.fingerprint)
    if manifest is not None:
        report = _reused(plan, place, manifest, base, today)
    else:
        with store.staged(place) as folder:
            started = _now()
            outcomes = execute(
                plan, folder / "notebooks", progress or _silent, timeout=timeout, workers=workers
            )
            report = _finish(plan, identity, place, outcomes, base, started, today)
    if report.good and output is None:
        store.note_latest(report.folder, report.manifest)
    return report


def _finish(
    plan: Plan,
    identity: Identity,
    place: store.Place,
    outcomes: Sequence[Outcome],
    base: Scenario | None,
    started: dt.datetime,
    today: dt.date,
) -> RunReport:
    """Write everything that a run leaves and move it into place."""
    scenario, folder = plan.scenario, place.staging
    pages = [site.checked(outcome) for outcome in outcomes]
    outcomes = [page.outcome for page in pages]
    good = all(outcome.good for outcome in outcomes)
    names = [outcome.notebook for outcome in outcomes]
    content = artifacts.results_content(scenario, outcomes)
    artifacts.write_artifacts(folder, content, outcomes)
    comparison = compare(store.runs_root(), base, names, content, today) if good else None
    finished = _now()
    times = {
        "started": started.isoformat(),
        "finished": finished.isoformat(),
        "seconds": (finished - started).total_seconds(),
    }
    words = command(plan)
    manifest = artifacts.manifest_content(identity, scenario, outcomes, times, words, today)
    site.write_site(folder, scenario, pages, content, manifest, comparison, words, today)
    manifest = artifacts.seal(folder, manifest)
    settled = store.settle(place, good=good)
    failures = [
        Failure(outcome.notebook, outcome.error, failing_cell(outcome.content) if outcome.content else "")
        for outcome in outcomes
        if not outcome.good
    ]
    rows = site.leading(site.headlines(scenario, content, comparison)) if good else []
    due = overdue(scenario.parameters, today)
    return RunReport(settled, False, manifest, tuple(rows), *_said(comparison), tuple(failures), due)


def _reused(
    plan: Plan, place: store.Place, manifest: Mapping[str, Any], base: Scenario | None, today: dt.date
) -> RunReport:
    """Report a good run that is there already."""
    content = store.read_results(place.target)
    names = [notebook.name for notebook in plan.notebooks]
    comparison = compare(store.runs_root(), base, names, content, today)
    rows = site.leading(site.headlines(plan.scenario, content, comparison))
    due = overdue(plan.scenario.parameters, today)
    return RunReport(place.target, True, manifest, tuple(rows), *_said(comparison), (), due)


def command(plan: Plan) -> list[str]:
    """Return the command that makes the run of a plan again.

    Parameters
    ----------
    plan : Plan
        From `make_plan`.

    Returns
    -------
    list of str
        Its words.
    """
    shipped = plan.scenario.path.parent == scenarios_folder().resolve()
    words = ["sme-analysis", "run", plan.scenario.name if shipped else readable(plan.scenario.path)]
    for key, value in plan.arguments["changes"].items():
        words += ["--set", f"{key}={value}"]
    for option, given in plan.options.items():
        words += [f"--{option}", str(given)]
    names = [notebook.name for notebook in plan.notebooks]
    if names != notebook_names():
        words += [word for name in names for word in ("--notebook", name)]
    return words


def _said(comparison: Comparison | None) -> tuple[str, str]:
    """Return the verdict and the base's name."""
    return (comparison.verdict, comparison.base) if comparison else ("", "")


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


def _silent(step: Step) -> None:
    del step
