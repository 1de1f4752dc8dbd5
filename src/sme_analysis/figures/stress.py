"""Figures and tables of the notebook on stress: the shock, what the policy takes off it, and what it does to the fund."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
from matplotlib.figure import Figure

from sme_analysis.impact import Assessment, effects, smallest_fund, solvency
from sme_analysis.report import style
from sme_analysis.scenario import Parameters
from sme_analysis.simulation import Simulation, simulate

IN_A_SHOCK = ("emergency_relief", "arrears_clearance")
CORRELATIONS = (0.06, 0.12, 0.2)


def shock_years(simulation: Simulation) -> list[str]:
    """Labels of the years in which the shock is on."""
    return [year.label for year in simulation.years if year.environment.shock]


def shock_data(shocked: Simulation, calm: Simulation) -> pd.DataFrame:
    """The first year of the shock beside the same year without it, on both paths.

    Returns
    -------
    DataFrame: path, year_is (calm, shock), lending (CNY million), borrowers, rate, default_rate (realised, a share of lending),
    losses (realised, CNY million), lender_result (surplus less losses and interest beyond expectation, CNY million)
    """
    label = shock_years(shocked)[0]
    rows = []
    for name, suffix in (("without policy", "_without"), ("with policy", "")):
        for kind, simulation in (("calm", calm), ("shock", shocked)):
            e = _year(effects(simulation), label)
            year = simulation.years[simulation.labels.index(label)]
            beyond = {key: year.realised[f"{key}{suffix}"] for key in ("losses", "defaults", "unpaid")}
            lending = e[f"lending{suffix}"]
            rows.append(
                {
                    "path": name,
                    "year_is": kind,
                    "lending": lending,
                    "borrowers": e[f"borrowers{suffix}"],
                    "rate": e[f"rate{suffix}"],
                    "default_rate": (e[f"defaults{suffix}"] + beyond["defaults"]) / lending,
                    "losses": e[f"losses{suffix}"] + beyond["losses"],
                    "lender_result": e[f"lender_surplus{suffix}"] - beyond["losses"] - beyond["unpaid"],
                }
            )
    return pd.DataFrame(rows)


def cushion_data(shocked: Simulation, calm: Simulation) -> pd.DataFrame:
    """Additional lending of the package by year, with the shock and without it (CNY million), and covered lending likewise."""
    found = pd.DataFrame({"year": list(shocked.labels)})
    for name, simulation in (("calm", calm), ("shock", shocked)):
        e = effects(simulation)
        found[f"additional_{name}"] = e["lending_change"].to_numpy()
        found[f"borrowers_{name}"] = e["borrowers_change"].to_numpy()
        found[f"covered_{name}"] = e["covered_lending"].to_numpy()
    return found


def cushion_plot(data: pd.DataFrame) -> Figure:
    """Two panels by year: additional lending and covered lending, with the shock and without it."""
    fig = style.new_figure(height=3.4)
    panels = fig.subplots(1, 2)
    years = [int(year) for year in data["year"]]
    for ax, column, title in zip(
        panels, ("additional", "covered"), ("additional lending", "lending under cover"), strict=True
    ):
        for kind, color in (("calm", "counterfactual"), ("shock", "policy")):
            values = data[f"{column}_{kind}"].astype(float).tolist()
            ax.plot(years, values, color=style.PALETTE[color], marker="o", markersize=3.5)
            style.label_line(ax, years[-1], values[-1], kind, style.PALETTE[color])
        style.axis_years(ax.xaxis)
        ax.set_ylim(bottom=min(0.0, *ax.get_ylim()))
        ax.set_title(title)
        ax.set_ylabel("CNY million")
    return fig


def relief_data(whole: Assessment) -> pd.DataFrame:
    """What each instrument against a shock adds to the package in the first year of the shock.

    Returns
    -------
    DataFrame: instrument, lending (CNY million), borrowers, default_rate (expected, a share), cost (CNY million); the package
    less the package without the instrument; empty where neither is active
    """
    full = whole.simulation
    label = shock_years(full)[0]
    rows = []
    for name in IN_A_SHOCK:
        if not whole.parameters[f"{name}.active"]:
            continue
        changed = whole.parameters.replace({f"{name}.active": False})  # type: ignore[attr-defined]
        rest = simulate(whole.firms, changed, like=full)
        with_, without = (_year(effects(s), label) for s in (full, rest))
        cost = [
            sum(sum(o.lines.values()) for o in s.years[s.labels.index(label)].outcomes.values())
            for s in (full, rest)
        ]
        rows.append(
            {
                "instrument": name.replace("_", " "),
                "lending": with_["lending"] - without["lending"],
                "borrowers": with_["borrowers"] - without["borrowers"],
                "default_rate": with_["pd"] - without["pd"],
                "cost": cost[0] - cost[1],
            }
        )
    return pd.DataFrame(rows, columns=["instrument", "lending", "borrowers", "default_rate", "cost"])


def fund_data(whole: Assessment, calm: Assessment) -> pd.DataFrame:
    """The fund by year with the shock: fan of the balance, claims, closures, beside the median balance without it.

    Returns
    -------
    DataFrame: year, balance p05, p25, p50, p75, p95 and calm_p50 (CNY million), claims (mean over paths, CNY million), suspended
    (share of paths on which new cover is closed), short_by_then; empty where no fund is active
    """
    found, without = whole.solvency, calm.solvency
    if found is None or without is None:
        return pd.DataFrame()
    table = found.by_year()
    return table[["year", *(f"balance_p{q}" for q in ("05", "25", "50", "75", "95"))]].assign(
        calm_p50=without.by_year()["balance_p50"],
        claims=found.claims.mean(axis=0),
        suspended=table["suspended"],
        short_by_then=table["short_by_then"],
    )


def fund_plot(data: pd.DataFrame, shocked: Iterable[str]) -> Figure:
    """Fan of the fund's balance with the shock, the median without it, and the share of paths on which cover is closed."""
    fig = style.new_figure(height=3.6)
    left, right = fig.subplots(1, 2)
    years = [int(year) for year in data["year"]]
    blue, grey = style.PALETTE["policy"], style.PALETTE["counterfactual"]
    left.fill_between(years, data["balance_p05"], data["balance_p95"], color=style.PALETTE["band"])
    left.fill_between(years, data["balance_p25"], data["balance_p75"], color=blue, alpha=0.25)
    left.plot(years, data["balance_p50"], color=blue)
    left.plot(years, data["calm_p50"], color=grey, linestyle="--")
    style.label_line(left, years[-1], float(data["balance_p50"].iloc[-1]), "with the shock", blue)
    style.label_line(left, years[-1], float(data["calm_p50"].iloc[-1]), "calm", grey)
    left.set_ylim(bottom=0)
    left.set_title("fund at the end of the year")
    left.set_ylabel("CNY million")
    right.bar(years, data["suspended"], color=style.PALETTE["accent"], width=0.6)
    style.axis_percent(right.yaxis)
    right.set_ylim(0, 1)
    right.set_title("paths with cover closed")
    for ax in (left, right):
        style.axis_years(ax.xaxis)
        for label in shocked:
            ax.axvline(int(label), color=style.PALETTE["grid"], linewidth=8, zorder=0)
    return fig


def severity_data(
    parameters: Parameters, whole: Assessment, states: Iterable[float], paths: int = 2000
) -> pd.DataFrame:
    """How bad the shock must be: its macro state, and the correlation of defaults, against what the fund goes through.

    Returns
    -------
    DataFrame: correlation (a number, or NaN for Basel's formula), state, default_rate of covered loans, claims and balance at the
    end of the first shock year (expected path, CNY million), short and stopped (probabilities over the horizon)
    """
    rows = []
    correlations = [None, *CORRELATIONS]
    for correlation in correlations:
        rule: dict[str, object] = {"market.asset_correlation_rule": "basel"}
        if correlation is not None:
            rule = {"market.asset_correlation_rule": "fixed", "market.asset_correlation": correlation}
        for state in states:
            changed = parameters.replace({**rule, "stress.macro_state": state})
            found = simulate(whole.firms, changed)
            label = shock_years(found)[0]
            outcome = found.years[found.labels.index(label)].outcomes["risk_compensation"]
            survived = solvency(found, paths)
            assert survived is not None
            rows.append(
                {
                    "correlation": float("nan") if correlation is None else correlation,
                    "state": state,
                    "default_rate": outcome.facts["covered default rate"],
                    "claims": outcome.lines["claims paid"] + outcome.lines["claims paid to guarantors"],
                    "balance": outcome.facts["balance at end"],
                    "short": survived.exhaustion,
                    "stopped": survived.stopped,
                }
            )
    return pd.DataFrame(rows)


def enough(whole: Assessment, calm: Assessment, paths: int = 2000) -> pd.DataFrame:
    """The smallest endowment with which the fund survives as surely as is asked, calm and with the shock (CNY million)."""
    rows = [
        (name, smallest_fund(a.simulation, paths=paths)) for name, a in (("calm", calm), ("shock", whole))
    ]
    return pd.DataFrame(rows, columns=["case", "smallest_fund"])


def _year(table: pd.DataFrame, label: str) -> dict[str, float]:
    row = table[table["year"] == label].drop(columns="year").iloc[0]
    return {str(name): float(value) for name, value in row.items()}
