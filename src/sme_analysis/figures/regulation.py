"""Tables of the notebook on the regulation: articles, instruments, parameters by evidence, size classes."""

from __future__ import annotations

import pandas as pd

from sme_analysis.regulation import (
    INDICATORS,
    INDUSTRY_NAMES,
    SIZE_CLASSES,
    THRESHOLDS,
    articles_table,
    classify,
    size_table,
)
from sme_analysis.scenario import Scenario, describe

# Cases that the national standard decides, with what is published or follows from its wording
EXAMPLES = (
    ("software firm, 103 staff, revenue CNY 157.35 m", "software", 103, 157.35, 50.0),
    ("industrial firm, 25 staff, revenue CNY 2.9 m", "industry", 25, 2.9, 5.0),
    ("industrial firm, 1,200 staff, revenue CNY 300 m", "industry", 1200, 300.0, 500.0),
    ("developer, revenue CNY 1,500 m, assets CNY 400 m", "realestate", 40, 1500.0, 400.0),
    ("shop, 8 staff, revenue CNY 3 m", "retail", 8, 3.0, 1.0),
)
# Groups of parameters that say what a policy does; the others describe firms, lenders and the computation.
POLICY = ("special_fund", "risk_compensation", "credit_incentive", "policy_credibility", "service_efficiency")
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
