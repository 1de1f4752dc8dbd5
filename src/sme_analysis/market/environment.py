"""What happens to firms and to the budget whatever the policy: the macro state and shocks of a year."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.market.credit import State

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Environment:
    """One year of what the policy cannot choose; the same on the policy path and the counterfactual.

    Attributes
    ----------
    z : realised macro state, or None on the expected path (lenders price on expectations in either case)
    quality : rise of the logit of PD that lenders see, one value a firm; `need` : factor on the credit that firms seek
    overdue : receivables past their due date, CNY million a firm
    revenue : local public revenue relative to what was expected
    shock : whether a shock is on
    """

    z: float | None
    quality: Array | float
    need: Array | float
    overdue: Array
    revenue: float = 1.0
    shock: bool = False

    def apply(self, state: State) -> State:
        """The state of the year with the shock in it; what is carried on to the next year stays without."""
        if not self.shock:
            return state
        return replace(state, need=state.need * self.need, quality=self.quality)


def environments(
    firms: pd.DataFrame, parameters: Mapping[str, Any], years: int, macro_path: Sequence[float] | None = None
) -> tuple[Environment, ...]:
    """The environment of each year of the horizon.

    A shock (`stress.*`) hits `stress.years` years from year `stress.first_year` on. In them the realised macro state is
    `stress.macro_state`, the logit of PD rises by `stress.quality_shock` in the exposed industries and by
    `stress.quality_shock_other` in the others, receivables overdue rise by `stress.arrears_increase`, which raises the need for
    credit and the logit of PD (`arrears_effects`), and local public revenue falls by `stress.revenue_fall`.

    Parameters
    ----------
    macro_path : realised macro state of each year; it takes the place of `stress.macro_state`

    Raises
    ------
    ValueError : `macro_path` has another length than the horizon
    """
    if macro_path is not None and len(macro_path) != years:
        raise ValueError(f"macro_path has {len(macro_path)} states, the horizon {years} years")
    p = parameters
    overdue = firms["overdue_receivables"].to_numpy(dtype=float)
    first, length = int(p["stress.first_year"]) - 1, int(p["stress.years"])
    made = []
    for t in range(years):
        z = None if macro_path is None else float(macro_path[t])
        if not (p["stress.active"] and first <= t < first + length):
            made.append(Environment(z, 0.0, 1.0, overdue))
            continue
        exposed = firms["industry"].isin(list(p["stress.exposed_industries"])).to_numpy()
        shock = np.where(exposed, p["stress.quality_shock"], p["stress.quality_shock_other"])
        need, quality = arrears_effects(firms, p, p["stress.arrears_increase"] * overdue)
        made.append(
            Environment(
                p["stress.macro_state"] if z is None else z,
                shock + quality,
                need,
                overdue * (1 + p["stress.arrears_increase"]),
                1 - p["stress.revenue_fall"],
                True,
            )
        )
    return tuple(made)


def arrears_effects(firms: pd.DataFrame, parameters: Mapping[str, Any], change: Array) -> tuple[Array, Array]:
    """Factor on the need for credit and change of the logit of PD as receivables overdue change by `change` (CNY million).

    A yuan overdue is a yuan of working capital to be found elsewhere, of which the share `arrears.need_effect` is sought as
    credit; the logit of PD moves by `arrears.quality_effect` per unit of the change over the need, at most one need.
    """
    relative = np.clip(change / firms["need"].to_numpy(dtype=float), -1.0, 1.0)
    return 1 + parameters["arrears.need_effect"] * relative, parameters["arrears.quality_effect"] * relative
