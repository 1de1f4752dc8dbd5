"""What is checked of every simulation before its figures are shown: the accounts close, no loss is paid twice, nothing idles."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sme_analysis.errors import UserError
from sme_analysis.impact.incidence import residuals
from sme_analysis.instruments import INSTRUMENTS
from sme_analysis.simulation import Simulation

CLOSED = 1e-9  # of lending


class AccountsDoNotClose(UserError):
    """A yuan or a loss is counted twice or not at all: no figure of such a simulation is shown."""


def checks(simulation: Simulation) -> pd.DataFrame:
    """Every check with its result.

    *the accounts close*, *claims*, *premiums*, *fees*: see `incidence.residuals`, to 1e-9 of lending. *no loss is paid twice*:
    the shares of others in the loss of any loan sum to at most one. *public share*: what public bodies bear of any loss, re-
    guarantee and fund together, is at most `risk_compensation.public_cap`. *no idle instrument*: every active instrument
    moves a lever or pays something in some year; those for years of a shock are let off where there is none.

    Returns
    -------
    DataFrame: check, passed, worst (the figure that was compared), detail
    """
    names = {
        "accounts": "the accounts close",
        "claims": "claims received are the losses that others bear",
        "premiums": "premiums paid are the premiums on the loans",
        "fees": "fees paid are the fees on the loans",
    }
    rows: list[tuple[str, bool, float, str]] = [
        (names[key], value <= CLOSED, value, f"share of lending, at most {CLOSED:g}")
        for key, value in residuals(simulation).items()
    ]
    relief, public = 0.0, 0.0
    for year in simulation.years:
        levers = year.levers
        g, cover = np.asarray(levers.guarantee), np.asarray(levers.cover)
        short = np.asarray(levers.guarantee) - np.asarray(levers.guarantee_paid)
        shares = g + (1 - g) * cover
        relief = max(relief, float(np.max(shares)))
        fund = (
            np.asarray(levers.own) * levers.backing + short * levers.excess + (1 - g) * cover
        ) * levers.credibility
        public = max(public, float(np.max(fund + levers.public_share)))
    rows.append(("no loss is paid twice", relief <= 1 + 1e-12, relief, "share of a loss borne by others"))
    if "risk_compensation" in simulation.years[0].outcomes:
        cap = simulation.parameters["risk_compensation.public_cap"]
        allowed = max(
            cap, *(float(np.max(np.asarray(year.levers.public_share))) for year in simulation.years)
        )
        rows.append(("public share of a loss", public <= allowed + 1e-12, public, f"at most {cap:.0%}"))
    idle = [
        name
        for name in simulation.years[0].outcomes
        if all(name in year.idle for year in simulation.years)
        and not (INSTRUMENTS[name].acts_in_shocks_only and not simulation.parameters["stress.active"])
    ]
    rows.append(
        ("no idle instrument", not idle, float(len(idle)), ", ".join(idle) or "every active one acts")
    )
    return pd.DataFrame(rows, columns=["check", "passed", "worst", "detail"])


def fail_unless_accounts_close(simulation: Simulation) -> None:
    """Raise where money or a loss is counted twice or not at all.

    Raises
    ------
    AccountsDoNotClose : with every check that failed; an idle instrument is no failure
    """
    table = checks(simulation)
    failed = table[~table["passed"] & (table["check"] != "no idle instrument")]
    if len(failed):
        lines = [f"- {row.check}: {row.worst:.3g} ({row.detail})" for row in failed.itertuples()]
        raise AccountsDoNotClose("the accounts of this simulation do not close:\n" + "\n".join(lines))
