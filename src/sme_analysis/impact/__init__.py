"""The policy against the counterfactual: effects, additionality, public cost, solvency of the fund, responses to a parameter."""

from sme_analysis.impact.additionality import additionality, programme_table
from sme_analysis.impact.assess import Assessment, assess
from sme_analysis.impact.effects import effects, headline, ratios, same_results
from sme_analysis.impact.public_cost import cost_table, discount_factors, flows, fund_account, value_for_money
from sme_analysis.impact.response import response
from sme_analysis.impact.solvency import Solvency, solvency

__all__ = [
    "Assessment",
    "Solvency",
    "additionality",
    "assess",
    "cost_table",
    "discount_factors",
    "effects",
    "flows",
    "fund_account",
    "headline",
    "programme_table",
    "ratios",
    "response",
    "same_results",
    "solvency",
    "value_for_money",
]
