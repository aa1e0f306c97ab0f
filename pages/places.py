"""A page's entry in the menu, and one person's visit to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from models.desk import Desk
from pages.me import Me
from pages.speech import Speech


class View(Protocol):
    """A Viewer. Its constructor never asks; `start` does."""

    def __panel__(self) -> Any: ...

    def start(self) -> None:
        """Ask for everything, off the loop, now that the frame is on its way."""
        ...

    def leave(self) -> None:
        """The tab closed: stop listening."""
        ...


@dataclass(frozen=True, slots=True)
class Visit:
    """Who looks, through which door, at what. `query` is the page's state in its URL."""

    desk: Desk
    me: Me
    speech: Speech
    page: Page
    query: Mapping[str, str] = field(default_factory=dict)
    stage: Callable[..., Any] | None = None  # what draws the cards; a notebook has its own

    @property
    def may_take_out(self) -> bool:
        """Is a card's file offered? Core decides once more when it is asked for."""
        return self.desk.viewer.may("export-data") or self.desk.viewer.may("take-along")


@dataclass(frozen=True, slots=True)
class Page:
    path: str  # one segment: "/student"
    title: str  # the key of a text
    action: str  # who may open it
    view: Callable[[Visit], View]
    icon: str = "dot"
    filters: Sequence[str] = ()  # names of pages.filters.FILTERS, in the order of the bar
    home_of: Sequence[str] = ()  # roles that land here
    in_menu: bool = True
    named: bool = False  # about one person by name: no page without names
