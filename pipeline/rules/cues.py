"""Words that confirm a clause of a category; the rest is left to the similarity of meaning."""

from __future__ import annotations

import re

__all__ = ["CUES", "DISTINCT"]

AGREED = r".*\b(?:agreement|contract|lease|license|term)\b"
"""What a sentence about renewal must speak of: policies and deadlines are renewed and extended too."""

_PATTERNS = {
    "Renewal Term": rf"\A(?={AGREED})(?:.*\brenew(?:al|s|ed)?\b(?! of (?:the|such|any|each) (?:polic|insur|cover))"
    r"|.*\bextend(?:ed)?\b.{0,60}\b(?:term\b|for\b.{0,40}\bperiods?\b))",
    "Notice Period To Terminate Renewal": r"\bnotice\b.{0,160}\b(?:renew|extend|extension|expir)"
    r"|\brenew.{0,200}\bnotice",
    "Governing Law": r"\bgovern(?:ed|ing)\b.{0,80}\blaws?\b|\blaws?\b.{0,60}\bgovern|\bconstrued\b.{0,80}\blaws?\b",
    "Most Favored Nation": r"most[\s-]favou?red|no less favou?rable|(?:lower|better|more favou?rable) (?:price"
    r"|terms?)",
    "Non-Compete": r"\bcompet(?:e|es|ing|itive|ition|itor)\b|\bnon-?compet",
    "Exclusivity": r"\bexclusiv(?:e|ely|ity)\b(?! (?:property|owner|jurisdiction|venue|remed))",
    "No-Solicit Of Customers": r"\b(?:not|neither|refrain)\b.{0,200}\b(?:solicit|divert"
    r"|entice)\w*\b.{0,160}\b(?:customer|client|account|supplier)",
    "Competitive Restriction Exception": r"\b(?:notwithstanding|except|provided,? however|other than|unless)\b.{0,300}"
    r"\b(?:compet|exclusiv|solicit)|\b(?:compet|exclusiv|solicit).{0,300}\b(?:except|provided,? however|other than)\b",
    "No-Solicit Of Employees": r"\b(?:solicit\w*|hir(?:e|ing)|recruit\w*|employ|entic\w+)\b.{0,160}"
    r"\b(?:employee|personnel|staff)",
    "Non-Disparagement": r"\bdisparag|\b(?:not|neither|refrain)\b.{0,160}\b(?:defam|derogatory|tarnish)",
    "Termination For Convenience": r"\bterminat\w+.{0,160}\b(?:without cause|for convenience|any reason"
    r"|no reason|any time"
    r"|with or without)|\b(?:any time|without cause|any reason)\b.{0,120}\bterminat",
    "Rofr/Rofo/Rofn": r"\b(?:right|option) of first (?:refusal|offer|negotiation)|\bfirst (?:right|option|opportunity)"
    r"|\brights? of first",
    "Change Of Control": r"\bchange (?:of|in) (?:control|ownership)|\bmerg\w+\b|\bconsolidat|substantially all",
    "Anti-Assignment": r"\A(?=.*\b(?:agreement|contract|lease|rights?|obligations?|interests?|licen[sc]e)\b)"
    r"(?:.*\b(?:not|no|neither|nor|void|consent)\b.{0,160}\b(?:assign|transfer|delegate|sublicense)\w*\b"
    r"|.*\b(?:assign|transfer|delegate|sublicense)\w*\b.{0,200}\b(?:not|void|consent|prohibited)\b)",
    "Revenue/Profit Sharing": r"\b(?:royalt|commission|percent|revenue|profit)|\d\s?%",
    "Price Restrictions": r"\b(?:price|fee|rate)s?\b.{0,120}\b(?:increase|raise|exceed|decrease|adjust|maximum|fixed)"
    r"|\b(?:increase|raise|reduce)\w*\b.{0,80}\b(?:price|fee|rate)s?\b",
    "Minimum Commitment": r"\bminimum\b(?! (?:and maximum )?(?:rates?|prices?|limits?|coverage))|\b(?:at least"
    r"|no less than|not less than)\b.{0,60}\b(?:purchase"
    r"|units?|order|pay|\$|annual)",
    "Volume Restriction": r"\b(?:exceed|maximum|up to|limit(?:ed)? to|no more than|in excess of)\b",
    "Ip Ownership Assignment": r"\bwork(?:s)? (?:made )?for hire|\bright,? title,? and interest|\bassigns?\b.{0,120}"
    r"\b(?:right|invention|patent|copyright|intellectual|work)|\b(?:sole|exclusive) (?:property|owner)",
    "Joint Ip Ownership": r"\bjoint(?:ly)?\b",
    "License Grant": r"\A(?!.*\b(?:neither party grants|represents?)\b)(?:.*\bgrants?\b.{0,160}\b(?:licen[sc]e"
    r"|right (?:to|and)|permission)"
    r"|.*\blicen[sc]ed? (?:\w+ ){0,3}to use\b)",
    "Non-Transferable License": r"\A(?=.*\blicen[sc])(?:.*\bnon-?\s?(?:transferable|assignable)"
    r"|.*\bnot (?:be )?(?:transfer|assign|sublicens))",
    "Affiliate License-Licensor": r"\blicen[sc].{0,200}\baffiliates? of (?:the )?licensor"
    r"|\blicensor\b.{0,40}\baffiliat.{0,160}\bgrant",
    "Affiliate License-Licensee": r"\b(?:grant|licen[sc])\w*.{0,160}\b(?:its|their"
    r"|licensee'?s?)\b.{0,30}\b(?:affiliat|subsidiar)",
    "Unlimited/All-You-Can-Eat-License": r"\bunlimited\b|\bunrestricted\b|\benterprise-?wide",
    "Irrevocable Or Perpetual License": r"\A(?=.*\b(?:licen[sc]|grant|rights?))(?!.*\bwaives?\b)"
    r".*(?:\birrevocabl|\bperpetual|\bin perpetuity)",
    "Source Code Escrow": r"\bescrow.{0,200}\bsource code\b|\bsource code\b.{0,200}\bescrow",
    "Post-Termination Services": r"\b(?:after|upon|following|notwithstanding|survive)\b.{0,60}\b(?:terminat"
    r"|expir)\w+.{0,200}"
    r"\b(?:continue|transition|wind|sell|provide|complete|remain)\w*|\bterminat\w+.{0,120}\bsell[\s-]off",
    "Audit Rights": r"\baudit(?:s|ing|ors?)?\b|\b(?:inspect|examin)\w*.{0,160}\b(?:books|records)\b"
    r"|\b(?:books|records)\b.{0,160}\b(?:inspect|examin)",
    "Uncapped Liability": r"\b(?:limitation|limit)\b.{0,200}\b(?:not apply|exclu)|\bexcept\b.{0,300}\bliab"
    r"|\bshall not apply"
    r"|\bunlimited liab|\bliab.{0,300}\b(?:except|gross negligence|wil+ful)",
    "Cap On Liability": r"\bliab\w+\b.{0,300}\b(?:exceed|limited|limit|consequential|incidental|punitive)"
    r"|\b(?:consequential|incidental|punitive|indirect)\b.{0,80}\bdamages",
    "Liquidated Damages": r"\bliquidated (?:damages|sum|amount)|\btermination (?:fee|payment)"
    r"|(?<!without )(?<!of )(?<!any )\bpenalt",
    "Warranty Duration": r"\bwarrant\w*\b.{0,300}\b(?:days?|months?|years?)\b",
    "Insurance": r"\binsur(?:ance|ed|er)\b(?! proceeds)",
    "Covenant Not To Sue": r"\bcovenant\w* not to sue|\b(?:contest|challenge|attack"
    r"|dispute)\b.{0,160}\b(?:valid|owner|right|title)"
    r"|\bnot\b.{0,40}\b(?:contest|challenge)",
    "Third Party Beneficiary": r"\A(?!.*\bnothing\b)(?:.*\bthird[\s-]part(?:y|ies)\b.{0,40}\bbeneficiar"
    r"|.*\bbeneficiar\w+\b)",
}

CUES: dict[str, re.Pattern[str]] = {
    name: re.compile(text, re.IGNORECASE | re.DOTALL) for name, text in _PATTERNS.items()
}
"""By category. The first five categories of CUAD have none: they are fields, read by rules of their own."""

DISTINCT = frozenset(
    {
        "Anti-Assignment", "Audit Rights", "Cap On Liability", "Covenant Not To Sue", "Governing Law", "Insurance",
        "Irrevocable Or Perpetual License",
        "License Grant", "Liquidated Damages", "Minimum Commitment", "Most Favored Nation", "Non-Compete",
        "No-Solicit Of Customers", "No-Solicit Of Employees", "Non-Disparagement", "Non-Transferable License",
        "Renewal Term", "Rofr/Rofo/Rofn", "Source Code Escrow", "Third Party Beneficiary",
    }
)  # fmt: skip
"""Categories whose cue is nearly proof, so that less similarity is asked for."""
