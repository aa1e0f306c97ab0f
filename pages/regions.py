"""Where learners are: each region a tile of equal size, where it lies in its country. Nothing is fetched."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from markupsafe import Markup

from pages import assets
from pages.cards import join
from pages.speech import Speech

_STEPS = (0.15, 0.5)  # of the largest number; from there on a tile is darker


@dataclass(frozen=True, slots=True)
class Region:
    code: str  # "DE-BE"
    name: str
    column: int
    row: int
    label: str = ""

    @property
    def short(self) -> str:
        """What stands on its tile."""
        return self.label or self.code.partition("-")[2] or self.code


@cache
def regions() -> Mapping[str, tuple[Region, ...]]:
    """By country."""
    read = tomllib.loads((assets.FOLDER / "regions.toml").read_text())
    return {
        country: tuple(Region(f"{country}-{code}", *place) for code, place in listed.items())
        for country, listed in read.items()
    }


def region_name(code: str) -> str:
    """As its own people call it; a region that is not on any map keeps its code."""
    listed = regions().get(code.partition("-")[0], ())
    return next((region.name for region in listed if region.code == code), code)


def tile_map(speech: Speech, counts: Mapping[str, float], told: str) -> Markup:
    """`counts` by region; `told` is what is counted. Countries with most stand first."""
    whole: dict[str, dict[str, float]] = {}
    for code, count in counts.items():
        whole.setdefault(code.partition("-")[0], {})[code] = count
    ranked = sorted(whole.items(), key=lambda one: (-sum(one[1].values()), one[0]))
    most = max(counts.values(), default=0)
    return Markup('<div class="maps">{}</div>').format(
        join(_country(speech, country, here, most, told) for country, here in ranked)
    )


def _country(speech: Speech, country: str, counts: Mapping[str, float], most: float, told: str) -> Markup:
    name = str(speech.locale.territories.get(country, country))
    placed = regions().get(country, ())
    known = {region.code for region in placed}
    below = max((region.row for region in placed), default=0) + 1
    others = [code for code in sorted(counts) if code not in known]
    every = (*placed, *(Region(code, code, n + 1, below) for n, code in enumerate(others)))
    # In reading order, the most first: who hears the list does not travel from north to south.
    every = tuple(sorted(every, key=lambda region: -counts.get(region.code, 0)))
    tiles = join(_tile(speech, region, counts.get(region.code, 0), most, told) for region in every)
    wide = max(region.column for region in every)
    return Markup('<div><h3>{}</h3><ul class="map" style="--columns:{}">{}</ul></div>').format(
        name, wide, tiles
    )


def _tile(speech: Speech, region: Region, count: float, most: float, told: str) -> Markup:
    step = 1 + sum(count >= most * share for share in _STEPS) if count else 0
    shown = speech.number(count) if count else ""
    return Markup(
        '<li class="step{}" style="grid-area:{}/{}" title="{}"><span aria-hidden="true">{}<b>{}</b></span>'
        '<span class="unseen">{}: {} {}</span></li>'
    ).format(
        step, region.row, region.column, region.name, region.short, shown, region.name,
        speech.number(count), told,
    )  # fmt: skip
