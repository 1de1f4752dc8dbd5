"""What is asked: checked units, the catalogue of parameters, and scenarios that change it.

A scenario is a short YAML of changes to the catalogue. Loading one gives frozen parameters in inner units
(fractions, CNY million, years) and a fingerprint that depends on their values only; everything wrong with
a file is reported at once.
"""

from sme_analysis.scenario.calibrations import Calibration, calibration_names, load_calibration
from sme_analysis.scenario.catalogue import Catalogue, Distribution, Record, UnknownKeyError, load_catalogue
from sme_analysis.scenario.parameters import Parameters
from sme_analysis.scenario.paths import project_root
from sme_analysis.scenario.scenario import Change, Scenario, check_files, diff, load_scenario, scenario_names
from sme_analysis.scenario.tables import changes_table, describe

__all__ = [
    "Calibration",
    "Catalogue",
    "Change",
    "Distribution",
    "Parameters",
    "Record",
    "Scenario",
    "UnknownKeyError",
    "calibration_names",
    "changes_table",
    "check_files",
    "describe",
    "diff",
    "load_calibration",
    "load_catalogue",
    "load_scenario",
    "project_root",
    "scenario_names",
]
