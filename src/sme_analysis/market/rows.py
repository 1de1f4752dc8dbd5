"""Names of the rows that go into a pass over the firms and come out of it."""

BLOCK = 256  # firms worked on together: the scratch rows in use stay in the first- and second-level cache
ROW = (
    BLOCK + 8
)  # distance of the rows, no power of two: rows at 2 KiB would all fall into the same cache sets

# --- rows of the per-firm input array, shape (len(INPUTS), n) -------------------------------------------------
INPUTS = (
    "need",  # D, CNY million
    "collateral",  # kappa with levers: pledgeable value / need
    "collateral0",  # kappa without levers
    "quality",  # a with levers: logit of the one-year PD at the reference rate
    "bank_a",  # A of the bank with levers (section 2), before monitoring
    "bank_b",  # B of the bank with levers
    "bank_a0",  # A of the bank without levers
    "micro_a",
    "micro_b",
    "micro_a0",
    "relief",  # chi: share of the loss that the lender counts on others to bear, once enrolled in risk sharing
    "relief_paid",  # the same as others will bear it in expectation
    "premium",  # guarantee or insurance premium that the firm pays on an enrolled loan, net of subsidy
    "fee",  # charged to the lender on an enrolled loan
    "inverse_paperwork",  # 1 / (2 x paperwork), per CNY million: paperwork differs, uniform on [0, 2 x its mean]
    "enrol",  # share of the firm's mass that may be enrolled in risk sharing, 0..1
    "cover_top",  # largest covered loan / need
    "bank_reward",  # reward counted on by banks per unit lent
    "micro_reward",
    "subsidy",  # interest subsidy that the firm counts on, per unit borrowed
    "fixed_cost_factor",  # 1 without levers
)
# --- scalars shared by all firms ------------------------------------------------------------------------------
SCALARS = (
    "rate_sensitivity",
    "reference_rate",
    "demand_semi_elasticity",
    "surplus_per_unit",
    "lgd_unsecured",
    "lgd_collateral",
    "lgd_floor",
    "monitoring",
    "capital_charge",
    "capital_relief",
    "pass_through",
    "offer_low",  # lower end of the smallest useful offer
    "offer_inverse_width",
    "inverse_elasticity",  # 1 / demand_semi_elasticity: marginal value of credit is ref - ln(y)/elasticity
    "value_per_unit",  # reference rate + 1 / demand_semi_elasticity
    "reward_withheld",  # share of the reward not passed on to firms that would have been served anyway
    "access",  # share of firms refused by the bank that reach a micro-lender
)
# --- scalars of one lender kind -------------------------------------------------------------------------------
LENDER_SCALARS = (
    "cost",  # cost of funds + operating cost + margin (with levers, before the capital charge)
    "cost0",  # the same on the counterfactual path
    "fixed_cost",  # F, CNY million per loan
    "rate_ceiling",
    "b0",  # B without levers
    "margin",
)
# --- rows of the output array, shape (len(OUTPUTS), n), each per unit of need or a probability ----------------------
OUTPUTS = (
    "bank_served",
    "bank_loan",
    "bank_interest",
    "bank_default",
    "bank_loss",
    "bank_profit",
    "bank_unpaid",  # interest that defaulters do not pay
    "micro_served",
    "micro_loan",
    "micro_interest",
    "micro_default",
    "micro_loss",
    "micro_profit",
    "micro_unpaid",
    "served0",
    "loan0",
    "effective_interest",
    "value",  # of the credit to borrowers, gross of what they pay: the area under their demand curve
    "covered_served",
    "covered_loan",
    "covered_default",
    "covered_loss_if_default",  # loan x LGD
    "covered_loss",  # loan x LGD x PD
    "coverable_loan",
    "covered_deadweight",
    "paperwork",
    "covered_default_before",  # default of the covered loans at the rates and monitoring of uncovered ones
    "covered_default_monitored",  # at their own rates, were they monitored like uncovered ones
)
PER_LENDER = 7
