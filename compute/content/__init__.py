"""Questions about course content: lessons, videos, assessments, items, skills, discussion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from compute.content.assessments import assessments, score_bins
from compute.content.items import item_choices, items
from compute.content.lessons import lesson_funnel
from compute.content.mastery import gaps, mastery, mastery_model, skill_gaps
from compute.content.responses import engagement, last_responses
from compute.content.threads import threads
from compute.content.videos import video_curve, video_speeds, video_stretches, videos
from compute.plan import Plan
from compute.scoping import Tables
from models.ask import Ask, Freshness

Rows = Literal["aggregate", "learners"]
Entry = tuple[str, str, str, Freshness, Rows, Callable[[Ask, Tables], Plan]]
_CONTENT, _LEARNERS = "see-content", "study-learners"  # answer keys are not for those who answer

# Name, meaning, action, freshness, rows, plan: a compute.questions.Question each.
CONTENT: tuple[Entry, ...] = (
    (
        "lesson_funnel",
        "How far learners come in a course, and which lesson loses more than the others.",
        _CONTENT,
        "near",
        "aggregate",
        lesson_funnel,
    ),
    (
        "videos",
        "How far each video is watched, and the stretch in which it loses people.",
        _CONTENT,
        "near",
        "aggregate",
        videos,
    ),
    (
        "video_curve",
        "One video second by second: who watched, came so far, left, watched again.",
        _CONTENT,
        "near",
        "aggregate",
        video_curve,
    ),
    (
        "video_stretches",
        "Where in one video people leave or watch again more than elsewhere in it.",
        _CONTENT,
        "near",
        "aggregate",
        video_stretches,
    ),
    (
        "video_speeds",
        "At which speeds one video is watched.",
        _CONTENT,
        "near",
        "aggregate",
        video_speeds,
    ),
    (
        "assessments",
        "How each assessment comes out, and how reliable it is.",
        _CONTENT,
        "near",
        "aggregate",
        assessments,
    ),
    (
        "score_bins",
        "How results spread, in steps of ten per cent.",
        _CONTENT,
        "near",
        "aggregate",
        score_bins,
    ),
    (
        "items",
        "Item analysis: difficulty, discrimination, the two-parameter model with errors, a verdict.",
        _CONTENT,
        "batch",
        "aggregate",
        items,
    ),
    (
        "item_choices",
        "Which choices of an item are taken, and by how strong learners.",
        _CONTENT,
        "near",
        "aggregate",
        item_choices,
    ),
    (
        "mastery",
        "How likely each learner knows each skill by now.",
        _LEARNERS,
        "near",
        "learners",
        mastery,
    ),
    (
        "gaps",
        "Skills a learner probably does not know, and the earlier skill beneath each.",
        _LEARNERS,
        "near",
        "learners",
        gaps,
    ),
    (
        "skill_gaps",
        "How many learners know each skill, and what lies beneath the gaps.",
        _CONTENT,
        "near",
        "aggregate",
        skill_gaps,
    ),
    (
        "mastery_model",
        "How well the tracing of skills tells answers that were held back.",
        _CONTENT,
        "near",
        "aggregate",
        mastery_model,
    ),
    (
        "last_responses",
        "Each learner's newest answer to each item.",
        _LEARNERS,
        "near",
        "learners",
        last_responses,
    ),
    (
        "engagement",
        "How much of each assessment and lesson each learner has tried.",
        _LEARNERS,
        "near",
        "learners",
        engagement,
    ),
    (
        "threads",
        "Threads of discussion, how soon they were answered, and which still wait.",
        _CONTENT,
        "near",
        "aggregate",
        threads,
    ),
)
