"""What a school decides for all its people."""

from __future__ import annotations

from connectors.metadata.board import LEADERBOARD

SCHOOL_SETTINGS = {
    LEADERBOARD: "Learners may take part in a leaderboard of their classes, each under a nickname.",
}
