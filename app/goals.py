"""The goal that a learner sets for the own week. It is the learner's alone: nobody else is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.errors import BadQuestion, NotFound, unknown

if TYPE_CHECKING:
    from app.looks import Caller

GOAL = "week_goal"
MOST = {"learning_minutes": 2_400, "lessons_completed": 60}  # measure -> more than anybody does in a week


def set_goal(caller: Caller, measure: str, amount: int) -> None:
    """So much of a measure in each week; 0 takes the goal away."""
    if caller.scope.rows != "own":
        raise NotFound
    if measure not in MOST:
        raise unknown("goal", measure, MOST)
    if isinstance(amount, bool) or not isinstance(amount, int) or not 0 <= amount <= MOST[measure]:
        raise BadQuestion(f"A goal is a whole number from 0 to {MOST[measure]}.")
    goal = {"measure": measure, "amount": amount} if amount else None
    caller.door.metadata.settings.put(caller.viewer.person_id, GOAL, goal)
