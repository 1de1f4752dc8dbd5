"""Policy impact analysis of SME financing: from a regulation and published figures to rendered notebooks."""

__version__ = "0.1.0"
