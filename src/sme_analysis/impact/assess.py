"""A scenario in one call: population, simulation, solvency and the check that its changes moved something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from sme_analysis.firms import synthetic_firms
from sme_analysis.impact.checks import checks, fail_unless_accounts_close
from sme_analysis.impact.effects import same_results
from sme_analysis.impact.solvency import Solvency, solvency
from sme_analysis.market.credit import Market
from sme_analysis.scenario import Parameters
from sme_analysis.simulation import Simulation, simulate


@dataclass(frozen=True)
class Assessment:
    """A simulated scenario with what a notebook needs to explain it."""

    parameters: Mapping[str, Any]
    simulation: Simulation

    @property
    def firms(self) -> pd.DataFrame:
        """The firm table, in the order of all per-firm arrays."""
        return self.simulation.firms

    @property
    def market(self) -> Market:
        """The market that was simulated."""
        return self.simulation.market

    @cached_property
    def checks(self) -> pd.DataFrame:
        """What was checked of the simulation, see `impact.checks`."""
        return checks(self.simulation)

    @cached_property
    def solvency(self) -> Solvency | None:
        """Fund paths over macro states; None without a compensation fund."""
        return solvency(self.simulation)


def assess(parameters: Parameters, firms: pd.DataFrame | None = None, *, threads: int = 1) -> Assessment:
    """Simulate a scenario on its synthetic sample, or on the given firms.

    Parameters
    ----------
    parameters : resolved parameters of a scenario
    firms : a firm table to use instead of the synthetic sample

    Raises
    ------
    AccountsDoNotClose : money or a loss is counted twice or not at all
    """
    table = synthetic_firms(parameters) if firms is None else firms
    simulation = simulate(table, parameters, threads=threads)
    fail_unless_accounts_close(simulation)
    return Assessment(parameters, simulation)


def changes_without_effect(
    parameters: Parameters, changes: Mapping[str, Any], parent: Parameters
) -> list[str]:
    """Keys of `changes` that move no result: undoing each alone leaves every total and flow as it is.

    Parameters
    ----------
    changes : keys that differ from the parent; `parent` : the parent's resolved parameters
    """
    full = assess(parameters).simulation
    idle = []
    for key in changes:
        undone = assess(parameters.replace({key: parent[key]})).simulation
        if same_results(full, undone):
            idle.append(key)
    return idle
