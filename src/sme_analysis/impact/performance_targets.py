"""The performance-target table (绩效目标表) of the budget file: what the policy is to be held to, and who says so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.impact.additionality import additionality
from sme_analysis.impact.assess import Assessment
from sme_analysis.impact.effects import effects
from sme_analysis.impact.public_cost import cost_table
from sme_analysis.instruments import INSTRUMENTS
from sme_analysis.regulation import article

Array = npt.NDArray[np.float64]
Pair = tuple[float, float]  # of the first full policy year, and of the horizon
Text = tuple[str, str]  # in English and in Chinese
NONE: Pair = (np.nan, np.nan)
# Who sets a target. Published tables ask for satisfaction of 80 % (inclusive-finance fund of Hanyin county, 2022) or 90 %.
MODEL, SCENARIO = ("model", "模型测算"), ("scenario", "方案设定")
BUREAU = ("to be set by the bureau", "由主管部门设定")
NO_GAIN = (f"{BUREAU[0]}; the model expects none", f"{BUREAU[1]}（模型测算值不为正）")
PRACTICE = (f"{BUREAU[0]}; official practice is at least 80 to 90 %", f"{BUREAU[1]}（通行做法为≥80%至≥90%）")
OVER = {  # what the figure of the horizon is
    "": ("", ""), "sum": (" (horizon: sum of the years)", "（实施期：合计）"),
    "mean": (" (horizon: yearly average)", "（实施期：年均）"), "end": (" (by the end of the period)", "（截至期末）"),
}  # fmt: skip
LEVELS = {  # level 2 of 财预〔2021〕101号, with level 1
    "economic cost": ("cost", "成本指标", "经济成本指标"), "quantity": ("output", "产出指标", "数量指标"),
    "quality": ("output", "产出指标", "质量指标"), "timeliness": ("output", "产出指标", "时效指标"),
    "economic": ("benefit", "效益指标", "经济效益指标"), "social": ("benefit", "效益指标", "社会效益指标"),
    "sustainability": ("benefit", "效益指标", "可持续影响指标"),
    "served firms": ("satisfaction", "满意度指标", "服务对象满意度指标"),
}  # fmt: skip
# The form: level 2, indicator in English and Chinese, direction, unit, horizon, who sets the target.
FORM = {
    "outlay": ("economic cost", "Budget outlay: {}", "财政支出：{}", "<=", "money", "sum", MODEL),
    "price": ("economic cost", "Net public cost per additional yuan lent", "每元新增贷款财政净成本", "<=", "multiple", "", MODEL),
    "lending": ("quantity", "{}", "{}", ">=", "money", "mean", MODEL),
    "firms": ("quantity", "{}", "{}", ">=", "count", "mean", MODEL),
    "default": ("quality", "Default rate of covered loans", "覆盖贷款违约率", "<=", "share", "", SCENARIO),
    "claim days": ("timeliness", "Days from a claim to payment", "补偿申请受理至拨付天数", "<=", "days", "", BUREAU),
    "days": ("timeliness", "Days from an approval to payment", "申报审核通过至拨付天数", "<=", "days", "", BUREAU),
    "additional": ("economic", "Additional lending", "新增贷款（与无政策相比）", ">=", "money", "mean", MODEL),
    "share": ("economic", "Additional share of lending supported", "政策支持贷款中新增贷款占比", ">=", "share", "", MODEL),
    "rate": ("economic", "Fall in the rate paid after subsidies", "平均贷款利率降幅（贴息后）", ">=", "change_rate", "", MODEL),
    "borrowers": ("social", "New borrowers", "新增获贷企业数（与无政策相比）", ">=", "count", "mean", MODEL),
    "exhausted": ("sustainability", "Probability of an exhausted fund", "补偿资金耗尽概率", "<=", "share", "end", SCENARIO),
    "satisfaction": ("served firms", "Satisfaction of served firms", "受益企业满意度", ">=", "share", "", PRACTICE),
}  # fmt: skip
# Instruments and their facts; others are named by the subject of the article, and as lending or firms served.
ZH = {
    "special_fund": "中小微企业发展专项资金", "innovation_fund": "科技创新专项资金", "credit_incentive": "信贷激励",
    "relending": "再贷款", "risk_compensation": "贷款风险补偿资金", "loan_guarantee": "融资担保", "loan_insurance": "贷款保险",
    "credit_rating": "信用评级", "service_efficiency": "政策宣传与一窗服务", "incubators": "创业孵化基地",
    "market_matching": "产业对接与政府采购", "receivables_platform": "应收账款融资平台", "equal_entry": "平等准入",
    "arrears_clearance": "清理拖欠账款", "emergency_relief": "应急纾困", "covered lending": "覆盖贷款",
    "covered firms": "覆盖企业数", "subsidised lending": "贴息贷款", "subsidised firms": "贴息企业数",
    "guaranteed lending": "担保贷款", "insured lending": "保险贷款", "refinanced lending": "获再融资贷款",
    "rewarded increment": "获奖励的贷款增量", "granted firms": "获补助企业数", "firms with a grant": "获补助企业数",
    "certified firms": "认证企业数", "relieved firms": "纾困企业数", "firms paid": "获清偿企业数", "rated firms": "评级企业数",
    "matched firms": "对接企业数", "firms in incubators": "在孵企业数", "firms on the platform": "入驻企业数",
}  # fmt: skip
COUNTED = re.compile(r"^(?!eligible ).*\b(lending|increment|firms)\b")  # facts that say what is served
COLUMNS = ("level_1", "level_1_zh", "level_2", "level_2_zh", "indicator", "indicator_zh", "direction", "value",
           "unit", "expected", "year", "basis", "basis_zh", "rests_on", "articles")  # fmt: skip


def performance_targets(assessment: Assessment) -> pd.DataFrame:
    """Targets for the first full policy year and for the horizon, in the three levels of the official form.

    A target that the model or the scenario gives is a number; any other is empty and `basis` says who sets it, also where the
    model expects none. Instruments that do nothing have no rows; nor has the year, if the horizon has no full policy year.

    Returns
    -------
    DataFrame: level_1, level_2 and indicator (`_zh`: in Chinese), direction (`>=`, `<=`), value (the target, in inner units: CNY
    million, fractions, numbers of firms), unit (of `report.quantities`, or days), expected (by the model), year (or first
    and last), basis (model, scenario, to be set by the bureau), rests_on (keys or groups of the catalogue), articles
    """
    case, labels = _Case(assessment), assessment.simulation.labels
    whole = labels[0] if len(labels) == 1 else f"{labels[0]}–{labels[-1]}"
    spans = {whole: 1} if case.first is None else {labels[case.first]: 0, whole: 1}
    found = [*case.cost(), *case.output(), *case.benefit()] if case.names else []
    rows = [indicator.row(k, year) for year, k in spans.items() for indicator in found]
    return pd.DataFrame(rows, columns=list(COLUMNS))


class _Indicator(NamedTuple):
    """An indicator of the form: what the model expects of it, and the target where the scenario sets one."""

    key: str
    expected: Pair
    rests_on: Sequence[str]
    of: Text = ("", "")
    target: float = np.nan

    def row(self, k: int, year: str) -> tuple[object, ...]:
        """One row of the table: of the year (k = 0) or of the horizon (1)."""
        level, name, name_zh, direction, unit, over, basis = FORM[self.key]
        level_1, level_1_zh, level_zh = LEVELS[level]
        name, name_zh = name.format(self.of[0]), name_zh.format(self.of[1])
        target = self.expected[k] if basis == MODEL else self.target
        if basis == MODEL and (not np.isfinite(target) or (direction == ">=" and target <= 0)):
            target, basis = np.nan, NO_GAIN
        found = {n for key in self.rests_on for n in INSTRUMENTS[key.partition(".")[0]].articles}
        rests, numbers = ", ".join(self.rests_on), ", ".join(map(str, sorted(found)))
        head = (level_1, level_1_zh, level, level_zh, name + OVER[over][0], name_zh + OVER[over][1])
        return (*head, direction, target, unit, self.expected[k], year, *basis, rests, numbers)


class _Case:
    """The figures of an assessment by year; `full` marks the full policy years and `first` is the first of them, if any."""

    def __init__(self, assessment: Assessment) -> None:
        self.assessment, years = assessment, assessment.simulation.years
        full = np.array([year.share >= 1 for year in years])
        self.first = int(np.argmax(full)) if full.any() else None
        self.full = full if full.any() else ~full  # averages: a lone part of a year stands as it is
        self.names = [n for n in years[0].outcomes if not all(n in year.idle for year in years)]
        self.results = {name: [year.outcomes[name] for year in years] for name in self.names}
        credit = additionality(assessment.simulation)
        self.additional, self.programme = (credit[k].to_numpy() for k in ("additional", "programme_lending"))
        # of lending under a programme, what would not have been lent anyway: rewards outside it must not count for it
        self.beyond = self.programme - credit["deadweight"].to_numpy()

    def pair(self, values: Array, whole: float) -> Pair:
        return (np.nan if self.first is None else float(values[self.first])), float(whole)

    def mean(self, values: Array) -> Pair:
        """Of credit and firms, which last from year to year: the average of the full years counts none twice."""
        return self.pair(values, values[self.full].mean())

    def ratio(self, over: Array, under: Array) -> Pair:
        """A ratio of sums; NaN where there is nothing to divide by."""
        a, b = (np.array(self.pair(x, x.sum())) for x in (over, under))
        year, whole = np.divide(a, b, out=np.full(2, np.nan), where=b > 0)
        return float(year), float(whole)

    def fact(self, name: str, fact: str) -> Array:
        return np.array([result.facts.get(fact, 0.0) for result in self.results[name]])

    def cost(self) -> Iterator[_Indicator]:
        outlay = {}
        for name, results in self.results.items():
            # a fund is paid into, and pays claims itself from then on; of others, all that they pay leaves the budget
            funded = any("appropriation" in result.facts for result in results)
            paid = np.array([sum(max(x, 0.0) for x in result.lines.values()) for result in results])
            outlay[name] = self.fact(name, "appropriation") if funded else paid
        total = np.sum(list(outlay.values()), axis=0)
        yield _Indicator("outlay", self.pair(total, total.sum()), self.names, ("all instruments", "合计"))
        for name, values in ((name, values) for name, values in outlay.items() if values.any()):
            yield _Indicator("outlay", self.pair(values, values.sum()), [name], _called(name))
        cost = cost_table(self.assessment.simulation)["total"].to_numpy()
        yield _Indicator("price", self.ratio(cost, self.additional), self.names)

    def output(self) -> Iterator[_Indicator]:
        if self.programme.any():
            called = ("Lending under the instruments, each loan once", "政策支持的贷款（不重复计算）")
            yield _Indicator("lending", self.mean(self.programme), self.names, called)
        for name, results in self.results.items():
            for fact in dict.fromkeys(fact for result in results for fact in result.facts):
                if COUNTED.search(fact) and (values := self.fact(name, fact)).any():
                    key, served = ("firms", "服务企业数") if "firms" in fact else ("lending", "支持贷款")
                    plain, zh = _called(name)
                    called = (f"{fact.capitalize()}: {plain}", f"{zh}：{ZH.get(fact, served)}")
                    yield _Indicator(key, self.mean(values), [name], called)
        p = self.assessment.parameters
        for name in (name for name in self.names if f"{name}.stop_rate" in p):
            rate, lending = (self.fact(name, fact) for fact in ("covered default rate", "covered lending"))
            limit = f"{name}.stop_rate"
            yield _Indicator("default", self.ratio(rate * lending, lending), [limit], target=p[limit])
        lines = {n: {k for r in self.results[n] for k, x in r.lines.items() if x > 0} for n in self.names}
        claims = [name for name in self.names if any("claims" in line for line in lines[name])]
        others = [name for name in self.names if lines[name] and name not in claims]
        for key, names in (x for x in (("claim days", claims), ("days", others)) if x[1]):
            yield _Indicator(key, NONE, names)

    def benefit(self) -> Iterator[_Indicator]:
        yield _Indicator("additional", self.mean(self.additional), self.names)
        if self.programme.any():
            yield _Indicator("share", self.ratio(self.beyond, self.programme), self.names)
        change, p = effects(self.assessment.simulation), self.assessment.parameters
        full = {name: change[name].to_numpy() * self.full for name in change if name != "year"}
        before = self.ratio(full["effective_interest_without"], full["lending_without"])
        after = self.ratio(full["effective_interest"], full["lending"])
        yield _Indicator("rate", (before[0] - after[0], before[1] - after[1]), self.names)
        yield _Indicator("borrowers", self.mean(full["borrowers_change"]), self.names)
        if (fund := self.assessment.solvency) is not None:
            short, limit = fund.by_year()["short_by_then"].to_numpy(), "risk_compensation.target_exhaustion"
            yield _Indicator("exhausted", self.pair(short, short[-1]), [limit], target=p[limit])
        yield _Indicator("satisfaction", NONE, self.names)


def _called(name: str) -> Text:
    return name.replace("_", " "), ZH.get(name) or article(INSTRUMENTS[name].articles[0]).subject_zh
