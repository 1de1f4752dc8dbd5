"""Draws: the same for the same seed, shared between scenarios, true to distributions and to the moments."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from sme_analysis.errors import InputErrors, UserError
from sme_analysis.inference.draws import BLOCKS, Draws, parameter_draws, quantile, unknown_keys
from sme_analysis.inference.moments import load_targets, model_moments
from sme_analysis.instruments import INSTRUMENTS
from sme_analysis.scenario import load_catalogue, load_scenario, scenario_names
from sme_analysis.scenario.calibrations import draws_file, load_draws

UNCERTAIN = [k for k, r in load_catalogue().items() if r.distribution is not None]


def drawn(name, count=16, changes=None, **options):
    scenario = load_scenario(name, changes)
    return parameter_draws(scenario.parameters, count, scenario.calibration, **options)


@pytest.fixture(scope="module")
def many():
    return drawn("haixi-2020", 256)


@pytest.mark.parametrize("calibrated", [True, False])
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(calibrated):
    scenario = load_scenario("haixi-2020")
    calibration = scenario.calibration if calibrated else None
    one, two, other = (
        parameter_draws(scenario.parameters, 16, calibration, seed).values for seed in (1, 1, 2)
    )
    assert one.tobytes() == two.tobytes()
    assert one.tobytes() != other.tobytes()


def test_fewer_draws_are_the_beginning_of_every_block_of_more(many):
    few = drawn("haixi-2020", 64)
    beginning = many.first(64)
    assert np.array_equal(few.values, beginning.values)
    assert np.array_equal(few.block, beginning.block)
    assert beginning.weights.sum() == pytest.approx(1)


def test_blocks_are_of_one_size_and_the_number_is_rounded_up():
    draws = drawn("no-policy", 17)
    assert len(draws) == 24
    assert np.bincount(draws.block).tolist() == [3] * BLOCKS


def test_blocks_cover_each_distribution_by_themselves(many):
    # 32 Sobol' points fill 32 equal cells of each coordinate once
    key = "market.monitoring"
    record, x = load_catalogue()[key], many.values[:, many.keys.index(key)]
    d = record.distribution
    law = stats.triang((d.mode - d.low) / (d.high - d.low), d.low, d.high - d.low)
    for block in range(BLOCKS):
        cells = np.floor(32 * law.cdf(x[many.block == block])).astype(int)
        assert sorted(cells) == list(range(32))


def test_scenarios_share_the_draws_of_what_they_have_in_common():
    one, other = drawn("haixi-2020"), drawn("compensation-only")
    common = [key for key in one.keys if key in other.keys]
    assert len(common) > 60
    assert one.frame()[common].equals(other.frame()[common])


def test_what_a_scenario_sets_is_held():
    changes = {"market.monitoring": 0.33, "firms.mean_pd.micro": "3%"}
    free, held = drawn("haixi-2020"), drawn("haixi-2020", changes=changes)
    assert set(free.keys) - set(held.keys) == set(changes)
    assert free.frame()[list(held.keys)].equals(held.frame())


@pytest.mark.parametrize("name", scenario_names())
def test_what_somebody_decides_is_never_drawn_nor_what_an_inactive_instrument_would_use(name):
    scenario = load_scenario(name)
    keys = unknown_keys(scenario.parameters, scenario.calibration)
    records = [scenario.parameters.catalogue[key] for key in keys]
    assert not any(record.decision for record in records)
    off = {g for g in INSTRUMENTS if not scenario.parameters[f"{g}.active"]}
    assert not off & {record.group for record in records}
    estimates = scenario.calibration.values
    for key in UNCERTAIN:
        if key not in keys and not load_catalogue()[key].decision:
            expected = estimates.get(key, load_catalogue()[key].value)
            said = scenario.parameters[key] != expected
            group = load_catalogue()[key].group
            idle = group in off or group in ("stress", "emergency_relief", "local_revenue")
            assert said or idle or key == "market.asset_correlation", key


def test_relief_is_unknown_only_where_there_is_a_shock_and_revenue_only_where_the_fund_depends_on_it():
    relief = [key for key in UNCERTAIN if key.startswith("emergency_relief.")]
    relief = [key for key in relief if not load_catalogue()[key].decision]
    assert relief
    calm, shock = (set(drawn(name).keys) for name in ("haixi-2020", "lithium-bust"))
    assert not calm & set(relief)
    assert set(relief) <= shock
    linked = drawn("haixi-2020", changes={"risk_compensation.revenue_link": "50%"}).keys
    assert not any(key.startswith("local_revenue.") for key in calm)
    assert any(key.startswith("local_revenue.") for key in linked)
    fixed = drawn("haixi-2020", changes={"market.asset_correlation_rule": "fixed"}).keys
    assert "market.asset_correlation" in fixed
    assert "market.asset_correlation" not in calm


def test_quantiles_are_those_of_scipy():
    u = np.linspace(0.001, 0.999, 101)
    shapes = set()
    for key in UNCERTAIN:
        d = load_catalogue()[key].distribution
        width = d.high - d.low
        law = (
            stats.uniform(d.low, width)
            if d.shape == "uniform"
            else stats.triang((d.mode - d.low) / width, d.low, width)
        )
        shapes.add(d.shape)
        assert quantile(load_catalogue()[key], u) == pytest.approx(law.ppf(u), rel=1e-9, abs=1e-12), key
    assert shapes == {"uniform", "triangular"}


def test_draws_have_their_distributions_mean_and_spread(many):
    calibrated = load_draws(load_scenario("haixi-2020").calibration).columns
    for k, key in enumerate(many.keys):
        if key in calibrated:
            continue
        d = load_catalogue()[key].distribution
        x = many.values[:, k]
        mean = (d.low + d.high) / 2 if d.mode is None else (d.low + d.mode + d.high) / 3
        assert d.low <= x.min() <= x.max() <= d.high
        assert x.mean() == pytest.approx(mean, abs=0.02 * (d.high - d.low)), key


def test_what_the_calibration_drew_comes_from_its_file_in_order(many):
    stored = load_draws(load_scenario("haixi-2020").calibration)
    keys = [key for key in many.keys if key in stored]
    assert len(keys) == 30
    wanted = stored.groupby("block").head(32)[keys].to_numpy()
    assert np.array_equal(many.frame()[keys].to_numpy(), wanted)


def test_draws_stay_as_near_the_published_moments_as_these_are_known():
    targets = [t for t in load_targets() if t.role == "targeted"]
    names = [t.moment for t in targets]
    parameters = load_scenario("haixi-2020").parameters.replace({"simulation.firms": 2000})
    far = []
    for changes in drawn("no-policy", 64):
        moments = model_moments(parameters.replace(changes), names)
        far.append([t.distance(moments[t.moment]) for t in targets])
    assert (np.abs(np.mean(far, axis=0)) < 0.5).all()
    assert (np.std(far, axis=0) > 0.6).all()
    assert (np.std(far, axis=0) < 1.4).all()


def test_every_draw_is_a_scenario_that_may_be(many):
    parameters = load_scenario("haixi-2020").parameters
    assert many.refused == 0
    for changes in list(many)[:16]:
        assert isinstance(changes["firms.entities"], int)
        assert parameters.replace(changes)["firms.entities"] == changes["firms.entities"]


def test_weights_sum_to_one_and_say_how_many_draws_they_are_worth():
    values = np.arange(8.0)[:, None]
    draws = Draws(("a",), values, np.arange(8), np.full(8, 1 / 8))
    assert draws.effective == pytest.approx(8)
    half = draws.reweighted(np.array([2.0] * 4 + [0.0] * 4))
    assert half.weights.tolist() == [0.25] * 4 + [0.0] * 4
    assert half.effective == pytest.approx(4)
    assert half.take(np.array([0, 4, 5])).weights.tolist() == [1, 0, 0]
    w = np.arange(1.0, 9)
    assert draws.reweighted(w).effective == pytest.approx(w.sum() ** 2 / (w**2).sum())


def test_more_draws_than_the_calibration_holds_are_refused_with_what_to_do():
    with pytest.raises(UserError, match=r"holds 1024 draws, 1032 are asked for.*calibrate --draws 1032"):
        drawn("haixi-2020", 1025)


def test_a_scenario_in_which_nothing_is_unknown_is_refused():
    scenario = load_scenario("no-policy")
    keys = unknown_keys(scenario.parameters, scenario.calibration)
    catalogue = scenario.parameters.catalogue
    moved = {
        key: round(x) if catalogue[key].unit == "count" else x
        for key in keys
        for x in [float(quantile(catalogue[key], np.array([0.371]))[0])]
    }
    with pytest.raises(UserError, match="Nothing in this scenario is unknown"):
        parameter_draws(scenario.parameters.replace(moved), 8, scenario.calibration)


def test_distributions_that_contradict_the_scenario_are_refused():
    # The reference rate is drawn from 1.9 to 2.1 % and may not exceed the ceiling, nor may costs.
    cheap = {"bank.rate_ceiling": 0.020001, "bank.operating_cost": 0.0035, "bank.margin": 0.0}
    parameters = load_scenario("no-policy").parameters.replace(cheap)
    with pytest.raises(UserError, match="Half of the draws break a rule"):
        parameter_draws(parameters, 64)
    some = parameter_draws(
        parameters.replace({"bank.rate_ceiling": 0.0208, "bank.operating_cost": 0.001}), 64
    )
    assert some.refused > 0
    assert len(some) == 64


@pytest.mark.parametrize(
    ("harm", "given"),
    [
        (lambda file: file.write_text(file.read_text().replace("0.95494", "0.95495", 1)), "another content"),
        (lambda file: file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n")), "another content"),
        (lambda file: file.unlink(), "no such file"),
    ],
)
def test_draws_that_were_tampered_with_are_refused_with_what_to_do(project, harm, given):
    assert draws_file("haixi-2025").is_relative_to(project)
    harm(draws_file("haixi-2025"))
    with pytest.raises(InputErrors) as caught:
        drawn("haixi-2020")
    (problem,) = caught.value.problems
    assert problem.where == "parameters/calibrations/haixi-2025.csv"
    assert given in problem.given
    assert "sme-analysis calibrate" in problem.hint


def test_a_calibration_without_draws_is_refused_and_no_calibration_leaves_all_to_the_distributions():
    scenario = load_scenario("haixi-2020")
    bare = scenario.calibration.model_copy(update={"draws": 0})
    with pytest.raises(UserError, match="holds 0 draws, 16 are asked for"):
        parameter_draws(scenario.parameters, 16, bare)
    defaults = scenario.parameters.replace({key: load_catalogue()[key].value for key in bare.keys})
    draws = parameter_draws(defaults, 16)
    assert set(bare.keys) <= set(draws.keys)
    d = load_catalogue()["bank.operating_cost"].distribution
    x = draws.values[:, draws.keys.index("bank.operating_cost")]
    assert d.low <= x.min() <= x.max() <= d.high


def test_draws_are_frozen(many):
    with pytest.raises(dataclasses.FrozenInstanceError):
        many.refused = 3
