"""The policy instruments of the regulation: whom each enrols, which levers it moves, what it costs.

Every module of this folder that defines an `Instrument` with a name adds it: there is no list to keep.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

import pandas as pd

from sme_analysis.instruments.base import PARTIES, Instrument, OpenYear, Outcome, Transfer, Year
from sme_analysis.instruments.credit_rating import standing


def _found() -> dict[str, type[Instrument]]:
    found = []
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        found += [
            cls
            for cls in vars(module).values()
            if isinstance(cls, type)
            and issubclass(cls, Instrument)
            and cls.name
            and cls.__module__ == module.__name__
        ]
    return {cls.name: cls for cls in sorted(found, key=lambda cls: (cls.stage, cls.articles, cls.name))}


INSTRUMENTS = _found()


def active_instruments(
    firms: pd.DataFrame, parameters: Mapping[str, Any], *, sharing_only: bool = False
) -> list[Instrument]:
    """The instruments that the parameters switch on, in the order in which they act on the levers.

    Where firms are rated, those in bad standing are admitted to none of the others (article 18).

    Parameters
    ----------
    sharing_only : only those that enrol loans in risk sharing
    """
    wanted = [
        cls
        for name, cls in INSTRUMENTS.items()
        if parameters[f"{name}.active"] and (cls.shares_risk or not sharing_only)
    ]
    if parameters["credit_rating.active"]:
        firms = firms.assign(in_good_standing=standing(firms, parameters))
    return [cls(firms, parameters) for cls in wanted]


__all__ = [
    "INSTRUMENTS",
    "PARTIES",
    "Instrument",
    "OpenYear",
    "Outcome",
    "Transfer",
    "Year",
    "active_instruments",
]
