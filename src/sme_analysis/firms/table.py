"""The firm table: one row a firm with a weight, whatever its source."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from sme_analysis.errors import InputErrors, Problem
from sme_analysis.regulation import INDUSTRIES, SIZE_CLASSES, classify

LEGAL_FORMS = ("enterprise", "individual_business")
TAGS = ("innovative", "circular", "agri", "ecommerce", "supply_chain", "public_supplier")
PROGRAMME_DRAWS = ("u_special_fund", "u_risk_compensation", "u_credit_incentive", "u_grant")
_SHOWN = 5


def _number(low: float, high: float = np.inf, *, above: bool = False) -> pa.Column:
    lower = pa.Check.gt(low) if above else pa.Check.ge(low)
    checks = [lower, pa.Check.le(high)] if np.isfinite(high) else [lower, pa.Check.lt(np.inf)]
    return pa.Column(float, checks, nullable=False)


FIRM_SCHEMA = pa.DataFrameSchema(
    {
        "firm_id": pa.Column("int64", unique=True),
        "weight": _number(0, above=True),  # real firms that the row stands for
        "legal_form": pa.Column("category", pa.Check.isin(LEGAL_FORMS)),
        "industry": pa.Column("category", pa.Check.isin(INDUSTRIES)),
        "size_class": pa.Column("category", pa.Check.isin(SIZE_CLASSES[:3])),
        "employees": _number(0, above=True),
        "revenue": _number(0),  # CNY million a year
        "assets": _number(0),  # CNY million
        "age": _number(0),  # years
        **{tag: pa.Column(bool) for tag in TAGS},
        "wants": _number(0, 1),  # share of such firms that want bank credit in a year
        "applies": _number(0, 1),  # of those, share that ask a lender
        "need": _number(0, above=True),  # D, financing sought, CNY million
        "quality": pa.Column(
            float, [pa.Check.gt(-30), pa.Check.lt(30)]
        ),  # logit of one-year PD at the reference rate
        "score_noise": pa.Column(float, [pa.Check.gt(-10), pa.Check.lt(10)]),  # standard normal
        "collateral_ratio": _number(0),  # pledgeable value / need
        "overdue_receivables": _number(0),  # CNY million
        **{name: _number(0, 1) for name in PROGRAMME_DRAWS},
    },
    strict=False,
)


def check_firms(firms: pd.DataFrame, where: str = "firm table") -> pd.DataFrame:
    """The table sorted by `firm_id` if it is sound; otherwise one error that lists every problem with its rows.

    Raises
    ------
    InputErrors : a column is missing or of another type, a value is out of range, or a size class is not the one that
        the official thresholds give
    """
    problems: list[Problem] = []
    try:
        FIRM_SCHEMA.validate(firms, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases
        for (column, check), group in cases.groupby(["column", "check"], dropna=False, sort=False):
            rows = [int(i) for i in group["index"].dropna()]
            given = ", ".join(str(v) for v in group["failure_case"].head(_SHOWN))
            place = f"{where}, column {column}" if isinstance(column, str) else where
            if rows:
                more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
                place += f", rows {', '.join(map(str, rows[:_SHOWN]))}{more}"
            problems.append(Problem(place, given, str(check)))
    if problems:
        raise InputErrors(problems)
    given_class = firms["size_class"].astype(str).to_numpy()
    official = np.asarray(SIZE_CLASSES)[
        classify(
            firms["industry"].astype(str).to_numpy(),
            firms["employees"].to_numpy(),
            firms["revenue"].to_numpy(),
            firms["assets"].to_numpy(),
        )
    ]
    wrong = np.flatnonzero(given_class != official)
    if len(wrong):
        first = wrong[:_SHOWN]
        raise InputErrors(
            [
                Problem(
                    f"{where}, column size_class, rows {', '.join(map(str, first))}"
                    + (f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""),
                    ", ".join(given_class[first]),
                    "the class that the national thresholds give: " + ", ".join(official[first]),
                )
            ]
        )
    return firms.sort_values("firm_id", kind="stable", ignore_index=True)
