"""Templates, and how hostile text is shown: as text, whole, and unable to disguise itself."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse

from pipeline.report import plain

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["page"]

ROOMS = (
    ("/", "Search"),
    ("/documents", "Documents"),
    ("/review", "Review"),
    ("/deadlines", "Deadlines"),
    ("/operations", "Operations"),
)
"""What the bar at the top leads to."""

ADMIN_ROOMS = (("/people", "People"), ("/audit", "Audit"))
"""And for administrators."""


def page(request: Request, template: str, status: int = 200, **shown: Any) -> HTMLResponse:
    """A rendered template. It always knows the path, and the caller where there is one."""
    caller = getattr(request.state, "caller", None)
    rooms = (ROOMS + (ADMIN_ROOMS if caller.admin else ())) if caller else ()
    html = _environment().get_template(template).render(path=request.url.path, caller=caller, rooms=rooms, **shown)
    return HTMLResponse(html, status)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("pipeline.web"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["plain"] = plain
    made.filters["segment"] = lambda text: quote(str(text), safe="")
    made.filters["day"] = lambda when: f"{when.day} {when:%B %Y}"
    made.filters["share"] = lambda part: f"{part:.4f}".rstrip("0").rstrip(".")  # of a page, as SVG writes it
    made.filters["when"] = lambda seconds: datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")
    made.filters["browser"] = _browser
    made.filters["told"] = lambda value: ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return made


def _browser(agent: str) -> str:
    """A browser as a person calls it: each names itself after several others, the most special one first here."""
    names = {"Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
    systems = {"Windows": "Windows", "iPhone": "iPhone", "iPad": "iPad", "Android": "Android", "Mac OS": "macOS"}
    name = next((said for mark, said in names.items() if mark in agent), plain(agent)[:40] or "unknown")
    system = next((said for mark, said in (systems | {"Linux": "Linux"}).items() if mark in agent), "")
    return f"{name} on {system}" if system else name
