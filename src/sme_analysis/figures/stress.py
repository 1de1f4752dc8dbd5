"""Figures and tables of the notebook on stress: the shock, what the policy takes off it, and what it does to the fund."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import ndtr, ndtri

from sme_analysis.figures.policy_package import active, title
from sme_analysis.impact import Assessment, effects, fund_account, incidence, smallest_fund
from sme_analysis.impact.solvency import Portfolio
from sme_analysis.instruments import INSTRUMENTS
from sme_analysis.report import figures, style
from sme_analysis.scenario import Parameters
from sme_analysis.simulation import MEASURES, Simulation, simulate

CORRELATIONS = (None, 0.06, 0.12, 0.2)  # None: Basel's formula
_DEFAULT = ("foreseen", "realised", "losses")
STATES = (0.0, -0.5, -1.0, -1.5, -2.0, -2.5, -3.0, -3.5)
NO_RULE = {"risk_compensation.stop_rate": 1.0}


def shock_years(simulation: Simulation) -> list[str]:
    """Labels of the years in which the shock is on."""
    return [year.label for year in simulation.years if year.environment.shock]


def shock_data(shocked: Simulation, calm: Simulation) -> pd.DataFrame:
    """The first year of the shock beside the same year without it, on both paths.

    Returns
    -------
    DataFrame: path (without policy, with policy), year_is (calm, shock), lending and unmet_need (CNY million), borrowers, rate,
    overdue (receivables past their due date after what the policy has cleared, CNY million), foreseen and realised (default
    rates, shares of lending), losses (realised, CNY million)
    """
    label = shock_years(shocked)[0]
    off = {f"{name}.active": False for name in INSTRUMENTS}
    rows = []
    for name in ("without policy", "with policy"):
        for kind, simulation in (("calm", calm), ("shock", shocked)):
            if name == "without policy":
                changed = cast(Parameters, simulation.parameters).replace(off)
                simulation = simulate(simulation.firms, changed, like=simulation)
            rows.append({"path": name, "year_is": kind, **_year(simulation, label)})
    columns = ["path", "year_is", "lending", "borrowers", "rate", "unmet_need", "overdue", *_DEFAULT]
    return pd.DataFrame(rows, columns=columns)


def channels_data(whole: Assessment) -> pd.DataFrame:
    """The shock taken apart on the path without policy, one part after another, in its first year.

    Returns
    -------
    DataFrame: step, lending and unmet_need (CNY million), borrowers, rate, default_rate (a share), losses (CNY million); default
    and losses as lenders expect them, but for the last step, in which the macro state is realised
    """
    base = _until_shock(whole, {f"{name}.active": False for name in INSTRUMENTS})
    calm, riskier = {"stress.active": False}, {"stress.arrears_increase": 0.0}
    steps: list[tuple[str, Mapping[str, Any]]] = [
        ("calm year", calm), ("and riskier firms", riskier), ("and late payment", {}), ("and the bad state, the shock", {}),
    ]  # fmt: skip
    rows = []
    for number, (step, changes) in enumerate(steps):
        found = _year(simulate(whole.firms, base.replace(changes)), shock_years(whole.simulation)[0])
        last = number == len(steps) - 1
        rows.append(
            {
                "step": step,
                **{k: found[k] for k in ("lending", "borrowers", "rate", "unmet_need")},
                "default_rate": found["realised" if last else "foreseen"],
                "losses": found["losses" if last else "losses_foreseen"],
            }
        )
    return pd.DataFrame(rows)


def margin_data(whole: Assessment, points: float = 0.001) -> pd.Series:
    """By how much lending without policy moves if funds cost `points` less, calm and in the shock (CNY million)."""
    base = _until_shock(whole, {f"{name}.active": False for name in INSTRUMENTS})
    label, cost, found = shock_years(whole.simulation)[0], base["market.funding_cost"], {}
    for kind, on in (("calm", False), ("shock", True)):
        lending = []
        for change in (-points / 2, points / 2):
            moved = {"stress.active": on, "market.funding_cost": cost + change}
            lending.append(_year(simulate(whole.firms, base.replace(moved)), label)["lending"])
        found[kind] = lending[0] - lending[1]
    return pd.Series(found)


def cushion_data(shocked: Simulation, calm: Simulation) -> pd.DataFrame:
    """Lending (CNY million) and borrowers that the package adds by year, with the shock and without it."""
    found = pd.DataFrame({"year": list(shocked.labels)})
    for name, simulation in (("calm", calm), ("shock", shocked)):
        e = effects(simulation)
        found[f"additional_{name}"] = e["lending_change"].to_numpy()
        found[f"borrowers_{name}"] = e["borrowers_change"].to_numpy()
    return found


def cushion_plot(data: pd.DataFrame, shocked: Iterable[str]) -> Figure:
    """Two panels by year: lending and borrowers that the package adds, with the shock and without it."""
    fig = style.new_figure(height=3.3)
    panels = (("additional", "additional lending, CNY m"), ("borrowers", "new borrowers"))
    for ax, (column, heading) in zip(fig.subplots(1, 2), panels, strict=True):
        _two_paths(ax, data, f"{column}_shock", f"{column}_calm", shocked)
        ax.set_ylim(min(0.0, ax.get_ylim()[0]), max(1.0, ax.get_ylim()[1]))
        ax.set_title(heading)
    return fig


def contributions_data(whole: Assessment) -> pd.DataFrame:
    """What each instrument adds to the rest of the package in the first year of the shock, and in that year without it.

    Returns
    -------
    DataFrame: instrument, lending_calm and lending (CNY million), borrowers, realised (default rate, a share), cost (net public
    cost, CNY million): the package less the package without the instrument; in the shock but for `lending_calm`
    """
    label, parameters = shock_years(whole.simulation)[0], _until_shock(whole, {})
    full = {on: simulate(whole.firms, parameters.replace({"stress.active": on})) for on in (True, False)}
    with_ = {on: _year(package, label) for on, package in full.items()}
    rows = []
    for name in active(parameters):
        found = {}
        for on, package in full.items():
            changes = {"stress.active": on, f"{name}.active": False}
            rest = _year(simulate(whole.firms, parameters.replace(changes), like=package), label)
            found[on] = {key: with_[on][key] - rest[key] for key in rest}
        kept = {key: found[True][key] for key in ("lending", "borrowers", "realised", "cost")}
        rows.append({"instrument": title(name), "lending_calm": found[False]["lending"], **kept})
    columns = ["instrument", "lending_calm", "lending", "borrowers", "realised", "cost"]
    return pd.DataFrame(rows, columns=columns).sort_values("lending", ascending=False, ignore_index=True)


def who_bears_data(shocked: Simulation, calm: Simulation) -> pd.DataFrame:
    """What the package changes for each party in the first year of the shock and in that year without it (CNY million)."""
    label, found = shock_years(shocked)[0], {}
    for kind, simulation in (("calm", calm), ("shock", shocked)):
        table = incidence(simulation)
        found[kind] = table[table["year"] == label].set_index("party")["change"]
    kept = pd.DataFrame(found).drop(index=["resources", "lost", "value of credit"], errors="ignore")
    return kept.rename(index={"net value": "sum: net value"}).rename_axis("party").reset_index()


def fund_data(whole: Assessment, calm: Assessment) -> pd.DataFrame:
    """The fund by year with the shock: fan of the balance, claims and closures, beside the same without it.

    Returns
    -------
    DataFrame: year, balance_p05 to p95, calm_p50 and expected_path (end of the year), claims (mean over paths; CNY million),
    suspended and calm_suspended (share of paths on which new cover is closed), short_by_then; empty where no fund is active
    """
    found, without = whole.solvency, calm.solvency
    if found is None or without is None:
        return pd.DataFrame()
    table, other = found.by_year(), without.by_year()
    return table[["year", *(f"balance_p{q}" for q in ("05", "25", "50", "75", "95"))]].assign(
        expected_path=fund_account(whole.simulation)["closing_balance"],
        calm_p50=other["balance_p50"],
        claims=found.claims.mean(axis=0),
        suspended=table["suspended"],
        calm_suspended=other["suspended"],
        short_by_then=table["short_by_then"],
    )


def fund_plot(data: pd.DataFrame, shocked: Iterable[str]) -> Figure:
    """Fan of the fund's balance with the shock, the median without it, and the share of paths on which cover is closed."""
    fig = style.new_figure(height=3.6)
    left, right = fig.subplots(1, 2)
    shocked, years = list(shocked), [int(year) for year in data["year"]]
    bands = [
        (data[f"balance_{a}"].tolist(), data[f"balance_{b}"].tolist())
        for a, b in (("p05", "p95"), ("p25", "p75"))
    ]
    figures.fan(left, years, bands)
    left.plot(years, data["expected_path"], color=style.PALETTE["ink"], linewidth=1.2, linestyle=":")
    _two_paths(left, data, "balance_p50", "calm_p50", shocked)
    left.set_ylim(bottom=0)
    left.set_title("balance, CNY m")
    _two_paths(right, data, "suspended", "calm_suspended", shocked)
    style.axis_percent(right.yaxis)
    right.set_ylim(0, 1.02)
    right.set_title("paths with new cover closed")
    return fig


def claims_data(whole: Assessment, calm: Assessment) -> pd.DataFrame:
    """Claims on the fund in the first year of the shock, and their quantiles, beside the same year without the shock.

    Returns
    -------
    DataFrame: year_is, available, covered_lending, claims (in the shock: in its macro state), p95, p99, p99.9 (CNY million),
    default_rate of covered loans, and limit: the default rate at which claims take all that may be paid
    """
    label, rows = shock_years(whole.simulation)[0], []
    for kind, a in (("calm", calm), ("shock", whole)):
        if a.solvency is None:
            continue
        account, quantiles = (
            t.set_index("year").loc[label] for t in (fund_account(a.simulation), a.solvency.payout_quantiles)
        )
        claims, rate = account["claims_promised"], account["covered_default_rate"]
        payable = a.parameters["risk_compensation.annual_cap"] * account["available"]
        rows.append(
            {
                "year_is": kind,
                "available": account["available"],
                "covered_lending": account["covered_lending"],
                "claims": claims,
                **{name: quantiles[name] for name in ("p95", "p99", "p99.9")},
                "default_rate": rate if account["covered_lending"] > 0 else np.nan,
                "limit": rate * payable / claims if claims > 0 else np.nan,
            }
        )
    return pd.DataFrame(rows)


def stop_rule_data(whole: Assessment, lengths: Iterable[int] = (1, 2)) -> pd.DataFrame:
    """What closing new cover does in the year after the first one of the shock, on the expected path, by the shock's length.

    Returns
    -------
    DataFrame: lasts (years), year, shock_is_on, covered (new lending that the fund would cover were there no rule), lending and
    borrowers (with the rule less without it), claims (likewise): CNY million and numbers; empty where there is no year after
    """
    parameters, labels = cast(Parameters, whole.parameters), whole.simulation.labels
    after = labels.index(shock_years(whole.simulation)[0]) + 1
    rows = []
    for length in lengths if after < len(labels) else ():
        now = parameters.replace({"stress.years": length, "horizon.years": after + 1})
        rule = simulate(whole.firms, now)
        none = simulate(whole.firms, now.replace(NO_RULE), like=rule)
        (e, f), (e0, f0) = (
            (effects(s).iloc[after], s.years[after].outcomes["risk_compensation"].facts) for s in (rule, none)
        )
        rows.append(
            {
                "lasts": length,
                "year": labels[after],
                "shock_is_on": rule.years[after].environment.shock,
                "covered": f0["covered lending"] - f["covered lending"],
                "lending": e["lending"] - e0["lending"],
                "borrowers": e["borrowers"] - e0["borrowers"],
                "claims": f["claims promised"] - f0["claims promised"],
            }
        )
    columns = ["lasts", "year", "shock_is_on", "covered", "lending", "borrowers", "claims"]
    return pd.DataFrame(rows, columns=columns)


def severity_data(whole: Assessment, states: Iterable[float] = STATES) -> pd.DataFrame:
    """The fund in the first year of the shock by its macro state and by how much defaults move together, expected path.

    Lenders do not foresee the state, so that one simulation a correlation gives the loans; what is claimed on them is worked out
    for every state, in proportion to the claims of the simulated state.

    Returns
    -------
    DataFrame: correlation (Basel, or a number), state, default_rate of covered loans, claims, balance at the end of the year
    (CNY million); no rows where nothing is covered
    """
    z, rows = np.array(list(states)), []
    for correlation in CORRELATIONS:
        found = simulate(whole.firms, _until_shock(whole, _rule(correlation)))
        year, p = found.years[-1], found.parameters
        outcome, own = year.outcomes["risk_compensation"], np.array([year.environment.z], dtype=float)
        facts, portfolio = outcome.facts, Portfolio(found, len(found.years) - 1)
        if facts["covered lending"] <= 0:
            continue
        trust, room = np.array([facts["credibility"]]), np.array([facts["available"]])
        of_own = portfolio.at(trust, room, own)
        of_all = portfolio.at(np.repeat(trust, len(z)), np.repeat(room, len(z)), z)
        claims = facts["claims promised"] * of_all[1] / of_own[1]
        rates = facts["covered default rate"] * of_all[2] / of_own[2]
        paid = np.minimum(claims, p["risk_compensation.annual_cap"] * facts["available"])
        balance = (facts["available"] - paid - outcome.lines["fees received"]) * (
            1 + p["risk_compensation.yield"]
        )
        frame = pd.DataFrame({"state": z, "default_rate": rates, "claims": claims, "balance": balance})
        rows.append(frame.assign(correlation="Basel" if correlation is None else f"{correlation:g}"))
    columns = ["correlation", "state", "default_rate", "claims", "balance"]
    return pd.concat(rows, ignore_index=True)[columns] if rows else pd.DataFrame(columns=columns)


def severity_plot(data: pd.DataFrame, stop_rate: float) -> Figure:
    """Default rate of covered loans with the stop rule's threshold, and the balance at the end of the year, by macro state."""
    fig = style.new_figure(height=3.5)
    left, right = fig.subplots(1, 2)
    colors = dict(zip(data["correlation"].unique(), style.SEQUENCE, strict=False))
    for ax, column, heading in (
        (left, "default_rate", "default rate, covered"),
        (right, "balance", "balance, CNY m"),
    ):
        for name, rows in data.groupby("correlation", sort=False):
            ax.plot(rows["state"], rows[column], color=colors[name], marker="o", markersize=3, linewidth=1.6)
            last = rows.sort_values("state").iloc[0]
            style.label_line(ax, last["state"], last[column], str(name), colors[name])
        ax.invert_xaxis()
        ax.set_ylim(bottom=0)
        ax.set_title(heading)
        ax.set_xlabel("macro state of the shock year")
    style.axis_percent(left.yaxis)
    left.axhline(stop_rate, color=style.PALETTE["quiet"], linewidth=1.0, linestyle=(0, (2, 2)))
    left.annotate(
        "stop rule", (0.98, stop_rate), xycoords=left.get_yaxis_transform(), xytext=(0, -4),
        textcoords="offset points", ha="right", va="top", fontsize=9, color=style.PALETTE["quiet"],
    )  # fmt: skip
    return fig


def stopping_state(data: pd.DataFrame, stop_rate: float) -> pd.DataFrame:
    """Macro state below which covered loans default by more than the stop rule allows, and how probable that is.

    Interpolated where default rates are nearly straight in the state, that is as Phi^-1(rate); NaN outside the states in `data`.

    Returns
    -------
    DataFrame: correlation, state, probability, and in the worst state of `data` the default_rate, claims and balance
    """
    rows = []
    for name in data["correlation"].unique():
        part = data.query("correlation == @name and default_rate > 0").sort_values("state")
        if part.empty:
            continue
        rates, states = ndtri(part["default_rate"].to_numpy())[::-1], part["state"].to_numpy()[::-1]
        state = float(np.interp(ndtri(stop_rate), rates, states, left=np.nan, right=np.nan))
        worst = part.iloc[0]
        at_worst = {key: float(worst[key]) for key in ("default_rate", "claims", "balance")}
        rows.append({"correlation": name, "state": state, "probability": float(ndtr(state)), **at_worst})
    columns = ["correlation", "state", "probability", "default_rate", "claims", "balance"]
    return pd.DataFrame(rows, columns=columns)


def enough(whole: Assessment, calm: Assessment, paths: int = 1000) -> pd.DataFrame:
    """The smallest endowment with which the fund survives as surely as is asked, calm and with the shock (CNY million)."""
    rows = [
        (name, smallest_fund(a.simulation, paths=paths)) for name, a in (("calm", calm), ("shock", whole))
    ]
    return pd.DataFrame(rows, columns=["case", "smallest_fund"])


def _two_paths(ax: Axes, data: pd.DataFrame, shock: str, calm: str, shocked: Iterable[str]) -> None:
    """One column with the shock and one without it by year, named at their ends, with a grey band on the years of the shock."""
    years = [int(year) for year in data["year"]]
    for column, name, color, dash in (
        (calm, "calm", "counterfactual", "--"),
        (shock, "shock", "policy", "-"),
    ):
        values = data[column].astype(float).tolist()
        ax.plot(years, values, color=style.PALETTE[color], linestyle=dash, marker="o", markersize=3.5)
        style.label_line(ax, years[-1], values[-1], name, style.PALETTE[color])
    ax.set_xticks(years)
    for label in shocked:
        band = (int(label) - 0.5, int(label) + 0.5)
        ax.axvspan(*band, color=style.PALETTE["grid"], alpha=0.7, linewidth=0, zorder=0)


def _rule(correlation: float | None) -> dict[str, Any]:
    if correlation is None:
        return {"market.asset_correlation_rule": "basel"}
    return {"market.asset_correlation_rule": "fixed", "market.asset_correlation": correlation}


def _until_shock(whole: Assessment, changes: Mapping[str, Any]) -> Parameters:
    """The parameters with a horizon that ends with the first year of the shock: later years do not matter for it."""
    years = whole.simulation.labels.index(shock_years(whole.simulation)[0]) + 1
    return cast(Parameters, whole.parameters).replace({"horizon.years": years, **changes})


def _year(simulation: Simulation, label: str) -> dict[str, float]:
    """What the policy path of a simulation is like in a year."""
    place = simulation.labels.index(label)
    year, totals = simulation.years[place], simulation.policy[place].sum(axis=1).tolist()
    m = dict(zip(MEASURES, totals, strict=True))
    facts = [outcome.facts for outcome in year.outcomes.values()]
    overdue = float((year.environment.overdue * year.state.weight).sum())
    return {
        "lending": m["lending"],
        "borrowers": m["borrowers"],
        "rate": m["interest"] / m["lending"],
        "unmet_need": m["need"] - m["lending"],
        "overdue": overdue - sum(f.get("arrears cleared, paid by debtors", 0.0) for f in facts),
        "foreseen": m["defaults"] / m["lending"],
        "realised": (m["defaults"] + year.realised["defaults"]) / m["lending"],
        "losses_foreseen": m["losses"],
        "losses": m["losses"] + year.realised["losses"],
        "cost": sum(sum(outcome.lines.values()) for outcome in year.outcomes.values()),
    }
