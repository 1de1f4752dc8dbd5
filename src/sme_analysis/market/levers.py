"""The columns through which policy acts on the market. The market knows no instrument, only these."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
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
    guarantee : share of the loss on an enrolled loan that a guarantor, insurer or re-guarantor promises to bear (0..1)
    guarantee_paid : the part of it that they can pay, in expectation (at most `guarantee`)
    cover : share of the lender's residual loss, 1 - guarantee, that a fund promises to bear (0..1)
    excess : share of what guarantors or insurers leave unpaid that the fund promises to bear (0..1)
    own : share of the loss that a guarantor keeps on its own book; `backing` : share of that which the fund promises back
    public_share : share of the loss that public bodies other than the fund bear (re-guarantee)
    enrol : share of the firm's mass that may be enrolled in risk sharing (0..1); a budget that binds lowers it
    cover_limit : largest enrolled loan, CNY million
    premium : paid by the firm on an enrolled loan, net of subsidy (a rate); `fee` : paid by the lender (a rate)
    paperwork : mean fixed cost of enrolling a loan, CNY million
    bank_reward, micro_reward : reward that a lender counts on per unit lent (a rate)
    reward_passed : share of a reward that reaches firms which would have been served anyway
    subsidy : interest subsidy that the firm counts on (a rate)
    own_funds : added to what the firm can pledge, CNY million
    quality : change of the logit of PD (negative is safer)
    precision : rise of the share of quality variance that a lender's score explains
    fixed_cost_factor : factor on the lender's fixed cost a loan
    credibility : phi, share of promised claims that the fund can pay
    kept : probability, as lenders and firms see it, that public promises are kept
    exit_factor, entry_factor : factors on the rates at which firms close and start; `growth` : added to their growth (a rate)
    """

    guarantee: Column | float = 0.0
    guarantee_paid: Column | float = 0.0
    cover: Column | float = 0.0
    excess: Column | float = 0.0
    own: Column | float = 0.0
    backing: Column | float = 0.0
    public_share: Column | float = 0.0
    enrol: Column | float = 1.0
    cover_limit: Column | float = np.inf
    premium: Column | float = 0.0
    fee: Column | float = 0.0
    paperwork: Column | float = 0.0
    bank_reward: Column | float = 0.0
    micro_reward: Column | float = 0.0
    subsidy: Column | float = 0.0
    own_funds: Column | float = 0.0
    quality: Column | float = 0.0
    precision: Column | float = 0.0
    fixed_cost_factor: Column | float = 1.0
    exit_factor: Column | float = 1.0
    entry_factor: Column | float = 1.0
    growth: Column | float = 0.0
    reward_passed: float = 1.0
    credibility: float = 1.0
    kept: float = 1.0
    moved: tuple[str, ...] = field(default=(), compare=False)

    def relief(self, kept: float = 1.0) -> Column:
        """Share of the loss on an enrolled loan that others bear, with `kept` the trust in public promises.

        chi = paid + kept phi ((1 - g) cover + excess (g - paid)), with g promised and paid by guarantors and insurers.
        """
        g, paid = np.asarray(self.guarantee), np.asarray(self.guarantee_paid)
        fund = (1 - g) * self.cover + self.excess * (g - paid)
        return np.asarray(paid + kept * self.credibility * fund, dtype=float)

    def is_neutral(self) -> bool:
        """Whether every lever is where it leaves the market as it is."""
        return all(
            bool(np.all(getattr(self, f.name) == f.default))
            for f in fields(self)
            if f.name not in ("moved", "credibility", "kept", "reward_passed")
        )

    def with_(self, instrument: str, **columns: Any) -> Levers:
        """A copy in which `instrument` has set the named levers; remembers who moved what."""
        return replace(self, **columns, moved=(*self.moved, *(f"{instrument}: {name}" for name in columns)))


NO_LEVERS = Levers()


def add(lever: Column | float, column: Column) -> Column:
    """A lever with a column added; the column itself where nothing was there, so that it stays the same object."""
    return column if isinstance(lever, float) and lever == 0.0 else np.asarray(lever) + column


def times(lever: Column | float, column: Column) -> Column:
    """A lever with a factor applied; the column itself where nothing was there."""
    return column if isinstance(lever, float) and lever == 1.0 else np.asarray(lever) * column


def least(lever: Column | float, column: Column) -> Column:
    """The lower of a lever and a column; the column itself where nothing was there."""
    return column if isinstance(lever, float) and lever == np.inf else np.minimum(lever, column)
