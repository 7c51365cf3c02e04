"""The kinds of document Muniment tells apart, with the names a title may bear."""

from __future__ import annotations

from typing import Literal, get_args

__all__ = ["CONTRACT_KINDS", "KINDS", "KIND_NAMES", "UNKNOWN", "Kind"]

Kind = Literal[
    "affiliate agreement",
    "agency agreement",
    "amendment",
    "collaboration agreement",
    "consulting agreement",
    "development agreement",
    "distribution agreement",
    "employment agreement",
    "endorsement agreement",
    "franchise agreement",
    "hosting agreement",
    "intellectual property agreement",
    "invoice",
    "joint venture agreement",
    "lease",
    "letter",
    "license agreement",
    "loan agreement",
    "maintenance agreement",
    "manufacturing agreement",
    "marketing agreement",
    "nda",
    "non-compete agreement",
    "order",
    "other",
    "outsourcing agreement",
    "purchase agreement",
    "purchase order",
    "receipt",
    "reseller agreement",
    "schedule",
    "services agreement",
    "settlement agreement",
    "sponsorship agreement",
    "statement of work",
    "strategic alliance agreement",
    "supply agreement",
    "transportation agreement",
    "agreement",
    "unknown",
]

KINDS: tuple[Kind, ...] = get_args(Kind)
UNKNOWN: Kind = "unknown"

KIND_NAMES: dict[Kind, tuple[str, ...]] = {
    "affiliate agreement": ("affiliate agreement", "affiliation agreement"),
    "agency agreement": ("agency agreement", "representative agreement", "commercial agent agreement"),
    "amendment": ("amendment", "addendum", "amendment agreement", "modification agreement", "supplemental agreement"),
    "collaboration agreement": ("collaboration agreement", "cooperation agreement", "co-branding agreement"),
    "consulting agreement": ("consulting agreement", "consultancy agreement", "advisory agreement"),
    "development agreement": ("development agreement", "research and development agreement"),
    "distribution agreement": ("distribution agreement", "distributor agreement", "distributorship agreement"),
    "employment agreement": ("employment agreement", "employment contract", "offer of employment"),
    "endorsement agreement": ("endorsement agreement",),
    "franchise agreement": ("franchise agreement",),
    "hosting agreement": ("hosting agreement", "web hosting agreement", "co-location agreement"),
    "intellectual property agreement": ("intellectual property agreement", "assignment agreement"),
    "invoice": ("invoice", "tax invoice", "commercial invoice", "bill"),
    "joint venture agreement": ("joint venture agreement", "joint venture"),
    "lease": ("lease", "lease agreement", "office lease", "sublease", "rental agreement", "tenancy agreement"),
    "letter": ("letter", "cover letter", "letter of transmittal", "memorandum"),
    "license agreement": ("license agreement", "licence agreement", "licensing agreement", "sublicense agreement"),
    "loan agreement": ("loan agreement", "credit agreement", "promissory note", "facility agreement"),
    "maintenance agreement": ("maintenance agreement", "support agreement", "maintenance and support agreement"),
    "manufacturing agreement": ("manufacturing agreement", "contract manufacturing agreement"),
    "marketing agreement": ("marketing agreement", "promotion agreement", "advertising agreement"),
    "nda": (
        "nondisclosure agreement",
        "mutual nondisclosure agreement",
        "confidentiality agreement",
        "mutual confidentiality agreement",
        "confidential disclosure agreement",
        "confidentiality and nondisclosure agreement",
        "nda",
    ),
    "non-compete agreement": (
        "noncompetition agreement",
        "noncompete agreement",
        "covenant not to compete",
        "noncompetition and nonsolicitation agreement",
    ),
    "order": ("insertion order", "order form", "advertising order", "sales order", "contract order", "order"),
    "outsourcing agreement": ("outsourcing agreement",),
    "purchase agreement": (
        "purchase agreement",
        "sale agreement",
        "asset purchase agreement",
        "stock purchase agreement",
        "purchase and sale agreement",
    ),
    "purchase order": ("purchase order",),
    "receipt": ("receipt", "cash receipt"),
    "reseller agreement": ("reseller agreement", "value added reseller agreement"),
    "schedule": ("schedule", "fee schedule", "exhibit", "annex", "appendix", "price list", "rate card"),
    "services agreement": (
        "services agreement",
        "service agreement",
        "master services agreement",
        "professional services agreement",
        "administrative services agreement",
    ),
    "settlement agreement": ("settlement agreement", "settlement and release agreement", "release agreement"),
    "sponsorship agreement": ("sponsorship agreement",),
    "statement of work": ("statement of work", "work order", "scope of work"),
    "strategic alliance agreement": ("strategic alliance agreement", "alliance agreement"),
    "supply agreement": ("supply agreement", "supply contract"),
    "transportation agreement": ("transportation agreement", "carriage agreement", "transportation services agreement"),
    "agreement": ("agreement", "contract", "memorandum of understanding", "memorandum of agreement"),
}
"""Lower-case names by kind; `other` and `unknown` have none. Every agreement falls back to `agreement`."""

CONTRACT_KINDS: frozenset[Kind] = frozenset(
    kind for kind in KINDS if kind.endswith("agreement") or kind in {"nda", "lease", "amendment", "statement of work"}
)
"""The kinds that bind parties: a firm expects parties and a date in each."""
