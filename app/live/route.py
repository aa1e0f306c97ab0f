"""`/api/v1/live`: the edge of the live stream. The gate has let the listener in."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from fastapi import APIRouter, Response, WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from app.incidents import incident
from app.live.listener import Listener
from models.errors import BadQuestion, HeadwayError, NotFound, NotSignedIn, TooMany

if TYPE_CHECKING:
    from app.core import Core

router = APIRouter()
_CODES = {BadQuestion: 4400, NotSignedIn: 4401, NotFound: 4404, TooMany: 4429}
LATE = 4408  # no subscription came
BROKEN = 1011
_PATH = "/api/v1/live"


@router.get(
    _PATH,
    summary="The live stream, by WebSocket: send a subscription, read what happens. See docs/live.md.",
    response_class=Response,
    responses={400: {"description": "This address speaks WebSocket."}},
)
async def get_live() -> Response:
    raise BadQuestion("This address speaks WebSocket; see docs/live.md.")


@router.websocket(_PATH)
async def live(socket: WebSocket) -> None:
    await socket.accept()
    core = cast("Core", socket.app.state.core)
    code, reason = 1000, ""
    try:
        with core.live.seat(socket.state.viewer.person_id):
            await Listener(core.door, core.live, socket, socket.state.viewer_now).listen()
    except WebSocketDisconnect:
        return
    except TimeoutError:
        code, reason = LATE, "No subscription came; see docs/live.md."
    except HeadwayError as error:
        code, reason = _CODES.get(type(error), BROKEN), error.detail
    except Exception as error:
        code, reason = BROKEN, incident(error, "live").detail
    if socket.application_state is WebSocketState.CONNECTED:
        await socket.close(code, reason[:120])
