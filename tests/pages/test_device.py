from __future__ import annotations

import pytest

from pages.device import device_behind, device_of

# As MDN and the browsers' makers publish them.
MOZILLA = "Mozilla/5.0"
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
KNOWN = [
    (
        f"{MOZILLA} (Windows NT 10.0; Win64; x64; rv:125.0) Gecko/20100101 Firefox/125.0",
        "desktop Windows Firefox",
    ),
    (
        f"{MOZILLA} (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/124.0.0.0 Safari/537.36 Edg/124.0.0.0",
        "desktop Windows Edge",
    ),
    (
        f"{MOZILLA} (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
        " Version/17.4 Mobile/15E148 Safari/604.1",
        "mobile iOS Safari",
    ),
    (
        f"{MOZILLA} (Linux; Android 10; K) {WEBKIT} Chrome/124.0.0.0 Mobile Safari/537.36",
        "mobile Android Chrome",
    ),
    (
        f"{MOZILLA} (Linux; Android 13; SM-X900) {WEBKIT} Chrome/124.0.0.0 Safari/537.36",
        "tablet Android Chrome",
    ),
    (
        f"{MOZILLA} (X11; Linux x86_64) {WEBKIT} Chrome/124.0.0.0 Safari/537.36",
        "desktop Linux Chrome",
    ),
]


@pytest.mark.parametrize(("agent", "said"), KNOWN)
def test_a_browsers_name_becomes_three_words(agent: str, said: str) -> None:
    assert " ".join(device_of(agent).values()) == said


def test_without_a_name_nothing_is_told() -> None:
    assert device_of("") == {} == device_behind(None) == device_behind(object())
