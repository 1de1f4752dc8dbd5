"""The command line of what the numbers rest on: calibrate, uncertainty, learn."""

from __future__ import annotations

import datetime as dt
import sys
from typing import Annotated

import typer

from sme_analysis.errors import InputErrors, Problem

DRIFT = 0.01  # standard errors by which a stored calibration may differ from the same made again


def calibrate(
    scenario: Annotated[
        str, typer.Argument(help="Whose firms and lenders are calibrated; policy does not matter.")
    ],
    name: Annotated[str, typer.Option(help="Name of the calibration: parameters/calibrations/NAME.yaml.")],
    key: Annotated[
        list[str] | None,
        typer.Option(help="A parameter to estimate, in place of the default six. Repeatable."),
    ] = None,
    starts: Annotated[int, typer.Option(min=1, max=64, help="Starting points of the search.")] = 4,
    draws: Annotated[
        int, typer.Option(min=0, help="Draws that fit the moments together, stored beside the estimates.")
    ] = 1024,
    draw_firms: Annotated[
        int, typer.Option(min=500, help="Firms of the sample on which the draws are fitted.")
    ] = 2000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that fit the draws.")] = 2,
    title: Annotated[str, typer.Option(help="What the calibration is.")] = "",
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if the stored one is not what comes out now.")
    ] = False,
) -> None:
    """Estimate parameters from the moments in data/calibration_targets.csv and write a calibration."""
    from sme_analysis.inference.calibration import KEYS, as_calibration, drift, held_fixed
    from sme_analysis.inference.calibration import calibrate as estimate
    from sme_analysis.inference.refit import refitted_draws
    from sme_analysis.report.quantities import number_text
    from sme_analysis.scenario import load_calibration, load_scenario
    from sme_analysis.scenario.calibrations import save_calibration, save_draws

    loaded = load_scenario(scenario)
    catalogue = loaded.parameters.catalogue
    keys = tuple(key or KEYS)
    unknown = [
        Problem(
            "--key",
            f'"{k}"',
            "a key of the catalogue that has a distribution above zero",
            catalogue.suggest(k),
        )
        for k in keys
        if k not in catalogue or catalogue[k].distribution is None or not catalogue[k].value > 0
    ]
    if unknown:
        raise InputErrors(unknown)
    stored = load_calibration(name, catalogue) if check else None
    fit = estimate(loaded.parameters, keys, starts=starts)
    for row in fit.table().to_dict("records"):
        value, low, high = (number_text(row[part], row["unit"], 3) for part in ("estimate", "low", "high"))
        print(f"{row['key']:32} {value:>12}   90 %: {low} to {high}")
    for row in fit.fit().to_dict("records"):
        model, published = (number_text(row[side], row["unit"]) for side in ("model", "published"))
        print(
            f"{row['role']:10} {row['measure']:70} {model:>14} {published:>14} {row['distance']:+6.2f} s.e."
        )
    print(
        f"minimum {fit.objective:.3g} from {sum(m < fit.objective + 1e-6 for m in fit.minima)} of {len(fit.minima)} starts"
    )
    if stored is not None:
        again = stored.model_copy(
            update={"keys": tuple(fit.estimates), "estimates": tuple(fit.estimates.values())}
        )
        moved = {k: far for k, far in drift(stored, again).items() if not far <= DRIFT}
        if moved:
            worst = ", ".join(f"{k} by {far:.2g} standard errors" for k, far in moved.items())
            print(f"error: the calibration {name} has drifted: {worst}; make it again", file=sys.stderr)
            raise typer.Exit(1)
        print(f"the stored calibration {name} is what comes out now")
        return
    held = held_fixed(fit)
    made = as_calibration(
        fit, name, title or f"Market without policy of {loaded.name}", dt.date.today().isoformat(), held
    )
    if draws:
        coarse = estimate(loaded.parameters.replace({**fit.estimates, "simulation.firms": draw_firms}), keys)
        table, passed = refitted_draws(coarse, list(held), draws, workers=workers)
        made = made.model_copy(update={"draws": len(table), "draws_hash": save_draws(name, table)})
        print(
            f"{len(table)} draws; {passed:.0%} of the points passed over: no allowed estimate brings them near the moments"
        )
    print(save_calibration(made))


def attach(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command()(calibrate)
