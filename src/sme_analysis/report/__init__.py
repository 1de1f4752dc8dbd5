"""How results look and travel: numbers with units, accessible tables, one style of figure, and the recorder.

A notebook computes with the model's floors and publishes through `Recorder`; nothing here knows the model.
"""

from sme_analysis.report import figures, quantities, recorder, style, tables
from sme_analysis.report.recorder import RESULT_MIME, Recorder, RecordError

__all__ = ["RESULT_MIME", "RecordError", "Recorder", "figures", "quantities", "recorder", "style", "tables"]
