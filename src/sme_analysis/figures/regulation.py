"""Tables of the notebook on the regulation: articles, instruments, parameters by evidence, size classes."""

from __future__ import annotations

import pandas as pd

from sme_analysis.firms import synthetic_firms
from sme_analysis.impact.attribution import outcomes
from sme_analysis.instruments import INSTRUMENTS
from sme_analysis.regulation import (
    ARTICLES,
    INDICATORS,
    INDUSTRY_NAMES,
    SIZE_CLASSES,
    THRESHOLDS,
    articles_table,
    classify,
    size_table,
)
from sme_analysis.scenario import Scenario, describe
from sme_analysis.simulation import simulate

# Cases that the national standard decides, with what is published or follows from its wording
EXAMPLES = (
    ("software firm, 103 staff, revenue CNY 157.35 m", "software", 103, 157.35, 50.0),
    ("industrial firm, 25 staff, revenue CNY 2.9 m", "industry", 25, 2.9, 5.0),
    ("industrial firm, 1,200 staff, revenue CNY 300 m", "industry", 1200, 300.0, 500.0),
    ("developer, revenue CNY 1,500 m, assets CNY 400 m", "realestate", 40, 1500.0, 400.0),
    ("shop, 8 staff, revenue CNY 3 m", "retail", 8, 3.0, 1.0),
)
# Groups of parameters that say what a policy does; the others describe firms, lenders and the computation.
POLICY = (*INSTRUMENTS, "policy_credibility")
# What a lever is called where it is shown
LEVERS = {
    "guarantee": "share of the loss guaranteed",
    "cover": "share of the loss compensated",
    "backing": "guarantor's loss compensated",
    "excess": "insurer's shortfall compensated",
    "premium": "premium",
    "fee": "fee",
    "paperwork": "paperwork",
    "bank_reward": "reward of banks",
    "micro_reward": "reward of micro-lenders",
    "subsidy": "interest subsidy",
    "own_funds": "pledgeable funds",
    "quality": "default",
    "precision": "what lenders know",
    "fixed_cost_factor": "fixed cost of a loan",
    "exit_factor": "exit",
    "entry_factor": "entry",
    "growth": "growth",
}
_GRADES = ("law", "statistic", "estimate", "expert", "assumption")


def counts() -> pd.DataFrame:
    """Number of articles by what the workbench does with them, and how many of these oblige or encourage."""
    table = articles_table()
    found = table.groupby("status", sort=False).agg(
        articles=("subject", "size"),
        duty=("force", lambda force: int((force == "duty").sum())),
        encourage=("force", lambda force: int((force == "encourage").sum())),
    )
    return found.assign(other=found["articles"] - found["duty"] - found["encourage"]).reset_index()


def grades(scenario: Scenario) -> pd.DataFrame:
    """Number of parameters by grade of evidence: all, those of the instruments, and of these the amounts.

    An amount is a number such as a rate, a share or a sum, not a switch, a choice or a list of classes.
    """
    table = describe(scenario)
    policy = table["key"].str.partition(".")[0].isin(POLICY)
    amount = policy & ~table["unit"].isin(["switch", "choice", "tags", "month"])
    found = table.assign(policy=policy, amount=amount).groupby("grade", sort=False)
    counted = found.agg(parameters=("key", "size"), policy=("policy", "sum"), amounts=("amount", "sum"))
    return counted.reindex([grade for grade in _GRADES if grade in counted.index]).reset_index()


def moves(scenario: Scenario, firms: int = 2000) -> pd.DataFrame:
    """What each article moves in a scenario: its instruments, their levers, and what would go if they were switched off.

    Parameters
    ----------
    firms : rows of the sample on which this is worked out

    Returns
    -------
    DataFrame, one row an article with an instrument: article, subject, instruments, levers, additional (loan-years of the
    horizon, CNY million), borrowers (borrower-years), cost (present value, CNY million), notebooks (by number); where an
    instrument is off in the scenario it moves nothing
    """
    small = scenario.parameters.replace({"simulation.firms": firms})
    whole = simulate(synthetic_firms(small), small)
    joint = outcomes(whole)
    reached: dict[str, set[str]] = {}
    for year in whole.years:
        for entry in year.levers.moved:
            name, _, lever = entry.partition(": ")
            if lever in LEVERS and name not in year.idle:
                reached.setdefault(name, set()).add(lever)
    needs = {"arrears_clearance": "credit sought", "service_efficiency": "take-up of the others"}
    rows = []
    for one in ARTICLES:
        names = [name for name, cls in INSTRUMENTS.items() if one.number in cls.articles]
        if not names:
            continue
        on = [name for name in names if small[f"{name}.active"]]
        without = {f"{name}.active": False for name in on}
        rest = outcomes(simulate(whole.firms, small.replace(without), like=whole)) if on else joint
        levers = [LEVERS[k] for k in LEVERS if any(k in reached.get(name, ()) for name in on)]
        levers += [needs[name] for name in on if name in needs]
        rows.append(
            {
                "article": one.number,
                "subject": one.subject,
                "instruments": ", ".join(
                    name.replace("_", " ") + ("" if name in on else " (off)") for name in names
                ),
                "levers": ", ".join(levers) or "–",
                "additional": joint["additional_loan_years"] - rest["additional_loan_years"],
                "borrowers": joint["borrower_years"] - rest["borrower_years"],
                "cost": joint["present_value"] - rest["present_value"],
                "notebooks": ", ".join(name[:2] for name in one.notebooks),
            }
        )
    return pd.DataFrame(rows)


def links() -> str:
    """Markdown: for each article, links to the notebooks that show what it moves."""
    shown = [
        f"{one.number} " + ", ".join(f"[{name[:2]}]({name}.ipynb)" for name in one.notebooks)
        for one in ARTICLES
        if any(one.number in cls.articles for cls in INSTRUMENTS.values())
    ]
    return "Where to read on, article by article: " + "; ".join(shown) + "."


def thresholds() -> pd.DataFrame:
    """The national thresholds in wide form, one row an industry and indicator."""
    return size_table()


def examples() -> pd.DataFrame:
    """The example firms with the class that the thresholds give and the class of each indicator by itself."""
    frame = pd.DataFrame(list(EXAMPLES), columns=["firm", "industry", "employees", "revenue", "assets"])
    found = classify(*(frame[name].to_numpy() for name in ("industry", "employees", "revenue", "assets")))
    reasons = []
    for row in frame.to_dict("records"):
        used = THRESHOLDS[row["industry"]]
        single = {
            name: SIZE_CLASSES[sum(row[name] >= bound for bound in used[name])]
            for name in INDICATORS
            if name in used
        }
        reasons.append(", ".join(f"{name}: {size}" for name, size in single.items()))
    return pd.DataFrame(
        {
            "firm": frame["firm"],
            "industry": frame["industry"].map(dict(INDUSTRY_NAMES)),
            "size_class": [SIZE_CLASSES[k] for k in found],
            "by_indicator": reasons,
        }
    )
