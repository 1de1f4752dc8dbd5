"""The policy against the counterfactual: effects, additionality, public cost, incidence, solvency, attribution."""

from sme_analysis.impact.additionality import additionality, programme_table
from sme_analysis.impact.assess import Assessment, assess
from sme_analysis.impact.attribution import Attribution, attribution, players_of
from sme_analysis.impact.checks import AccountsDoNotClose, checks
from sme_analysis.impact.defaults import default_parts
from sme_analysis.impact.effects import effects, headline, ratios, same_results
from sme_analysis.impact.incidence import incidence, payments, who_gets_a_yuan
from sme_analysis.impact.public_cost import (
    cost_measures,
    cost_table,
    discount_factors,
    flows,
    fund_account,
    value_for_money,
)
from sme_analysis.impact.real_effects import gross_to_net, real_effects
from sme_analysis.impact.response import response
from sme_analysis.impact.solvency import Solvency, smallest_fund, solvency

__all__ = [
    "AccountsDoNotClose",
    "Assessment",
    "Attribution",
    "Solvency",
    "additionality",
    "assess",
    "attribution",
    "checks",
    "cost_measures",
    "cost_table",
    "default_parts",
    "discount_factors",
    "effects",
    "flows",
    "fund_account",
    "gross_to_net",
    "headline",
    "incidence",
    "payments",
    "players_of",
    "programme_table",
    "ratios",
    "real_effects",
    "response",
    "same_results",
    "smallest_fund",
    "solvency",
    "value_for_money",
    "who_gets_a_yuan",
]
