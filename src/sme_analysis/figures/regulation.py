"""Tables of the notebook on the regulation: articles, instruments, parameters by evidence, size classes."""

from __future__ import annotations

import pandas as pd

from sme_analysis.regulation import SIZE_CLASSES, articles_table, classify, size_table
from sme_analysis.scenario import Scenario, describe

# Cases that the national standard decides, with what is published or follows from its wording
EXAMPLES = (
    ("software firm, 103 staff, revenue CNY 157.35 m", "software", 103, 157.35, 50.0),
    ("industrial firm, 25 staff, revenue CNY 2.9 m", "industry", 25, 2.9, 5.0),
    ("industrial firm, 1,200 staff, revenue CNY 300 m", "industry", 1200, 300.0, 500.0),
    ("developer, revenue CNY 1,500 m, assets CNY 400 m", "realestate", 40, 1500.0, 400.0),
    ("shop, 8 staff, revenue CNY 3 m", "retail", 8, 3.0, 1.0),
)


def counts() -> pd.DataFrame:
    """Number of articles by what the workbench does with them."""
    table = articles_table()
    return table.groupby("status", sort=False).size().rename("articles").reset_index()


def grades(scenario: Scenario) -> pd.DataFrame:
    """Number of parameters by grade of evidence, and how many rest on figures that were read at their source."""
    table = describe(scenario)
    found = table.groupby("grade", sort=False).agg(
        parameters=("key", "size"), read_at_source=("confirmed", "sum")
    )
    order = [g for g in ("law", "statistic", "estimate", "expert", "assumption") if g in found.index]
    return found.reindex(order).reset_index()


def thresholds() -> pd.DataFrame:
    """The national thresholds in wide form, one row an industry and indicator."""
    return size_table()


def examples() -> pd.DataFrame:
    """The example firms with the class that the thresholds give."""
    frame = pd.DataFrame(list(EXAMPLES), columns=["firm", "industry", "employees", "revenue", "assets"])
    found = classify(*(frame[name].to_numpy() for name in ("industry", "employees", "revenue", "assets")))
    return pd.DataFrame({"firm": frame["firm"], "size_class": [SIZE_CLASSES[k] for k in found]})
