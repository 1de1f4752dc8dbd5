"""One pass over the firms: what each would be offered, accept, borrow and repay.

The kernel works on blocks of firms held in one flat scratch buffer with rows of fixed length, so that every
inner loop runs over one base pointer with constant row distances: LLVM then vectorises it without run-time
overlap checks. `exp` and Lambert's function are branch-free polynomials for the same reason. No `fastmath`:
each firm's result depends on its own inputs alone, hence the same bytes on any number of threads.

All quantities are per unit of the firm's need D; the caller multiplies. Section numbers refer to the
explanation in ``docs/model.md``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from sme_analysis.market.closed_form import (
    clip01,
    exp,
    line_at_ceiling,
    line_below_ceiling,
    log,
    loss_given_default,
    rate_of,
)
from sme_analysis.market.compiled import compiled
from sme_analysis.market.rows import BLOCK, INPUTS, PER_LENDER, ROW

# rows of the scratch buffer, as offsets of constant distance
(_D, _K, _K0, _Q, _AB, _BB, _AB0, _AM, _BM, _AM0, _CHI, _PAID, _PREM, _FEE, _IPW, _ENR, _CAP, _RB, _RM, _SUB, _FCF) = (
    ROW * k for k in range(len(INPUTS))
)  # fmt: skip
_W = ROW * len(INPUTS)
# one group of five rows an offer: A, B, 1/B, F/D, (1 - p)/p at the ceiling; then the offer's line, served share, rate
(_A0, _B0, _IB0, _F0, _O0, _X0, _S0, _R0) = (_W + ROW * k for k in range(8))
(_A, _B, _IB, _F, _O, _XN, _SN, _RN) = (_W + ROW * k for k in range(8, 16))
(_AE, _BE, _IBE, _FE, _OE, _XE, _SE, _RE) = (_W + ROW * k for k in range(16, 24))
(_ZERO, _ONE, _REW) = (_W + ROW * k for k in range(24, 27))
_C = _W + ROW * 27  # accumulators of the lender at hand
(_SRV, _LOAN, _INT, _DEF, _LOSS, _PROF, _UNP, _SRV0, _LOAN0, _EFF, _VAL) = (_C + ROW * k for k in range(11))
(_CSRV, _CLOAN, _CDEF, _CIF, _CLOSS, _CPOT, _CDW, _PAP, _CDEFN, _CDEFM) = (
    _C + ROW * k for k in range(11, 21)
)
N_ACC = 21
_M = _C + ROW * N_ACC  # the micro-lender's accumulators, kept while the bank is worked out
_SHIFT = _M - _C
N_SCRATCH = _M + ROW * N_ACC

_inline = njit(error_model="numpy", forceinline=True)


@_inline
def _quote(
    buf: Any, s: Any, cost: float, ceiling: float, inv_width: float, binds: bool,
    group: int, collateral: int, reward: int, fee: int, chi: int, top: int,
) -> None:  # fmt: skip
    """One node's offers to the block: line, share of the node's lenders that serve the firm, break-even rate."""
    unsecured, gamma, floor = s[4], s[5], s[6]
    relief, lo, inv_2w = s[8] * s[9], s[11], s[12]
    for j in range(BLOCK):
        a = buf[group + j]
        b = buf[group + ROW + j]
        inv_b = buf[group + 2 * ROW + j]
        f = buf[group + 3 * ROW + j]
        pledged = gamma * buf[collateral + j]
        c = cost + buf[fee + j] - buf[reward + j] - relief * buf[chi + j]
        keep = 1.0 - buf[chi + j]
        if binds:
            line, share = line_at_ceiling(
                c,
                f,
                keep,
                pledged,
                buf[top + j],
                ceiling,
                buf[group + 4 * ROW + j],
                unsecured,
                floor,
                inv_width,
            )
        else:
            line, share = line_below_ceiling(
                a, b, inv_b, c, f, keep, pledged, buf[top + j], ceiling, unsecured, floor, inv_width
            )
        buf[group + 5 * ROW + j] = line
        buf[group + 6 * ROW + j] = share * clip01((line - lo) * inv_2w)
        buf[group + 7 * ROW + j] = rate_of(a, b, inv_b, c, f, keep, pledged, line, ceiling, unsecured, floor)


@_inline
def _offers(
    buf: Any, s: Any, lend: Any, xi: float, inv_width: float, binds: bool, has_n: bool, has_e: bool,
    kept: Any, mode: int, row: int, start: int, m: int,
) -> None:  # fmt: skip
    """Offers of one node: 0 without policy, N with levers but uncovered, E enrolled in risk sharing.

    Offers without policy do not change while a year is solved: they are kept (mode 1) and read again (mode 2).
    """
    k, ceiling = s[8], lend[3]
    if mode == 2:
        for r in range(3):
            for j in range(m):
                buf[_X0 + r * ROW + j] = kept[row + r, start + j]
            for j in range(m, BLOCK):
                buf[_X0 + r * ROW + j] = kept[row + r, start]
    else:
        _quote(buf, s, lend[1] + k + xi, ceiling, inv_width, binds, _A0, _K0, _ZERO, _ZERO, _ZERO, _ONE)
    if mode == 1:
        for r in range(3):
            for j in range(m):
                kept[row + r, start + j] = buf[_X0 + r * ROW + j]
    if has_n:
        _quote(buf, s, lend[0] + k + xi, ceiling, inv_width, binds, _A, _K, _REW, _ZERO, _ZERO, _ONE)
    else:
        for j in range(3 * ROW):
            buf[_XN + j] = buf[_X0 + j]
    if has_e:
        _quote(buf, s, lend[0] + k + xi, ceiling, inv_width, binds, _AE, _K, _REW, _FEE, _CHI, _CAP)


@_inline
def _settle(buf: Any, s: Any, lend: Any, xi: float, has_e: bool, weight: float) -> None:
    """Add one node's outcomes: what is drawn at the rate charged, its default, loss and the lender's result."""
    slope, ref, elasticity = s[0], s[1], s[2]
    unsecured, gamma, floor, theta = s[4], s[5], s[6], s[10]
    per_log, per_unit = s[13], s[14]
    withheld = theta * s[15]
    cost = lend[0] + s[8] + xi
    for j in range(BLOCK):
        x0, s0, r0 = buf[_X0 + j], buf[_S0 + j], buf[_R0 + j]
        d0 = exp(elasticity * (ref - r0))
        l0 = s0 * (d0 if d0 < x0 else x0)
        buf[_SRV0 + j] += weight * s0
        buf[_LOAN0 + j] += weight * l0
        xn, sn, rn_even = buf[_XN + j], buf[_SN + j], buf[_RN + j]
        rn = rn_even + s0 * ((1.0 - theta) * (r0 - rn_even) + withheld * buf[_REW + j])
        wish = elasticity * (ref - rn + buf[_SUB + j])
        dn = exp(wish)
        yn = dn if dn < xn else xn
        ln = sn * yn
        edge = log(xn)
        vn = ln * (per_unit - per_log * (wish if wish < edge else edge))
        pn = 1.0 / (1.0 + exp(-(buf[_Q + j] + slope * (rn - ref))))
        lossn = pn * loss_given_default(yn, unsecured, gamma * buf[_K + j], floor)
        profn = ln * (rn * (1.0 - pn) - lossn - cost) - sn * buf[_F + j]
        if has_e:
            chi, xe, se, re_even = buf[_CHI + j], buf[_XE + j], buf[_SE + j], buf[_RE + j]
            premium = buf[_PREM + j]
            re = re_even + s0 * ((1.0 - theta) * (r0 - re_even) + withheld * buf[_REW + j])
            wish = elasticity * (ref - re - premium + buf[_SUB + j])
            de = exp(wish)
            ye = de if de < xe else xe
            le = se * ye
            edge = log(xe)
            ve = le * (per_unit - per_log * (wish if wish < edge else edge))
            risk = buf[_Q + j] + slope * (re - ref)
            pm = 1.0 / (1.0 + exp(-risk))
            pe = 1.0 / (1.0 + exp(-(risk + s[7] * chi)))
            lgd = loss_given_default(ye, unsecured, gamma * buf[_K + j], floor)
            losse = pe * lgd
            own = losse * (1.0 - buf[_PAID + j])
            cost_e = cost + buf[_FEE + j] - s[8] * s[9] * chi
            profe = le * (re * (1.0 - pe) - own - cost_e) - se * buf[_F + j]
            smaller = ln if ln < le else le
            gain = (s[3] * (le - ln) + (rn_even - re_even - premium) * smaller) * buf[_D + j]
            choose = clip01(gain * buf[_IPW + j])
            e = weight * choose * buf[_ENR + j]
            n = weight - e
            both = s0 if s0 < se else se
            would = (l0 * both / (s0 if s0 > 1e-300 else 1e-300)) + (se - both) * s[16] * buf[
                _M + ROW * (PER_LENDER + 1) + j
            ]
            buf[_CSRV + j] += e * se
            buf[_CLOAN + j] += e * le
            buf[_CDEF + j] += e * le * pe
            buf[_CIF + j] += e * le * lgd
            buf[_CLOSS + j] += e * le * losse
            buf[_CPOT + j] += weight * choose * le
            buf[_CDW + j] += e * would
            buf[_PAP + j] += 0.5 * e * choose / (buf[_IPW + j] * buf[_D + j])
            buf[_CDEFN + j] += e * le * pn
            buf[_CDEFM + j] += e * le * pm
            buf[_SRV + j] += n * sn + e * se
            buf[_LOAN + j] += n * ln + e * le
            buf[_INT + j] += n * ln * rn + e * le * re
            buf[_UNP + j] += n * ln * rn * pn + e * le * re * pe
            buf[_EFF + j] += n * ln * (rn - buf[_SUB + j]) + e * le * (re + premium - buf[_SUB + j])
            buf[_VAL + j] += n * vn + e * ve
            buf[_DEF + j] += n * ln * pn + e * le * pe
            buf[_LOSS + j] += n * ln * lossn + e * le * losse
            buf[_PROF + j] += n * profn + e * profe
        else:
            buf[_SRV + j] += weight * sn
            buf[_LOAN + j] += weight * ln
            buf[_INT + j] += weight * ln * rn
            buf[_UNP + j] += weight * ln * rn * pn
            buf[_EFF + j] += weight * ln * (rn - buf[_SUB + j])
            buf[_VAL + j] += weight * vn
            buf[_DEF + j] += weight * ln * pn
            buf[_LOSS + j] += weight * ln * lossn
            buf[_PROF + j] += weight * profn


@_inline
def _lender(
    buf: Any, s: Any, lend: Any, nodes: Any, inv_widths: Any, a_row: int, a0_row: int, reward_row: int,
    has_n: bool, has_e: bool, kept: Any, mode: int, row: int, start: int, m: int,
) -> None:  # fmt: skip
    """All nodes of one lender kind, into its accumulators; `a_row` and the row after it hold A and B."""
    fixed, ceiling, b0 = lend[2], lend[3], lend[4]
    mu = s[7] / s[0]
    lowest = 1.0e300
    for j in range(BLOCK):
        b = buf[a_row + ROW + j]
        chi = buf[_CHI + j]
        buf[_A0 + j] = buf[a0_row + j]
        buf[_B0 + j] = b0
        buf[_IB0 + j] = 1.0 / b0
        buf[_F0 + j] = fixed / buf[_D + j]
        buf[_O0 + j] = exp(-buf[a0_row + j] - b0 * ceiling)
        buf[_A + j] = buf[a_row + j]
        buf[_B + j] = b
        buf[_IB + j] = 1.0 / b
        buf[_F + j] = fixed / buf[_D + j] * buf[_FCF + j]
        buf[_O + j] = exp(-buf[a_row + j] - b * ceiling)
        buf[_AE + j] = buf[a_row + j] + mu * b * chi
        buf[_BE + j] = b
        buf[_IBE + j] = 1.0 / b
        buf[_FE + j] = buf[_F + j]
        buf[_OE + j] = exp(-buf[_AE + j] - b * ceiling)
        buf[_REW + j] = buf[reward_row + j]
    for j in range(BLOCK):
        cheapest = lend[0] if lend[0] < lend[1] else lend[1]
        inv_b = buf[_IB + j] if buf[_IB + j] < buf[_IB0 + j] else buf[_IB0 + j]
        tangency = cheapest + inv_b - buf[_REW + j] - s[8] * s[9] * buf[_CHI + j]
        lowest = lowest if lowest < tangency else tangency
    for r in range(N_ACC * ROW):
        buf[_C + r] = 0.0
    weight = 1.0 / len(nodes)
    for q in range(len(nodes)):
        if lowest + s[8] + nodes[q] >= ceiling:
            _offers(
                buf, s, lend, nodes[q], inv_widths[q], True, has_n, has_e, kept, mode, row + 3 * q, start, m
            )
        else:
            _offers(
                buf, s, lend, nodes[q], inv_widths[q], False, has_n, has_e, kept, mode, row + 3 * q, start, m
            )
        if has_e:
            _settle(buf, s, lend, nodes[q], True, weight)
        else:
            _settle(buf, s, lend, nodes[q], False, weight)


@compiled
def credit_pass(
    inputs: Any, out: Any, first: int, last: int, s: Any, lend: Any, nodes: Any, inv_widths: Any, policy: bool,
    kept: Any, mode: int,
) -> None:  # fmt: skip
    """Fill `out[:, first:last]` from `inputs[:, first:last]`; `first` is a multiple of BLOCK.

    Parameters
    ----------
    inputs, out : float64 arrays of shape (len(INPUTS), n) and (len(OUTPUTS), n)
    s : float64 array (len(SCALARS),); `lend` : (2, len(LENDER_SCALARS)) for bank and micro-lender
    nodes, inv_widths : (2, Q) idiosyncratic costs of a lender kind and the inverse widths of their cells
    policy : False on the counterfactual path, where only the offer without policy is worked out
    kept : (6 Q, n) offers without policy, written with mode 1 and read with mode 2; not touched with mode 0
    """
    buf = np.zeros(N_SCRATCH)
    for j in range(BLOCK):
        buf[_ONE + j] = 1.0
    for start in range(first, last, BLOCK):
        m = min(BLOCK, last - start)
        has_e = False
        for k in range(inputs.shape[0]):
            for j in range(m):
                buf[k * ROW + j] = inputs[k, start + j]
            for j in range(m, BLOCK):
                buf[k * ROW + j] = inputs[k, start]
        if policy:
            for j in range(m):
                has_e = has_e or buf[_CHI + j] > 0.0
        for r in range(N_ACC * ROW):
            buf[_M + r] = 0.0
        _lender(
            buf,
            s,
            lend[1],
            nodes[1],
            inv_widths[1],
            _AM,
            _AM0,
            _RM,
            policy,
            has_e,
            kept,
            mode,
            3 * nodes.shape[1],
            start,
            m,
        )
        for r in range(N_ACC * ROW):
            buf[_M + r] = buf[_C + r]
        _lender(
            buf, s, lend[0], nodes[0], inv_widths[0], _AB, _AB0, _RB, policy, has_e, kept, mode, 0, start, m
        )
        access = s[16]
        for j in range(m):
            i = start + j
            left = (1.0 - buf[_SRV + j]) * access
            left0 = (1.0 - buf[_SRV0 + j]) * access
            for k in range(PER_LENDER):
                out[k, i] = buf[_C + k * ROW + j]
                out[PER_LENDER + k, i] = left * buf[_M + k * ROW + j]
            for k in range(2):
                row = PER_LENDER + k
                out[PER_LENDER + row, i] = buf[_C + row * ROW + j] + left0 * buf[_M + row * ROW + j]
            for k in range(PER_LENDER + 2, N_ACC):
                out[PER_LENDER + k, i] = buf[_C + k * ROW + j] + left * buf[_M + k * ROW + j]
