"""What the pages' server answers besides pages: the door, files, health, downloads, and errors."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

from bokeh.server.views.doc_handler import DocHandler as _BokehDocHandler
from panel.io.server import DocHandler, WSHandler
from tornado.web import HTTPError, RequestHandler

from app.doorway import Persona
from app.mount.entry import COOKIE, SIGN_IN, Entry, secret_of
from app.mount.headers import FOR_GOOD, nonce_of
from app.mount.proxies import Proxies
from models.errors import HeadwayError, NotSignedIn, TooMany, Unavailable
from pages import Page, about, assets, shell
from pages.speech import Speech, languages
from pages.texts import has_text

log = logging.getLogger(__name__)
assert issubclass(DocHandler, _BokehDocHandler)


def speech_of(handler: RequestHandler) -> Speech:
    """Before sign-in, the browser says which language."""
    wished = handler.request.headers.get("Accept-Language", "en").split(",")[0].split(";")[0].strip()
    return Speech(wished or "en")


class Plain(RequestHandler):
    """Errors as pages of their own kind, never a traceback and never Tornado's own."""

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        speech = speech_of(self)
        known = status_code if status_code in (403, 404, 503) else 404 if status_code < 500 else 500
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(
            shell.screen(
                "problem.html",
                speech,
                nonce_of(self.request),
                status=status_code,
                title=speech.say(f"problem.page_{known}"),
                means=speech.say(f"problem.page_{known}_means"),
            )
        )

    def prepare(self) -> Any:
        self.check_host()

    def check_host(self) -> None:
        """A name that somebody else pointed at our address (DNS rebinding) is not ours: to the browser its
        pages and ours would be one site."""
        if self.request.host_name.lower() not in self.settings["hosts"]:
            raise HTTPError(403)

    def check_origin_of_form(self) -> None:
        """A form of another site cannot change anything here."""
        origin = self.request.headers.get("Origin", "")
        if urlsplit(origin).netloc.lower() != self.request.host.lower():
            raise HTTPError(403)


class PageHandler(Plain, DocHandler):
    async def prepare(self) -> None:
        self.check_host()
        await DocHandler.prepare(self)
        if self.current_user is None:
            self.redirect(f"{SIGN_IN}?{urlencode({'next': self.request.uri})}")


class SocketHandler(WSHandler):
    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self.finish()


class NothingHere(Plain):
    def prepare(self) -> None:
        raise HTTPError(404)


class Door(Plain):
    """Handlers that know the way to core."""

    def initialize(
        self, entry: Entry, pages: tuple[Page, ...], demo: bool, secure: bool, proxies: Proxies
    ) -> None:
        self.entry, self.pages, self.demo, self.secure = entry, pages, demo, secure
        self.proxies = proxies

    def keep(self, secret: str) -> None:
        self.set_cookie(COOKIE, secret, httponly=True, samesite="Lax", secure=self.secure, path="/")


class Home(Door):
    """To the viewer's own page, or to the door."""

    async def get(self) -> None:
        secret = secret_of(self.request)
        try:
            desk = await self.entry.doorway.desk(secret) if secret else None
        except NotSignedIn:
            desk = None
        except HeadwayError as error:
            raise HTTPError(error.status) from error
        if desk is None:
            self.redirect(SIGN_IN)
            return
        mine = [page for page in self.pages if desk.viewer.may(page.action) and page.in_menu]
        home = next((p for p in mine if desk.viewer.role in p.home_of), mine[0] if mine else None)
        if home is None:
            raise HTTPError(404)
        self.redirect(home.path)


class SignIn(Door):
    async def get(self) -> None:
        await self._show(
            note=speech_of(self).say("sign_in.out") if self.get_query_argument("out", "") else ""
        )

    async def post(self) -> None:
        self.check_origin_of_form()
        speech = speech_of(self)
        try:
            secret = await self._secret()
        except TooMany as error:
            self.set_status(429)
            self.set_header("Retry-After", str(error.retry_after_s))
            await self._show(note=speech.say("sign_in.locked", n=error.retry_after_s))
        except Unavailable as error:
            raise HTTPError(503) from error
        except HeadwayError:
            self.set_status(401)
            await self._show(note=speech.say("sign_in.wrong"))
        else:
            self.keep(secret)
            self.redirect(local(self.get_body_argument("next", "/")), status=303)

    async def _secret(self) -> str:
        # The session that this browser held ends: nobody who knows the old secret comes along.
        was = secret_of(self.request)
        if self.demo and (login := self.get_body_argument("persona", "")):
            return await self.entry.doorway.become(login, was)
        login, password = (
            self.get_body_argument("login", ""),
            self.get_body_argument("password", "", strip=False),
        )
        return await self.entry.doorway.sign_in(login, password, self.proxies.address(self.request), was)

    def _has_page(self, persona: Persona) -> bool:
        """Whoever would find nothing behind the door is not offered."""
        return any(page.in_menu and page.action in persona.opens for page in self.pages)

    async def _show(self, note: str) -> None:
        speech = speech_of(self)
        try:
            personas = await self.entry.doorway.personas() if self.demo else ()
        except HeadwayError as error:
            raise HTTPError(503) from error
        places: dict[str, list[dict[str, str]]] = {}
        for p in personas:
            if self._has_page(p):
                places.setdefault(p.place, []).append(_told(speech, p))
        self.finish(
            shell.screen(
                "sign-in.html",
                speech,
                nonce_of(self.request),
                places=places,
                note=note,
                next=local(self.get_argument("next", "/")),
                login=self.get_body_argument("login", ""),
            )
        )


def _told(speech: Speech, persona: Persona) -> dict[str, str]:
    """A role that a school has added is told in the words it was given."""
    key = f"role.{persona.role}"
    known = has_text(speech.language, key)
    told = (f"persona.{persona.login}", f"{key}_sees")
    return {
        "login": persona.login,
        "name": persona.name,
        "role_name": speech.say(key) if known else persona.role,
        "about": next((speech.say(one) for one in told if has_text(speech.language, one)), persona.about),
    }


class SignOut(Door):
    async def post(self) -> None:
        self.check_origin_of_form()
        try:
            await self.entry.doorway.sign_out(secret_of(self.request))
        except HeadwayError:
            log.warning("a session could not be closed; its cookie is cleared")
        self.clear_cookie(COOKIE, path="/")
        self.redirect(f"{SIGN_IN}?out=1", status=303)


class Language(Door):
    """The reader's language from now on, wherever they sign in; then back to where they were."""

    async def post(self) -> None:
        self.check_origin_of_form()
        wished = self.get_body_argument("locale", "")
        if wished not in {choice.value for choice in languages()}:
            raise HTTPError(400)
        try:
            desk = await self.entry.doorway.desk(secret_of(self.request))
            if desk is None:
                raise NotSignedIn("Sign in first.")
            await desk.do("set_locale", locale=wished)
        except NotSignedIn:
            self.redirect(SIGN_IN, status=303)
            return
        except HeadwayError as error:
            raise HTTPError(error.status) from error
        self.redirect(local(self.get_body_argument("next", "/")), status=303)


class Health(Door):
    def prepare(self) -> None:
        """Probes ask by address."""

    async def get(self) -> None:
        why_not = await self.entry.doorway.ready()
        self.set_status(HTTPStatus.SERVICE_UNAVAILABLE if why_not else HTTPStatus.OK)
        self.set_header("Cache-Control", "no-store")
        self.finish({"alive": True, "ready": why_not is None, "why_not": why_not})


class Download(Door):
    """A card's answer as CSV: the card asks its own question again, within the address's filters."""

    async def get(self, path: str, slot: str) -> None:
        page = next((p for p in self.pages if p.path == f"/{path}"), None)
        if page is None:
            raise HTTPError(404)
        visit = await self.entry.visit(self, page)
        if visit is None:
            raise HTTPError(404)
        view: Any = page.view(visit)
        try:
            answers = await view.answers_of(slot)
        except HeadwayError as error:
            raise HTTPError(error.status) from error
        if not answers:
            raise HTTPError(404)
        self.set_header("Content-Type", "text/csv; charset=utf-8")
        self.set_header("Content-Disposition", f'attachment; filename="headway-{path}-{slot}.csv"')
        self.set_header("Cache-Control", "no-store")
        self.finish(await asyncio.to_thread(about.csv_of, answers[0]))


class AssetFile(Plain):
    def get(self, name: str) -> None:
        asset = assets.by_href().get(f"/assets/{name}")
        if asset is None:
            raise HTTPError(404)
        self.set_header("Content-Type", asset.kind)
        self.set_header("Cache-Control", FOR_GOOD)
        self.set_header("Vary", "Accept-Encoding")
        if "gzip" in self.request.headers.get("Accept-Encoding", ""):
            self.set_header("Content-Encoding", "gzip")
            self.finish(asset.packed)
        else:
            self.finish(asset.content)


def local(address: str) -> str:
    """Where to go after sign-in: only ever a path of this server."""
    if not address.startswith("/") or address.startswith(("//", "/\\")) or urlsplit(address).netloc:
        return "/"
    return "/" if address.startswith((SIGN_IN, "/sign-out")) else address
