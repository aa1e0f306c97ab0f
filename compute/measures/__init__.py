"""The catalogue: every number, declared once, in the order people read them."""

from __future__ import annotations

from compute.measures import activity, learning, progress, quality, revenue, scores, video
from compute.measures.measure import Measure
from models.errors import unknown

MEASURES: tuple[Measure, ...] = (
    *activity.MEASURES,
    *progress.MEASURES,
    *scores.MEASURES,
    *learning.MEASURES,
    *video.MEASURES,
    *revenue.MEASURES,
    *quality.MEASURES,
)
MEASURE = {measure.name: measure for measure in MEASURES}
SUBJECTS = tuple(dict.fromkeys(measure.subject for measure in MEASURES))


def measure(name: str) -> Measure:
    try:
        return MEASURE[name]
    except KeyError:
        raise unknown("measure", name, MEASURE) from None
