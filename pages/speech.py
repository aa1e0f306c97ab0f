"""How the page speaks to its reader: texts, numbers, dates and names of one locale and zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, cached_property, lru_cache
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError, dates, lists, numbers

from pages.texts import LANGUAGES, has_text, text

Value = str | int | float | date


@lru_cache(maxsize=64)
def locale_of(name: str) -> Locale:
    """The nearest locale whose texts exist: "de-AT" speaks German with Austrian numbers."""
    try:
        locale = Locale.parse(name.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        return Locale.parse("en_GB")
    return locale if locale.language in LANGUAGES else Locale.parse("en_GB")


@dataclass(frozen=True, slots=True)
class Language:
    value: str  # a locale
    label: str  # as its own speakers call it
    spoken: str  # for the attribute `lang`


@cache
def languages() -> tuple[Language, ...]:
    usual = {"en": "en-GB", "de": "de-DE"}
    return tuple(
        Language(usual.get(one, one), str(Locale.parse(one).get_display_name(one)).title(), one)
        for one in LANGUAGES
    )


@dataclass(frozen=True)
class Speech:
    locale_name: str = "en-GB"
    zone_name: str = "UTC"

    @cached_property
    def locale(self) -> Locale:
        return locale_of(self.locale_name)

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.zone_name)

    @property
    def language(self) -> str:
        return str(self.locale.language)

    def say(self, key: str, **values: Value) -> str:
        """The text of `key`, in the plural form of its first number, with every value spelt out."""
        n = next((v for v in values.values() if isinstance(v, int | float)), None)
        form = self.locale.plural_form(abs(n)) if n is not None else "other"
        return text(self.language, key, form).format(**{k: self._spelt(v) for k, v in values.items()})

    def _spelt(self, value: Value) -> str:
        if isinstance(value, str):
            return value
        return self.day(value) if isinstance(value, date) else self.number(value)

    def number(self, value: float | None, digits: int = 0) -> str:
        """As a person would say it: whole above ten, one digit below when `digits` asks for it."""
        if value is None:
            return self.say("word.unknown")
        shown = round(value, digits if abs(value) < 10 else 0)
        return _number(self.locale_name, shown)

    def compact(self, value: float) -> str:
        """1.2 M: for a key figure and for an axis."""
        if abs(value) < 10_000:
            return self.number(value, 1)
        return str(numbers.format_compact_decimal(value, locale=self.locale, fraction_digits=1))

    def share(self, value: float | None, digits: int = 0) -> str:
        if value is None:
            return self.say("word.unknown")
        return self.say("word.percent", value=self.number(value * 100, digits))

    def percent(self, value: float | None, digits: int = 0) -> str:
        """A score, which is already per cent."""
        return self.share(None if value is None else value / 100, digits)

    def money(self, cents: float | None, currency: str = "EUR") -> str:
        if cents is None:
            return self.say("word.unknown")
        units = cents / 100
        if abs(units) >= 1_000_000:
            return str(
                numbers.format_compact_currency(units, currency, locale=self.locale, fraction_digits=1)
            )
        pattern = self.locale.currency_formats["standard"].pattern.replace(".00", "")
        return str(
            numbers.format_currency(
                round(units), currency, format=pattern, locale=self.locale, currency_digits=False
            )
        )

    def duration(self, seconds: float | None) -> str:
        """ "3 h 10 min"; under an hour only minutes."""
        if seconds is None:
            return self.say("word.unknown")
        hours, minutes = divmod(round(seconds / 60), 60)
        if not hours:
            return self.say("word.minutes", n=minutes)
        if not minutes:
            return self.say("word.hours", hours=str(hours))
        return self.say("word.hours_minutes", hours=str(hours), minutes=str(minutes))

    def day(self, day: date, skeleton: str = "MMMMd") -> str:
        """`skeleton` names the fields; the locale puts them in its order."""
        return _day(self.locale_name, day, skeleton)

    def weekday(self, day: date) -> str:
        return str(dates.format_date(day, "EEEE", locale=self.locale))

    def weekday_short(self, weekday: int) -> str:
        """0 is Monday."""
        return str(dates.get_day_names("abbreviated", locale=self.locale)[weekday])

    def time(self, moment: datetime) -> str:
        return str(dates.format_time(moment, "short", tzinfo=self.zone, locale=self.locale))

    def moment(self, moment: datetime) -> str:
        return f"{self.day(moment.astimezone(self.zone).date())}, {self.time(moment)}"

    def span(self, since: date, until: date) -> str:
        """ "3 to 9 March": the last day named is the last day counted."""
        last = max(since, until - timedelta(days=1))
        year = "y" if since.year != last.year or last.year != date.today().year else ""  # noqa: DTZ011
        return str(dates.format_interval(since, last, f"{year}MMMd", locale=self.locale))

    def names(self, names: list[str]) -> str:
        return str(lists.format_list(names, locale=self.locale))

    @property
    def first_weekday(self) -> int:
        return int(self.locale.first_week_day)

    def column(self, name: str) -> str:
        """A measure's or dimension's name as a heading; an unnamed one says its own name plainly."""
        key = f"column.{name}"
        return self.say(key) if has_text(self.language, key) else name.replace("_", " ").capitalize()

    def measured(self, value: float, unit: str) -> str:
        """A number with the unit the catalogue names."""
        if unit in ("share", "ratio"):
            return self.share(value)
        if unit in ("percent", "per cent", "%"):
            return self.percent(value)
        if unit in ("s", "seconds"):
            return self.duration(value)
        if unit == "minutes":
            return self.duration(value * 60)
        if unit == "cents":
            return self.money(value)
        return self.number(value, 1)


@lru_cache(maxsize=20_000)
def _day(locale_name: str, day: date, skeleton: str) -> str:
    # Everybody reads about the same days; writing one takes 30 us.
    return str(dates.format_skeleton(skeleton, day, locale=locale_of(locale_name)))


@lru_cache(maxsize=20_000)
def _number(locale_name: str, value: float) -> str:
    return str(numbers.format_decimal(value, locale=locale_of(locale_name), decimal_quantization=False))
