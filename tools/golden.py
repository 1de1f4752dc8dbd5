"""Write the golden result of every shipped scenario, or say what moved: `python tools/golden.py [--check] [NAME ...]`.

A golden result is what the scenario gives on a small sample: enough to notice that a figure moved, and where.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from sme_analysis.firms import synthetic_firms
from sme_analysis.impact import assess, cost_table, headline, who_gets_a_yuan
from sme_analysis.scenario import load_scenario

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "tests" / "golden"
SMALL = {"simulation.firms": 2000, "simulation.fund_paths": 1000}
DIGITS = 7


def names() -> list[str]:
    """Shipped scenarios."""
    return sorted(path.stem for path in (ROOT / "parameters" / "scenarios").glob("*.yaml"))


def result(name: str) -> dict[str, Any]:
    """Headline figures by year, public cost, who gets a yuan, and whether the fund survives."""
    parameters = load_scenario(name).parameters.replace(SMALL)
    assessment = assess(parameters, synthetic_firms(parameters))
    found = assessment.simulation
    figures: dict[str, Any] = {
        str(column): [_rounded(x) for x in values]
        for column, values in headline(found).to_dict("list").items()
    }
    figures["public_cost"] = [_rounded(x) for x in cost_table(found)["total"]]
    shares = who_gets_a_yuan(found)
    figures["per_yuan"] = dict(zip(shares["party"], map(_rounded, shares["per_yuan"]), strict=True))
    if assessment.solvency is not None:
        figures["exhaustion"] = _rounded(assessment.solvency.exhaustion)
        figures["stopped"] = _rounded(assessment.solvency.stopped)
    return figures


def _rounded(value: float) -> float | None:
    # NaN is no JSON, and -0.0 is noise
    return None if value != value else float(f"{value:.{DIGITS}g}") + 0.0


def main() -> int:
    """Write or check; the number of scenarios that moved is the exit code's business only as yes or no."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=names(), help="scenarios; all by default")
    parser.add_argument("--check", action="store_true", help="write nothing, list what moved")
    arguments = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    moved = 0
    for name in arguments.names:
        text = json.dumps(result(name), indent=1, ensure_ascii=False) + "\n"
        path = FOLDER / f"{name}.json"
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        moved += 1
        print(f"{name}: {'differs' if arguments.check else 'written'}")
        if not arguments.check:
            path.write_text(text, encoding="utf-8")
    return 1 if arguments.check and moved else 0


if __name__ == "__main__":
    sys.exit(main())
