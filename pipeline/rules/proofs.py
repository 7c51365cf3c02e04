"""Words that nearly prove a clause of a category by themselves, as contracts of any trade use them.

They stand for the category's own definition (what the clause must say), where a cue of `cues.py` only makes it
possible. No more than a little likeness of meaning is asked for beside them.
"""

from __future__ import annotations

import re

__all__ = ["PROOFS"]

NOT = r"\b(?:not|never|neither|nor|no|refrain|without)\b"
PERCENT = r"(?:\d\s?%|\bper\s?cent(?:age|um)?\b)"

_PATTERNS = {
    "Renewal Term": r"\bautomatic\w*\b.{0,40}\b(?:renew|extend)|\brenew\w*\b.{0,80}\b(?:successive|additional"
    r"|further|consecutive)\b"
    r".{0,60}\b(?:terms?|periods?|years?|months?)\b|\boption to (?:renew|extend)\b",
    "Notice Period To Terminate Renewal": r"\b(?:unless|notice)\b.{0,160}\b(?:non-?renew\w*|not (?:to )?renew"
    r"|not to extend)"
    r"|\brenew.{0,120}\bunless\b.{0,160}\bnotice\b",
    "Governing Law": r"\b(?:governed|construed|interpreted)\b.{0,100}\blaws?\b|\blaws? of\b.{0,80}\b(?:govern|apply)",
    "Most Favored Nation": r"\bmost[\s-]favou?red\b|\bno less favou?rable than\b.{0,80}\b(?:other|any) (?:customer"
    r"|licensee|part)",
    "Non-Compete": rf"{NOT}.{{0,160}}\b(?:compet(?:e|es|ing) with|(?:engage|interest"
    rf"|participat)\w*\b.{{0,120}}\bcompet\w+)|\bnon-?competition\b",
    "Exclusivity": r"(?<!non-)(?<!non)\bexclusive (?:right|licen[sc]e|distribut|suppl|provider|agent|dealer|sponsor"
    r"|manufactur|reseller"
    r"|partner|territor|basis|supplier|vendor)|\bexclusively (?:purchase|deal|use|sell|from)\b",
    "No-Solicit Of Customers": rf"{NOT}.{{0,160}}\b(?:solicit|divert|entice)\w*\b.{{0,160}}\b(?:customer|client)",
    "No-Solicit Of Employees": rf"{NOT}.{{0,200}}\b(?:solicit|hire|hiring|recruit|entice|induce)\w*\b.{{0,160}}"
    r"\b(?:employees?|persons? employed|personnel|staff)\b",
    "Non-Disparagement": r"\bdisparag\w+",
    "Termination For Convenience": r"\b(?:may|right to|entitled to|option to)\b.{0,100}\bterminat(?:e"
    r"|ed)\b.{0,160}\b(?:for (?:its |their )?convenience|without cause|(?:for )?any (?:or no )?reason"
    r"|with or without cause)|\bright\b.{0,60}\bat any time\b.{0,60}\bto terminate\b"
    r"|\b(?:either party|may)\b.{0,60}"
    r"\bterminate this \w+(?: at any time)? (?:up)?on\b.{0,60}\bnotice(?! of (?:such )?(?:breach|default))"
    r"(?!.{0,80}\b(?:breach|default|insolven))",
    "Rofr/Rofo/Rofn": r"\brights? of first (?:refusal|offer|negotiation)\b|\bfirst right (?:of|to)\b",
    "Change Of Control": r"\bchange (?:of|in) (?:control|ownership)\b|\bterminat\w+.{0,160}\b(?:merger|acqui(?:red"
    r"|sition)|consolidation)\b"
    r"|\b(?:merger|consolidation)\b.{0,160}\bterminate\b",
    "Anti-Assignment": rf"{NOT}.{{0,80}}\b(?:assign|transfer)(?:ed|able|s)?\b.{{0,200}}\bconsent\b"
    rf"|\bassign\w*\b.{{0,160}}\bwithout\b.{{0,80}}\bconsent\b"
    r"|\bnot (?:be )?assign(?:ed|able)\b|\bassignment\b.{0,80}\b(?:null and )?void\b",
    "Revenue/Profit Sharing": rf"\b(?:royalt|commission|rebate)\w*\b.{{0,120}}{PERCENT}"
    rf"|{PERCENT}.{{0,80}}\bof (?:\w+ ){{0,3}}"
    r"(?:revenues?|sales|profits?|receipts|proceeds|income|fees)\b|\b(?:revenue|profit)[\s-]shar",
    "Price Restrictions": r"\b(?:prices?|fees?|rates?)\b.{0,80}\b(?:not (?:be )?(?:increase|raise|exceed|change)"
    r"|remain (?:fixed|firm))"
    r"|\b(?:increase|raise)\w*\b.{0,60}\b(?:prices?|fees?|rates?)\b.{0,80}\b(?:not|no more|exceed|once|maximum)\b",
    "Minimum Commitment": r"\bminimum (?:annual |monthly |quarterly |guaranteed |net |aggregate )*(?:purchase|order"
    r"|royalt|commitment|quantit|guarantee"
    r"|payment|volume|number|sales|amount|fee)|\b(?:purchase|order|buy)\b.{0,80}\b(?:at least|not less than"
    r"|no less than|(?:a|the) minimum)\b"
    r"|\bguarantee\w*\b.{0,120}\bat least\b",
    "Ip Ownership Assignment": r"\bworks? (?:made )?for hire\b|\bassigns?\b.{0,120}\b(?:right,? title|inventions?"
    r"|copyrights?|patents?|intellectual)"
    r"|\b(?:be|are|is|become) the (?:sole and exclusive|exclusive|sole) property of\b",
    "Joint Ip Ownership": r"\bjoint(?:ly)? own(?:s|ed|ership)?\b|\bco-own|\bjointly\b.{0,30}\bown",
    "License Grant": r"(?<!party )\b(?:hereby )?grants? (?!of\b).{0,160}\b(?:sub)?licen[sc]e\b|\bhereby licenses\b",
    "Non-Transferable License": r"\A(?=.*\b(?:licen[sc]|grant))(?=.*\bnon-?\s?(?:transferable|assignable)\b)",
    "Affiliate License-Licensee": r"\bgrants?\b.{0,100}\b(?:and|or) (?:its|their) (?:affiliates"
    r"|subsidiaries)\b.{0,160}\blicen[sc]",
    "Unlimited/All-You-Can-Eat-License": r"\bunlimited\b.{0,60}\b(?:licen[sc]|users?|copies|use)\b"
    r"|\benterprise-?wide\b",
    "Irrevocable Or Perpetual License": r"\A(?=.*\b(?:irrevocabl|perpetual))(?=.*\blicen[sc])(?=.*\bgrant)",
    "Source Code Escrow": r"\A(?=.*\bescrow)(?=.*\bsource code)",
    "Post-Termination Services": r"\b(?:after|upon|following)\b.{0,60}\b(?:terminat"
    r"|expir)\w+.{0,200}\b(?:sell[\s-]?off|transition|wind[\s-]?(?:down|up)"
    r"|continue to (?:provide|perform|supply|sell|pay)|remaining inventory)",
    "Audit Rights": r"\bright to (?:audit|inspect|examine)\b|\baudit\w*\b.{0,100}\b(?:books|records|accounts)\b"
    r"|\b(?:books|records)\b.{0,120}\b(?:audit|inspect|examin|available|copies)",
    "Uncapped Liability": r"\b(?:limitation|limit|cap|exclusion|section)s?\b.{0,120}\b(?:shall|do|does"
    r"|will) not apply\b"
    r"|\bliab.{0,250}\b(?:except|other than|excluding)\b.{0,160}\b(?:gross negligence|wil+ful|fraud|indemnif"
    r"|confidential)",
    "Cap On Liability": r"\bliab\w+\b.{0,160}\b(?:not exceed|limited to|no more than)\b|\b(?:no event|neither"
    r"|not)\b.{0,120}\bliable\b.{0,200}"
    r"\b(?:consequential|incidental|indirect|special|punitive)\b|\baggregate liability\b",
    "Liquidated Damages": r"\bliquidated damages\b|\btermination (?:fee|charge|penalty)\b",
    "Warranty Duration": r"\bwarrant\w*\b.{0,200}\b(?:period of|for)\b.{0,40}\b(?:days|months|years?)\b",
    "Insurance": r"\b(?:maintain|obtain|carry|procure|keep|provide)\w*\b.{0,120}\binsurance\b"
    r"|\badditional(?:ly)? (?:named )?insured",
    "Covenant Not To Sue": rf"{NOT}.{{0,60}}\b(?:contest|challenge|attack|dispute|sue)\b.{{0,120}}\b(?:validity"
    rf"|ownership|title|rights?|patent|marks?)\b"
    r"|\bcovenants? not to sue\b",
    "Third Party Beneficiary": r"(?<!no )\b(?:intended|express|is an?|are|as) (?:\w+ )?third[\s-]part(?:y"
    r"|ies) beneficiar",
}

PROOFS: dict[str, re.Pattern[str]] = {
    name: re.compile(text, re.IGNORECASE | re.DOTALL) for name, text in _PATTERNS.items()
}
"""By category; those that only meaning can tell (volume restrictions, exceptions) have none."""
