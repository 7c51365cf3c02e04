"""Measuring against golden sets: page search, fields, routes, and where to set the escalation thresholds.

`goldenset.py` documents the format of fields and routes, `ranking.py` that of questions.
"""

from pipeline.evaluate.ranking import Golden, golden, retrieval

__all__ = ["Golden", "golden", "retrieval"]
