"""How the outcome responds to one parameter: the same population and draws, one value after another."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from sme_analysis.impact.assess import Assessment, assess
from sme_analysis.scenario import Parameters


def response(
    parameters: Parameters, key: str, values: Iterable[Any], measure: Callable[[Assessment], dict[str, Any]]
) -> pd.DataFrame:
    """One row a value of `key` with what `measure` says of the assessment.

    Parameters
    ----------
    key : a catalogue key, e.g. ``risk_compensation.loss_share``; `values` in inner units (fractions, CNY million)
    measure : function of an `Assessment` that returns named figures
    """
    firms = None
    rows = []
    for value in values:
        assessed = assess(parameters.replace({key: value}), firms)
        if not key.startswith(("firms.", "simulation.", "horizon.")):
            firms = assessed.firms  # the population does not depend on the policy
        rows.append({key: value, **measure(assessed)})
    return pd.DataFrame(rows)
