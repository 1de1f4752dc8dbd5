"""The policy instruments of the regulation: whom each enrols, which levers it moves, what it costs."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from sme_analysis.instruments.base import Instrument, OpenYear, Outcome, Year
from sme_analysis.instruments.credit_incentive import CreditIncentive
from sme_analysis.instruments.risk_compensation import RiskCompensation
from sme_analysis.instruments.special_fund import SpecialFund

INSTRUMENTS = {cls.name: cls for cls in (SpecialFund, RiskCompensation, CreditIncentive)}


def active_instruments(firms: pd.DataFrame, parameters: Mapping[str, Any]) -> list[Instrument]:
    """The instruments that the parameters switch on, in the order of the regulation's articles."""
    return [cls(firms, parameters) for name, cls in INSTRUMENTS.items() if parameters[f"{name}.active"]]


__all__ = ["INSTRUMENTS", "Instrument", "OpenYear", "Outcome", "Year", "active_instruments"]
