"""Every text a reader sees, by language and subject: `en/frame.toml` holds the keys `frame.*`.

A text is a string with {places}, or a table of plural forms (`one`, `other`) chosen by its first number.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

LANGUAGES = ("en", "de")
_HERE = Path(__file__).parent

Text = str | dict[str, str]


@cache
def texts(language: str) -> dict[str, Text]:
    found: dict[str, Text] = {}
    for path in sorted((_HERE / language).glob("*.toml")):
        for key, value in tomllib.loads(path.read_text()).items():
            found[f"{path.stem}.{key}"] = value
    return found


def text(language: str, key: str, form: str = "other") -> str:
    found = texts(language)[key]
    return found if isinstance(found, str) else found.get(form, found["other"])


def has_text(language: str, key: str) -> bool:
    return key in texts(language)
