"""Around the lessons: pages, searches, posts, live sessions, the frame of a session."""

from __future__ import annotations

import numpy as np

from connectors.demo.campus import Floats, Ints
from connectors.demo.today import Sitting, Today

PATHS = ("/home", "/progress", "/calendar", "/messages", "/courses", "/help", "/library")
FEATURES = ("bookmark", "notes", "dark-mode", "subtitles", "flashcards", "download", "calculator")
QUERIES = (
    "how to revise",
    "deadline",
    "worked example",
    "glossary",
    "past papers",
    "formula sheet",
    "certificate",
    "reset quiz",
    "group project",
    "video subtitles",
)
OPENERS = (
    "How do I start the second exercise?",
    "Is there another example for this?",
    "Could somebody explain the last step?",
    "What will be in the next quiz?",
    "I found a good way to remember this.",
)
REPLIES = (
    "Have a look at the worked example.",
    "Thank you, that helped me.",
    "I did it the other way round.",
    "The video shows it near the end.",
    "Same question here.",
    "Try it with smaller numbers first.",
)


def frame(today: Today, sitting: Sitting, over: Floats) -> None:
    """Every session begins; most end with a goodbye, the others by falling silent."""
    rows, rng = today.rows, today.rng
    rows.add("session_start", sitting.session, today.at(sitting.start_s))
    said = np.flatnonzero(rng.random(len(sitting.session)) < 0.88)
    rows.add(
        "session_end",
        sitting.session[said],
        today.at(over[said] + 2),
        duration=(over - sitting.start_s)[said].round(1),
    )


def wander(today: Today, sitting: Sitting) -> None:
    """Pages, features and searches in the first seconds of a session."""
    rows, texts = today.rows, today.rows.texts
    count = len(sitting.session)
    draw = today.rng.random((4, count))
    pages, features = texts.codes(PATHS), texts.codes(FEATURES)
    rows.add("page_view", sitting.session, today.at(sitting.start_s + 0.2), object=pages[0])
    more = np.flatnonzero(draw[0] < 0.55)
    page = pages[(draw[1, more] * len(PATHS)).astype(int)]
    rows.add("page_view", sitting.session[more], today.at(sitting.start_s[more] + 0.9), object=page)
    used = np.flatnonzero(draw[2] < 0.16)
    feature = features[(draw[1, used] ** 2 * len(FEATURES)).astype(int)]
    rows.add("feature_used", sitting.session[used], today.at(sitting.start_s[used] + 1.1), object=feature)
    sought = np.flatnonzero(draw[3] < 0.07)
    queries = texts.codes([f'{{"query":"{q}","results":{3 * n}}}' for n, q in enumerate(QUERIES)])
    query = queries[(draw[1, sought] * len(QUERIES)).astype(int)]
    rows.add("search", sitting.session[sought], today.at(sitting.start_s[sought] + 1.5), payload=query)


def discuss(today: Today, sitting: Sitting, over: Floats) -> None:
    people, rng, texts = today.learners, today.rng, today.rows.texts
    talks = (rng.random(len(over)) < 0.07 * people.sociable[sitting.learner]) & (sitting.slot >= 0)
    kept = np.flatnonzero(talks)
    learner, course = sitting.learner[kept], people.courses[sitting.learner[kept], sitting.slot[kept]]
    at = np.maximum(over[kept] - 60, sitting.start_s[kept] + 20)
    kind = rng.choice(3, len(kept), p=[0.22, 0.48, 0.3])
    # A thread lives for a week: its name holds the course, the week and a number.
    week = today.number // 7
    number = np.where(kind == 0, rng.integers(0, 40, len(kept)), rng.integers(0, 40, len(kept)) ** 2 // 40)
    names = [f"{today.campus.course_ids[c]}-T{week}-{n}" for c, n in zip(course, number, strict=True)]
    thread = texts.codes(names)
    up = np.where(rng.random(len(kept)) < 0.85, texts.code("up"), texts.code("down"))
    said = (_texts(today, OPENERS, len(kept)), _texts(today, REPLIES, len(kept)))
    for code, name in enumerate(("post_create", "post_reply", "post_vote")):
        k = np.flatnonzero(kind == code)
        detail = {"choice": up[k]} if code == 2 else {"payload": said[code][k]}
        today.rows.add(
            name, sitting.session[kept][k], today.at(at[k]), course=course[k], object=thread[k], **detail
        )
    people.last_post[learner[kind < 2]] = today.number


def _texts(today: Today, sentences: tuple[str, ...], count: int) -> Ints:
    codes = today.rows.texts.codes([f'{{"text":"{s}"}}' for s in sentences])
    return codes[today.rng.integers(0, len(sentences), count)]


def meet(today: Today) -> None:
    """The weekly live session of each course, in sessions of their own."""
    if today.school_day.kind != "term":
        return
    people, rng, campus = today.learners, today.rng, today.campus
    weekday = today.school_day.day.weekday()
    courses = people.courses[today.block]
    comes = (
        (campus.meets_on[courses] == weekday)
        & (people.started[today.block] <= today.number)
        & (rng.random(courses.shape) < 0.14 * people.diligence[today.block][:, None])
    )
    row, slot = np.nonzero(comes)
    learner, course = today.block[row], courses[row, slot]
    start = 61_200 + rng.uniform(-120, 400, len(learner)) + 3600 * (course % 2)
    stay = np.minimum(rng.lognormal(7.6, 0.3, len(learner)), 3300)
    day = today.school_day.day.isoformat()
    live = today.rows.texts.codes([f"LIVE-{campus.course_ids[c]}-{day}" for c in range(campus.courses)])[
        course
    ]
    session = today.open(learner)
    rows = today.rows
    rows.add("session_start", session, today.at(start))
    rows.add("live_join", session, today.at(start + 3), course=course, object=live)
    rows.add(
        "live_leave", session, today.at(start + 3 + stay), course=course, object=live, duration=stay.round(1)
    )
    rows.add("session_end", session, today.at(start + 5 + stay), duration=(stay + 5).round(1))
