"""Moments of the market without policy, as the model gives them and as they are published."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.errors import InputErrors, Problem
from sme_analysis.firms import synthetic_firms
from sme_analysis.market.credit import Conditions, Credit, Market, chunked_sum
from sme_analysis.scenario.figures import Figure, figure
from sme_analysis.scenario.paths import project_root, readable
from sme_analysis.scenario.units import nearest

Array = npt.NDArray[np.float64]
ROLES = (
    "targeted",
    "implied",
    "untargeted",
)  # implied: it follows from targets, or from them and a share that is set
COLUMNS = ("moment", "role", "figure", "standard_error", "reason")
FUNDING_2020 = "cn.relending_msme.2020-07-01"


@dataclass(frozen=True)
class Moment:
    """What is counted, in which unit, and whether its error is that of the logarithm."""

    label: str
    unit: str
    log: bool = False


MOMENTS: Mapping[str, Moment] = {
    "bank_loans": Moment("Bank loans to micro and small firms", "money", log=True),
    "mean_bank_loan": Moment("Mean bank loan per borrower", "money", log=True),
    "bank_rate": Moment("Mean bank lending rate", "rate"),
    "bank_pd": Moment("Default rate of bank loans, beside share of bad loans", "share"),
    "granted": Moment("Of firms that ask a bank: obtain a loan", "share"),
    "needs_collateral": Moment("Of bank lending: would not be made without collateral", "share"),
    "bank_borrowers": Moment("Firms that borrow from banks", "count", log=True),
    "unsecured_share": Moment(
        "Of bank lending: would be made without collateral, beside unsecured loans", "share"
    ),
    "obtained": Moment("Of firms that want bank credit: obtain it", "share"),
    "micro_lender_share": Moment("Loans of micro-lenders relative to those of banks", "share"),
    "medium_share": Moment("Medium firms' share of bank loans", "share"),
    "bank_rate_2020": Moment("Mean bank lending rate at the cost of funds of 2020", "rate"),
    "loss_given_default": Moment("Loss given default of bank loans", "share"),
}
WITHOUT_COLLATERAL = frozenset({"needs_collateral", "unsecured_share"})


@dataclass(frozen=True)
class Target:
    """A published figure that a moment is compared with; `error` is one standard error on the moment's scale."""

    moment: str
    role: str
    figure: Figure
    error: float
    reason: str

    @property
    def value(self) -> float:
        """The published value in inner units."""
        return self.figure.value

    def distance(self, model: float) -> float:
        """How many standard errors the model lies above the figure."""
        if MOMENTS[self.moment].log:
            return float(np.log(model / self.value) / self.error)
        return (model - self.value) / self.error


def model_moments(
    parameters: Mapping[str, Any], names: Iterable[str] = tuple(MOMENTS), firms: pd.DataFrame | None = None
) -> dict[str, float]:
    """Moments of a year without policy: banks' lending to micro and small firms, individual businesses among them.

    Inclusive loans are banks' own, so micro-lenders count only in `micro_lender_share`. *needs_collateral*: one less the lending
    that the same banks would make to the same firms if these had nothing to pledge, over the lending that they make.

    Parameters
    ----------
    parameters : resolved catalogue values
    names : keys of `MOMENTS`
    firms : the firm table, by default the scenario's synthetic sample

    Returns
    -------
    Values by name: CNY million, fractions, numbers of firms.
    """
    table = synthetic_firms(parameters) if firms is None else firms
    wanted = set(names)
    market, credit = _year(table, parameters)
    inclusive = (table["size_class"] != "medium").to_numpy(dtype=float)

    def total(column: str, of: Credit = credit) -> float:
        return chunked_sum(of[column] * of.mass * inclusive)

    loans, served = total("bank_loan"), total("bank_served")
    asking = chunked_sum(credit.mass * inclusive)
    wanting = chunked_sum(market.initial.weight * market.wants * inclusive)
    everywhere = chunked_sum(credit["bank_loan"] * credit.mass)
    found = {
        "bank_loans": loans,
        "mean_bank_loan": loans / served,
        "bank_rate": total("bank_interest") / loans,
        "bank_pd": total("bank_default") / loans,
        "granted": served / asking,
        "bank_borrowers": served,
        "obtained": served / wanting,
        "micro_lender_share": total("micro_loan") / loans,
        "medium_share": 1 - loans / everywhere,
        "loss_given_default": total("bank_loss") / total("bank_default"),
    }
    if wanted & WITHOUT_COLLATERAL:
        _, bare = _year(table.assign(collateral_ratio=0.0), parameters)
        unsecured = total("bank_loan", bare) / loans
        found |= {"needs_collateral": 1 - unsecured, "unsecured_share": unsecured}
    if "bank_rate_2020" in wanted:
        _, then = _year(table, {**parameters, "market.funding_cost": figure(FUNDING_2020).value})
        found["bank_rate_2020"] = total("bank_interest", then) / total("bank_loan", then)
    return {name: found[name] for name in MOMENTS if name in wanted}


def _year(firms: pd.DataFrame, parameters: Mapping[str, Any]) -> tuple[Market, Credit]:
    market = Market(firms, parameters)
    cost = parameters["market.funding_cost"]
    return market, market.run(market.initial, Conditions(cost, cost))


def targets_file() -> Path:
    """The published figures that moments are compared with, and how sure they are."""
    return project_root() / "data" / "calibration_targets.csv"


def load_targets(path: Path | None = None) -> tuple[Target, ...]:
    """Read the targets: which moment, targeted or not, which figure, its standard error and why so.

    Raises
    ------
    InputErrors
        With every problem: missing columns, unknown moments, roles and figures, errors that are not positive.
    """
    path = targets_file() if path is None else path
    where = readable(path)
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            rows, columns = list(reader), tuple(reader.fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputErrors(
            [Problem(where, str(error), f"a CSV file with columns {', '.join(COLUMNS)}")]
        ) from None
    if columns != COLUMNS:
        raise InputErrors([Problem(f"{where}, line 1", ", ".join(columns) or "nothing", ", ".join(COLUMNS))])
    targets, problems, seen = [], [], set()
    for number, row in enumerate(rows, 2):
        place = f"{where}, line {number}"
        target, found = _target(row, place)
        if None in row:  # the reader's key of what stands beyond the last column
            hint = "a cell with a comma stands in double quotes"
            found.append(Problem(place, "more cells than columns", f"{len(COLUMNS)} cells", hint))
        if target is not None and target.moment in seen:
            found.append(
                Problem(f"{place}, moment", f"{target.moment} for the second time", "every moment once")
            )
        problems += found
        if target is not None:
            seen.add(target.moment)
            targets.append(target)
    if problems or not targets:
        raise InputErrors(problems or [Problem(where, "no row", "a row for each moment")])
    return tuple(targets)


def _target(row: Mapping[str, str], place: str) -> tuple[Target | None, list[Problem]]:
    problems = []
    name, role = row["moment"] or "", row["role"] or ""
    if name not in MOMENTS:
        problems.append(
            Problem(f"{place}, moment", name or "nothing", ", ".join(MOMENTS), nearest(name, tuple(MOMENTS)))
        )
    if role not in ROLES:
        problems.append(
            Problem(f"{place}, role", role or "nothing", " or ".join(ROLES), nearest(role, ROLES))
        )
    published: Figure | None = None
    try:
        published = figure(row["figure"] or "")
    except KeyError as error:
        problems.append(
            Problem(f"{place}, figure", row["figure"] or "nothing", "a key of data/figures.csv", str(error))
        )
    try:
        error_ = float(row["standard_error"] or "")
    except ValueError:
        error_ = float("nan")
    if not 0 < error_ < float("inf"):
        problems.append(
            Problem(f"{place}, standard_error", row["standard_error"] or "nothing", "a number above 0")
        )
    if problems or published is None:
        return None, problems
    return Target(name, role, published, error_, row["reason"] or ""), []


def fit_table(model: Mapping[str, float], targets: Iterable[Target]) -> pd.DataFrame:
    """Model beside published figure, one row a moment.

    Returns
    -------
    DataFrame: moment, measure, role, model, published, low, high (one standard error twice to either side), unit, distance
    (in standard errors), definition, place, year, source, confirmed, reason
    """
    rows = []
    for t in targets:
        moment, f = MOMENTS[t.moment], t.figure
        spread = np.exp(2 * t.error) if moment.log else 2 * t.error
        rows.append(
            {
                "moment": t.moment,
                "measure": moment.label,
                "role": t.role,
                "model": model[t.moment],
                "published": t.value,
                "low": t.value / spread if moment.log else max(t.value - spread, 0.0),
                "high": t.value * spread if moment.log else t.value + spread,
                "unit": moment.unit,
                "distance": t.distance(model[t.moment]),
                "definition": f.definition,
                "place": f.geography,
                "year": f.year,
                "source": f.source,
                "confirmed": bool(f.confirmed),
                "reason": t.reason,
            }
        )
    return pd.DataFrame(rows)
