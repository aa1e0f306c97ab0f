"""Where a tour goes: every page as every role that may open it, by somebody of the demo school."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from config.roles import Roles, read_roles
from connectors.demo import PERSONAS
from pages import PAGES, Page

THEMES = ("light", "dark")


@dataclass(frozen=True, slots=True)
class Size:
    name: str
    width: int
    height: int
    touch: bool = False


PHONE = Size("phone", 390, 844, touch=True)
DESKTOP = Size("desktop", 1440, 900)
NARROW = Size("narrow", 320, 640, touch=True)  # what 1,280 pixels become at 400 % zoom
SIZES = (PHONE, DESKTOP)


@dataclass(frozen=True, slots=True)
class Place:
    """A page as one person sees it. `through` is where a page without a menu entry is linked from."""

    login: str
    role: str
    path: str
    through: str = ""


def places(pages: tuple[Page, ...] = PAGES, roles: Roles | None = None) -> Iterator[Place]:
    known = (roles or read_roles()).by_name
    for page in pages:
        for name, role in known.items():
            login = next((p.login for p in PERSONAS if p.role == name), None)
            if login is not None and page.action in role.actions:
                yield Place(
                    login, name, page.path, "" if page.in_menu else _through(page, pages, role.actions)
                )


def _through(page: Page, pages: tuple[Page, ...], actions: frozenset[str]) -> str:
    return next((p.path for p in pages if p.in_menu and p.action in actions), page.path)
