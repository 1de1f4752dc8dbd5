"""Basel's and Vasicek's published figures, and claims over macro states."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from sme_analysis.instruments.risk_compensation import FundClaims
from sme_analysis.market.macro import (
    STATES,
    ClaimPool,
    basel_correlation,
    conditional_pd,
    irb_capital,
    loss_rate_quantile,
    macro_states,
)

PUBLISHED = Path(__file__).parents[2].parent / "shared" / "data" / "closed_form"
needs_published = pytest.mark.skipif(
    not PUBLISHED.exists(), reason="published figures not beside the checkout"
)


def _corporate(pd_, turnover_eur_m=50.0):
    # the Chinese size adjustment with S in units of 10 million equals Basel's with S from 5 to 50 when both are scaled to [0, 1]
    share = (np.clip(turnover_eur_m, 5, 50) - 5) / 45
    return basel_correlation(pd_, 10 * (3 + 27 * share))


@needs_published
def test_basel_ii_annex_5_risk_weights():
    table = pd.read_csv(PUBLISHED / "basel2_annex5_irb_risk_weights_pct.csv")
    p = np.maximum(table["pd_pct"].to_numpy() / 100, 0.0003)
    for column, lgd, turnover in (("corp_lgd45_m2.5_s50", 0.45, 50.0), ("corp_sme_lgd45_m2.5_s5", 0.45, 5.0)):
        weight = 12.5 * irb_capital(p, lgd, _corporate(p, turnover)) * 100
        assert np.abs(weight - table[column]).max() < 0.0101, column
    w = -np.expm1(-35 * p) / -np.expm1(-35.0)
    retail = 0.03 * w + 0.16 * (1 - w)
    for column, lgd in (("other_retail_lgd45", 0.45), ("other_retail_lgd85", 0.85)):
        weight = 12.5 * irb_capital(p, lgd, retail, maturity=None) * 100
        assert np.abs(weight - table[column]).max() < 0.0101, column


@needs_published
def test_basel_iii_illustrative_risk_weights():
    table = pd.read_csv(PUBLISHED / "basel3_illustrative_irb_risk_weights_pct.csv")
    p = table["pd_pct"].to_numpy() / 100
    for column, turnover in (("corp_lgd40_s50", 50.0), ("corp_sme_lgd40_s5", 5.0)):
        weight = 12.5 * irb_capital(p, 0.40, _corporate(p, turnover)) * 100
        assert np.abs(weight - table[column]).max() < 0.0101, column


@needs_published
def test_vasicek_2002_table_1():
    table = pd.read_csv(PUBLISHED / "vasicek2002_table1.csv")
    z = np.linspace(-10, 10, 400_001)
    density = norm.pdf(z) * (z[1] - z[0])
    for row in table.itertuples():
        rates = conditional_pd(row.p, z, row.rho)
        spread = np.sqrt((density * rates**2).sum() - row.p**2)
        for level in ("0.9", "0.99", "0.999", "0.9999"):
            value = (loss_rate_quantile(row.p, row.rho, float(level)) - row.p) / spread
            # one cell of the table, 31.8, is 31.746 by any method
            assert value == pytest.approx(table.loc[row.Index, f"a{level}"], abs=0.055)


def test_published_example_of_evidence_pack():
    # PD 3 %, 99 %: 6.67 % (rho .03), 10.12 % (.08), 12.59 % (.12)
    for rho, expected in ((0.03, 0.0667), (0.08, 0.1012), (0.12, 0.1259)):
        assert loss_rate_quantile(0.03, rho, 0.99) == pytest.approx(expected, abs=6e-5)


def test_conditional_pds_average_to_the_pd():
    z = macro_states(20_000)
    for p in (0.001, 0.03, 0.2):
        assert conditional_pd(p, z, 0.15).mean() == pytest.approx(p, rel=2e-3)


def _pool(pd_, n=5, correlation=0.1):
    exposure = np.full(n, 2.0)
    return ClaimPool(exposure, exposure * pd_, np.full(n, 3.0), np.full(n, 10.0), correlation)


def test_homogeneous_pool_matches_vasicek_quantiles():
    pool = _pool(0.03)
    for level in (0.95, 0.99, 0.999):
        claims = pool.claims(-norm.ppf(level))[0]
        assert claims == pytest.approx(30.0 * float(loss_rate_quantile(0.03, 0.1, level)), rel=1e-12)
    assert pool.expected == pytest.approx(0.9, rel=1e-14)


def _claims(pd_, unpaid=0.0):
    pool = _pool(pd_)
    return FundClaims(pool, np.full(len(STATES), unpaid), pool.by_state() + unpaid, 0.0)


def test_credibility_is_between_nothing_and_one_and_rises_with_the_fund():
    claims = _claims(0.05)
    values = [claims.credibility(fund) for fund in (0.0, 0.1, 0.5, 1.0, 3.0, 1e9)]
    assert values[0] == 0.0
    assert values[-1] == 1.0
    assert all(0 <= v <= 1 for v in values)
    assert values == sorted(values)


def test_claims_by_state_average_to_the_expected_claims_exactly():
    pool = _pool(0.03)
    assert pool.by_state().mean() == pytest.approx(pool.expected, rel=1e-14)


def test_a_price_of_risk_makes_pds_risk_neutral():
    # E^Q C = exposure x Phi(Phi^-1(p) + lambda sqrt(R)): 30 x Phi(Phi^-1(0.03) + 0.4 sqrt(0.1))
    claims = _claims(0.03)
    neutral = 30 * norm.cdf(norm.ppf(0.03) + 0.4 * np.sqrt(0.1))
    assert claims.paid(1e9, 0.4) == pytest.approx(neutral, rel=3e-3)
    assert claims.paid(1e9) == pytest.approx(claims.expected, rel=1e-12)
    assert claims.paid(1.0, 0.4) <= 1.0


def test_an_empty_pool_claims_nothing():
    pool = ClaimPool(np.zeros(3), np.zeros(3), np.ones(3), np.ones(3), None)
    assert pool.expected == 0
    assert np.all(pool.claims([-2.0, 0.0]) == 0)
