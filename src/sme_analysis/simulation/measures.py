"""What is kept of a year: weighted totals of each measure by cell of firms (size, industry, legal form, risk, age)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.market.credit import Credit, State

Array = npt.NDArray[np.float64]
RISK_BANDS = ("safest tenth", "2nd", "3rd", *(f"{k}th" for k in range(4, 10)), "riskiest tenth")
AGE_BANDS = ("under 3 years", "3 to 6 years", "6 years and more")
DIMENSIONS = ("size_class", "industry", "legal_form", "risk", "age")

# additive measures: weighted totals, CNY million or numbers of firms
MEASURES = (
    "firms",
    "firms_wanting",
    "firms_asking",
    "need",
    "need_asking",
    "borrowers",
    "bank_borrowers",
    "lending",
    "bank_lending",
    "interest",
    "effective_interest",
    "defaults",
    "losses",
    "lender_surplus",
    "covered_lending",
    "covered_defaults",
    "covered_borrowers",
    "covered_losses",
    "covered_defaults_before",
    "covered_defaults_monitored",
    "relief",
    "fees",
    "premiums",
    "paperwork",
    "unpaid_interest",
    "value",
    "borrowers_without",
    "lending_without",
    "programme_lending",
    "deadweight",
)


class Cells:
    """Firms grouped once by all dimensions together; totals of any coarser grouping follow by addition."""

    def __init__(self, firms: pd.DataFrame, wants: Array, asks: Array) -> None:
        quality = firms["quality"].to_numpy()
        order = np.argsort(quality, kind="stable")
        mass = np.cumsum((firms["weight"].to_numpy() * wants)[order])
        band = np.empty(len(firms), dtype=np.int64)
        # Equal-quality firms (a firm split in two) share a band: the band is that of their common upper edge.
        upper = pd.Series(mass).groupby(quality[order]).transform("max").to_numpy()
        band[order] = np.clip(
            np.ceil(upper / mass[-1] * len(RISK_BANDS) - 1e-9).astype(int) - 1, 0, len(RISK_BANDS) - 1
        )
        age = np.digitize(firms["age"].to_numpy(), [3.0, 6.0])
        columns = [pd.Categorical(firms[name]) for name in ("size_class", "industry", "legal_form")]
        names = [list(c.categories) for c in columns] + [list(RISK_BANDS), list(AGE_BANDS)]
        codes = [c.codes.astype(np.int64) for c in columns] + [band, age]
        combined = np.ravel_multi_index(tuple(codes), tuple(len(n) for n in names))
        cells, self.code = np.unique(combined, return_inverse=True)
        places = np.unravel_index(cells, tuple(len(n) for n in names))
        self.labels = pd.DataFrame(
            {name: np.asarray(n)[k] for name, n, k in zip(DIMENSIONS, names, places, strict=True)}
        )
        self.size = len(self.labels)
        self.wants, self.asks = wants, asks

    def totals(self, credit: Credit, state: State, programme: Array, deadweight: Array) -> Array:
        """Totals by measure and cell, shape (len(MEASURES), cells)."""
        w, need = state.weight, state.need
        wanting, asking = w * self.wants, w * self.asks
        values = {
            "firms": w,
            "firms_wanting": wanting,
            "firms_asking": asking,
            "need": wanting * need,
            "need_asking": asking * need,
            "borrowers": (credit["bank_served"] + credit["micro_served"]) * asking,
            "bank_borrowers": credit["bank_served"] * asking,
            "lending": credit.loan * asking,
            "bank_lending": credit["bank_loan"] * asking,
            "interest": (credit["bank_interest"] + credit["micro_interest"]) * asking,
            "effective_interest": credit["effective_interest"] * asking,
            "defaults": (credit["bank_default"] + credit["micro_default"]) * asking,
            "losses": (credit["bank_loss"] + credit["micro_loss"]) * asking,
            "lender_surplus": (credit["bank_profit"] + credit["micro_profit"]) * asking,
            "covered_lending": credit["covered_loan"] * asking,
            "covered_defaults": credit["covered_default"] * asking,
            "covered_borrowers": credit["covered_served"] * asking,
            "covered_losses": credit["covered_loss"] * asking,
            "covered_defaults_before": credit["covered_default_before"] * asking,
            "covered_defaults_monitored": credit["covered_default_monitored"] * asking,
            "relief": credit["covered_loss"] * credit.levers.relief() * asking,
            "fees": credit["covered_loan"] * np.asarray(credit.levers.fee) * asking,
            "premiums": credit["covered_loan"] * np.asarray(credit.levers.premium) * asking,
            "paperwork": credit["paperwork"] * asking,
            "unpaid_interest": (credit["bank_unpaid"] + credit["micro_unpaid"]) * asking,
            "value": credit["value"] * asking,
            "borrowers_without": credit["served0"] * asking,
            "lending_without": credit["loan0"] * asking,
            "programme_lending": programme * asking,
            "deadweight": deadweight * asking,
        }
        return np.array([np.bincount(self.code, values[name], self.size) for name in MEASURES])
