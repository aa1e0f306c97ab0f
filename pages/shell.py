"""The frame every page stands in: plain HTML, on screen before any script has run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, Template, select_autoescape
from markupsafe import Markup

from pages import assets, icons
from pages.places import Page, Visit
from pages.speech import Speech, languages

MOST_IN_BAR = 4  # places in the bottom bar of a phone


@cache
def environment() -> Environment:
    found = Environment(
        loader=FileSystemLoader(assets.FOLDER / "templates"),
        autoescape=select_autoescape(default=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals["asset"] = assets.href
    found.globals["icon"] = icons.icon
    found.filters["nonced"] = nonced
    return found


def nonced(scripts: str | None, nonce: str) -> Markup:
    """Bokeh's own script tags, let through the content policy. Never given anything from data."""
    return Markup((scripts or "").replace("<script", f'<script nonce="{nonce}"'))  # noqa: S704


def template() -> Template:
    return environment().get_template("page.html")


@dataclass(frozen=True, slots=True)
class Entry:
    href: str
    label: str
    icon: str
    here: bool


def menu(visit: Visit, pages: Sequence[Page]) -> list[Entry]:
    """What this viewer may open: the page one lands on, then the order of PAGES."""
    viewer = visit.desk.viewer
    pages = sorted(pages, key=lambda page: viewer.role not in page.home_of)
    return [
        Entry(page.path, visit.speech.say(page.title), page.icon, page.path == visit.page.path)
        for page in pages
        if page.in_menu and viewer.may(page.action)
    ]


def variables(visit: Visit, pages: Sequence[Page], slots: Sequence[Any], nonce: str) -> dict[str, Any]:
    """For the template. Values are escaped there; nothing of a learner's data is among them."""
    entries = menu(visit, pages)
    return {
        "say": visit.speech.say,
        "language": str(visit.speech.locale).replace("_", "-"),
        "heading": visit.speech.say(visit.page.title),
        "me": visit.me,
        "role": visit.speech.say(f"role.{visit.me.role}") if visit.me.role else "",
        "languages": languages(),
        "spoken": visit.speech.language,
        "may_choose": visit.desk.viewer.may("own-preferences"),
        "here": visit.page.path,
        "menu": entries,
        "bar": entries[:MOST_IN_BAR],
        "slots": slots,
        "has_filters": bool(visit.page.filters),
        "nonce": nonce,
    }


def screen(name: str, speech: Speech, nonce: str, **values: Any) -> str:
    """A page without Panel: sign-in, errors."""
    language = str(speech.locale).replace("_", "-")
    return environment().get_template(name).render(say=speech.say, language=language, nonce=nonce, **values)
