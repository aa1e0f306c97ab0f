"""Looks at every page as its readers do: in Chromium, at their sizes, in both themes, offline."""

from __future__ import annotations

from app.tour.places import DESKTOP, NARROW, PHONE, SIZES, THEMES, Place, Size, places
from app.tour.school import Running, demo, free_ports
from app.tour.walker import Seen, Walker, walker

__all__ = [
    "DESKTOP",
    "NARROW",
    "PHONE",
    "SIZES",
    "THEMES",
    "Place",
    "Running",
    "Seen",
    "Size",
    "Walker",
    "demo",
    "free_ports",
    "places",
    "walker",
]
