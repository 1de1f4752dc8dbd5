"""The compiled elementary functions against SciPy's."""

import numpy as np
from numba import njit
from scipy.special import lambertw

from sme_analysis.market import closed_form


@njit
def _map_exp(x):
    out = np.empty_like(x)
    for i in range(len(x)):
        out[i] = closed_form.exp(x[i])
    return out


@njit
def _map_w(y):
    out = np.empty_like(y)
    for i in range(len(y)):
        out[i] = closed_form.lambert_w0(y[i])
    return out


@njit
def _map_log(x):
    out = np.empty_like(x)
    for i in range(len(x)):
        out[i] = closed_form.log(x[i])
    return out


def test_exp_is_exact_to_two_units_in_the_last_place():
    x = np.linspace(-60, 60, 100_001)
    assert np.max(np.abs(_map_exp(x) / np.exp(x) - 1)) < 4.5e-16


def test_log_is_exact_to_two_units_in_the_last_place():
    x = np.concatenate([np.exp(np.linspace(-80, 80, 20_001)), np.linspace(0.9, 1.1, 2001), [1.0]])
    assert np.max(np.abs(_map_log(x) - np.log(x)) / np.maximum(np.abs(np.log(x)), 0.5)) < 4.5e-16


def test_lambert_satisfies_its_equation():
    y = np.linspace(0, 1 / np.e, 50_001)
    w = _map_w(y)
    assert np.max(np.abs(w * np.exp(w) + y)) < 3e-16
    # nearer the branch point SciPy's own value is the less exact one
    assert np.max(np.abs((w - lambertw(-y).real)[:-100])) < 1e-12


def test_uncompiled_functions_agree_to_rounding():
    for x in (-3.2, 0.0, 1.7):
        assert abs(closed_form.exp.py_func(x) / np.exp(x) - 1) < 1e-15
    for x in (1e-9, 0.3, 1.0, 7.0):
        assert abs(closed_form.log.py_func(x) - np.log(x)) < 4e-15
    assert abs(closed_form.lambert_w0.py_func(0.2) - lambertw(-0.2).real) < 1e-14
