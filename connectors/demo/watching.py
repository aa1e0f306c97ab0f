"""Videos: how far they are watched, in stretches, with jumps, pauses and waits."""

from __future__ import annotations

import numpy as np

from connectors.demo.campus import VIDEOS, Floats, Ints
from connectors.demo.places import PLANTED
from connectors.demo.today import Steps, Today, payloads, run_lengths, some, take

LEAVE_S = 1400.0  # mean seconds until somebody leaves an ordinary video
PROGRESS_S = 30.0
SEEN = 0.9  # of a video counts as complete


def watched_s(today: Today, steps: Steps) -> Floats:
    """Seconds of the lesson's video that were watched; nan where the lesson has none."""
    rng = today.rng
    video = video_of(steps)
    length = today.campus.video_s[video]
    until = rng.exponential(LEAVE_S, len(steps))
    low, high = PLANTED.weak_minute
    lost = rng.random(len(steps)) < PLANTED.weak_minute_loss
    weak = (video == today.campus.weak_video) & lost & (until > low)
    until = np.where(weak, np.minimum(until, rng.uniform(low, high, len(steps))), until)
    watched: Floats = np.where(steps.step < 2, np.minimum(np.maximum(until, 4), length), np.nan)
    return watched


def video_of(steps: Steps) -> Ints:
    video: Ints = steps.course * VIDEOS + np.minimum(steps.unit * 2 + steps.step, VIDEOS - 1)
    return video


def watch(today: Today, steps: Steps, at: Floats, watched: Floats) -> None:
    rng, rows = today.rng, today.rows
    has = np.flatnonzero(~np.isnan(watched))
    who = take(steps, has)
    at, end, video = at[has], watched[has], video_of(who)
    length, rate = today.campus.video_s[video], today.learners.rate[who.learner]
    where = {"course": who.course, "lesson": who.lesson_code, "video": video}
    rows.add("video_play", who.session, today.at(at), position=0.0, **where)
    parts, place = run_lengths(np.ceil(end / PROGRESS_S).astype(np.int64))
    position = np.minimum((place + 1) * PROGRESS_S, end[parts])
    rows.add(
        "video_progress",
        who.session[parts],
        today.at(at[parts] + position / rate[parts]),
        position=position,
        duration=position - place * PROGRESS_S,
        **{name: codes[parts] for name, codes in where.items()},
    )
    over = at + end / rate
    some(today, "video_complete", end >= SEEN * length, who, over + 0.4, where, position=end)
    some(today, "video_pause", end < length, who, over + 0.2, where, position=end)
    middle = end * rng.uniform(0.3, 0.9, len(end))
    rewound = np.maximum(middle - rng.uniform(15, 60, len(end)), 0)
    payload = payloads(today, '{{"to_s":{}}}', np.round(rewound))
    again = rng.random(len(end)) < 0.14
    some(today, "video_seek", again, who, at + middle / rate, where, position=middle, payload=payload)
    faster = (rate > 1) & (rng.random(len(end)) < 0.35)
    payload = payloads(today, '{{"rate":{}}}', rate)
    some(today, "video_rate_change", faster, who, at + 1, where, position=0.0, payload=payload)
    waited = rng.random(len(end)) < 0.03
    pause = rng.exponential(3, len(end))
    some(today, "video_buffer", waited, who, at + middle / rate + 0.3, where, position=middle, duration=pause)
