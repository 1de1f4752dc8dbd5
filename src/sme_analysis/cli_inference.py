"""The command line of how sure we are: calibrate, uncertainty, sensitivity, learn."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sme_analysis.errors import InputErrors, Problem

if TYPE_CHECKING:  # loaded where they are used, so that help comes at once
    from sme_analysis.scenario import Parameters, Scenario

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
    from sme_analysis.scenario.freshness import current_date

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
        fit, name, title or f"Market without policy of {loaded.name}", current_date().isoformat(), held
    )
    if draws:
        coarse = estimate(loaded.parameters.replace({**fit.estimates, "simulation.firms": draw_firms}), keys)
        table, passed = refitted_draws(coarse, list(held), draws, workers=workers)
        made = made.model_copy(update={"draws": len(table), "draws_hash": save_draws(name, table)})
        print(
            f"{len(table)} draws; {passed:.0%} of the points passed over: the search did not bring them near the moments"
        )
    print(save_calibration(made))


ScenarioArgument = Annotated[
    str, typer.Argument(help="A name in parameters/scenarios, or the path of a YAML file.")
]
SettingsOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a parameter. Repeatable.")
]
FirmsOption = Annotated[
    int | None, typer.Option(min=200, help="Firms of the sample, in place of the scenario's.")
]
WorkersOption = Annotated[int, typer.Option(min=1, max=64, help="Processes; they change no result.")]
OutputOption = Annotated[Path | None, typer.Option(help="A CSV file to write all numbers to.")]


def uncertainty(
    scenario: ScenarioArgument,
    settings: SettingsOption = None,
    draws: Annotated[int, typer.Option(min=16, help="Draws of what is unknown.")] = 1000,
    firms: FirmsOption = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            help="Stop when the Monte Carlo error of every interval is below this share of its width."
        ),
    ] = None,
    fund: Annotated[
        bool, typer.Option("--fund", help="Whether the fund survives, too: several times as slow.")
    ] = False,
    workers: WorkersOption = 2,
    output: OutputOption = None,
) -> None:
    """Work out the 5 to 95 % interval of every headline over draws of what is unknown."""
    from sme_analysis.figures.uncertainty import headline_table
    from sme_analysis.inference.draws import parameter_draws
    from sme_analysis.inference.headlines import headlines, headlines_and_fund
    from sme_analysis.inference.uncertainty import uncertainty as spread
    from sme_analysis.report.quantities import number_text

    loaded, parameters = _loaded(scenario, settings, firms)
    sample = parameter_draws(parameters, draws, loaded.calibration)
    with _progress("draws", len(sample)) as progress:
        found = spread(
            parameters,
            sample,
            headlines_and_fund if fund else headlines,
            tolerance=tolerance,
            workers=workers,
            progress=progress,
        )
    table = headline_table(found)
    print(f"{loaded.title}: {len(found.draws)} draws of {len(sample.keys)} unknown parameters")
    _line("", "estimate", "5 %", "median", "95 %", "error")
    for row in table.to_dict("records"):
        cells = [number_text(row[part], row["unit"], 3) for part in ("estimate", "low", "median", "high")]
        _line(str(row["measure"]), *cells, f"{row['error']:.1%}")
    if output is not None:
        found.draws.frame().join(found.results).assign(weight=found.draws.weights).to_csv(output, index=False)
        print(output)


def sensitivity(
    scenario: ScenarioArgument,
    settings: SettingsOption = None,
    inputs: Annotated[
        int, typer.Option(min=2, max=40, help="Unknowns in the design, those that matter most.")
    ] = 12,
    points: Annotated[int, typer.Option(min=8, help="Points of the Sobol' design, a power of two.")] = 512,
    output_of: Annotated[
        str, typer.Option("--headline", help="The headline that decides what matters most.")
    ] = "loan_years",
    firms: FirmsOption = 2000,
    workers: WorkersOption = 2,
    output: OutputOption = None,
) -> None:
    """Screen the unknowns by Morris' method, then share the variance out over the strongest by Sobol' indices."""
    from sme_analysis.inference.draws import parameter_draws
    from sme_analysis.inference.headlines import HEADLINES
    from sme_analysis.inference.sensitivity import model_points, morris, sobol_indices
    from sme_analysis.scenario.units import nearest

    if output_of not in HEADLINES:
        raise InputErrors(
            [Problem("--headline", output_of, ", ".join(HEADLINES), nearest(output_of, tuple(HEADLINES)))]
        )
    if points & (points - 1):
        raise InputErrors(
            [Problem("--points", str(points), "a power of two", str(1 << (points.bit_length() - 1)))]
        )
    loaded, parameters = _loaded(scenario, settings, firms)
    sample = parameter_draws(parameters, 128, loaded.calibration)
    with _progress("screening", 4 * (len(sample.keys) + 1)) as progress:
        outputs = model_points(parameters, sample.keys, draws=sample, workers=workers, progress=progress)
        screened = morris(outputs, sample.keys, list(HEADLINES), trajectories=4)
    here = screened[screened["output"] == output_of].sort_values("mean_abs", ascending=False, kind="stable")
    chosen = here["input"].head(inputs).tolist()
    with _progress("Sobol' points", points * (len(chosen) + 2)) as progress:
        outputs = model_points(parameters, chosen, draws=sample, workers=workers, progress=progress)
        shares = sobol_indices(outputs, chosen, list(HEADLINES), points)
    for name in (output_of, "net_value_per_yuan"):
        print(f"\n{HEADLINES[name].label}: share of the variance")
        _line("", "alone", "±", "with interactions", "±")
        for row in shares[shares["output"] == name].sort_values("total", ascending=False).to_dict("records"):
            cells = [f"{row[part]:.3f}" for part in ("first", "first_error", "total", "total_error")]
            _line(loaded.parameters.catalogue[str(row["input"])].label, *cells)
    if output is not None:
        shares.to_csv(output, index=False)
        print(output)


def learn(
    scenario: ScenarioArgument,
    experiment: Annotated[
        str, typer.Option(help="What was measured: an experiment that the model can repeat.")
    ],
    name: Annotated[
        str, typer.Option(help="Name of the new calibration: parameters/calibrations/NAME.yaml.")
    ],
    effect: Annotated[float | None, typer.Option(help="The estimate, shares and rates as fractions.")] = None,
    se: Annotated[float | None, typer.Option("--se", help="Its standard error.")] = None,
    source: Annotated[str, typer.Option(help="Who found it, where it can be read.")] = "",
    study: Annotated[
        Path | None,
        typer.Option(help="A design file, in place of the estimate and its error: it is estimated here."),
    ] = None,
    draws: Annotated[int, typer.Option(min=64, help="Draws to weigh.")] = 512,
    model_error: Annotated[
        float, typer.Option(min=0, help="What the model may miss by, in standard errors of the estimate.")
    ] = 0.5,
    title: Annotated[str, typer.Option(help="What the calibration is.")] = "",
    workers: WorkersOption = 2,
) -> None:
    """Learn from an evaluation: weigh the draws by how well the model repeats it, and keep them as a calibration."""
    from sme_analysis.inference.draws import parameter_draws
    from sme_analysis.inference.experiments import EXPERIMENTS
    from sme_analysis.inference.learning import learn as weigh
    from sme_analysis.inference.learning import promoted
    from sme_analysis.report.quantities import number_text
    from sme_analysis.scenario.calibrations import Evidence, save_calibration, save_draws
    from sme_analysis.scenario.freshness import current_date
    from sme_analysis.scenario.units import nearest

    problems = []
    if study is not None and effect is None and se is None:
        effect, se, source = _found_by(study, source)
    elif study is not None or effect is None or se is None:
        given = "both" if study is not None else "neither, or one of the two numbers"
        problems.append(Problem("--effect and --se, or --study", given, "the two numbers, or a design file"))
    if experiment not in EXPERIMENTS:
        known = tuple(EXPERIMENTS)
        problems.append(Problem("--experiment", experiment, ", ".join(known), nearest(experiment, known)))
    if se is not None and not se > 0:
        problems.append(Problem("--se", f"{se:g}", "a standard error above 0"))
    if len(source.strip()) < 5:
        problems.append(Problem("--source", source or "nothing", "who found it, in at least five letters"))
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
        problems.append(Problem("--name", name, "lower-case letters, digits and -", "haixi-2027"))
    if problems or effect is None or se is None:
        raise InputErrors(problems)
    loaded, parameters = _loaded(scenario, None, 2000)
    sample = parameter_draws(parameters, draws, loaded.calibration)
    evidence = [Evidence(experiment=experiment, effect=effect, standard_error=se, source=source)]
    with _progress("draws", len(sample)) as progress:
        found = weigh(
            parameters, sample, evidence, model_error=model_error, workers=workers, progress=progress
        )
    row = found.experiments().iloc[0]
    unit = str(row["unit"])
    for side in ("before", "after"):
        low, middle, high = (
            number_text(row[f"{part}_{side}"], unit, 3) for part in ("low", "median", "high")
        )
        print(f"the model's answer {side:6} {middle} (5 to 95 %: {low} to {high})")
    print(f"{found.after.effective:.0f} effective draws of {len(sample)}")
    _line("what the answer hangs on most", "5 %", "median", "95 %", "5 % after", "median after", "95 % after")
    for line in found.parameters().head(6).to_dict("records"):
        record = loaded.parameters.catalogue[str(line["key"])]
        parts = [f"{part}_{side}" for side in ("before", "after") for part in ("low", "median", "high")]
        _line(record.label, *(number_text(line[part], record.unit, 3) for part in parts))
    made = current_date().isoformat()
    new, table = promoted(
        found, loaded.parameters, loaded.calibration, name, title or f"{loaded.title}, after {source}", made
    )
    print(
        save_calibration(new.model_copy(update={"draws": len(table), "draws_hash": save_draws(name, table)}))
    )
    print(f"a scenario uses it by the line    calibration: {name}")


def _found_by(file: Path, source: str) -> tuple[float, float, str]:
    """Estimate and standard error of a design file, said aloud with the checks that failed; and who found it."""
    from sme_analysis.evaluation import estimate as run
    from sme_analysis.evaluation import load_study

    study = load_study(file)
    found = run(study.panel(), study.design)
    print(
        f"{found.sentence}\nit measures: {found.experiment.measures}, in {found.experiment.unit}; {found.experiment.scope}"
    )
    for check in found.diagnostics[found.diagnostics["status"] == "failed"].to_dict("records"):
        print(f"warning: {check['check']}: {check['message']}", file=sys.stderr)
    return found.experiment.estimate, found.experiment.standard_error, source or study.title or file.name


def parsed(settings: list[str] | None) -> dict[str, str]:
    """Return key -> value of repeated --set options, and all that is wrong with them."""
    changes: dict[str, str] = {}
    problems: list[Problem] = []
    for text in settings or ():
        key, sign, value = (part.strip() for part in text.partition("="))
        if not (key and sign and value):
            example = "KEY=VALUE, such as risk_compensation.loss_share=60%"
            problems.append(Problem("--set", f'"{text}"', example))
        elif key in changes:
            problems.append(Problem("--set", f"{key} twice", "every key once", "remove one of the two"))
        else:
            changes[key] = value
    if problems:
        raise InputErrors(problems)
    return changes


def _loaded(scenario: str, settings: list[str] | None, firms: int | None) -> tuple[Scenario, Parameters]:
    """The scenario, and its parameters with another number of firms."""
    from sme_analysis.scenario import load_scenario

    loaded = load_scenario(scenario, parsed(settings), origin="--set")
    return loaded, loaded.parameters.replace({"simulation.firms": firms} if firms else {})


@contextlib.contextmanager
def _progress(what: str, count: int) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(what, total=count)
        yield lambda done, _: bars.update(task, completed=done)


def _line(name: str, *cells: str) -> None:
    print(f"{name:56}" + "".join(f"{cell:>16}" for cell in cells))


def attach(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for command in (calibrate, uncertainty, sensitivity, learn):
        app.command()(command)
