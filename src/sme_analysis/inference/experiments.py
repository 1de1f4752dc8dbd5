"""Experiments of causal studies, repeated in the model: each gives the same quantity in the study's unit.

A study that compares treated firms with others of the same market does not see what happens to the market as a whole: its
experiments hold the cost of funds fixed and offer the instrument to every firm that the study's programme admits, so that the
effect on those who take it up stands in full. Where a study is silent on a setting, the setting is an assumption, and is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sme_analysis.impact.additionality import additionality
from sme_analysis.impact.incidence import incidence
from sme_analysis.inference.treated import (
    GUARANTEE,
    TREATED,
    among_borrowers,
    default_of_guaranteed,
    each,
    firm_by_firm,
    guaranteed,
    over,
    peak,
    per_guarantee,
    subsidised,
    totals,
)
from sme_analysis.market.credit import Conditions
from sme_analysis.scenario.parameters import Parameters
from sme_analysis.simulation import Simulation, simulate
from sme_analysis.simulation.measures import RISK_BANDS

COVERS = tuple(np.arange(0.3, 1.001, 0.05).round(2).tolist())
MIDDLE = RISK_BANDS[3:7]
CUT_OFF = RISK_BANDS[6:9]
SMALL = ("micro", "small")


@dataclass(frozen=True)
class Experiment:
    """A study's experiment in the model.

    Attributes
    ----------
    name : of the experiment, as in `data/causal_studies.csv`
    measures : what the number is
    unit : of the number, one of `report.quantities.NUMERIC`
    run : parameters of a scenario and its firms -> the number, NaN where the experiment treats nobody; instruments and shocks of
        the scenario are switched off
    """

    name: str
    measures: str
    unit: str
    run: Callable[[Parameters, pd.DataFrame], float]


# --- Chile: 70 % of the loss (auctions end at or below 70 to 80 %), a fee of 1.5 % of the guaranteed part (assumption: fees
# follow past defaults, 1.2 to 1.9 %, and the fund sustains itself), firms with sales of up to USD 1 m (Drexler 2008), loans of
# up to UF 5,000 (circular 3057 of 2000), about CNY 1.2 m
def chile(parameters: Parameters, firms: pd.DataFrame) -> Simulation:
    """FOGAPE as Cowan, Drexler and Yañez (2015) saw it."""
    own = {"loan_guarantee.eligible_sizes": list(SMALL), "loan_guarantee.loan_cap": 1.2}
    return guaranteed(parameters, firms, 0.7, 0.7 * 0.015, own)


def cowan_credit(parameters: Parameters, firms: pd.DataFrame) -> float:
    """All credit to small firms per unit of guarantee, Chile."""
    return per_guarantee(chile(parameters, firms))


def cowan_selection(parameters: Parameters, firms: pd.DataFrame) -> float:
    """PD of firms that select into guarantees, as it is without, less that of all borrowers of their size classes."""
    found = chile(parameters, firms)
    with_, without = totals(found, size_class=SMALL)
    return over(with_["covered_defaults_before"], with_["covered_lending"]) - over(
        without["defaults"], without["lending"]
    )


def cowan_moral_hazard(parameters: Parameters, firms: pd.DataFrame) -> float:
    """What weaker monitoring adds to the PD of guaranteed loans of the same firm."""
    return default_of_guaranteed(chile(parameters, firms))["moral_hazard"]


# --- Italy: 70 % (assumption; 30 to 80 %), a fee of 0.25 % (0.25 to 1 % of the guaranteed part, once; free in the South), at most
# EUR 2.5 m guaranteed, about CNY 28 m lent
def italy(
    parameters: Parameters, firms: pd.DataFrame, share: float = 0.7, like: Simulation | None = None
) -> Simulation:
    """Fondo di garanzia before the pandemic."""
    return guaranteed(parameters, firms, share, 0.0025, {"loan_guarantee.loan_cap": 28.0}, like)


def cascarino_first(parameters: Parameters, firms: pd.DataFrame) -> float:
    """The whole loss guaranteed at no fee on loans of up to CNY 0.2 m (EUR 25,000), in the first quarter of a crisis."""
    crisis = {
        "stress.active": True,
        "stress.first_year": 1,
        "stress.years": 1,
        "loan_guarantee.loan_cap": 0.2,
    }
    return per_guarantee(guaranteed(parameters, firms, 1.0, 0.0, crisis))


def cascarino_later(parameters: Parameters, firms: pd.DataFrame) -> float:
    """90 % of the loss guaranteed at no fee on loans of up to CNY 40 m (EUR 5 m), once the crisis has eased."""
    return per_guarantee(guaranteed(parameters, firms, 0.9, 0.0, {"loan_guarantee.loan_cap": 40.0}))


def cerulli_peak(parameters: Parameters, firms: pd.DataFrame) -> float:
    """The share guaranteed with the largest additional credit, over shares of 30 to 100 % offered to the same firms.

    The top of the parabola through the best share and its neighbours, so that it moves smoothly with the parameters.
    """
    like: Simulation | None = None
    effect = []
    for share in COVERS:
        like = italy(parameters, firms, share, like)
        with_, without = totals(like)
        effect.append(with_["lending"] - without["lending"])
    return peak(np.array(COVERS), np.array(effect))


def ciani_credit(parameters: Parameters, firms: pd.DataFrame) -> float:
    """Bank credit of guaranteed borrowers, relative to what they would have."""
    return among_borrowers(italy(parameters, firms))[0]


def ciani_rate(parameters: Parameters, firms: pd.DataFrame) -> float:
    """Rate on the bank loans of guaranteed borrowers, less what it would be."""
    return among_borrowers(italy(parameters, firms))[1]


def ciani_middle(parameters: Parameters, firms: pd.DataFrame) -> float:
    """Effect on guaranteed borrowers' credit in the 4th to 7th tenth of risk less the mean of the tenths at either end."""
    found = italy(parameters, firms)
    ends = RISK_BANDS[:3], RISK_BANDS[7:]
    low, high = (among_borrowers(found, bands)[0] for bands in ends)
    return among_borrowers(found, MIDDLE)[0] - (low + high) / 2


def deblasio_credit(parameters: Parameters, firms: pd.DataFrame) -> float:
    """Bank credit of guaranteed borrowers at the cut-off of eligibility, the 7th to 9th tenth of risk (assumption).

    Loans are of one year and renewed with the guarantee, so that the effect after two years is that of one.
    """
    return among_borrowers(italy(parameters, firms), CUT_OFF)[0]


def deblasio_rate(parameters: Parameters, firms: pd.DataFrame) -> float:
    """Rate of guaranteed borrowers at the cut-off of eligibility, less what it would be."""
    return among_borrowers(italy(parameters, firms), CUT_OFF)[1]


def lelarge_default(parameters: Parameters, firms: pd.DataFrame) -> float:
    """PD of guaranteed loans less that of the same firms' loans without guarantee; 65 % at 0.6 % (assumptions)."""
    parts = default_of_guaranteed(guaranteed(parameters, firms, 0.65, 0.006))
    return parts["price"] + parts["moral_hazard"]


def eif_default(parameters: Parameters, firms: pd.DataFrame) -> float:
    """The same relative to the PD without guarantee; EU guarantees of 50 % at no fee (assumptions)."""
    parts = default_of_guaranteed(guaranteed(parameters, firms, 0.5, 0.0))
    return over(parts["price"] + parts["moral_hazard"], parts["pd_without"] + parts["selection"])


# --- United States: a fee of 0.5 % (assumption)
def bachas_elasticity(parameters: Parameters, firms: pd.DataFrame) -> float:
    """Elasticity of the guaranteed loan to the share guaranteed, between 75 and 85 %: d ln L / d ln g, of the same borrowers."""
    low = guaranteed(parameters, firms, 0.75, 0.005)
    high = guaranteed(parameters, firms, 0.85, 0.005, like=low)
    before, after = firm_by_firm(low)[0], firm_by_firm(high)[0]
    same = before.mass * np.minimum(before["covered_served"], after["covered_served"])
    loans = [
        float((same * each(credit["covered_loan"], credit["covered_served"])).sum())
        for credit in (before, after)
    ]
    return over(float(np.log(over(loans[1], loans[0]))), float(np.log(0.85 / 0.75)))


def cox_shares(parameters: Parameters, firms: pd.DataFrame) -> dict[str, float]:
    """Gains of borrowers and lenders, and what is lost, per unit of the guarantors' claims; 50 % covered at no fee (assumption).

    Guarantors stand for the government, which pays the claims of SBA Express loans, of up to CNY 2.5 m (USD 350,000).
    """
    found = guaranteed(parameters, firms, 0.5, 0.0, {"loan_guarantee.loan_cap": 2.5})
    change = incidence(found).set_index("party")["change"]
    cost = -float(change["public"] + change["guarantors"] + change["province and nation"])
    gains = {name: over(float(change[name]), cost) for name in ("borrowers", "lenders")}
    return {**gains, "lost": 1 - sum(gains.values())}


def cox(part: str) -> Callable[[Parameters, pd.DataFrame], float]:
    """The experiment that gives one of `cox_shares`."""
    return lambda parameters, firms: cox_shares(parameters, firms)[part]


def gropp_loan(parameters: Parameters, firms: pd.DataFrame) -> float:
    """Change of banks' mean loan per percentage point that their rate rises, the cost of funds 0.5 points higher.

    The guarantee that ended was one of the banks' own debts: it made their funds dearer. By how much is not known, but the
    change of the loan per change of the rate does not depend on it to first order. The firms served either way.
    """
    plain = simulate(firms, parameters.replace(TREATED), threads=1)
    market, year = plain.market, plain.years[0]
    cost = float(parameters["market.funding_cost"])
    before, after = (market.run(year.state, Conditions(c, c)) for c in (cost, cost + 0.005))
    same = before.mass * np.minimum(before["bank_served"], after["bank_served"])
    loan0, loan1 = (same * each(c["bank_loan"], c["bank_served"]) for c in (before, after))
    rate0, rate1 = (each(c["bank_interest"], c["bank_loan"]) for c in (before, after))
    rise = over(float((loan0 * (rate1 - rate0)).sum()), float(loan0.sum()))
    return over(over(float(loan1.sum()), float(loan0.sum())) - 1, 100 * rise)


def barrot_default(parameters: Parameters, firms: pd.DataFrame) -> float:
    """Default of hauliers' loans, relative, as customers pay sooner by a third of the credit that the firms seek."""
    hauliers = firms[firms["industry"] == "transport"]
    hauliers = hauliers.assign(overdue_receivables=hauliers["need"] / 3)
    settings = {"arrears_clearance.active": True, "arrears_clearance.cleared_share": 1.0,
                "arrears_clearance.participation": 1.0, "arrears_clearance.eligible_tags": []}  # fmt: skip
    with_, without = totals(simulate(hauliers, parameters.replace({**TREATED, **settings}), threads=1))
    rates = [over(path["defaults"], path["lending"]) for path in (with_, without)]
    return over(rates[0], rates[1]) - 1


def zia_unconstrained(parameters: Parameters, firms: pd.DataFrame) -> float:
    """Share of subsidised lending that the same firms would have had unsubsidised; a subsidy of 1.5 points."""
    return float(additionality(subsidised(parameters, firms, 0.015))["deadweight_share"].iloc[0])


def gale_cost(parameters: Parameters, firms: pd.DataFrame) -> float:
    """Public cost per unit of additional lending to the target group; a subsidy of 1.5 points."""
    found = subsidised(parameters, firms, 0.015)
    with_, without = totals(found)
    cost = sum(found.years[0].outcomes["special_fund"].lines.values())
    return over(cost, with_["lending"] - without["lending"])


# --- China: 80 % of the loss at the premium and subsidy of the scenario
def china(parameters: Parameters, firms: pd.DataFrame) -> Simulation:
    """Chinese guarantee companies with re-guarantee, open to every firm."""
    own = ("national_share", "province_share", "premium_subsidy", "admin_cost", "loan_cap")
    settings = {
        **GUARANTEE,
        **{f"loan_guarantee.{name}": parameters[f"loan_guarantee.{name}"] for name in own},
    }
    return simulate(
        firms, parameters.replace({**TREATED, **settings, "loan_guarantee.share": 0.8}), threads=1
    )


def yu_access(parameters: Parameters, firms: pd.DataFrame) -> float:
    """Rise of the probability that a guaranteed firm has a bank loan: new bank borrowers per guaranteed borrower."""
    with_, without = totals(china(parameters, firms))
    return over(with_["bank_borrowers"] - without["bank_borrowers"], with_["covered_borrowers"])


def yu_amount(parameters: Parameters, firms: pd.DataFrame) -> float:
    """Lending to guaranteed firms, relative to what they would have, new borrowers included."""
    with_, _ = totals(china(parameters, firms))
    return over(with_["programme_lending"], with_["deadweight"]) - 1


EXPERIMENTS: Mapping[str, Experiment] = {
    e.name: e
    for e in (
        Experiment("cowan2015_credit_per_guarantee", "additional credit per unit of guarantee", "number", cowan_credit),
        Experiment("cascarino2022_first_quarter", "additional credit per unit of guarantee", "number", cascarino_first),
        Experiment("cascarino2022_later", "additional credit per unit of guarantee", "number", cascarino_later),
        Experiment("cerulli2021_peak", "share guaranteed with the largest effect per firm", "share", cerulli_peak),
        Experiment("bachas2021_elasticity", "elasticity of the loan to the share guaranteed", "number", bachas_elasticity),
        Experiment("ciani2020_credit", "credit of guaranteed firms", "share", ciani_credit),
        Experiment("ciani2020_rate", "rate of guaranteed firms", "change_rate", ciani_rate),
        Experiment("ciani2020_middle", "effect at middle risk less that at the ends", "change_share", ciani_middle),
        Experiment("deblasio2018_credit", "credit of guaranteed firms at the cut-off", "share", deblasio_credit),
        Experiment("deblasio2018_rate", "rate of guaranteed firms at the cut-off", "change_rate", deblasio_rate),
        Experiment("yu2022_access", "probability of a bank loan", "change_share", yu_access),
        Experiment("yu2022_amount", "credit of guaranteed firms", "share", yu_amount),
        Experiment("gropp2014_loan", "mean loan per point on the rate", "share", gropp_loan),
        Experiment("cowan2015_selection", "PD of firms that select into guarantees", "change_share", cowan_selection),
        Experiment("cowan2015_moral_hazard", "PD of the same firm, guaranteed", "change_share", cowan_moral_hazard),
        Experiment("lelarge2010_default", "PD of guaranteed firms", "change_share", lelarge_default),
        Experiment("eif2019_default", "PD of guaranteed firms, relative", "share", eif_default),
        Experiment("barrot2016_default", "PD of firms that are paid sooner, relative", "share", barrot_default),
        Experiment("cox2021_borrowers", "borrowers' gain per unit of public cost", "number", cox("borrowers")),
        Experiment("cox2021_lenders", "lenders' gain per unit of public cost", "number", cox("lenders")),
        Experiment("cox2021_lost", "lost per unit of public cost", "number", cox("lost")),
        Experiment("zia2008_unconstrained", "subsidised lending that needed no subsidy", "share", zia_unconstrained),
        Experiment("gale1991_cost", "public cost per unit of additional lending", "number", gale_cost),
    )
}  # fmt: skip


def answers(
    parameters: Parameters, firms: pd.DataFrame, names: Iterable[str] = tuple(EXPERIMENTS)
) -> dict[str, float]:
    """The model's own answer to each of the named experiments."""
    return {name: float(EXPERIMENTS[name].run(parameters, firms)) for name in names}
