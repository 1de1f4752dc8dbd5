"""Who ends up with the money: what each party gains and loses by the policy, in accounts that close."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sme_analysis.instruments import PARTIES
from sme_analysis.simulation import MEASURES, Simulation

HOLDERS = tuple(name for name in PARTIES if name not in ("resources", "lost"))


def payments(simulation: Simulation) -> pd.DataFrame:
    """Every payment of the credit market and of the instruments by year and path, CNY million.

    Double entry: each row leaves `payer` and reaches `receiver`. What credit is worth to borrowers comes from outside (payer
    `value`); `resources` are lenders' costs (funds, operations, the return on capital), administration and paperwork; `lost` is
    interest and principal that default destroys, less what a fund recovers.

    Returns
    -------
    DataFrame: year, path (policy, counterfactual), instrument (or `market`), line, payer, receiver, amount
    """
    rows = []
    for t, year in enumerate(simulation.years):
        for path, totals, suffix in (
            ("policy", simulation.policy[t], ""),
            ("counterfactual", simulation.counterfactual[t], "_without"),
        ):
            m = dict(zip(MEASURES, totals.sum(axis=1).tolist(), strict=True))
            costs = (
                m["interest"]
                - m["unpaid_interest"]
                - (m["losses"] - m["relief"])
                - m["fees"]
                - m["lender_surplus"]
            )
            market = (
                ("value of credit", "value", "borrowers", m["value"]),
                ("interest", "borrowers", "lenders", m["interest"]),
                ("interest unpaid", "lenders", "lost", m["unpaid_interest"]),
                ("losses", "lenders", "lost", m["losses"]),
                ("lenders' costs", "lenders", "resources", costs),
                ("paperwork", "borrowers", "resources", m["paperwork"]),
                ("losses beyond expectation", "lenders", "lost", year.realised[f"losses{suffix}"]),
                ("interest unpaid beyond expectation", "lenders", "lost", year.realised[f"unpaid{suffix}"]),
            )
            rows += [(year.label, path, "market", *entry) for entry in market]
        rows += [
            (year.label, "policy", name, *transfer)
            for name, outcome in year.outcomes.items()
            for transfer in outcome.transfers
        ]
    return pd.DataFrame(rows, columns=["year", "path", "instrument", "line", "payer", "receiver", "amount"])


def incidence(simulation: Simulation) -> pd.DataFrame:
    """What each party has with the policy, without it, and the change, by year (CNY million).

    The accounts close: the changes of the holders (borrowers to public) sum to the change of `net value`, the value of credit
    less resources less what is lost. Hence public cost = gains of the others - net value: every yuan of cost is somebody's
    gain or lost.

    Returns
    -------
    DataFrame: year, party (`PARTIES`, `value of credit`, `net value`), with_policy, without, change
    """
    table = payments(simulation)
    received = table.groupby(["year", "path", "receiver"])["amount"].sum()
    paid = table.groupby(["year", "path", "payer"])["amount"].sum()
    rows = []
    for year in simulation.labels:
        accounts = {}
        for path in ("policy", "counterfactual"):
            held = {
                party: received.get((year, path, party), 0.0) - paid.get((year, path, party), 0.0)
                for party in PARTIES
            }
            value = paid.get((year, path, "value"), 0.0)
            accounts[path] = {
                **held,
                "value of credit": value,
                "net value": value - held["resources"] - held["lost"],
            }
        rows += [
            (year, party, amount, accounts["counterfactual"][party])
            for party, amount in accounts["policy"].items()
        ]
    frame = pd.DataFrame(rows, columns=["year", "party", "with_policy", "without"])
    return frame.assign(change=frame["with_policy"] - frame["without"])


def who_gets_a_yuan(simulation: Simulation) -> pd.DataFrame:
    """Where a yuan of public cost ends up over the horizon: gains by party per yuan, and what is lost on the way.

    gains of borrowers, lenders, guarantors, insurers, province and nation, debtors - net value = 1

    Returns
    -------
    DataFrame: party, change (CNY million over the horizon), per_yuan (NaN where there is no public cost)
    """
    total = incidence(simulation).groupby("party", sort=False)["change"].sum()
    cost = -float(total["public"])
    rows = [(party, float(total[party])) for party in HOLDERS if party != "public"]
    rows.append(("less net value created", -float(total["net value"])))
    rows.append(("public cost", cost))
    frame = pd.DataFrame(rows, columns=["party", "change"])
    return frame.assign(per_yuan=frame["change"] / cost if cost > 0 else np.nan)


def residuals(simulation: Simulation) -> dict[str, float]:
    """How far the accounts are from closing, as a share of lending; rounding only, where all is well.

    *accounts*: sum of the holders' changes less the change of net value. *claims*: what lenders receive from the fund,
    guarantors and insurers less what the loans say that others bear (on expected paths). *premiums*: what borrowers pay for
    guarantees and insurance less what the loans say. *fees*: the same for fees.
    """
    table = incidence(simulation).set_index(["year", "party"])["change"]
    worst = dict.fromkeys(("accounts", "claims", "premiums", "fees"), 0.0)
    for t, year in enumerate(simulation.years):
        m = dict(zip(MEASURES, simulation.policy[t].sum(axis=1).tolist(), strict=True))
        gap = {"accounts": sum(table[year.label, p] for p in HOLDERS) - table[year.label, "net value"]}
        transfers = [x for outcome in year.outcomes.values() for x in outcome.transfers]
        if year.environment.z is None:
            claims = sum(x.amount for x in transfers if x.receiver == "lenders" and "claims" in x.line)
            gap["claims"] = claims - m["relief"]
        paid = sum(x.amount for x in transfers if x.payer == "borrowers" and "premium" in x.line)
        gap["premiums"] = paid - m["premiums"]
        gap["fees"] = sum(x.amount for x in transfers if x.payer == "lenders") - m["fees"]
        for name, value in gap.items():
            worst[name] = max(worst[name], abs(value) / m["lending"])
    return worst
