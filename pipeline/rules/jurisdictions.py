"""Places whose law contracts choose: US states and territories, Canadian provinces, and countries."""

from __future__ import annotations

from rapidfuzz import fuzz, process

__all__ = ["JURISDICTIONS", "jurisdiction"]

JURISDICTIONS: tuple[str, ...] = (
    "Alabama", "Alaska", "Arizona", "Arkansas", "California", "Colorado", "Connecticut", "Delaware", "Florida",
    "Georgia", "Hawaii", "Idaho", "Illinois", "Indiana", "Iowa", "Kansas", "Kentucky", "Louisiana", "Maine",
    "Maryland", "Massachusetts", "Michigan", "Minnesota", "Mississippi", "Missouri", "Montana", "Nebraska",
    "Nevada", "New Hampshire", "New Jersey", "New Mexico", "New York", "North Carolina", "North Dakota", "Ohio",
    "Oklahoma", "Oregon", "Pennsylvania", "Puerto Rico", "Rhode Island", "South Carolina", "South Dakota",
    "Tennessee", "Texas", "Utah", "Vermont", "Virginia", "Washington", "West Virginia", "Wisconsin", "Wyoming",
    "District of Columbia", "Alberta", "British Columbia", "Manitoba", "Nova Scotia", "Ontario", "Quebec",
    "Saskatchewan", "Canada", "England", "England and Wales", "Scotland", "Northern Ireland", "United Kingdom",
    "Ireland", "France", "Germany", "Switzerland", "Austria", "Netherlands", "Belgium", "Luxembourg", "Italy", "Spain",
    "Portugal", "Sweden", "Norway", "Denmark", "Finland", "Poland", "Czech Republic", "Hungary", "Greece",
    "Russian Federation", "Russia", "Ukraine", "Turkey", "Israel", "Egypt", "South Africa", "Nigeria", "Kenya", "India",
    "China", "People's Republic of China", "Hong Kong", "Taiwan", "Japan", "Korea", "South Korea", "Singapore",
    "Malaysia", "Thailand", "Vietnam", "Indonesia", "Philippines", "Australia", "New South Wales", "Victoria",
    "Queensland", "New Zealand", "Mexico", "Brazil", "Argentina", "Chile", "Colombia", "Peru", "Panama", "Bermuda",
    "Cayman Islands", "British Virgin Islands", "Bahamas", "Jersey", "Guernsey", "Isle of Man", "Cyprus", "Malta",
    "Marshall Islands", "United Arab Emirates", "Dubai", "Saudi Arabia", "Qatar", "United States",
    "United States of America",
)  # fmt: skip


LOWER = [place.lower() for place in JURISDICTIONS]
NEAR = 87
"""One wrong letter in eight: "Ncw York" is read, "Ohia" is not."""


def jurisdiction(text: str) -> str:
    """The place that begins the text ("New Ycrk, without regard to"), or "" when none comes near."""
    words = text.replace(",", " ").split()
    best = ("", 0.0)
    for size in range(1, 5):
        candidate = " ".join(words[:size]).strip(" .,;:()\"'")
        found = process.extractOne(candidate.lower(), LOWER, scorer=fuzz.ratio, score_cutoff=NEAR)
        if found and (found[1], len(found[0])) >= (best[1], len(best[0])):
            best = (JURISDICTIONS[found[2]], found[1])
    return best[0]
