"""The 41 clause categories of CUAD (Contract Understanding Atticus Dataset), described in our own words.

The names are the dataset's own. The descriptions are what clause similarity compares sentences with, so
they are written in the vocabulary that contracts themselves use.
"""

from __future__ import annotations

__all__ = ["CATEGORIES", "DESCRIPTIONS"]

DESCRIPTIONS: dict[str, str] = {
    "Document Name": "The name of the contract as its title gives it.",
    "Parties": "The two or more parties who made and entered into the contract.",
    "Agreement Date": "The date of the contract: the day on which it is dated or was entered into.",
    "Effective Date": "The date on which the contract becomes effective or commences.",
    "Expiration Date": "The date on which the initial term of the contract ends or expires.",
    "Renewal Term": "After the initial term the agreement renews automatically or may be extended for further terms.",
    "Notice Period To Terminate Renewal": "Written notice a party must give before the end of the term so that the "
    "agreement does not renew automatically.",
    "Governing Law": "This agreement is governed by and construed in accordance with the laws of a state or country.",
    "Most Favored Nation": "If a third party is offered better terms or lower prices, the same terms or prices are "
    "extended to the other party: most favored customer.",
    "Non-Compete": "A party shall not compete with the other or engage in a competing business in a territory.",
    "Exclusivity": "Exclusive dealing: a party is the exclusive or sole supplier, distributor or partner, or promises "
    "not to deal in the same goods or services with others.",
    "No-Solicit Of Customers": "A party shall not solicit or divert the customers, clients or partners of the other.",
    "Competitive Restriction Exception": "An exception or carve-out from a non-compete, exclusivity or non-solicit "
    "covenant: notwithstanding the foregoing, a party may still do certain competing business.",
    "No-Solicit Of Employees": "A party shall not solicit, recruit or hire the employees or contractors of the other.",
    "Non-Disparagement": "A party shall not disparage, defame or speak ill of the other or its products.",
    "Termination For Convenience": "A party may terminate this agreement at any time without cause by giving written "
    "notice.",
    "Rofr/Rofo/Rofn": "A right of first refusal, right of first offer or right of first negotiation to buy, license, "
    "or provide something.",
    "Change Of Control": "On a merger, sale of substantially all assets or stock, or other change of control of a "
    "party, the other may terminate or must consent or be notified.",
    "Anti-Assignment": "Neither party may assign or transfer this agreement or its rights without the prior written "
    "consent of the other party.",
    "Revenue/Profit Sharing": "One party shall pay or share with the other a percentage of revenue, profits, sales or "
    "commissions.",
    "Price Restrictions": "A limit on raising or lowering prices or fees for the goods, technology or services.",
    "Minimum Commitment": "A minimum order size, minimum purchase amount, minimum royalty or minimum number of units "
    "that a party must buy or pay in a period.",
    "Volume Restriction": "A fee is due or consent is needed if use exceeds a threshold, a maximum number of users, "
    "copies or units.",
    "Ip Ownership Assignment": "Intellectual property created under the agreement is assigned to and becomes the sole "
    "property of one party: work made for hire, right, title and interest.",
    "Joint Ip Ownership": "Intellectual property is jointly owned by the parties.",
    "License Grant": "One party hereby grants to the other a license or right to use its intellectual property, "
    "trademarks, software or technology.",
    "Non-Transferable License": "The license granted is non-transferable and may not be sublicensed or assigned.",
    "Affiliate License-Licensor": "A license that includes intellectual property owned by the licensor's affiliates.",
    "Affiliate License-Licensee": "A license granted to the licensee and also to its affiliates or subsidiaries.",
    "Unlimited/All-You-Can-Eat-License": "A license for unlimited use: enterprise-wide, or without limit of users, "
    "copies or usage.",
    "Irrevocable Or Perpetual License": "A license or right that is irrevocable or perpetual.",
    "Source Code Escrow": "Source code is deposited in escrow and released to the licensee, as on bankruptcy.",
    "Post-Termination Services": "After termination or expiration a party must go on with services, transition help, "
    "the sale of remaining inventory, last buys or payments.",
    "Audit Rights": "A party may audit, inspect or examine the books, records, accounts or premises of the other to "
    "verify compliance.",
    "Uncapped Liability": "Liability is unlimited, or the limitation of liability does not apply to breach of "
    "confidentiality, indemnification, gross negligence or wilful misconduct.",
    "Cap On Liability": "The total liability of a party shall not exceed a maximum amount; no liability for "
    "consequential, incidental, indirect or punitive damages.",
    "Liquidated Damages": "A party that breaches or terminates early pays a fixed sum as liquidated damages, or a "
    "termination fee.",
    "Warranty Duration": "Goods or services are warranted free of defects for a period of months or years.",
    "Insurance": "A party shall maintain insurance coverage, such as general liability, with minimum limits, and name "
    "the other as additional insured.",
    "Covenant Not To Sue": "A party shall not contest or challenge the validity or ownership of the other's "
    "intellectual property, or covenants not to sue.",
    "Third Party Beneficiary": "A person who is not a party is an intended third party beneficiary who may enforce "
    "the agreement.",
}

CATEGORIES: tuple[str, ...] = tuple(DESCRIPTIONS)
