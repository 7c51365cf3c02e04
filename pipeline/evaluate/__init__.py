"""Measuring against golden sets: page search, fields, routes, escalation thresholds, ways of reading side by side.

`goldenset.py` documents the format of fields and routes, `ranking.py` that of questions.
"""
