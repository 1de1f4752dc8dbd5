"""Who is affected: the firm table and the synthetic sample with weights."""

from sme_analysis.firms.synthetic import synthetic_firms
from sme_analysis.firms.table import FIRM_SCHEMA, check_firms

__all__ = ["FIRM_SCHEMA", "check_firms", "synthetic_firms"]
