"""Line icons, 24 by 24, drawn here: nothing to license and nothing to load."""

from __future__ import annotations

from markupsafe import Markup

_PATHS = {
    "dot": "M12 12h.01",
    "person": "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4 21c0-4 3.6-6 8-6s8 2 8 6",
    "family": "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM17 13a2.4 2.4 0 1 0 0-4.8 2.4 2.4 0 0 0 0 4.8Z"
    "M2 20c0-4 2.700-6 6-6s6 2 6 6M14.500 16.500c.8-.6 1.700-.9 2.700-.9 2.600 0 4.800 1.500 4.800 4.400",
    "board": "M3 4h18v12H3zM8 21l4-5 4 5M7 12l3-3 3 2 4-4",
    "building": "M4 21V5l8-2v18M12 8l8 2v11M2 21h20M8 8h.01M8 12h.01M8 16h.01M16 13h.01M16 17h.01",
    "chart": "M4 20V4M4 20h16M8 16v-5M12 16V8M16 16v-3",
    "book": "M12 6c-2-1.500-5-2-8-2v14c3 0 6 .5 8 2 2-1.500 5-2 8-2V4c-3 0-6 .5-8 2ZM12 6v14",
    "trend": "M4 19V5M4 19h16M7 15l4-5 3 3 6-7M16 6h4v4",
    "letter": "M3 6h18v12H3zM3 7l9 7 9-7",
    "star": "M12 3.500l2.600 5.400 5.900.8-4.300 4.100 1 5.900-5.200-2.800-5.200 2.800 1-5.900-4.300-4.100"
    " 5.900-.8Z",
    "bell": "M6 16V11a6 6 0 1 1 12 0v5l2 2H4zM10 21h4",
    "gear": "M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M19 5l-2 2"
    "M7 17l-2 2",
    "check": "M9 12l2.500 2.500L16 9.500M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z",
    "shield": "M12 3l8 3v6c0 5-3.500 8-8 9-4.500-1-8-4-8-9V6l8-3Z",
    "menu": "M4 7h16M4 12h16M4 17h16",
    "close": "M6 6l12 12M18 6 6 18",
    "theme": "M12 3a9 9 0 1 0 0 18V3Z",
    "out": "M14 4H5v16h9M10 12h11M18 9l3 3-3 3",
}


def icon(name: str) -> Markup:
    return Markup(
        '<svg class="icon" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false">'
        '<path d="{}"/></svg>'
    ).format(_PATHS.get(name, _PATHS["dot"]))
