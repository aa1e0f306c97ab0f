"""Which action each route of core needs. What is not listed here does not exist for anybody."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.routing import compile_path

ANYBODY = None
SIGNED_IN = ""
WEBSOCKET = "WEBSOCKET"


@dataclass(frozen=True, slots=True)
class Rule:
    method: str
    path: str  # as the route declares it, with {parameters}
    action: str | None
    tells: bool = False  # a valid token without the action is told so, with 403: it learns of no data

    @property
    def is_open(self) -> bool:
        return self.action is ANYBODY


RULES: tuple[Rule, ...] = (
    Rule("GET", "/health", ANYBODY),
    Rule("GET", "/health/live", ANYBODY),
    Rule("GET", "/health/ready", ANYBODY),
    Rule("GET", "/metrics", "see-system"),
    Rule("GET", "/api/v1/openapi.json", SIGNED_IN),
    Rule("GET", "/api/v1/me", SIGNED_IN),
    Rule("GET", "/api/v1/measures", "ask-measures"),
    Rule("GET", "/api/v1/dimensions", "ask-measures"),
    Rule("GET", "/api/v1/questions", "ask-measures"),
    Rule("GET", "/api/v1/query", "ask-measures"),
    Rule("GET", "/api/v1/look/{what}", "use-notebook"),
    Rule("POST", "/api/v1/events", "send-events", tells=True),
    Rule("GET", "/api/v1/imports/{file}", "send-events", tells=True),
    Rule("POST", "/api/v1/imports/{file}", "send-events", tells=True),
    Rule("GET", "/api/v1/contract", "send-events"),
    Rule("GET", "/api/v1/deadletters", "see-quality"),
    Rule("GET", "/api/v1/deadletters/{id}", "see-quality"),
    Rule("POST", "/api/v1/deadletters/replay", "replay-events"),
    Rule("GET", "/api/v1/live", "ask-measures"),
    Rule(WEBSOCKET, "/api/v1/live", "ask-measures"),
    Rule("GET", "/api/v1/dashboards/micro/{user_id}", "study-learners"),
    Rule("GET", "/api/v1/dashboards/meso/{entity_id}", "ask-measures"),
    Rule("GET", "/api/v1/dashboards/macro/{organization_id}", "ask-measures"),
    Rule("GET", "/api/v1/recommendations/{user_id}", "study-learners"),
)


class RuleTable:
    """Literal paths are found by name; those with parameters are tried in the order of the list."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._literal: dict[tuple[str, str], Rule] = {}
        self._patterns: list[tuple[str, re.Pattern[str], Rule]] = []
        for rule in rules:
            if "{" in rule.path:
                self._patterns.append((rule.method, compile_path(rule.path)[0], rule))
            else:
                self._literal[rule.method, rule.path] = rule

    def find(self, method: str, path: str) -> Rule | None:
        method = "GET" if method == "HEAD" else method
        found = self._literal.get((method, path))
        if found is not None:
            return found
        tried = (rule for wanted, pattern, rule in self._patterns if wanted == method and pattern.match(path))
        return next(tried, None)
