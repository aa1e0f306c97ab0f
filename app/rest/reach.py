"""How a route reaches core and the desk of who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from starlette.requests import Request

from app.desk import LocalDesk

if TYPE_CHECKING:
    from app.core import Core


def core_of(request: Request) -> Core:
    return cast("Core", request.app.state.core)


def desk_of(request: Request) -> LocalDesk:
    """The gate has put the viewer there, or the request would not have come this far."""
    return LocalDesk(core_of(request).door, request.state.viewer)
