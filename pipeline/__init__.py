"""Muniment's pipeline: scanned contracts in, routed, extracted and searchable pages out."""

__version__ = "0.1.0"
