"""Words that confirm a clause of a category; the rest is left to the similarity of meaning."""

from __future__ import annotations

import re

__all__ = ["CUES"]

_PATTERNS = {
    "Renewal Term": r"\brenew(?:al|s|ed)?\b|\bextend(?:ed)?\b.{0,60}\b(?:term|period)",
    "Notice Period To Terminate Renewal": r"\bnotice\b.{0,160}\b(?:renew|extend|extension|expir)|\brenew.{0,200}\bnotice",
    "Governing Law": r"\bgovern(?:ed|ing)\b.{0,80}\blaws?\b|\blaws?\b.{0,60}\bgovern|\bconstrued\b.{0,80}\blaws?\b",
    "Most Favored Nation": r"most[\s-]favou?red|no less favou?rable|(?:lower|better|more favou?rable) (?:price|terms?)",
    "Non-Compete": r"\bcompet(?:e|es|ing|itive|ition|itor)\b|\bnon-?compet",
    "Exclusivity": r"\bexclusiv(?:e|ely|ity)\b|\bsole(?:ly)?\b",
    "No-Solicit Of Customers": r"\b(?:solicit|divert|entice)\w*\b.{0,160}\b(?:customer|client|account|supplier)",
    "Competitive Restriction Exception": r"\b(?:notwithstanding|except|provided,? however|other than|unless)\b.{0,300}"
    r"\b(?:compet|exclusiv|solicit)|\b(?:compet|exclusiv|solicit).{0,300}\b(?:except|provided,? however|other than)\b",
    "No-Solicit Of Employees": r"\b(?:solicit|hire|recruit|employ|entice)\w*\b.{0,160}\b(?:employee|personnel|staff)",
    "Non-Disparagement": r"\bdisparag|\bdefam|\bderogatory|\btarnish",
    "Termination For Convenience": r"\bterminat\w+.{0,160}\b(?:without cause|for convenience|any reason|no reason|any time"
    r"|with or without)|\b(?:any time|without cause|any reason)\b.{0,120}\bterminat",
    "Rofr/Rofo/Rofn": r"\b(?:right|option) of first (?:refusal|offer|negotiation)|\bfirst (?:right|option|opportunity)"
    r"|\brights? of first",
    "Change Of Control": r"\bchange (?:of|in) (?:control|ownership)|\bmerg\w+\b|\bconsolidat|substantially all",
    "Anti-Assignment": r"\b(?:assign|transfer|delegate|sublicense)\w*\b",
    "Revenue/Profit Sharing": r"\b(?:royalt|commission|percent|revenue|profit)|\d\s?%",
    "Price Restrictions": r"\b(?:price|fee|rate)s?\b.{0,120}\b(?:increase|raise|exceed|decrease|adjust|maximum|fixed)"
    r"|\b(?:increase|raise|reduce)\w*\b.{0,80}\b(?:price|fee|rate)s?\b",
    "Minimum Commitment": r"\bminimum\b|\bat least\b.{0,60}\b(?:purchase|units?|order|pay)|\bno less than\b",
    "Volume Restriction": r"\b(?:exceed|maximum|up to|limit(?:ed)? to|no more than|in excess of)\b",
    "Ip Ownership Assignment": r"\bwork(?:s)? (?:made )?for hire|\bright,? title,? and interest|\bassigns?\b.{0,120}"
    r"\b(?:right|invention|patent|copyright|intellectual|work)|\b(?:sole|exclusive) (?:property|owner)",
    "Joint Ip Ownership": r"\bjoint(?:ly)?\b",
    "License Grant": r"\bgrant\w*\b.{0,160}\b(?:licen[sc]e|right)|\blicen[sc]e\b.{0,120}\bto use\b",
    "Non-Transferable License": r"\bnon-?\s?transferable|\bnon-?\s?assignable|\bnot (?:be )?(?:transfer|assign|sublicens)",
    "Affiliate License-Licensor": r"\baffiliat|\bsubsidiar",
    "Affiliate License-Licensee": r"\baffiliat|\bsubsidiar",
    "Unlimited/All-You-Can-Eat-License": r"\bunlimited\b|\bunrestricted\b|\benterprise-?wide",
    "Irrevocable Or Perpetual License": r"\birrevocabl|\bperpetual|\bin perpetuity",
    "Source Code Escrow": r"\bescrow\b|\bsource code\b",
    "Post-Termination Services": r"\b(?:terminat|expir)\w+\b",
    "Audit Rights": r"\baudit|\binspect|\bbooks\b|\brecords\b|\bexamine",
    "Uncapped Liability": r"\b(?:limitation|limit)\b.{0,200}\b(?:not apply|exclu)|\bexcept\b.{0,300}\bliab|\bshall not apply"
    r"|\bunlimited liab|\bliab.{0,300}\b(?:except|gross negligence|wil+ful)",
    "Cap On Liability": r"\bliab\w+\b.{0,300}\b(?:exceed|limited|limit|consequential|incidental|punitive)"
    r"|\b(?:consequential|incidental|punitive|indirect)\b.{0,80}\bdamages",
    "Liquidated Damages": r"\bliquidated\b|\btermination (?:fee|payment)|\bpenalt",
    "Warranty Duration": r"\bwarrant\w*\b.{0,300}\b(?:days?|months?|years?)\b",
    "Insurance": r"\binsur(?:ance|ed|er)\b",
    "Covenant Not To Sue": r"\bcovenant\w* not to sue|\b(?:contest|challenge|attack|dispute)\b.{0,160}\b(?:valid|owner|right|title)"
    r"|\bnot\b.{0,40}\b(?:contest|challenge)",
    "Third Party Beneficiary": r"\bthird[\s-]part(?:y|ies)\b.{0,40}\bbeneficiar|\bbeneficiar\w+\b",
}

CUES: dict[str, re.Pattern[str]] = {
    name: re.compile(text, re.IGNORECASE | re.DOTALL) for name, text in _PATTERNS.items()
}
"""By category. The first five categories of CUAD have none: they are fields, read by rules of their own."""
