"""What the law says: the articles of the regulation and the national classification of firms by size."""

from sme_analysis.regulation.size_classes import INDUSTRIES, SIZE_CLASSES, THRESHOLDS, classify, size_table

__all__ = ["INDUSTRIES", "SIZE_CLASSES", "THRESHOLDS", "classify", "size_table"]
