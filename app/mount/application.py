"""One Bokeh application per page: its token is bound to the visitor, its document is the frame's."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from bokeh.application.handlers.function import FunctionHandler
from bokeh.document import Document
from panel.io.application import Application
from panel.io.state import set_curdoc
from panel.pane import panel as as_panel
from tornado.httputil import HTTPServerRequest

from app.mount.headers import nonce_of
from pages import Page, Visit, shell

log = logging.getLogger(__name__)


class PageApplication(Application):
    def __init__(
        self, page: Page, pages: tuple[Page, ...], bound: Callable[[HTTPServerRequest], str]
    ) -> None:
        self._page = page
        self._pages = pages
        self._bound = bound
        super().__init__(FunctionHandler(self._compose))

    def process_request(self, request: HTTPServerRequest) -> dict[str, Any]:
        return {**super().process_request(request), "bound": self._bound(request)}

    def _compose(self, doc: Document) -> None:
        """Builds the frame and lets the page ask. Nothing here waits for data."""
        request = doc.session_context.request
        visit: Visit = request.visit
        view = visit.page.view(visit)
        # A dropped socket comes back to the same state; the frame itself says that it is away.
        doc.config.update(reconnect_session=True, notifications=None, notify_connection_status=False)
        with set_curdoc(doc):
            as_panel(view).server_doc(doc, title=visit.speech.say(self._page.title), location=False)
            doc.template = shell.template()
            slots = getattr(view, "slots", ())
            doc.template_variables.update(
                shell.variables(visit, self._pages, slots, nonce_of(request._request))
            )
            doc.on_session_destroyed(lambda context: view.leave())
            view.start()
