"""What a lender offers, in scalar functions that compile to vector code.

`exp` and Lambert's function are branch-free polynomials, and every choice is a select, so that a loop over firms
that calls these functions is turned into vector instructions by LLVM. Quantities are per unit of the firm's need.
The same equations with SciPy's functions, for reading and for figures, are in `sme_analysis.market.offer`.
"""

from __future__ import annotations

import math
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, overload

_LOG2E = 1.4426950408889634
_LN2_HI = 6.93147180369123816490e-01
_LN2_LO = 1.90821492927058770002e-10
_MAGIC = 6755399441055744.0  # 1.5 x 2**52: adding it leaves the nearest integer in the low bits
_INV_E = 0.36787944117144233
_E = 2.718281828459045
_SQRT2 = 1.4142135623730951


@intrinsic
def _scale_bits(typingctx: Any, shifted: Any) -> Any:
    """2**k from the float k + 1.5 x 2**52, by moving the low bits of its mantissa into the exponent."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        i64 = ir.IntType(64)
        bits = builder.bitcast(args[0], i64)
        bits = builder.shl(bits, ir.Constant(i64, 52))
        bits = builder.add(bits, ir.Constant(i64, 1023 << 52))
        return builder.bitcast(bits, ir.DoubleType())

    return types.float64(types.float64), codegen


def _power_of_two(shifted: Any) -> Any:
    return math.ldexp(1.0, int(shifted - _MAGIC))


@overload(_power_of_two)
def _power_of_two_compiled(shifted: Any) -> Any:
    def implementation(shifted: Any) -> Any:
        return _scale_bits(shifted)  # type: ignore[call-arg]

    return implementation


@intrinsic
def _fma_bits(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fma(*args)

    return types.float64(types.float64, types.float64, types.float64), codegen


def fma(a: float, b: float, c: float) -> float:
    """A b + c, rounded once when compiled: half the instructions, and the same bytes on every machine."""
    return a * b + c


@overload(fma)
def _fma_compiled(a: Any, b: Any, c: Any) -> Any:
    def implementation(a: Any, b: Any, c: Any) -> Any:
        return _fma_bits(a, b, c)  # type: ignore[call-arg]

    return implementation


@intrinsic
def _exponent_bits(typingctx: Any, x: Any) -> Any:
    """Exponent k of x = m 2**k as a float, read off its bits (2**52 + k + 1023 less 2**52 + 1023)."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        i64 = ir.IntType(64)
        bits = builder.lshr(builder.bitcast(args[0], i64), ir.Constant(i64, 52))
        bits = builder.or_(bits, ir.Constant(i64, 0x4330000000000000))
        large = builder.bitcast(bits, ir.DoubleType())
        return builder.fsub(large, ir.Constant(ir.DoubleType(), 4503599627370496.0 + 1023.0))

    return types.float64(types.float64), codegen


@intrinsic
def _mantissa_bits(typingctx: Any, x: Any) -> Any:
    """Mantissa m in [1, 2) of x = m 2**k."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        i64 = ir.IntType(64)
        bits = builder.and_(builder.bitcast(args[0], i64), ir.Constant(i64, 0x000FFFFFFFFFFFFF))
        bits = builder.or_(bits, ir.Constant(i64, 0x3FF0000000000000))
        return builder.bitcast(bits, ir.DoubleType())

    return types.float64(types.float64), codegen


def _exponent(x: Any) -> Any:
    return float(math.frexp(x)[1] - 1)


@overload(_exponent)
def _exponent_compiled(x: Any) -> Any:
    def implementation(x: Any) -> Any:
        return _exponent_bits(x)  # type: ignore[call-arg]

    return implementation


def _mantissa(x: Any) -> Any:
    return 2.0 * math.frexp(x)[0]


@overload(_mantissa)
def _mantissa_compiled(x: Any) -> Any:
    def implementation(x: Any) -> Any:
        return _mantissa_bits(x)  # type: ignore[call-arg]

    return implementation


_scalar = njit(error_model="numpy", forceinline=True)


@_scalar
def exp(x: float) -> float:
    """e**x for abs(x) < 700, within 2 units in the last place: reduction by ln 2, Chebyshev series to degree 11."""
    shifted = fma(x, _LOG2E, _MAGIC)
    k = shifted - _MAGIC
    f = fma(-k, _LN2_LO, fma(-k, _LN2_HI, x))
    p = 2.5114882786996687e-08
    p = fma(p, f, 2.763265575933203e-07)
    p = fma(p, f, 2.755722491836887e-06)
    p = fma(p, f, 2.480148543844738e-05)
    p = fma(p, f, 0.00019841269909260645)
    p = fma(p, f, 0.0013888888952356135)
    p = fma(p, f, 0.008333333333309507)
    p = fma(p, f, 0.04166666666648794)
    p = fma(p, f, 0.16666666666666702)
    p = fma(p, f, 0.5000000000000019)
    p = fma(p, f, 1.0)
    p = fma(p, f, 1.0)
    value: float = p * _power_of_two(shifted)
    return value


@_scalar
def log(x: float) -> float:
    """Natural logarithm of a normal x > 0, within 2 units in the last place: ln x = k ln 2 + 2 artanh((m - 1)/(m + 1)).

    x = m 2**k with m in [1, 2), taken relative to sqrt 2 so that the series in the square of at most 0.172 ends at degree 21.
    """
    m = _mantissa(x)
    s = (m - _SQRT2) / (m + _SQRT2)
    t = s * s
    p = 1.0 / 21.0
    p = fma(p, t, 1.0 / 19.0)
    p = fma(p, t, 1.0 / 17.0)
    p = fma(p, t, 1.0 / 15.0)
    p = fma(p, t, 1.0 / 13.0)
    p = fma(p, t, 1.0 / 11.0)
    p = fma(p, t, 1.0 / 9.0)
    p = fma(p, t, 1.0 / 7.0)
    p = fma(p, t, 1.0 / 5.0)
    p = fma(p, t, 1.0 / 3.0)
    p = fma(p, t, 1.0)
    k = _exponent(x) + 0.5
    return fma(k, _LN2_LO, fma(k, _LN2_HI, 2.0 * s * p))


@_scalar
def lambert_w0(y: float) -> float:
    """W0(-y) for 0 <= y <= 1/e, within 2e-16; larger y is taken as 1/e (the branch point, W = -1).

    W0 is analytic in sqrt(1 - e y) with its nearest singularity at -1, so a Chebyshev expansion of degree 20
    over [0, 1] is exact to rounding: no iteration and no exponential.
    """
    u = fma(-_E, y, 1.0)
    u = u if u > 0.0 else 0.0
    t = 2.0 * math.sqrt(u) - 1.0
    w = -3.0828837651284416e-11
    w = fma(w, t, 9.473973190873852e-11)
    w = fma(w, t, -1.3784619726553631e-10)
    w = fma(w, t, 4.528285216460187e-10)
    w = fma(w, t, -1.8153815431297094e-09)
    w = fma(w, t, 5.793500304698733e-09)
    w = fma(w, t, -1.8203902744388397e-08)
    w = fma(w, t, 5.9023388888400696e-08)
    w = fma(w, t, -1.9282516338935086e-07)
    w = fma(w, t, 6.333699875118111e-07)
    w = fma(w, t, -2.098673264743769e-06)
    w = fma(w, t, 7.029067290154923e-06)
    w = fma(w, t, -2.3855207364702447e-05)
    w = fma(w, t, 8.232914324058892e-05)
    w = fma(w, t, -0.00029046440814194726)
    w = fma(w, t, 0.0010562201356557031)
    w = fma(w, t, -0.004013459409228517)
    w = fma(w, t, 0.016355445599242707)
    w = fma(w, t, -0.07580130831485446)
    w = fma(w, t, 0.4824982773201259)
    return fma(w, t, -0.4198686009740229)


@_scalar
def clip01(x: float) -> float:
    """The nearest value in [0, 1]."""
    x = x if x > 0.0 else 0.0
    return x if x < 1.0 else 1.0


@_scalar
def loss_given_default(x: float, unsecured: float, pledged: float, floor: float) -> float:
    """LGD of a loan of x per unit of need; `pledged` = lgd_collateral x kappa."""
    lgd = unsecured - pledged / (x if x > 1e-9 else 1e-9)
    return lgd if lgd > floor else floor


@_scalar
def odds_at(a: float, b: float, inv_b: float, cost: float, ceiling: float) -> tuple[float, float]:
    """The rate that bears the largest loss, min(ceiling, cost + 1/B), and (1 - p)/p there."""
    best = cost + inv_b
    best = best if best < ceiling else ceiling
    return best, exp(-a - b * best)


@_scalar
def rate_of(
    a: float, b: float, inv_b: float, cost: float, f: float, keep: float, pledged: float,
    line: float, ceiling: float, unsecured: float, floor: float,
) -> float:  # fmt: skip
    """The lender's break-even rate at the line: c - W0(-B (l + c) e^(A + B c))/B, at most the ceiling."""
    c = cost + f / line
    loss = keep * loss_given_default(line, unsecured, pledged, floor)
    y = b * (loss + c) * exp(a + b * c)
    y = y if y < _INV_E else _INV_E
    rate = c - lambert_w0(y) * inv_b
    return rate if rate < ceiling else ceiling


@_scalar
def line_at_ceiling(
    cost: float, f: float, keep: float, pledged: float, top: float, ceiling: float, odds: float,
    unsecured: float, floor: float, inv_width: float,
) -> tuple[float, float]:  # fmt: skip
    """Largest line (per unit of need) that breaks even under a ceiling that binds, and the share of lenders that offer it.

    With the ceiling binding the largest bearable loss is (r - c) odds - c, linear in F/L: the fixed point in
    the line is linear too and solved exactly. The node stands for a cell of lenders whose cost differs by 1/inv_width:
    those for whom the best loan still pays make the offer, so that supply has no jump.
    """
    bearable = (ceiling - cost) * odds - cost
    fixed = f * (1.0 + odds)
    small = pledged / (unsecured - floor)
    small = small if small < top else top
    room_small = bearable - fixed / small - keep * loss_given_default(small, unsecured, pledged, floor)
    room_top = bearable - fixed / top - keep * loss_given_default(top, unsecured, pledged, floor)
    slope = keep * unsecured - bearable
    limit = (keep * pledged - fixed) / (slope if slope > 1e-12 else 1e-12)
    limit = limit if limit < top else top
    limit = limit if limit > small else small
    best = room_small if room_small > room_top else room_top
    line = limit if room_small > 0.0 else (small if room_small > room_top else top)
    line = top if room_top > 0.0 else line
    return line, clip01(0.5 + best / (1.0 + odds) * inv_width)


@_scalar
def line_below_ceiling(
    a: float, b: float, inv_b: float, cost: float, f: float, keep: float, pledged: float, top: float,
    ceiling: float, unsecured: float, floor: float, inv_width: float,
) -> tuple[float, float]:  # fmt: skip
    """The same where the tangency rate c + 1/B may lie below the ceiling.

    L x (loss - bearable loss) is concave in L, so Newton's method from the smallest line rises to the limit and
    every iterate can be offered; six steps reach rounding.
    """
    small = pledged / (unsecured - floor)
    small = small if small < top else top
    best_s, odds_s = odds_at(a, b, inv_b, cost + f / small, ceiling)
    c_s = cost + f / small
    room_small = (best_s - c_s) * odds_s - c_s - keep * loss_given_default(small, unsecured, pledged, floor)
    best_t, odds_t = odds_at(a, b, inv_b, cost + f / top, ceiling)
    c_t = cost + f / top
    room_top = (best_t - c_t) * odds_t - c_t - keep * loss_given_default(top, unsecured, pledged, floor)
    line = small
    odds = odds_s
    bearable = (best_s - c_s) * odds_s - c_s
    for _ in range(6):
        gap = line * (keep * unsecured - bearable) - keep * pledged
        slope = keep * unsecured - bearable - f / line * (1.0 + odds)
        line = line - gap / (slope if slope > 1e-12 else 1e-12)
        line = line if line < top else top
        line = line if line > small else small
        c = cost + f / line
        best, odds = odds_at(a, b, inv_b, c, ceiling)
        bearable = (best - c) * odds - c
    room = room_small / (1.0 + odds_s) if room_small > room_top else room_top / (1.0 + odds_t)
    line = line if room_small > 0.0 else (small if room_small > room_top else top)
    line = top if room_top > 0.0 else line
    return line, clip01(0.5 + room * inv_width)
