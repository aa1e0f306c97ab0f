"""One look at one page: what its reader sees, and everything that went wrong while it loaded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import (
    Browser,
    BrowserContext,
    Page,
    Request,
    TimeoutError,
    async_playwright,
)

from app import chromium
from app.tour.places import DESKTOP, Place, Size
from models.errors import Unavailable

PATIENCE_MS = 30_000
_COMPLETE = "() => document.documentElement.dataset.ready === 'complete'"
TIMES = """() => {
  const painted = performance.getEntriesByName('first-contentful-paint')[0]
  const whole = performance.getEntriesByName('headway-complete')[0]
  const all = [...performance.getEntriesByType('resource'), ...performance.getEntriesByType('navigation')]
  return {frame: painted ? painted.startTime : 0, complete: whole ? whole.startTime : 0, count: all.length,
          bytes: all.reduce((sum, one) => sum + one.transferSize, 0)}
}"""
# What is wider than the screen, and not inside something that scrolls by itself.
_OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass(slots=True)
class Seen:
    place: Place
    size: str
    theme: str
    status: int = 0
    frame_ms: float = 0.0
    complete_ms: float = 0.0
    requests: int = 0
    kib: float = 0.0
    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    picture: str = ""

    @property
    def clean(self) -> bool:
        return self.status == 200 and not (self.errors or self.foreign or self.findings)

    @property
    def name(self) -> str:
        page = self.place.path.strip("/").split("?")[0] or "home"
        return f"{page}-{self.place.role}-{self.size}-{self.theme}"

    def told(self) -> str:
        return "\n".join([self.name, f"status {self.status}", *self.errors, *self.foreign, *self.findings])


@dataclass(slots=True)
class Open:
    """A page that stays open for a test: `seen` fills while it lives."""

    page: Page
    seen: Seen

    async def complete(self) -> None:
        await self.page.wait_for_function(_COMPLETE, timeout=PATIENCE_MS)

    async def text(self) -> str:
        return await self.page.inner_text("body")


class Walker:
    """A Chromium that reaches `address` and nothing else."""

    def __init__(self, browser: Browser, address: str) -> None:
        self._browser = browser
        self.address = address
        self._sessions: dict[str, Any] = {}
        self._paths: dict[Place, str] = {}

    async def session(self, login: str) -> Any:
        """The cookie of somebody of the demo school, signed in once."""
        if login not in self._sessions:
            context = await self._browser.new_context()
            answer = await context.request.post(
                self.address + "/sign-in",
                form={"persona": login, "next": "/health"},
                headers={"Origin": self.address},
            )
            if not answer.ok or not await context.cookies():
                await context.close()
                raise Unavailable(f"Nobody can sign in as {login} at {self.address}: is it a demo school?")
            self._sessions[login] = await context.storage_state()
            await context.close()
        return self._sessions[login]

    async def sign_out(self, login: str) -> None:
        """Ends the session that open pages of this person have."""
        async with self.context(login) as context:
            await context.request.post(self.address + "/sign-out", headers={"Origin": self.address})
        del self._sessions[login]

    @asynccontextmanager
    async def context(
        self, login: str = "", size: Size = DESKTOP, theme: str = "light", **more: Any
    ) -> AsyncIterator[BrowserContext]:
        context = await self._browser.new_context(
            viewport={"width": size.width, "height": size.height},
            has_touch=size.touch,
            color_scheme="dark" if theme == "dark" else "light",
            storage_state=await self.session(login) if login else None,
            **{"locale": "en-GB", **more},
        )
        try:
            yield context
        finally:
            await context.close()

    @asynccontextmanager
    async def open(
        self, place: Place, size: Size = DESKTOP, theme: str = "light", whole: bool = True, **more: Any
    ) -> AsyncIterator[Open]:
        """The page, complete unless `whole` is False, until the block ends."""
        async with self.context(place.login, size, theme, **more) as context:
            opened = Open(await context.new_page(), Seen(place, size.name, theme))
            self._listen(opened)
            answer = await opened.page.goto(
                self.address + place.path, wait_until="commit", timeout=PATIENCE_MS
            )
            opened.seen.status = answer.status if answer else 0
            if whole and opened.seen.status == 200:
                await self._wait(opened)
            yield opened

    async def look(
        self, place: Place, size: Size, theme: str, pictures: Path | None = None, axe: bool = True
    ) -> Seen:
        """Everything there is to say about the page, and its picture."""
        place = await self.found(place)
        async with self.open(place, size, theme) as opened:
            page, seen = opened.page, opened.seen
            times = await page.evaluate(TIMES)
            seen.frame_ms, seen.complete_ms = round(times["frame"]), round(times["complete"])
            seen.requests, seen.kib = times["count"], round(times["bytes"] / 1024, 1)
            if over := await page.evaluate(_OVERFLOW):
                seen.errors.append(f"wider than the screen by {over} pixels")
            if axe:
                seen.findings += await findings(page)
            if pictures is not None:
                seen.picture = f"{seen.name}.png"
                whole = await page.evaluate("document.documentElement.scrollHeight")
                # As tall as the page, so that what is fixed to the screen's edge stands at the page's.
                await page.set_viewport_size({"width": size.width, "height": max(size.height, whole)})
                await page.screenshot(path=pictures / seen.picture)
            return seen

    async def found(self, place: Place) -> Place:
        """A page that the menu does not have is where a link leads."""
        if not place.through:
            return place
        if place not in self._paths:
            async with self.open(Place(place.login, place.role, place.through)) as opened:
                link = opened.page.locator(f'a[href^="{place.path}?"]').first
                found = await link.get_attribute("href") if await link.count() else None
                self._paths[place] = found or place.path
        return Place(place.login, place.role, self._paths[place])

    async def _wait(self, opened: Open) -> None:
        began = time.monotonic()
        try:
            await opened.complete()
        except TimeoutError:
            opened.seen.errors.append(f"not complete after {time.monotonic() - began:.0f} s")

    def _listen(self, opened: Open) -> None:
        page, seen = opened.page, opened.seen
        host = urlsplit(self.address).netloc

        def requested(request: Request) -> None:
            parts = urlsplit(request.url)
            if parts.scheme not in ("data", "blob", "about") and parts.netloc != host:
                seen.foreign.append(f"foreign request: {parts.scheme}://{parts.netloc}{parts.path}")

        page.on("request", requested)
        page.on(
            "console",
            lambda m: (
                seen.errors.append(f"console: {m.text[:300]}") if m.type in ("error", "warning") else None
            ),
        )
        page.on("pageerror", lambda error: seen.errors.append(f"script: {str(error)[:300]}"))
        page.on(
            "response",
            lambda r: seen.errors.append(f"{r.status}: {urlsplit(r.url).path}") if r.status >= 400 else None,
        )


async def findings(page: Page) -> list[str]:
    """Of axe, one line each."""
    from axe_playwright_python.async_playwright import Axe

    result = await Axe().run(page)
    return [
        f"axe {v['id']} ({v['impact']}): {v['help']}: {node['target']}"
        for v in result.response["violations"]
        for node in v["nodes"][:3]
    ]


@asynccontextmanager
async def walker(address: str) -> AsyncIterator[Walker]:
    path = chromium.find()
    if path is None:
        raise Unavailable(f"No Chromium was found: install it, or name it in {chromium.VARIABLE}.")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=_closed(address))
        try:
            yield Walker(browser, address)
        finally:
            await browser.close()
            await asyncio.sleep(0)


def _closed(address: str) -> list[str]:
    """The network is shut but for the one server: names are not looked up, all else goes to a dead proxy."""
    return [
        "--no-sandbox",
        "--disable-background-networking",
        "--disable-component-update",
        f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {urlsplit(address).hostname}",
        "--proxy-server=http://127.0.0.1:9",
        f"--proxy-bypass-list=<-loopback>;{urlsplit(address).netloc}",
    ]
