"""Videos: how far they are watched, where people leave, what they watch again, and how fast."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import orjson
import pyarrow as pa

from compute.content import drops
from compute.content.narrow import (
    NUMBER,
    TEXT,
    WHOLE,
    Meanings,
    asked_of,
    check,
    events_of,
    known,
    meanings_of,
    named_in,
    one_of,
    schema_of,
)
from compute.content.watched import LONGEST_S, Stretches, curve_of, stops_of
from compute.forms import Form, shared
from compute.plan import Plan
from compute.scoping import Tables
from models.ask import Ask

COMPLETE = 0.9  # of a video watched counts as all of it, as in the event video_complete
_OWN = ("video_id", "lesson_id")
_PLACED = ("video_progress", "video_pause", "video_complete")
Row = Mapping[str, Any]

VIDEOS: Meanings = {
    "video_id": (TEXT, "", "The video."),
    "title": (TEXT, "", "Its title; its id where the school has taken it away."),
    "course_id": (TEXT, "", "The course it belongs to."),
    "lesson_id": (TEXT, "", "The lesson it belongs to."),
    "length_s": (NUMBER, "s", "How long it is."),
    "audience": (WHOLE, "learners", "Learners who watched any of it."),
    "completed": (WHOLE, "learners", "Learners who watched nine tenths of it."),
    "completion": (NUMBER, "share", "Completed, of the audience."),
    "mean_watched": (NUMBER, "share", "How far the audience came, on average."),
    "drop_from_s": (
        NUMBER,
        "s",
        "Where the stretch begins that loses most, beyond what is usual in it.",
    ),
    "drop_until_s": (NUMBER, "s", "Where that stretch ends."),
    "drop_learners": (WHOLE, "learners", "Learners who stopped there for good."),
    "drop_reached": (WHOLE, "learners", "Learners who came as far as its beginning."),
    "drop_share": (NUMBER, "share", "Stopped, of those who came as far."),
    "drop_expected": (NUMBER, "share", "What the rest of the video loses in as many seconds."),
    "p": (NUMBER, "", "How likely chance would do that in any stretch of any video here."),
    "beyond": (WHOLE, "events", "Events at places past the video's end: they are left out."),
}
CURVE: Meanings = {
    "second": (WHOLE, "s", "The second of the video, from 0."),
    "viewers": (WHOLE, "learners", "Learners who watched this second."),
    "retention": (NUMBER, "share", "Of those who watched any of it, how many came this far."),
    "reached": (WHOLE, "learners", "Learners who came this far."),
    "left": (WHOLE, "learners", "Learners who stopped here and did not watch nine tenths."),
    "views": (WHOLE, "views", "How often this second was watched."),
    "rewatchers": (WHOLE, "learners", "Learners who watched it again, or jumped back before it."),
}
STRETCHES: Meanings = {
    "kind": (TEXT, "", "drop_off: more stop here than elsewhere; rewatched: more watch it again."),
    "from_s": (NUMBER, "s", "Where it begins."),
    "until_s": (NUMBER, "s", "Where it ends."),
    "learners": (WHOLE, "learners", "Learners who stopped, or watched again."),
    "of": (WHOLE, "learners", "Learners who came to it."),
    "share": (NUMBER, "share", "The one of the other."),
    "expected": (NUMBER, "share", "What the rest of the video lets expect."),
    "p": (NUMBER, "", "How likely chance would do that in any stretch of the video."),
}
SPEEDS: Meanings = {
    "rate": (NUMBER, "times", "The speed; 1 is normal."),
    "learners": (WHOLE, "learners", "Learners who watched at this speed."),
    "watched_s": (NUMBER, "s", "Seconds of video watched at it."),
    "share": (NUMBER, "share", "Of all seconds watched."),
}


def videos(ask: Ask, tables: Tables) -> Plan:
    """One row for each video; the places are found by looking everywhere (compute.content.drops)."""
    check(ask, _OWN)
    asked = asked_of(ask)
    about = ("video_id", "title", "course_id", "lesson_id", "length_s")
    return Plan(
        parts=(shared(known, asked, tables, "video", about), shared(_stops, asked, tables)),
        columns=meanings_of(VIDEOS),
        source="events",
        join=functools.partial(_videos, limit=ask.limit),
    )


def _stops(tables: Tables, form: Form) -> ir.Table:
    """By video and second: learners who came so far and no further. Where `second` is empty: events at
    places past the end."""
    placed = events_of(form, tables, *_PLACED)
    placed = placed.filter(placed.video_id.notnull(), (placed.position_s >= 0) | placed.position_s.isnull())
    placed = placed.left_join(tables["video"].select("video_id", "length_s"), "video_id")
    length = (placed.length_s > 0).ifelse(placed.length_s, ibis.null("float64"))
    past = (placed.position_s > length.fill_null(LONGEST_S)).fill_null(False)
    rows = placed.mutate(length=length, past=past, whole=(placed.event_type == "video_complete") & ~past)
    people = rows.group_by("video_id", "learner_id").agg(
        furthest=rows.position_s.max(where=~rows.past),
        length=rows.length.max(),
        whole=rows.whole.any(),
        course_id=rows.course_id.max(),
        lesson_id=rows.lesson_id.max(),
        inside=rows.count(where=~rows.past),
        beyond=rows.count(where=rows.past),
    )
    people = people.mutate(furthest=people.furthest.fill_null(0.0))
    done = people.whole | (people.furthest >= (people.length * COMPLETE).fill_null(float(LONGEST_S)))
    people = people.mutate(
        done=done.fill_null(False),
        second=(people.inside > 0).ifelse(people.furthest.floor().cast("int32"), ibis.null("int32")),
    )
    return people.group_by("video_id", "second", "done").agg(
        learners=people.count(),
        watched_s=people.furthest.sum(),
        course_id=people.course_id.max(),
        lesson_id=people.lesson_id.max(),
        beyond=people.beyond.sum(),
    )


def _videos(found: tuple[pa.Table, ...], limit: int | None) -> pa.Table:
    stops: dict[str, list[Row]] = defaultdict(list)
    past: dict[str, int] = defaultdict(int)
    for row in found[1].to_pylist():
        past[row["video_id"]] += row["beyond"]
        if row["second"] is not None:
            stops[row["video_id"]].append(row)
    titled = {row["video_id"]: row for row in found[0].to_pylist()}
    for video, of in stops.items():
        if video not in titled:  # taken away since, or never announced: what was watched was watched
            about = {"title": video, "course_id": of[0]["course_id"], "lesson_id": of[0]["lesson_id"]}
            titled[video] = {"video_id": video, "length_s": None, **about}
    rows = [
        {**_video(about, stops.get(video, []), len(stops)), "beyond": past[video]}
        for video, about in titled.items()
    ]
    rows.sort(
        key=lambda row: (row["p"] is None, -(row["drop_share"] or 0), -row["audience"], row["video_id"])
    )
    return pa.Table.from_pylist(rows[:limit], schema_of(VIDEOS))


def _video(about: Row, stops: Sequence[Row], looks: int) -> dict[str, Any]:
    length = about["length_s"] or None
    audience = sum(row["learners"] for row in stops)
    completed = sum(row["learners"] for row in stops if row["done"])
    end = length or max((row["second"] + 1 for row in stops), default=0)
    worst = None
    if audience:
        left, reached = stops_of([(row["second"], row["learners"], row["done"]) for row in stops], int(end))
        found = drops.drop_offs(left, reached, looks)
        worst = max(found, key=lambda one: one.share - (one.expected or 0.0), default=None)
    far = sum(min(row["watched_s"], row["learners"] * end) for row in stops)
    return {
        **about,
        "length_s": length,
        "audience": audience,
        "completed": completed,
        "completion": completed / audience if audience else None,
        "mean_watched": far / (audience * end) if audience and end else None,
        "drop_from_s": worst and worst.from_s,
        "drop_until_s": worst and worst.until_s,
        "drop_learners": worst and worst.learners,
        "drop_reached": worst and worst.of,
        "drop_share": worst and worst.share,
        "drop_expected": worst and worst.expected,
        "p": worst and worst.p,
    }


# ---- one video ------------------------------------------------------------------------------------------


def video_curve(ask: Ask, tables: Tables) -> Plan:
    """One row for each second of one video."""
    return _of_one(ask, tables, CURVE, _curve)


def video_stretches(ask: Ask, tables: Tables) -> Plan:
    return _of_one(ask, tables, STRETCHES, _stretches)


def _of_one(ask: Ask, tables: Tables, columns: Meanings, told: Any) -> Plan:
    check(ask, _OWN)
    one_of(ask, "video_id")
    asked = asked_of(ask)
    return Plan(
        parts=(shared(_length, asked, tables), shared(_done_in, asked, tables)),
        columns=meanings_of(columns),
        source="events",
        join=lambda found: pa.Table.from_pylist(told(_watched(found))[: ask.limit], schema_of(columns)),
    )


def _length(tables: Tables, form: Form) -> ir.Table:
    return named_in(tables["video"], form, "video_id").select("length_s")


def _done_in(tables: Tables, form: Form) -> ir.Table:
    placed = events_of(form, tables, *_PLACED, "video_seek")
    return placed.select("learner_id", "event_type", "position_s", "duration_s", "payload")


def _watched(found: tuple[pa.Table, ...]) -> Stretches:
    known = found[0]["length_s"].to_pylist()
    rows = found[1].to_pandas()
    kind = rows["event_type"].to_numpy()
    seeks = kind == "video_seek"
    to_s = np.full(len(rows), np.nan)
    to_s[seeks] = [_number(text, "to_s") for text in rows["payload"].to_numpy()[seeks]]
    return Stretches(
        learner=rows["learner_id"].to_numpy(np.int64),
        watched=kind == "video_progress",
        whole=kind == "video_complete",
        position=rows["position_s"].to_numpy(np.float64),
        duration=rows["duration_s"].to_numpy(np.float64),
        back_to=to_s,
        length=known[0] if known and known[0] else None,
        complete=COMPLETE,
    )


def _number(text: object, name: str) -> float:
    try:
        value = orjson.loads(text).get(name) if isinstance(text, str) else None
    except (orjson.JSONDecodeError, AttributeError):
        return np.nan
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else np.nan


def _curve(watched: Stretches) -> list[dict[str, Any]]:
    curve = curve_of(watched)
    audience = curve.audience
    return [
        {
            "second": second,
            "viewers": int(curve.viewers[second]),
            "retention": curve.reached[second] / audience if audience else None,
            "reached": int(curve.reached[second]),
            "left": int(curve.left[second]),
            "views": int(curve.views[second]),
            "rewatchers": int(curve.again[second]),
        }
        for second in range(len(curve.viewers))
    ]


def _stretches(watched: Stretches) -> list[dict[str, Any]]:
    curve = curve_of(watched)
    found = [("drop_off", one) for one in drops.drop_offs(curve.left, curve.reached)]
    found += [("rewatched", one) for one in drops.often(curve.again, curve.viewers)]
    return [{"kind": kind, **asdict(one)} for kind, one in found]


def video_speeds(ask: Ask, tables: Tables) -> Plan:
    """How much of one video was watched at which speed."""
    check(ask, _OWN)
    one_of(ask, "video_id")
    return Plan(
        parts=(shared(_played, asked_of(ask), tables),),
        columns=meanings_of(SPEEDS),
        source="events",
        join=lambda found: pa.Table.from_pylist(list(_speeds(found[0].to_pylist())), schema_of(SPEEDS)),
    )


def _played(tables: Tables, form: Form) -> ir.Table:
    rows = events_of(form, tables, "video_play", "video_rate_change", "video_progress")
    rows = rows.order_by("learner_id", "session_id", "occurred_at", rows.sequence.fill_null(-1), "event_id")
    return rows.select("learner_id", "session_id", "event_type", "duration_s", "payload")


def _speeds(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """A speed holds until it is changed, within a visit."""
    now: dict[tuple[int, int], float] = {}
    seconds: dict[float, float] = defaultdict(float)
    who: dict[float, set[int]] = defaultdict(set)
    for row in rows:
        visit = (row["learner_id"], row["session_id"])
        said = _number(row["payload"], "rate")
        if said > 0:
            now[visit] = said
        if row["event_type"] == "video_progress" and (row["duration_s"] or 0) > 0:
            rate = round(now.get(visit, 1.0), 2)
            seconds[rate] += row["duration_s"]
            who[rate].add(row["learner_id"])
    total = sum(seconds.values())
    for rate in sorted(seconds):
        told = {"rate": rate, "learners": len(who[rate]), "watched_s": seconds[rate]}
        yield {**told, "share": seconds[rate] / total}
