"""Where content loses people: lessons, videos second by second, and what is talked about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from markupsafe import Markup

from models.ask import Answer
from pages import charts
from pages.cards import Card, Figure, bullets, figures, paragraph, place_link, tone
from pages.charts.retention import clock
from pages.content.asking import content
from pages.frame import gone
from pages.rows import rows_of
from pages.sheet import Asking, Sheet, Slot
from pages.tables import Column, Turn, table

Row = Mapping[str, Any]
MOST_LOSSES = 5
MOST_THREADS = 8
DAY_S = 86_400.0
FEWEST = 10  # viewers; the curve of fewer is single stories


class ContentPage(Sheet):
    period = "year"
    marks = ("video_id",)
    slots = (
        Slot("losses", height=180),
        Slot("lessons", height=320),
        Slot("videos", height=420),
        Slot("curve", height=360),
        Slot("talk", span=7, height=320, live=True),
        Slot("waiting", span=5, height=320, live=True),
    )

    # Where it loses people

    async def losses(self, ask: Asking) -> Card:
        lessons = [r for r in rows_of(await content(self, ask, "lesson_funnel")) if r["weak"]]
        films = [r for r in rows_of(await content(self, ask, "videos")) if r["p"] is not None]
        lines = [self._lost_in_film(r) for r in films] + [self._lost_in_lesson(r) for r in lessons]
        if not lines:
            return Card(
                self.say("content.no_losses"), body=paragraph(self.say("content.losses_rule"), "sub after")
            )
        return Card(
            self.say("content.losses", n=len(lines)),
            self.say("content.losses_sub"),
            body=bullets(lines[:MOST_LOSSES]),
            after=paragraph(self.say("content.losses_rule"), "sub after"),
        )

    def _lost_in_film(self, row: Row) -> Markup:
        share = self.visit.speech.share
        text = self.say(
            "content.lost_in_film",
            since=clock(row["drop_from_s"]),
            until=clock(row["drop_until_s"]),
            share=share(row["drop_share"]),
            n=row["drop_reached"],
            expected=share(row["drop_expected"]),
        )
        link = place_link(row["title"], self.filters.link(video_id=row["video_id"]))
        return Markup("{}: {}").format(link, text)

    def _lost_in_lesson(self, row: Row) -> Markup:
        share = self.visit.speech.share
        text = self.say(
            "content.lost_in_lesson",
            left=self.visit.speech.number(row["left"]),
            n=row["reached"],
            share=share(row["drop"]),
            expected=share(row["expected"]),
        )
        return Markup("{}: {}").format(row["title"], text)

    # Lessons

    async def lessons(self, ask: Asking) -> Card:
        answer = await content(self, ask, "lesson_funnel")
        courses = _courses(rows_of(answer))
        if not courses:
            return Card(self.say("content.lessons"), empty=self.say("content.no_lessons"))
        chosen = courses[0]
        if len(courses) > 1:
            ask.answers.remove(answer)
            answer = await content(self, ask, "lesson_funnel", course_id=chosen)
        rows = rows_of(answer)
        drawing = charts.histogram(
            answer,
            self.visit.speech,
            x="lesson_id",
            y="reached",
            label=lambda row: self.visit.speech.number(row["position"]),
            said=self._lesson_said,
            flagged=lambda row: row["weak"],
            shown=lambda row: f"−{self.visit.speech.share(row['drop'])}",
            alternative=self._lessons_told(rows),
        )
        named = {c.value: c.label for c in self.offered.courses}
        links = [place_link(named.get(c, c), self.filters.link(course=c)) for c in courses[1:7]]
        more = Markup("")
        if links:
            others = Markup(", ").join(links)
            more = Markup('<p class="sub after">{} {}</p>').format(self.say("content.other_courses"), others)
        first, last = rows[0], rows[-1]
        return Card(
            self._lessons_title(first, last),
            self.say("content.lessons_sub", course=named.get(chosen, chosen)),
            drawing=drawing,
            after=more,
        )

    def _lessons_title(self, first: Row, last: Row) -> str:
        if not first["reached"]:
            return self.say("content.lessons_none")
        return self.say("content.lessons_found", n=last["reached"], all=first["reached"])

    def _lessons_told(self, rows: Sequence[Row]) -> str:
        weak = [row["title"] for row in rows if row["weak"]]
        told = self.say(
            "content.lessons_told", n=len(rows), first=rows[0]["reached"], last=rows[-1]["reached"]
        )
        named = self.say("content.lessons_weak", names=self.visit.speech.names(weak)) if weak else ""
        return f"{told} {named}".strip()

    def _lesson_said(self, row: Row) -> str:
        return self.say(
            "content.lesson_said",
            n=row["reached"],
            title=row["title"],
            finished=row["finished"],
            left=row["left"],
            under_way=row["under_way"],
        )

    # Videos

    async def videos(self, ask: Asking) -> Card:
        answer = await content(self, ask, "videos")
        rows = [row for row in rows_of(answer) if row["audience"]]
        if not rows:
            return Card(self.say("content.videos"), empty=self.say("content.no_videos"))
        found = [row for row in rows if row["p"] is not None]
        title = self.say("content.videos_found", n=len(found)) if found else self.say("content.videos_even")
        body = table(
            self.visit.speech,
            rows,
            self._video_columns(),
            self.turns.get("videos", Turn()),
            self.say("content.videos"),
        )
        past = sum(row["beyond"] for row in rows)
        after = paragraph(self.say("content.beyond", n=past), "sub after") if past else Markup("")
        return Card(title, self.say("content.videos_sub"), body=body, after=after)

    def _video_columns(self) -> list[Column]:
        say, speech = self.say, self.visit.speech

        def named(row: Row) -> Markup:
            return place_link(row["title"], self.filters.link(video_id=row["video_id"]))

        def lost(row: Row) -> str | Markup:
            if row["p"] is None:
                return say("content.even")
            place = f"{clock(row['drop_from_s'])}–{clock(row['drop_until_s'])}"
            return tone(f"{place}: −{speech.share(row['drop_share'])}", "watch")

        return [
            Column("title", say("content.video"), named, lambda r: r["title"], find=True),
            Column("audience", say("content.viewers"), lambda r: speech.number(r["audience"]), numeric=True),
            Column(
                "completion",
                say("content.completion"),
                lambda r: speech.share(r["completion"]),
                lambda r: r["completion"],
                numeric=True,
            ),
            Column("drop_share", say("content.worst_place"), lost, lambda r: -(r["drop_share"] or 0)),
        ]

    async def curve(self, ask: Asking) -> Card:
        films = await content(self, ask, "videos")
        ask.answers.remove(films)
        rows = rows_of(films)
        wanted = self.filters.marks.get("video_id")
        if wanted and wanted not in {row["video_id"] for row in rows}:
            return gone(self, self.say("content.curve"), "video_id")
        self.learn({row["video_id"]: row["title"] for row in rows})
        film = next((r for r in rows if r["video_id"] == wanted), None) if wanted else None
        film = film or next((r for r in rows if r["audience"]), None)
        if film is None or not film["audience"]:
            return Card(self.say("content.curve"), empty=self.say("content.no_videos"))
        video = film["video_id"]
        answer = await content(self, ask, "video_curve", video_id=video)
        stretches = rows_of(await content(self, ask, "video_stretches", video_id=video))
        speeds = rows_of(await content(self, ask, "video_speeds", video_id=video))
        title = self._curve_title(film, stretches)
        few = film["audience"] < FEWEST
        drawing = charts.retention(
            answer,
            self.visit.speech,
            said=self._second_said,
            stretches=[
                (s["from_s"], s["until_s"], f"−{self.visit.speech.share(s['share'])}")
                for s in stretches
                if s["kind"] == "drop_off"
            ],
            names=(self.say("content.came_so_far"), self.say("content.saw_again")),
            alternative=self._curve_told(film, answer, stretches),
        )
        lines = [self._again(s) for s in stretches if s["kind"] == "rewatched"]
        lines += [self._speeds(speeds)] if speeds else []
        if few:
            lines.insert(0, self.say("content.few_viewers", n=film["audience"]))
        sub = self.say("content.curve_sub", n=film["audience"], title=film["title"])
        return Card(title, sub, drawing=drawing, after=bullets(lines) if lines else Markup(""))

    def _curve_title(self, film: Row, stretches: Sequence[Row]) -> str:
        drops = [s for s in stretches if s["kind"] == "drop_off"]
        share = self.visit.speech.share
        if not drops:
            return self.say("content.curve_even", share=share(film["completion"]))
        worst = max(drops, key=lambda s: s["share"])
        return self.say(
            "content.curve_drop",
            share=share(worst["share"]),
            since=clock(worst["from_s"]),
            until=clock(worst["until_s"]),
        )

    def _curve_told(self, film: Row, answer: Answer, stretches: Sequence[Row]) -> str:
        seconds = rows_of(answer)
        middle = seconds[len(seconds) // 2]["retention"]
        share = self.visit.speech.share
        told = self.say(
            "content.curve_told",
            n=film["audience"],
            middle=share(middle),
            end=share(seconds[-1]["retention"]),
            length=clock(len(seconds)),
        )
        drops = [s for s in stretches if s["kind"] == "drop_off"]
        return " ".join([told, *(self._drop_told(s) for s in drops)])

    def _drop_told(self, s: Row) -> str:
        share = self.visit.speech.share
        return self.say(
            "content.drop_told", since=clock(s["from_s"]), until=clock(s["until_s"]), share=share(s["share"])
        )

    def _second_said(self, row: Row) -> str:
        return self.say(
            "content.second_said",
            n=row["reached"],
            at=clock(row["second"]),
            share=self.visit.speech.share(row["retention"]),
            again=row["rewatchers"],
        )

    def _again(self, s: Row) -> str:
        return self.say(
            "content.again",
            since=clock(s["from_s"]),
            until=clock(s["until_s"]),
            share=self.visit.speech.share(s["share"]),
        )

    def _speeds(self, speeds: Sequence[Row]) -> str:
        speech = self.visit.speech
        told = [f"{speech.number(s['rate'], 2)}×: {speech.share(s['share'])}" for s in speeds]
        return self.say("content.speeds", told=speech.names(told))

    # Discussion

    async def talk(self, ask: Asking) -> Card:
        rows = rows_of(await content(self, ask, "threads"))
        if not rows:
            return Card(self.say("content.talk"), empty=self.say("content.no_talk"))
        begun = replace(self.filters, marks={}, since=min(row["opened_on"] for row in rows))
        answer = await ask("posts", "replies", by="week", options=(("fill", True),), filters=begun)
        waits = sorted(r["first_reply_s"] for r in rows if r["first_reply_s"] is not None)
        middle = waits[len(waits) // 2] if waits else None
        open_ = sum(row["unanswered"] for row in rows)
        speech = self.visit.speech
        shown = [
            Figure(self.say("content.threads"), speech.number(len(rows)), self.say("content.in_span")),
            Figure(
                self.say("content.unanswered"),
                speech.number(open_),
                self.say("content.of_threads", share=speech.share(open_ / len(rows))),
            ),
        ]
        if waits:
            half = self.say("content.half_sooner")
            shown.append(Figure(self.say("content.first_reply"), self._wait(middle), half))
        drawing = charts.line(
            answer,
            speech,
            x="week",
            y=("replies", "posts"),
            today=None,
            unit="posts",
            labels=(self.say("content.replies"), self.say("content.new_threads")),
            height=260,
        )
        return Card(
            self._talk_title(open_, len(rows)),
            self.say("content.talk_sub"),
            body=figures(shown),
            drawing=drawing,
        )

    def _wait(self, seconds: float | None) -> str:
        if seconds is not None and seconds >= 2 * DAY_S:
            return self.say("content.days", n=round(seconds / DAY_S))
        return self.visit.speech.duration(seconds)

    def _talk_title(self, open_: int, all_: int) -> str:
        return self.say("content.talk_open", n=open_, all=all_) if open_ else self.say("content.talk_fine")

    async def waiting(self, ask: Asking) -> Card:
        rows = [row for row in rows_of(await content(self, ask, "threads")) if row["unanswered"]]
        if not rows:
            return Card(self.say("content.waiting"), empty=self.say("content.none_waiting"))
        named = {c.value: c.label for c in self.offered.courses}
        speech = self.visit.speech
        lines = [
            self.say(
                "content.thread",
                n=(self.today - row["last_on"]).days,
                thread=row["thread_id"],
                course=named.get(row["course_id"] or "", row["course_id"] or ""),
                day=speech.day(row["last_on"]),
            )
            for row in rows[:MOST_THREADS]
        ]
        more = len(rows) - len(lines)
        after = paragraph(self.say("content.more_threads", n=more), "sub after") if more else Markup("")
        return Card(
            self.say("content.waiting_found", n=len(rows)),
            self.say("content.waiting_sub"),
            body=bullets(lines),
            after=after,
        )


def _courses(rows: Sequence[Row]) -> list[str]:
    """The one with the most learners first."""
    joined = {row["course_id"]: row["joined"] for row in rows}
    return sorted((c for c in joined if joined[c]), key=lambda course: (-joined[course], course))


__all__ = ["ContentPage"]
