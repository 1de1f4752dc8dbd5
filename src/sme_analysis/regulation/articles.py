"""The 32 articles of the regulation: what each asks for, and what the workbench does with it.

Source: 海西蒙古族藏族自治州促进中小微企业发展条例, passed on 2020-03-27, approved on 2020-06-10, in force
from 2020-07-01. It fixes no rate, share, cap or fund size: all of these are parameters of a scenario.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from typing import ClassVar, Literal

import pandas as pd
from pydantic import ConfigDict, TypeAdapter
from ruamel.yaml import YAML

from sme_analysis.errors import UserError

Force = Literal["duty", "encourage", "may", "none"]
Level = Literal["prefecture", "county", "none"]
Status = Literal["modelled", "off by default", "no financing channel"]


@dataclass(frozen=True)
class Article:
    """One article.

    Parameters
    ----------
    number : int
        From 1 to 32.
    subject, subject_zh : str
        What it is about, in English and Chinese.
    force : str
        duty (the text says 应当, or plainly what governments do), encourage (鼓励), may (可以) or none.
    level : str
        Whom it addresses: prefecture (its government only), county (governments of county level and above)
        or none.
    status : str
        Whether the workbench attaches numbers to it.
    treatment : str
        What the workbench does with it, or why no number is attached.
    notebooks : tuple of str
        Where a reader meets it.
    instruments : tuple of str
        The instruments that carry it out, modelled or not.
    parameters : tuple of str
        Keys of the catalogue, or groups that stand for all of their keys.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    number: int
    subject: str
    subject_zh: str
    force: Force
    level: Level
    status: Status
    treatment: str
    notebooks: tuple[str, ...]
    instruments: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()

    @property
    def modelled(self) -> bool:
        """Whether numbers of the workbench rest on it, in the default package or where a scenario switches it on."""
        return self.status != "no financing channel"

    def keys(self, catalogue: Iterable[str]) -> tuple[str, ...]:
        """Return the parameters that rest on this article, groups written out.

        Parameters
        ----------
        catalogue : iterable of str
            All keys of the catalogue.

        Returns
        -------
        tuple of str
            In the order of the catalogue.
        """
        groups = tuple(f"{name}." for name in self.parameters)
        return tuple(key for key in catalogue if key in self.parameters or key.startswith(groups))


def _load() -> tuple[Article, ...]:
    text = resources.files(__package__).joinpath("articles.yaml").read_text(encoding="utf-8")
    return TypeAdapter(tuple[Article, ...]).validate_python(YAML(typ="safe").load(text))


#: All articles, in order.
ARTICLES: tuple[Article, ...] = _load()


def article(number: int) -> Article:
    """Return an article by its number.

    Parameters
    ----------
    number : int
        From 1 to 32.

    Returns
    -------
    Article
        The article.

    Raises
    ------
    UserError
        If there is no such article.
    """
    for one in ARTICLES:
        if one.number == number:
            return one
    raise UserError(f"there is no article {number}: the regulation has articles 1 to {len(ARTICLES)}")


def articles_table() -> pd.DataFrame:
    """Return all articles, ready to print.

    Returns
    -------
    DataFrame
        One row an article, indexed by its number; columns are the other fields of `Article`, lists joined by
        commas and "–" where an article has none.
    """
    rows = [
        {
            "number": one.number,
            "subject": one.subject,
            "subject_zh": one.subject_zh,
            "force": one.force,
            "level": one.level,
            "status": one.status,
            "instruments": _listed(one.instruments),
            "parameters": _listed(one.parameters),
            "notebooks": _listed(one.notebooks),
            "treatment": one.treatment,
        }
        for one in ARTICLES
    ]
    return pd.DataFrame(rows).set_index("number")


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "–"
