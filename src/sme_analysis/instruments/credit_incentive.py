"""Credit incentive (article 15): a reward per unit of lending above a base."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtr

from sme_analysis.instruments.base import Instrument, OpenYear, Outcome, Transfer, Year, eligible
from sme_analysis.market.credit import Credit, chunked_sum
from sme_analysis.market.levers import Levers, add

Array = npt.NDArray[np.float64]


def expected_increment(lending: float, base: float, dispersion: float) -> tuple[float, float]:
    """Expected lending above base over lenders that grow at different rates, and its slope in lending.

    A lender's lending is `lending` times a lognormal of mean 1 and dispersion sigma, so that
    E max(0, L - base) = L Phi(d) - base Phi(d - sigma), d = ln(L/base)/sigma + sigma/2; the slope is Phi(d).
    With sigma -> 0 it is max(0, L - base).

    Parameters
    ----------
    lending, base : CNY million; `dispersion` : standard deviation of log lending growth between lenders
    """
    if lending <= 0:
        return 0.0, 0.0
    if base <= 0:
        return lending - base, 1.0
    d = np.log(lending / base) / dispersion + dispersion / 2
    return float(lending * ndtr(d) - base * ndtr(d - dispersion)), float(ndtr(d))


class CreditIncentive(Instrument):
    """Reward on incremental lending to eligible firms; the base is fixed in advance or rolls with last year's lending."""

    name: ClassVar[str] = "credit_incentive"
    articles: ClassVar[tuple[int, ...]] = (15,)

    def __init__(self, firms: pd.DataFrame, parameters: Mapping[str, Any]) -> None:
        super().__init__(firms, parameters)
        self.ok = eligible(firms, {**self.p, "individual_businesses": True}).astype(float)

    def open(self, year: Year, memory: Any = None) -> CreditIncentiveYear:
        """Open a year of the instrument."""
        return CreditIncentiveYear(self, year, memory)


class CreditIncentiveYear(OpenYear):
    """One year of the incentive; the unknown is the share of the reward that counts at the margin."""

    def __init__(self, incentive: CreditIncentive, year: Year, memory: dict[str, float] | None) -> None:
        self.incentive, self.year = incentive, year
        p = incentive.p
        before = memory["rewarded lending"] if memory and p["base"] == "rolling" else None
        first = memory["first base"] if memory else chunked_sum(year.lending_before * incentive.ok)
        self.first = first
        self.base = p["base_share"] * (first if before is None else before)
        delta = 1 / (1 + p["lender_discount"])
        self.ratchet = (1 - delta) if p["base"] == "rolling" else 1.0
        self.unknowns = np.array([0.8])

    def _reward(self, lending: float) -> tuple[float, float, float]:
        """Reward paid, share of the rate that counts at the margin, and the increment (CNY million)."""
        p = self.incentive.p
        increment, slope = expected_increment(lending, self.base, p["lender_dispersion"])
        cost, cap = p["reward"] * increment * self.year.share, p["annual_cap"] * self.year.share
        scale = min(1.0, cap / cost) if cost > 0 else 1.0
        return cost * scale, slope * scale, increment

    def _lending(self, credit: Credit, column: str = "bank_loan") -> float:
        return (
            chunked_sum(credit[column] * credit.mass * self.incentive.ok)
            if self._banks_only
            else chunked_sum(credit.loan * credit.mass * self.incentive.ok)
        )

    @property
    def _banks_only(self) -> bool:
        return bool(self.incentive.p["lenders"] == "banks")

    def levers(self, levers: Levers, unknowns: Array) -> Levers:
        """The levers after the instrument has moved its own."""
        p = self.incentive.p
        if p["reward"] <= 0 or p["annual_cap"] <= 0:
            return levers
        counted = p["reward"] * float(unknowns[0]) * self.ratchet * self.incentive.kept * self.incentive.ok
        moved: dict[str, Any] = {
            "bank_reward": add(levers.bank_reward, counted),
            "reward_passed": p["pass_through"],
        }
        if not self._banks_only:
            moved["micro_reward"] = add(levers.micro_reward, counted)
        return levers.with_("credit_incentive", **moved)

    def respond(self, credit: Credit, unknowns: Array) -> Array:
        """The unknowns that the market's answer implies."""
        return np.array([self._reward(self._lending(credit))[1]])

    def close(self, credit: Credit, unknowns: Array) -> Outcome:
        """Costs and per-firm results of the year."""
        lending = self._lending(credit)
        paid, _, increment = self._reward(lending)
        return Outcome(
            transfers=(Transfer("rewards to lenders", "public", "lenders", paid),),
            facts={
                "rewarded increment": increment,
                "base": self.base,
                "eligible lending": lending,
                "marginal share": float(unknowns[0]) * self.ratchet,
            },
            memory={"rewarded lending": lending, "first base": self.first},
        )
