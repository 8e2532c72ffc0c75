"""Looks a whole data set over, labels and pictures, and tells all that is wrong or doubtful."""

from segloop.data.inspection.findings import KINDS, Finding, Kind, Verdict
from segloop.data.inspection.survey import inspect_set

__all__ = ["KINDS", "Finding", "Kind", "Verdict", "inspect_set"]
