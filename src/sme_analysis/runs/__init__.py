"""From a scenario to a folder that reviewers can read: plan, execute, judge, compare, render, store.

`run_scenario` does it all; the modules each answer one of these questions. Nothing here prints, and nothing
knows the model: results come out of the executed notebooks.
"""

from sme_analysis.runs.execute import TIMEOUT_SECONDS, WORKERS, Progress, Step
from sme_analysis.runs.outcome import Outcome
from sme_analysis.runs.plan import Notebook, make_plan, notebook_names, notebooks_folder, read_notebook
from sme_analysis.runs.run import Failure, RunReport, run_scenario
from sme_analysis.runs.site import Headline
from sme_analysis.runs.store import StoreError, runs_root

__all__ = [
    "TIMEOUT_SECONDS",
    "WORKERS",
    "Failure",
    "Headline",
    "Notebook",
    "Outcome",
    "Progress",
    "RunReport",
    "Step",
    "StoreError",
    "make_plan",
    "notebook_names",
    "notebooks_folder",
    "read_notebook",
    "run_scenario",
    "runs_root",
]
