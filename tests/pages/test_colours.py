"""The tokens of both themes, in plain maths: legible, and apart under three kinds of colour blindness.

Matrices of Machado, Oliveira and Fernandes (IEEE TVCG 15, 2009) at full severity, on linear RGB; distances
are CIE 1976 in Lab; contrast as WCAG 2.2 defines it.
"""

from __future__ import annotations

import re
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest

from pages.charts import _theme

ASSETS = Path(__file__).resolve().parent.parent.parent / "assets"
BLIND = {
    "none": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
APART = 10.0  # a difference of 2.3 can be just seen side by side; lines cross a whole card
GREY_APART = 8.0  # what is compared with is thinner or dashed besides
STEP = 6.0  # neighbouring steps of one hue


def tokens(theme: str) -> dict[str, str]:
    css = (ASSETS / "headway.css").read_text()
    block = css.split(":root {" if theme == "light" else ':root[data-theme="dark"] {')[1].split("}")[0]
    return dict(re.findall(r"--([\w-]+): (#[0-9A-Fa-f]{6})", block))


def drawn(theme: str, colour: str) -> str:
    """A drawing's colour as headway.js shows it."""
    if theme == "light":
        return colour
    listed = (ASSETS / "headway.js").read_text().split("const DARK = {")[1].split("}")[0]
    pairs: dict[str, str] = dict(re.findall(r'"(#\w{6})": "(#\w{6})"', listed))
    return pairs[colour.lower()]


def linear(colour: str) -> np.ndarray:
    srgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    light = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (one, other))
    return (light[1] + 0.05) / (light[0] + 0.05)


def lab(rgb: np.ndarray) -> np.ndarray:
    xyz = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    ) @ np.clip(rgb, 0, 1)
    t = xyz / [0.95047, 1.0, 1.08883]
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(one: str, other: str, kind: str) -> float:
    seen = [lab(np.array(BLIND[kind]) @ linear(colour)) for colour in (one, other)]
    return float(np.linalg.norm(seen[0] - seen[1]))


def test_the_maths_knows_published_values() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#767676", "#FFFFFF") == pytest.approx(4.54, abs=0.005)
    assert lab(linear("#FF0000")) == pytest.approx([53.24, 80.09, 67.20], abs=0.05)  # as Lindbloom has it
    assert distance("#C00000", "#556000", "protan") < distance("#C00000", "#556000", "none") / 2


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("kind", list(BLIND))
def test_series_stay_apart(theme: str, kind: str) -> None:
    """Good, watch and urgent always have a word and a shape; they are not told by colour."""
    of = tokens(theme)
    series = [of[f"series{n}"] for n in range(1, 5)]
    near = [pair for pair in combinations(series, 2) if distance(*pair, kind) < APART]
    grey = [one for one in series if distance(one, of["compared"], kind) < GREY_APART]
    assert (near, grey) == ([], [])


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("kind", list(BLIND))
def test_steps_of_the_sequential_scale_rise_evenly(theme: str, kind: str) -> None:
    steps = [drawn(theme, colour) for colour in _theme.STEPS]
    assert min(distance(one, other, kind) for one, other in pairwise(steps)) >= STEP
    brightness = [lab(linear(colour))[0] for colour in steps]
    assert brightness == sorted(brightness, reverse=theme == "light")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_graphics_have_their_contrast(theme: str) -> None:
    of = tokens(theme)
    for ground in ("ground", "surface"):
        for text in ("ink", "muted", "brand", "good", "watch", "urgent"):
            assert contrast(of[text], of[ground]) >= 5.2, (text, ground)
    for graphic in ("series1", "series2", "series3", "series4", "compared"):
        assert contrast(of[graphic], of["surface"]) >= 3, graphic  # drawings stand on cards
    assert contrast(of["on-brand"], of["brand"]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_drawings_wear_the_tokens(theme: str) -> None:
    of = tokens(theme)
    named = {f"series{n}": colour for n, colour in enumerate(_theme.SERIES, 1)}
    named |= {"ink": _theme.INK, "muted": _theme.MUTED, "line": _theme.LINE, "surface": _theme.SURFACE}
    named |= {
        "compared": _theme.COMPARED,
        "good": _theme.GOOD,
        "watch": _theme.WATCH,
        "urgent": _theme.URGENT,
    }
    worn = {name: drawn(theme, colour).upper() for name, colour in named.items()}
    assert worn == {name: of[name].upper() for name in named}
