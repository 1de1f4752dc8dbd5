"""The pass over the firms once more, in plain NumPy and SciPy, written from the equations and not from the kernel."""

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from sme_analysis.market.offer import break_even_rate, largest_loss, loss_given_default
from sme_analysis.market.rows import INPUTS, LENDER_SCALARS, OUTPUTS, SCALARS


def credit_limit(a, b, cost, f, keep, kappa, top, ceiling, p):
    """Largest line <= top whose loss is bearable, by bracketing on a fine grid; and the room at the best line."""

    def room(x):
        lgd = loss_given_default(x, kappa, p["lgd_unsecured"], p["lgd_collateral"], p["lgd_floor"])
        c = cost + f / x
        return largest_loss(a, b, c, ceiling) - keep * lgd

    small = p["lgd_collateral"] * kappa / (p["lgd_unsecured"] - p["lgd_floor"])
    small = min(small, top)
    if room(top) > 0:
        return top, max(room(top), room(small))
    if room(small) > 0:
        return brentq(room, small, top, xtol=1e-14), room(small)
    return (small if room(small) > room(top) else top), max(room(small), room(top))


def offer(a, b, cost, f, keep, kappa, top, lend, p, inv_width):
    line, _room = credit_limit(a, b, cost, f, keep, kappa, top, lend["rate_ceiling"], p)
    c_at = cost + f / line
    # the room in units of cost is the room in loss times the PD at the best rate where the room is greatest
    small = min(p["lgd_collateral"] * kappa / (p["lgd_unsecured"] - p["lgd_floor"]), top)
    best = -np.inf
    for x in (small, top):
        c = cost + f / x
        r = min(lend["rate_ceiling"], c + 1 / b)
        lgd = loss_given_default(x, kappa, p["lgd_unsecured"], p["lgd_collateral"], p["lgd_floor"])
        gap = (largest_loss(a, b, c, lend["rate_ceiling"]) - keep * lgd) * expit(a + b * r)
        best = max(best, gap)
    share = np.clip(0.5 + best * inv_width, 0, 1)
    share *= np.clip((line - p["offer_low"]) * p["offer_inverse_width"], 0, 1)
    lgd = loss_given_default(line, kappa, p["lgd_unsecured"], p["lgd_collateral"], p["lgd_floor"])
    rate = break_even_rate(a, b, keep * lgd, c_at)
    rate = min(c_at + 1 / b if np.isnan(rate) else float(rate), lend["rate_ceiling"])
    return line, float(share), rate


def twin_pass(inputs, s, lenders, nodes, inv_widths, policy):
    """Outputs of shape (len(OUTPUTS), n), one firm after another."""
    p = dict(zip(SCALARS, s, strict=True))
    out = np.zeros((len(OUTPUTS), inputs.shape[1]))
    for i in range(inputs.shape[1]):
        x = dict(zip(INPUTS, inputs[:, i], strict=True))
        micro = _lender(
            x,
            p,
            dict(zip(LENDER_SCALARS, lenders[1], strict=True)),
            nodes[1],
            inv_widths[1],
            "micro",
            policy,
            0,
        )
        bank = _lender(
            x,
            p,
            dict(zip(LENDER_SCALARS, lenders[0], strict=True)),
            nodes[0],
            inv_widths[0],
            "bank",
            policy,
            micro["loan0"],
        )
        left, left0 = (1 - bank["served"]) * p["access"], (1 - bank["served0"]) * p["access"]
        for k, name in enumerate(OUTPUTS):
            if name.startswith("bank_"):
                out[k, i] = bank[name[5:]]
            elif name.startswith("micro_"):
                out[k, i] = left * micro[name[6:]]
            else:
                out[k, i] = bank[name] + (left0 if name.endswith("0") else left) * micro[name]
    return out


def _lender(x, p, lend, nodes, inv_widths, kind, policy, fallback):
    keys = [n[5:] for n in OUTPUTS if n.startswith("bank_")] + [
        n for n in OUTPUTS if not n.startswith(("bank_", "micro_"))
    ]
    total = dict.fromkeys(keys, 0.0)
    f0 = lend["fixed_cost"] / x["need"]
    f = f0 * x["fixed_cost_factor"]
    chi = x["relief"]
    a, b = x[f"{kind}_a"], x[f"{kind}_b"]
    ref = p["reference_rate"]

    def draw(line, rate, premium=0.0):
        price = rate + premium - x["subsidy"] * policy
        return min(line, np.exp(-p["demand_semi_elasticity"] * (price - ref)))

    def value(y):
        """The area under the inverse demand r(y) = ref - ln(y)/e from 0 to y, by its antiderivative."""
        if y <= 0:
            return 0.0
        return y * p["value_per_unit"] - y * np.log(y) * p["inverse_elasticity"]

    for xi, inv_width in zip(nodes, inv_widths, strict=True):
        w = 1 / len(nodes)
        base = p["capital_charge"] + xi
        x0, s0, r0 = offer(
            x[f"{kind}_a0"],
            lend["b0"],
            lend["cost0"] + base,
            f0,
            1,
            x["collateral0"],
            1.0,
            lend,
            p,
            inv_width,
        )
        l0 = s0 * min(x0, np.exp(-p["demand_semi_elasticity"] * (r0 - ref)))
        total["served0"] += w * s0
        total["loan0"] += w * l0
        if policy:
            xn, sn, rn = offer(
                a,
                b,
                lend["cost"] + base - x[f"{kind}_reward"],
                f,
                1,
                x["collateral"],
                1.0,
                lend,
                p,
                inv_width,
            )
        else:
            xn, sn, rn = x0, s0, r0

        def pay(rate, s0=s0, r0=r0):
            held = p["pass_through"] * p["reward_withheld"] * x[f"{kind}_reward"] * policy
            return rate + s0 * ((1 - p["pass_through"]) * (r0 - rate) + held)

        options = [(1.0, xn, sn, rn, False)]
        before = expit(x["quality"] + p["rate_sensitivity"] * (pay(rn) - ref))
        if policy and chi > 0:
            cost_e = (
                lend["cost"]
                + base
                - x[f"{kind}_reward"]
                - p["capital_charge"] * p["capital_relief"] * chi
                + x["fee"]
            )
            mu = p["monitoring"] * chi * b / p["rate_sensitivity"]
            xe, se, re = offer(
                a + mu, b, cost_e, f, 1 - chi, x["collateral"], x["cover_top"], lend, p, inv_width
            )
            charged = [pay(r) for r in (rn, re)]
            ln, le = sn * draw(xn, charged[0]), se * draw(xe, charged[1], x["premium"])
            cheaper = (rn - re - x["premium"]) * min(ln, le)
            gain = (p["surplus_per_unit"] * (le - ln) + cheaper) * x["need"]
            choose = float(np.clip(gain * x["inverse_paperwork"], 0, 1))
            e = choose * x["enrol"]
            options = [(1 - e, xn, sn, rn, False), (e, xe, se, re, True)]
            # those whose paperwork t, uniform on [0, 2 m], is below the gain enrol: the integral of t over them is m choose^2
            mean = 1 / (2 * x["inverse_paperwork"])
            total["paperwork"] += w * x["enrol"] * mean * choose**2 / x["need"]
            total["coverable_loan"] += w * choose * le
            both = min(s0, se)
            would = (l0 * both / s0 if s0 > 0 else 0.0) + (se - both) * p["access"] * fallback
            total["covered_deadweight"] += w * e * would
        for share, line, served, rate, enrolled in options:
            q = w * share
            premium = x["premium"] if enrolled else 0.0
            r = pay(rate)
            y = draw(line, r, premium)
            watched = x["quality"] + p["rate_sensitivity"] * (r - ref)
            pd = expit(watched + (p["monitoring"] * chi if enrolled else 0.0))
            lgd = loss_given_default(
                y, x["collateral"], p["lgd_unsecured"], p["lgd_collateral"], p["lgd_floor"]
            )
            loan = served * y
            cost = lend["cost"] + base
            own = pd * lgd
            if enrolled:
                cost += x["fee"] - p["capital_charge"] * p["capital_relief"] * chi
                own *= 1 - x["relief_paid"]
            total["served"] += q * served
            total["loan"] += q * loan
            total["interest"] += q * loan * r
            total["unpaid"] += q * loan * r * pd
            total["effective_interest"] += q * loan * (r + premium - x["subsidy"] * policy)
            total["value"] += q * served * value(y)
            total["default"] += q * loan * pd
            total["loss"] += q * loan * pd * lgd
            total["profit"] += q * (loan * (r * (1 - pd) - own - cost) - served * f)
            if enrolled:
                total["covered_served"] += q * served
                total["covered_loan"] += q * loan
                total["covered_default"] += q * loan * pd
                total["covered_default_before"] += q * loan * before
                total["covered_default_monitored"] += q * loan * expit(watched)
                total["covered_loss_if_default"] += q * loan * lgd
                total["covered_loss"] += q * loan * pd * lgd
    return total
