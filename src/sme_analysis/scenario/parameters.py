"""The resolved parameters of a scenario: every key of the catalogue with its value in inner units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sme_analysis.errors import InputErrors, Problem
from sme_analysis.scenario.catalogue import Catalogue, unknown_key
from sme_analysis.scenario.checks import clashes
from sme_analysis.scenario.fingerprint import canonical_json, fingerprint
from sme_analysis.scenario.units import UnitError


# The type of a value depends on its parameter's unit, which the type checker cannot see: hence Any.
class Parameters(Mapping[str, Any]):
    """Frozen values by key, in inner units: fractions, CNY million, years.

    Parameters
    ----------
    values : mapping of str to value
        One value for every key of the catalogue.
    catalogue : Catalogue
        The records that the values belong to.
    """

    __slots__ = ("_catalogue", "_values")
    _values: dict[str, Any]
    _catalogue: Catalogue

    def __init__(self, values: Mapping[str, Any], catalogue: Catalogue) -> None:
        object.__setattr__(self, "_values", {key: values[key] for key in catalogue})
        object.__setattr__(self, "_catalogue", catalogue)

    def __getitem__(self, key: str) -> Any:
        try:
            return self._values[key]
        except KeyError:
            raise unknown_key(self._catalogue, key) from None

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("parameters are frozen; replace() returns changed ones")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("parameters are frozen; replace() returns changed ones")

    def __hash__(self) -> int:
        return hash(self.to_json())

    def __reduce__(self) -> tuple[type[Parameters], tuple[dict[str, Any], Catalogue]]:
        return Parameters, (self._values, self._catalogue)

    def __repr__(self) -> str:
        return f"Parameters({len(self)} values, fingerprint {self.fingerprint})"

    @property
    def catalogue(self) -> Catalogue:
        """The records of these parameters."""
        return self._catalogue

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that depend on the values only."""
        return fingerprint(self._values)

    def group(self, prefix: str) -> dict[str, Any]:
        """Return the parameters below a prefix.

        Parameters
        ----------
        prefix : str
            For example "risk_compensation" or "firms.mean_pd".

        Returns
        -------
        dict of str to value
            Keys without the prefix.

        Raises
        ------
        UnknownKeyError
            If no key begins with it.
        """
        start = f"{prefix}."
        found = {
            key.removeprefix(start): value for key, value in self._values.items() if key.startswith(start)
        }
        if not found:
            raise unknown_key(self._catalogue, prefix)
        return found

    def replace(self, changes: Mapping[str, Any]) -> Parameters:
        """Return parameters with some values changed and everything checked again.

        Parameters
        ----------
        changes : mapping of str to value
            Values in inner units (0.6, or 80.0 for CNY 80 million) or text with a unit ("60%", "80m").

        Returns
        -------
        The changed `Parameters`; these stay as they are.

        Raises
        ------
        InputErrors
            With every unknown key, wrong type, value out of range and clash between parameters.
        """
        values = dict(self._values)
        problems = []
        for key, given in changes.items():
            if key not in self._catalogue:
                problems.append(
                    Problem(key, "an unknown key", "a key of the catalogue", self._catalogue.suggest(key))
                )
                continue
            try:
                values[key] = self._catalogue[key].coerce(given)
            except UnitError as error:
                problems.append(Problem(key, error.given, error.allowed, error.hint))
        if not problems:
            problems = [
                Problem(", ".join(clash.keys), clash.given, clash.allowed, clash.hint)
                for clash in clashes(values)
            ]
        if problems:
            raise InputErrors(problems)
        return Parameters(values, self._catalogue)

    def to_json(self) -> str:
        """Return canonical JSON: sorted keys, inner units."""
        return canonical_json(self._values)
