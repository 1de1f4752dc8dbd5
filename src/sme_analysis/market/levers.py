"""The columns through which policy acts on the market. The market knows no instrument, only these."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Levers:
    """Per-firm levers of one policy year; every default leaves the market as it is.

    A scalar stands for the same value for every firm; a column has one value a firm, in the order of the firm table.

    Attributes
    ----------
    cover : share of the lender's residual loss that a fund promises to bear (0..1)
    enrol : share of the firm's mass that may be enrolled in risk sharing (0..1); a budget that binds lowers it
    cover_limit : largest covered loan, CNY million
    bank_reward, micro_reward : reward that a lender counts on per unit lent (a rate)
    reward_passed : share of a reward that reaches firms which would have been served anyway
    subsidy : interest subsidy that the firm counts on (a rate)
    own_funds : grant added to the firm's own funds, CNY million
    quality : change of the logit of PD (negative is safer)
    precision : rise of the share of quality variance that a lender's score explains
    fixed_cost_factor : factor on the lender's fixed cost a loan
    credibility : phi, share of promised claims that the fund can pay
    kept : probability, as lenders and firms see it, that promises are kept
    fee : charged on covered loans, a rate; `paperwork` : mean fixed cost of enrolling a loan, CNY million
    """

    cover: Column | float = 0.0
    enrol: Column | float = 0.0
    cover_limit: Column | float = np.inf
    bank_reward: Column | float = 0.0
    micro_reward: Column | float = 0.0
    subsidy: Column | float = 0.0
    own_funds: Column | float = 0.0
    quality: Column | float = 0.0
    precision: Column | float = 0.0
    fixed_cost_factor: Column | float = 1.0
    reward_passed: float = 1.0
    credibility: float = 1.0
    kept: float = 1.0
    fee: float = 0.0
    paperwork: float = 0.0
    moved: tuple[str, ...] = field(default=(), compare=False)

    def with_(self, instrument: str, **columns: Any) -> Levers:
        """A copy in which `instrument` has set the named levers; remembers who moved what."""
        return replace(self, **columns, moved=(*self.moved, *(f"{instrument}: {name}" for name in columns)))


NO_LEVERS = Levers()


def add(lever: Column | float, column: Column) -> Column:
    """A lever with a column added; the column itself where nothing was there, so that it stays the same object."""
    return column if isinstance(lever, float) and lever == 0.0 else np.asarray(lever) + column
