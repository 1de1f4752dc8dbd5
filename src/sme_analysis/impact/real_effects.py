"""From lending under the programmes to value added and jobs: what is left of the gross figure at each step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from sme_analysis.impact.additionality import additionality
from sme_analysis.scenario.catalogue import load_catalogue
from sme_analysis.simulation import Simulation

KEYS = ("value_added", "output_per_worker", "product_displacement", "leakage")


def gross_to_net(simulation: Simulation) -> pd.DataFrame:
    """Lending under the programmes, what is taken off it step by step, and what remains in the economy (CNY million).

    gross - deadweight + outside + growth = additional lending; plus the credit that paid receivables replace, which firms
    still have as their own money; less leakage = finance used inside the prefecture; x value added per unit = value added;
    less displacement in product markets = net value added; / output per worker = jobs.

    Returns
    -------
    DataFrame: year and the steps as columns, jobs in persons; each minus is stored as a negative amount
    """
    table = additionality(simulation)
    effect = _factors(simulation.parameters)
    replaced = replaced_credit(simulation)
    leakage = -effect["leakage"] * (table["additional"] + replaced)
    value = effect["value_added"] * (table["additional"] + replaced + leakage)
    displaced = -effect["product_displacement"] * value
    return pd.DataFrame(
        {
            "year": table["year"],
            "programme_lending": table["programme_lending"],
            "deadweight": -table["deadweight"],
            "outside": table["outside"],
            "growth": table["growth"],
            "additional": table["additional"],
            "receivables": replaced,
            "leakage": leakage,
            "value_added": value,
            "product_displacement": displaced,
            "net_value_added": value + displaced,
            "jobs": (value + displaced) / effect["output_per_worker"],
        }
    )


def real_effects(simulation: Simulation) -> pd.DataFrame:
    """Net value added (CNY million) and jobs by year: central, and an outer range.

    The range takes every `real_effects.*` value at the end of its declared distribution that lowers (raises) the result, all at
    once; what the simulator itself is unsure of is not in it.

    Returns
    -------
    DataFrame: year, and low, central and high of net value added and of jobs
    """
    table = additionality(simulation)
    additional = (table["additional"] + replaced_credit(simulation)).set_axis(table["year"])
    catalogue = load_catalogue()
    central = _factors(simulation.parameters)
    ends: dict[str, dict[str, float]] = {"low": {}, "central": central, "high": {}}
    for name in KEYS:
        spread = catalogue[f"real_effects.{name}"].distribution
        low, high = (central[name], central[name]) if spread is None else (spread.low, spread.high)
        # a value that a scenario sets beyond the declared range is its own end
        low, high = min(low, central[name]), max(high, central[name])
        helps = name == "value_added"
        ends["low"][name], ends["high"][name] = (low, high) if helps else (high, low)
    columns: dict[str, pd.Series] = {}
    for end, f in ends.items():
        value = f["value_added"] * (1 - f["leakage"]) * (1 - f["product_displacement"]) * additional
        columns[f"net_value_added_{end}"] = value
        columns[f"jobs_{end}"] = value / f["output_per_worker"]
    found = pd.DataFrame(columns)
    for name in ("net_value_added", "jobs"):  # where lending falls the ends change sides
        pair = found[[f"{name}_low", f"{name}_high"]]
        found[f"{name}_low"], found[f"{name}_high"] = pair.min(axis=1), pair.max(axis=1)
    return found.rename_axis("year").reset_index()


def replaced_credit(simulation: Simulation) -> pd.Series:
    """Credit that firms would have borrowed had their receivables not been paid (article 25), by year, CNY million."""
    name = "credit replaced by receivables"
    amounts = [
        sum(outcome.facts.get(name, 0.0) for outcome in year.outcomes.values()) for year in simulation.years
    ]
    return pd.Series(amounts, dtype=float)


def _factors(parameters: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(parameters[f"real_effects.{name}"]) for name in KEYS}
