"""Equilibrium within a year and the path over years, with the counterfactual."""

from sme_analysis.simulation.equilibrium import NoEquilibrium
from sme_analysis.simulation.measures import MEASURES
from sme_analysis.simulation.simulate import Simulation, simulate, year_labels

__all__ = ["MEASURES", "NoEquilibrium", "Simulation", "simulate", "year_labels"]
