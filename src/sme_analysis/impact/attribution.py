"""Which instrument did what: Shapley values over all combinations, exact, and how instruments overlap in pairs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.errors import UserError
from sme_analysis.impact.public_cost import discount_factors
from sme_analysis.instruments import INSTRUMENTS
from sme_analysis.scenario import Parameters
from sme_analysis.simulation import MEASURES, Simulation, simulate

Array = npt.NDArray[np.float64]
MOST = 10  # players: 2^10 runs


class TooManyPlayers(UserError):
    """The combinations of so many instruments are too many to run; group some of them."""


@dataclass(frozen=True)
class Attribution:
    """Values of every combination of players.

    Attributes
    ----------
    players : names, each of one instrument or several joined by `+`
    measures : names of the outcomes
    values : array (2^k, measures); bit i of the row's number says whether player i is in
    """

    players: tuple[str, ...]
    measures: tuple[str, ...]
    values: Array

    def shapley(self) -> pd.DataFrame:
        """Shapley value of each player in each outcome; the columns sum to the joint effect exactly.

        phi_i = sum over S without i of |S|! (k - |S| - 1)! / k! (v(S + i) - v(S)) (Shapley 1953)
        """
        k = len(self.players)
        weight = [math.factorial(s) * math.factorial(k - s - 1) / math.factorial(k) for s in range(k)]
        rows = np.arange(2**k)
        size = np.array([int(row).bit_count() for row in rows])
        found = np.empty((k, len(self.measures)))
        for i in range(k):
            without = rows[(rows >> i) & 1 == 0]
            gain = self.values[without | (1 << i)] - self.values[without]
            found[i] = (np.array(weight)[size[without], None] * gain).sum(axis=0)
        return pd.DataFrame(found, index=list(self.players), columns=list(self.measures))

    def alone(self) -> pd.DataFrame:
        """Effect of each player by itself."""
        rows = self.values[[1 << i for i in range(len(self.players))]] - self.values[0]
        return pd.DataFrame(rows, index=list(self.players), columns=list(self.measures))

    def last(self) -> pd.DataFrame:
        """What each player adds to all the others together: what would go if it were abolished."""
        full = len(self.values) - 1
        rows = self.values[full] - self.values[[full ^ (1 << i) for i in range(len(self.players))]]
        return pd.DataFrame(rows, index=list(self.players), columns=list(self.measures))

    def overlap(self, measure: str) -> pd.DataFrame:
        """Pairs: v(ij) - v(i) - v(j) + v(0), below zero where two instruments do the same work twice; the diagonal is alone."""
        column = self.values[:, self.measures.index(measure)]
        k = len(self.players)
        table = np.diag(self.alone()[measure].to_numpy())
        for i, j in itertools.combinations(range(k), 2):
            both = column[(1 << i) | (1 << j)] - column[1 << i] - column[1 << j] + column[0]
            table[i, j] = table[j, i] = both
        return pd.DataFrame(table, index=list(self.players), columns=list(self.players))

    @property
    def joint(self) -> pd.Series:
        """Effect of all players together."""
        return pd.Series(self.values[-1] - self.values[0], index=list(self.measures))


def outcomes(simulation: Simulation) -> dict[str, float]:
    """What is attributed: additional lending (CNY million x years), borrowers gained (x years), present value of cost."""
    change = (simulation.policy - simulation.counterfactual).sum(axis=2)
    factors = discount_factors(simulation)
    cost = sum(
        sum(outcome.lines.values()) * factors[year.label]
        for year in simulation.years
        for outcome in year.outcomes.values()
    )
    return {
        "additional_loan_years": float(change[:, MEASURES.index("lending")].sum()),
        "borrower_years": float(change[:, MEASURES.index("borrowers")].sum()),
        "present_value": float(cost),
    }


def players_of(parameters: Parameters) -> tuple[str, ...]:
    """Active instruments; guarantee companies and the fund behind them are one player (article 16), relief counts in a shock."""
    names = [name for name in INSTRUMENTS if parameters[f"{name}.active"]]
    if not parameters["stress.active"] and "emergency_relief" in names:
        names.remove(
            "emergency_relief"
        )  # it moves nothing without a shock: its value is 0 in every combination
    if "loan_guarantee" in names and "risk_compensation" in names:
        names.remove("loan_guarantee")
        names[names.index("risk_compensation")] = "risk_compensation+loan_guarantee"
    return tuple(names)


def attribution(
    parameters: Parameters,
    firms: pd.DataFrame,
    players: Sequence[str] | None = None,
    measure: Callable[[Simulation], Mapping[str, float]] = outcomes,
    *,
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> Attribution:
    """Simulate every combination of the players (the others stay as they are) and keep the outcomes.

    Parameters
    ----------
    parameters : a scenario; `firms` : its firm table, the same in all combinations
    players : instruments, or several joined by `+`; default `players_of`
    measure : outcomes of a simulation by name
    workers : combinations simulated at once; the result does not depend on it
    progress : called with (done, all) after each

    Raises
    ------
    TooManyPlayers : more than 10
    """
    names = tuple(players_of(parameters) if players is None else players)
    if len(names) > MOST:
        raise TooManyPlayers(
            f"{len(names)} players give {2 ** len(names):,} combinations; at most {MOST} players are run. "
            "Join some, for example 'risk_compensation+loan_guarantee', or name fewer."
        )

    whole = simulate(firms, parameters)

    def run(row: int) -> dict[str, float]:
        off = {
            f"{part}.active": False
            for i, name in enumerate(names)
            if not (row >> i) & 1
            for part in name.split("+")
        }
        return dict(measure(simulate(firms, parameters.replace(off), like=whole)))

    found = []
    with ThreadPoolExecutor(max(1, workers)) as pool:
        for done, values in enumerate(pool.map(run, range(2 ** len(names))), 1):
            found.append(values)
            if progress is not None:
                progress(done, 2 ** len(names))
    measures = tuple(found[0])
    return Attribution(names, measures, np.array([[v[m] for m in measures] for v in found]))
