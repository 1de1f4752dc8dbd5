"""Errors that a user can mend: what was given, where, what is allowed and the nearest right thing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class UserError(Exception):
    """A mistake in what the user gave; its message is printed without a traceback."""


@dataclass(frozen=True)
class Problem:
    """One thing to mend.

    Parameters
    ----------
    where : str
        File, line and key, as far as they are known.
    given : str
        What was found there.
    allowed : str
        What is expected there.
    hint : str or None
        The nearest right thing, ready to paste.
    """

    where: str
    given: str
    allowed: str
    hint: str | None = None

    def __str__(self) -> str:
        lines = [self.where, f"    given:    {self.given}", f"    expected: {self.allowed}"]
        if self.hint:
            lines.append(f"    hint:     {self.hint}")
        return "\n".join(lines)


class InputErrors(UserError):
    """Every problem found in what was given, not only the first.

    Parameters
    ----------
    problems : iterable of Problem
        At least one.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: list[Problem] = list(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        count = len(self.problems)
        heading = "1 problem found" if count == 1 else f"{count} problems found"
        return "\n".join([heading, *(f"- {problem}" for problem in self.problems)])
