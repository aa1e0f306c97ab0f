"""The one door, as seen by whoever stands in front of it: a page, a route, a job, a notebook."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from models.ask import Answer, Ask, Watermark
from models.scope import Viewer


class Desk(Protocol):
    """Bound to one viewer. The local and the remote desk behave alike and share their tests."""

    @property
    def viewer(self) -> Viewer: ...

    async def ask(self, ask: Ask) -> Answer:
        """Scope -> cache -> run off the loop -> typed answer. Raises a HeadwayError."""
        ...

    async def names(self, learners: Sequence[int]) -> Mapping[int, str]:
        """Display names of learners inside the viewer's scope; the others are absent. Audited."""
        ...

    async def look(self, what: str, **fields: Any) -> Any:
        """What is not learners' data: "me", "catalogue", "relations", "settings" (see app.desk.LOOKS)."""
        ...

    async def do(self, deed: str, **fields: Any) -> Any:
        """Change something of the viewer's own: a preference, sign-out (see app.desk.DEEDS). Audited."""
        ...

    def watermark(self) -> Watermark:
        """The newest known; costs nothing."""
        ...

    def on_change(self, told: Callable[[Watermark], None]) -> Callable[[], None]:
        """Be told when data moved (at most a few times a second); call the result to stop."""
        ...

    def on_line(self, told: Callable[[bool], None]) -> Callable[[], None]:
        """Be told when the data went out of reach (False) and came back (True); call the result to stop."""
        ...
