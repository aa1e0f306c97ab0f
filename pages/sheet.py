"""A page made of cards. The base of every page that is read rather than arranged.

A subclass lists its `slots` and has one async method per slot, which asks and returns a `Card`. The
sheet runs them all at once, off the document's lock, and sends each card as it comes; it turns errors
into sentences, keeps the state in the URL, and asks again when data moved.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, ClassVar, cast

from markupsafe import Markup
from panel.viewable import Viewer

from models.ask import Answer
from models.errors import HeadwayError, NotFound, Unavailable
from pages import filters, frame, tables
from pages.asking import Asking, Slot
from pages.cards import Card
from pages.filters import Filters
from pages.hearing import Hearing, dumped
from pages.live import Pulse
from pages.me import Offered, choices
from pages.places import Visit
from pages.stage import MOST_CARDS, Stage

__all__ = ["Asking", "Sheet", "Slot"]
log = logging.getLogger(__name__)
LONGEST_WAIT_S = 30.0
BLINK_S = 1.0  # core is away so long before the page says so
RETRY_S = 2.0  # between attempts while core is away


Fill = Callable[[Asking], Awaitable[Card | None]]


class Sheet(Hearing, Viewer):
    period: ClassVar[str] = "week"  # looked at when the URL names none
    for_file = False

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        taken = [slot.name for slot in cls.slots if slot.name in _OWN]
        assert not taken, f"{cls.__name__}: a slot cannot be called {taken}: the sheet uses that name itself"
        page = cls.__mro__[: cls.__mro__.index(Sheet)]
        hidden = sorted(_INNER & {name for one in page for name in vars(one)})
        assert not hidden, f"{cls.__name__} or a mixin of it hides what the sheet runs on: {hidden}"

    def __init__(self, visit: Visit) -> None:
        super().__init__()
        assert len(self.slots) <= MOST_CARDS, "a page this long is two pages"
        self.visit = visit
        self.say = visit.speech.say
        self.offered = Offered()
        self.cards: dict[str, Card] = {}
        self.filters = self.read_query(visit.query)
        self.stage: Stage = (visit.stage or Stage)(
            told=self._told,
            names=[slot.name for slot in self.slots],
            takes=list(self.taken),
            state=self.filters.link(),
        )
        self.turns: dict[str, tables.Turn] = {}
        self.titles: dict[str, str] = {}  # of what was clicked
        self._pulse = Pulse(visit.desk, self._moved)
        self._running: set[asyncio.Task[None]] = set()
        self._did: deque[tuple[str, bool]] = deque(maxlen=16)
        self._wanted = asyncio.Event()  # a first attempt, before its time
        self._is_starting = False
        self._round = self._over = 0  # of asking all cards: begun, and done
        self._rests = self._begun = 0
        self._on_screen: dict[str, int] = {}  # of each card, which of all those begun is on screen
        self._news: dict[str, Any] = {}
        self._hour = self._hour_now()  # of the newest round of all cards
        self._troubled: set[str] = set()  # cards that say that something went wrong
        self._missed: set[str] = set()  # cards that could not be asked for because core was away
        self._document: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._unhook: Callable[[], None] = _nothing
        self._away: asyncio.TimerHandle | None = None

    def __panel__(self) -> Any:
        return self.stage

    # What a page may change

    async def prepare(self) -> None:
        """Before the first card: what the filter bar offers. Extend it to look up more."""
        related = await self.visit.desk.look("relations")
        self.offered = Offered(
            choices(related.get("courses"), "course_id", "title"),
            choices(related.get("classes"), "class_id", "title"),
            self.visit.me.children,
        )

    def mark_label(self, name: str, value: str) -> str:
        """How a value of a dimension is called on screen."""
        named = {
            "course_id": self.offered.courses,
            "class_id": self.offered.classes,
            "learner_id": self.offered.children,
        }
        known = next((c.label for c in named.get(name, ()) if c.value == value), value)
        return self.titles.get(value, known)

    def learn(self, titles: Mapping[str, str]) -> None:
        """How what the filter bar may name is called: a card has just been told."""
        fresh = {i: titles[i] for i in self.filters.marks.values() if titles.get(i) and i not in self.titles}
        if fresh:
            self.titles.update(fresh)
            self._later({"bar": frame.filter_bar(self)})

    @property
    def today(self) -> date:
        return datetime.now(self.visit.speech.zone).date()

    @property
    def is_open(self) -> bool:
        """Is it in front of somebody? For a card's file a page is made that nobody sees."""
        return self._document is not None

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Beside the page's own work, until the page is left."""
        self._run(work)

    # The life of a page

    def start(self) -> None:
        from panel import state

        self._document = state.curdoc
        self._loop = asyncio.get_running_loop()
        self._unhook = self.visit.desk.on_line(self._line_told)
        self._run(self._first())

    def leave(self) -> None:
        self._pulse.stop()
        self._unhook()
        for task in list(self._running):
            task.cancel()

    async def _first(self) -> None:
        """Until core is there. Who presses "Try again" meanwhile makes the next attempt come at once."""
        self._wanted.set()
        if self._is_starting:
            return
        self._is_starting = True
        try:
            while (error := await self._unready()) is not None:
                # Said once: what is wrong is wrong with the whole page.
                first = self.slots[0].name
                told = frame.problem(self.visit.speech, error)
                self._apply({slot.name: told if slot.name == first else None for slot in self.slots})
                self._rest()
                if not isinstance(error, Unavailable):
                    return
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wanted.wait(), RETRY_S)
        finally:
            self._is_starting = False
        self._is_ready = True
        self.filters = filters.checked(self.filters, self.offered)
        self._pulse.start()
        await self._fill(self.slots)

    async def _unready(self) -> HeadwayError | None:
        self._wanted.clear()
        try:
            await self.prepare()
        except HeadwayError as error:
            return error
        return None

    async def _fill(self, slots: Sequence[Slot]) -> None:
        self._round += 1
        self._later({"bar": frame.filter_bar(self)})
        now = self._round
        await asyncio.gather(*(self._fill_one(slot, now) for slot in slots))
        if now == self._round:
            self._over = now
            self._rest()

    def _rest(self) -> None:
        """Every message that the browser waits for is answered, also one that changed nothing: at once, or
        at the end of the round that is under way."""
        if self._over == self._round:
            self._rests += 1
            self._later({"filled": self._rests})

    async def _fill_one(self, slot: Slot, now: int) -> None:
        begun = self._begun = self._begun + 1
        card = await self._card(slot)
        # Else the reader has moved on, or a card that was asked for later is there already.
        if now == self._round and begun > self._on_screen.get(slot.name, 0):
            self._on_screen[slot.name] = begun
            self._apply({slot.name: card})

    async def _card(self, slot: Slot) -> Card | None:
        self._troubled.add(slot.name)
        asking = Asking(self)
        try:
            async with asyncio.timeout(LONGEST_WAIT_S):
                card = await cast(Fill, getattr(self, slot.name))(asking)
        except HeadwayError as error:
            if isinstance(error, Unavailable):
                self._miss(slot)
            return frame.problem(self.visit.speech, error)
        except TimeoutError:
            return frame.slow(self.visit.speech)
        except Exception:
            log.exception("card %s of %s failed", slot.name, self.visit.page.path)
            return frame.broken(self.visit.speech)
        self._troubled.discard(slot.name)
        return replace(card, answers=card.answers or tuple(asking.answers)) if card else None

    def _line_told(self, is_up: bool) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._reach, is_up)

    def _reach(self, is_up: bool) -> None:
        """Core went away or came back. A blink is not worth a word; what was missed is asked at once."""
        if self._away is not None:
            self._away.cancel()
            self._away = None
        if is_up:
            self._later({"notice": ""})
            self._run(self._ask_again(self._taken()))
        elif self._loop is not None:
            self._away = self._loop.call_later(BLINK_S, self._later, {"notice": self.say("frame.away")})

    def _miss(self, slot: Slot) -> None:
        is_first = not self._missed
        self._missed.add(slot.name)
        if is_first:
            self._run(self._catch_up())

    async def _catch_up(self) -> None:
        """The cards fill themselves when the data is back, whether or not it moved meanwhile."""
        await asyncio.sleep(RETRY_S)
        await self._ask_again(self._taken())

    def _taken(self) -> list[Slot]:
        missed, self._missed = self._missed, set()
        return [slot for slot in self.slots if slot.name in missed]

    async def answers_of(self, slot: str) -> tuple[Answer, ...]:
        """A card's answers without its page: for its file."""
        if slot not in {one.name for one in self.slots}:
            raise NotFound()
        await self.visit.desk.do("take_out", page=self.visit.page.path.strip("/"), card=slot)
        self.for_file = True  # who asks for a list's file has asked for the list
        await self.prepare()
        self.filters = filters.checked(self.filters, self.offered)
        asking = Asking(self)
        card = await cast(Fill, getattr(self, slot))(asking)
        return card.answers or tuple(asking.answers) if card else ()

    # Towards the browser

    def _apply(self, cards: Mapping[str, Card | None]) -> None:
        """Sends only the cards whose text changed."""
        news: dict[str, Any] = {}
        for name, card in cards.items():
            at = next(i for i, slot in enumerate(self.slots) if slot.name == name)
            self.cards[name] = card or Card()
            sent = _as_json(frame.card(self, self.slots[at], card), card)
            if self._news.get(f"s{at}", getattr(self.stage, f"s{at}")) != sent:
                news[f"s{at}"] = sent
        self._later(news)

    def _later(self, news: dict[str, Any]) -> None:
        """A document is changed on its own tick only; what comes meanwhile goes with it."""
        if not news:
            return
        if self._document is None or self._document.session_context is None:
            self.stage.param.update(**news)
            return
        is_on_its_way = bool(self._news)
        self._news.update(news)
        if not is_on_its_way:
            self._document.add_next_tick_callback(self._send)

    def _send(self) -> None:
        news, self._news = self._news, {}
        self.stage.send(news)

    # When data moves

    async def _moved(self, everything: bool, concerned: bool) -> None:
        """Where only others learned, and the hour is the same, a card about the reader's own says what it
        said before; one that told of a problem is asked again all the same."""
        if everything:
            before, self._hour = self._hour, self._hour_now()
            concerned = concerned or self._hour != before
        again = [slot for slot in self.slots if everything or slot.live]
        await self._ask_again(
            [slot for slot in again if concerned or not slot.alone or slot.name in self._troubled]
        )

    def _hour_now(self) -> datetime:
        return datetime.now(self.visit.speech.zone).replace(minute=0, second=0, microsecond=0)

    async def _ask_again(self, slots: Sequence[Slot]) -> None:
        now = self._round
        await asyncio.gather(*(self._fill_one(slot, now) for slot in slots))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        with contextlib.suppress(asyncio.CancelledError):
            if error := task.exception():
                log.error("page %s: %s", self.visit.page.path, type(error).__name__, exc_info=error)

    def read_query(self, query: Mapping[str, str]) -> Filters:
        return filters.read_filters(query, self.today, self.visit.speech, self.period, self.marks)


_INNER = frozenset(
    name
    for one in (Hearing, Sheet)
    for name, what in vars(one).items()
    if name.startswith("_") and not name.startswith("__") and callable(what)
)
_OWN = frozenset(dir(Sheet)) | {"visit", "say", "offered", "cards", "filters", "stage", "turns", "titles"}


def _as_json(html: Markup, card: Card | None) -> str:
    drawing = card.drawing if card and not card.empty else None
    return dumped({"html": html, "drawing": drawing.text if drawing else ""})


def _nothing() -> None:
    """Nobody is told of the line yet."""
