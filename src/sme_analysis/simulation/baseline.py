"""The counterfactual: the same firms and lenders over the years without any policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.market.credit import Conditions, Credit, Market, State
from sme_analysis.market.environment import Environment, environments
from sme_analysis.market.levers import NO_LEVERS
from sme_analysis.market.macro import ClaimPool, correlation_of
from sme_analysis.market.rows import OUTPUTS
from sme_analysis.simulation.growth import Growth
from sme_analysis.simulation.measures import Cells

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PlainYear:
    """What the policy path needs of a year without policy: lending, totals by cell, mean funded share by size, surprises."""

    lending: float
    totals: Array
    funded: Array
    realised: Mapping[str, float]


@dataclass(frozen=True)
class Baseline:
    """Everything that policies share: firms in order, their market, and the years without policy.

    `lending_before` (CNY million) and `served_before` (share served by banks) are those of the year before the policy.
    """

    firms: pd.DataFrame
    market: Market
    cells: Cells
    growth: Growth
    weather: tuple[Environment, ...]
    years: tuple[PlainYear, ...]
    lending_before: Array
    served_before: Array


def baseline(
    firms: pd.DataFrame,
    parameters: Mapping[str, Any],
    years: int,
    *,
    threads: int = 1,
    macro_path: Sequence[float] | None = None,
) -> Baseline:
    """Work out the years without policy for firms that are in order already."""
    market = Market(firms, parameters, threads)
    cells = Cells(firms, market.wants, market.asks)
    growth = Growth(firms, parameters, market)
    weather = environments(firms, parameters, years, macro_path)
    cof = parameters["market.funding_cost"]
    conditions = Conditions(cof, cof)
    start = market.initial
    past = State(start.weight, start.need / (1 + parameters["firms.growth"]), start.revenue)
    before = market.run(past, conditions)
    scratch = np.empty((len(OUTPUTS), market.size))
    nothing = np.zeros(market.size)
    state, found = start, []
    for environment in weather:
        now = environment.apply(state)
        credit = market.run(now, conditions, out=scratch)
        found.append(
            PlainYear(
                credit.lending,
                cells.totals(credit, now, nothing, nothing),
                growth.funded_mean(credit, state),
                surprises(credit, now, environment.z, parameters),
            )
        )
        state = growth.next(state, credit, found[-1].funded, NO_LEVERS)
    return Baseline(
        firms,
        market,
        cells,
        growth,
        weather,
        tuple(found),
        before["bank_loan"] * before.mass,
        before["bank_served"].copy(),
    )


def surprises(
    credit: Credit, state: State, z: float | None, parameters: Mapping[str, Any]
) -> dict[str, float]:
    """Losses, unpaid interest and defaults in macro state z less what was expected of them, CNY million; 0 without a z."""
    names = {"losses": "loss", "unpaid": "unpaid", "defaults": "default"}
    if z is None:
        return dict.fromkeys(names, 0.0)
    default = credit["bank_default"] + credit["micro_default"]
    found = {}
    for name, column in names.items():
        expected = credit[f"bank_{column}"] + credit[f"micro_{column}"]
        exposure = np.divide(expected * credit.loan, default, out=np.zeros_like(expected), where=default > 0)
        pool = ClaimPool(exposure, expected, credit.mass, state.revenue, correlation_of(parameters))
        found[name] = float(pool.claims(z)[0]) - pool.expected
    return found
