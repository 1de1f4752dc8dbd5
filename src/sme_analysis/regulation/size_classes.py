"""The national classification of firms by size (article 2), for all 16 industries.

Source: 工信部联企业〔2011〕300号, thresholds unchanged by 国统字〔2017〕213号. A firm is in a class if it reaches all lower
bounds of the class that apply to its industry; missing one, it drops to the next class.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sme_analysis.errors import InputErrors, Problem

SIZE_CLASSES = ("micro", "small", "medium", "large")
INDICATORS = ("employees", "revenue", "assets")

# Lower bounds of (small, medium, large); revenue and assets in CNY 10,000 as the standard prints them.
_PRINTED: dict[str, tuple[str, dict[str, tuple[float, float, float]]]] = {
    "agri": ("农林牧渔业", {"revenue": (50, 500, 20000)}),
    "industry": ("工业", {"employees": (20, 300, 1000), "revenue": (300, 2000, 40000)}),
    "construction": ("建筑业", {"revenue": (300, 6000, 80000), "assets": (300, 5000, 80000)}),
    "wholesale": ("批发业", {"employees": (5, 20, 200), "revenue": (1000, 5000, 40000)}),
    "retail": ("零售业", {"employees": (10, 50, 300), "revenue": (100, 500, 20000)}),
    "transport": ("交通运输业", {"employees": (20, 300, 1000), "revenue": (200, 3000, 30000)}),
    "storage": ("仓储业", {"employees": (20, 100, 200), "revenue": (100, 1000, 30000)}),
    "post": ("邮政业", {"employees": (20, 300, 1000), "revenue": (100, 2000, 30000)}),
    "lodging": ("住宿业", {"employees": (10, 100, 300), "revenue": (100, 2000, 10000)}),
    "catering": ("餐饮业", {"employees": (10, 100, 300), "revenue": (100, 2000, 10000)}),
    "infotrans": ("信息传输业", {"employees": (10, 100, 2000), "revenue": (100, 1000, 100000)}),
    "software": ("软件和信息技术服务业", {"employees": (10, 100, 300), "revenue": (50, 1000, 10000)}),
    "realestate": ("房地产开发经营", {"revenue": (100, 1000, 200000), "assets": (2000, 5000, 10000)}),
    "property": ("物业管理", {"employees": (100, 300, 1000), "revenue": (500, 1000, 5000)}),
    "leasing": ("租赁和商务服务业", {"employees": (10, 100, 300), "assets": (100, 8000, 120000)}),
    "other": ("其他未列明行业", {"employees": (10, 100, 300)}),
}
INDUSTRIES = tuple(_PRINTED)
INDUSTRY_NAMES_ZH: Mapping[str, str] = MappingProxyType({code: name for code, (name, _) in _PRINTED.items()})


def _inner(indicator: str, bounds: tuple[float, float, float]) -> tuple[float, float, float]:
    scale = 1.0 if indicator == "employees" else 100.0
    return (bounds[0] / scale, bounds[1] / scale, bounds[2] / scale)


#: Lower bounds of (small, medium, large) by industry and indicator; revenue and assets in CNY million.
THRESHOLDS: Mapping[str, Mapping[str, tuple[float, float, float]]] = MappingProxyType(
    {
        code: MappingProxyType({name: _inner(name, bounds) for name, bounds in used.items()})
        for code, (_, used) in _PRINTED.items()
    }
)


def classify(
    industry: npt.ArrayLike, employees: npt.ArrayLike, revenue: npt.ArrayLike, assets: npt.ArrayLike
) -> npt.NDArray[np.int8]:
    """Official size class of each firm, as an index into `SIZE_CLASSES`.

    Parameters
    ----------
    industry : codes of `INDUSTRIES`, shape (n,); `employees` : persons; `revenue`, `assets` : CNY million
        An indicator that the industry does not use is ignored and may be NaN.

    Raises
    ------
    InputErrors : an unknown industry, or a used indicator that is missing (with the number of rows)
    """
    codes = np.atleast_1d(np.asarray(industry)).astype(str)
    columns: dict[str, Any] = {
        name: np.broadcast_to(np.asarray(value, dtype=float), codes.shape)
        for name, value in zip(INDICATORS, (employees, revenue, assets), strict=True)
    }
    problems = [
        Problem(
            "column industry", f"{unknown!r} in {int((codes == unknown).sum())} rows", ", ".join(INDUSTRIES)
        )
        for unknown in np.unique(codes)
        if unknown not in THRESHOLDS
    ]
    result = np.zeros(codes.shape, dtype=np.int8)
    for code, used in THRESHOLDS.items():
        here = codes == code
        if not here.any():
            continue
        reached = np.full(int(here.sum()), 3, dtype=np.int8)
        for name, bounds in used.items():
            values = columns[name][here]
            missing = int(np.isnan(values).sum())
            if missing:
                problems.append(
                    Problem(f"column {name}", f"missing in {missing} rows of industry {code}", "a number")
                )
            reached = np.minimum(
                reached, np.searchsorted(np.asarray(bounds), values, side="right").astype(np.int8)
            )
        result[here] = reached
    if problems:
        raise InputErrors(problems)
    return result


def size_table() -> pd.DataFrame:
    """The thresholds as printed: one row an industry and indicator, revenue and assets in CNY 10,000."""
    rows = [
        {
            "industry": code,
            "name_zh": name,
            "indicator": indicator,
            "small": b[0],
            "medium": b[1],
            "large": b[2],
        }
        for code, (name, used) in _PRINTED.items()
        for indicator, b in used.items()
    ]
    return pd.DataFrame(rows)
