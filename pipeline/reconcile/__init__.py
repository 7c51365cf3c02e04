"""Catalog, store and index compared, what is wrong between them said kind by kind, and repaired from what remains.

from pipeline.reconcile import reconcile
"""

from pipeline.reconcile.faults import KINDS, Fault, Reconciliation
from pipeline.reconcile.run import reconcile, reconciliation_text

__all__ = ["KINDS", "Fault", "Reconciliation", "reconcile", "reconciliation_text"]
