"""What people see. PAGES is the menu, in its order; `pages/README.md` says how a page is written."""

from __future__ import annotations

from pages.places import Page, Visit

PAGES: tuple[Page, ...] = ()

__all__ = ["PAGES", "Page", "Visit"]
