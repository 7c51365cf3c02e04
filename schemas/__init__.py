"""What Muniment extracts, as pydantic models. This package depends on nothing of `pipeline`."""

SCHEMA_VERSION = "2"
"""Part of every extraction key: raise it when a model here changes meaning, and stored results are redone."""

__all__ = ["SCHEMA_VERSION"]
