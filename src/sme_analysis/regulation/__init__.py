"""What the law says: the articles of the regulation and the national classification of firms by size."""

from sme_analysis.regulation.articles import ARTICLES, Article, article, articles_table
from sme_analysis.regulation.size_classes import (
    INDICATORS,
    INDUSTRIES,
    INDUSTRY_NAMES,
    INDUSTRY_NAMES_ZH,
    SIZE_CLASSES,
    THRESHOLDS,
    classify,
    size_table,
)

__all__ = [
    "ARTICLES",
    "INDICATORS",
    "INDUSTRIES",
    "INDUSTRY_NAMES",
    "INDUSTRY_NAMES_ZH",
    "SIZE_CLASSES",
    "THRESHOLDS",
    "Article",
    "article",
    "articles_table",
    "classify",
    "size_table",
]
