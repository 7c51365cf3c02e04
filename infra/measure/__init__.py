"""Measurements on the shared corpora. Each module is a command, run from the checkout: `python -m infra.measure.NAME`.

The corpora are not part of the repository; `corpora.py` finds them. What is tuned is tuned on the tuning half of
a set, what is reported comes from its reporting half; `halves.json` says which document belongs to which.
"""
