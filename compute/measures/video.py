"""Video: what is watched, and where people leave."""

from __future__ import annotations

from compute.measures.measure import Measure, per_learner, ratio, share, total

_USUAL = ((), ("week",), ("course_id",))
_PLACES = ((), ("video_id",), ("video_id", "bucket"), ("course_id",))


def _place(name: str, column: str, meaning: str, unit: str) -> Measure:
    return Measure(
        name=name,
        meaning=meaning,
        unit=unit,
        better="neither",
        value=total(column),
        needs=(column,),
        behind=(column,),
        usual=_PLACES,
        family="video",
        counts=True,
        subject="video",
    )


def _count(name: str, meaning: str) -> Measure:
    return Measure(
        name=name,
        meaning=meaning,
        unit="videos",
        better="up",
        value=total(name),
        needs=(name,),
        behind=(name,),
        usual=_USUAL,
        counts=True,
        subject="video",
    )


MEASURES = (
    _count("videos_started", "Times a video was started or went on after a pause."),
    _count("videos_completed", "Videos of which 90 % was watched."),
    Measure(
        "video_completion",
        "Completed videos for each time one was started.",
        "share",
        "up",
        ratio("videos_completed", "videos_started"),
        ("videos_completed", "videos_started"),
        ("videos_started", "videos_completed"),
        (*_USUAL, ("video_id",), ("device_type",)),
        "event",
        "video",
    ),
    Measure(
        "video_minutes",
        "Minutes of video watched.",
        "minutes",
        "up",
        lambda t: t.video_s.sum() / 60.0,
        ("video_s",),
        ("video_s",),
        _USUAL,
        "event",
        "video",
        counts=True,
    ),
    Measure(
        "video_minutes_per_learner",
        "Mean minutes of video watched by an active learner.",
        "minutes",
        "up",
        per_learner("video_s", 1 / 60),
        ("video_s", "learner_id", "events"),
        ("events",),
        _USUAL,
        "learner",
        "video",
    ),
    _place("video_plays", "plays", "Times play was pressed at this place of the video.", "plays"),
    _place("video_views", "views", "Times this place of the video was watched.", "views"),
    _place("video_seeks", "seeks", "Jumps that began at this place of the video.", "jumps"),
    _place("video_pauses", "pauses", "Pauses at this place of the video.", "pauses"),
    Measure(
        "video_stops",
        "Pauses for each time this place of the video was watched.",
        "share",
        "down",
        ratio("pauses", "views"),
        ("pauses", "views"),
        ("views", "pauses"),
        _PLACES,
        "place in a video",
        "video",
        family="video",
    ),
    Measure(
        "video_viewers",
        "Learners who watched this place of the video.",
        "learners",
        "up",
        lambda t: t.learner_id.nunique(where=t.views > 0),
        ("learner_id", "views"),
        ("views",),
        _PLACES,
        "learner",
        "video",
        family="video",
        counts=True,
    ),
    Measure(
        "views_per_viewer",
        "How often a learner who saw this place of the video watched it.",
        "views",
        "neither",
        lambda t: share(t.views.sum(), t.learner_id.nunique(where=t.views > 0)),
        ("learner_id", "views"),
        ("views",),
        _PLACES,
        "learner",
        "video",
        family="video",
    ),
)
