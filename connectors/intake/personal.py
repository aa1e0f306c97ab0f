"""Personal data in free text: found, and replaced by what kind it was, before anything is stored."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from connectors.intake import numbers

# Names that are words as well: replaced only beside another part of a name.
WORDS_TOO = frozenset(
    """
    will mark may june april august grace hope faith rose art bill rich page young brown white black green
    king long short small little best wise good bell ball cook baker carter fisher hunter miller smith
    taylor mason cooper walker parker porter potter turner weaver wood woods field fields hill lake rivers
    stone rock banks west north park post price power rice reed rush sharp snow summer winter spring stern
    swift temple true vale waters weiss klein gross lang jung kurz braun schwarz roth koch bauer berg stein
    wolf fuchs vogel sommer winter herbst morgen engel kaiser könig richter schneider max art chance chase
    christian dean drew earl frank gene guy jack jean joy ken lance mike nick pat pearl penny ray rob robin
    rod ruby sandy sky sue ted tom tony trip victor violet ivy iris jade jasmine lily olive paris dawn eve
    noble major marina melody mercy mini case day love lesson graph sine sun star
    """.split()  # noqa: SIM905 - a list of words is read as words
)
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
# What no kind but a name can do without: an @, six digits, the dots or colons of an IP, a house number.
_WORTH_A_LOOK = re.compile(r"@|(?:\d\D*){6}|\d\.\d+\.\d+\.\d|:.*:|\d [A-Z]|[a-zß.] ?\d")
_SHORT = 80


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    pattern: re.Pattern[str]
    holds: Callable[[str], bool] = lambda text: True

    def replaced(self, match: re.Match[str]) -> str:
        return f"[{self.name}]" if self.holds(match[0]) else match[0]


def _kind(name: str, pattern: str, holds: Callable[[str], bool] | None = None, flags: int = 0) -> Kind:
    return Kind(name, re.compile(pattern, flags), holds or (lambda text: True))


def _is_phone(text: str) -> bool:
    return 8 <= len(_digits(text)) <= 15


# In this order: what is longer or surer comes first.
KINDS = (
    _kind("e-mail", r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]+(?:\.[\w-]+)+"),
    _kind(
        "account",
        r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b",
        lambda t: numbers.is_iban(t.replace(" ", "")),
    ),
    _kind("card", r"(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d.]\d)", lambda t: numbers.is_card(_digits(t))),
    _kind("national id", r"\b756\.?\d{4}\.?\d{4}\.?\d{2}\b", lambda t: numbers.is_swiss(_digits(t))),
    _kind(
        "national id",
        r"\b[12] ?\d{2} ?\d{2} ?\d{2} ?\d{3} ?\d{3} ?\d{2}\b",
        lambda t: numbers.is_french(_digits(t)),
    ),
    _kind("national id", r"\b(?!000|666|9)\d{3}-\d{2}-\d{4}\b", lambda t: numbers.is_us_social(_digits(t))),
    _kind("national id", r"\b(?![DFIQUV])[A-Z](?![DFIOQUV])[A-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b"),
    _kind("national id", r"\b[XYZ\d]\d{7}-?[A-Z]\b", lambda t: numbers.is_spanish(t.replace("-", ""))),
    _kind("national id", r"\b[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]\b"),
    _kind(
        "national id",
        r"(?<![\d.+])\d{2} ?\d{3} ?\d{3} ?\d{3}(?!\d)",
        lambda t: numbers.is_german_tax(_digits(t)) or numbers.is_polish(_digits(t)),
    ),
    _kind(
        "ip",
        r"(?<![\w.:])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9A-Fa-f]{1,4}|\d+\.\d+\.\d+\.\d+)?(?![\w:])",
        numbers.is_address,
    ),
    _kind(
        "ip",
        r"(?<![\d.])(?<!version )(?<!Version )(?<!\bv)(?<!§ )\d{1,3}(?:\.\d{1,3}){3}(?![\d]|\.\d)",
        numbers.is_address,
    ),
    _kind("phone", r"(?<![\w+])(?:\+|00)[1-9]\d{0,2}(?:[ ./()-]{0,3}\d){6,12}(?!\w)", _is_phone),
    _kind("phone", r"(?<![\w.+-])\(?[2-9]\d{2}\)?[ .-]{1,2}\d{3}[ .-]\d{4}(?![\w-])"),
    _kind(
        "phone", r"(?<![\w.,+-])\(?0[1-9]\d{1,4}\)?[ /-]{1,3}\d{2,8}(?:[ -]?\d{2,5}){0,3}(?![\w-])", _is_phone
    ),
    _kind("phone", r"(?<![\w.,+-])0[1-9]\d{8,10}(?!\w)"),
    _kind("phone", r"(?<![\w.,+-])0[1-9](?:[ .]\d{2}){4}(?!\w)"),
    _kind(
        "address",
        r"\b\d{1,5}[a-z]? (?:[A-Z][\w'-]+ ){1,3}"
        r"(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Close|Court)\b\.?",
    ),
    _kind(
        "address",
        r"\b[A-ZÄÖÜ][\wäöüß-]{0,60}(?:[ -][A-ZÄÖÜ]\w{1,60})?"
        r"(?:straße|strasse|str\.|gasse|allee) ?\d{1,4} ?[a-z]?\b",
    ),
)


class Finder:
    """Knows the names of one organisation's people, so that they can be told from words."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._parts = frozenset(part for name in names for part in _parts(name))
        self._clean_short = lru_cache(16_384)(self._clean)

    def clean(self, text: str) -> str:
        """Short texts, such as paths, come again and again: they are remembered."""
        return self._clean_short(text) if len(text) <= _SHORT else self._clean(text)

    def _clean(self, text: str) -> str:
        if _WORTH_A_LOOK.search(text):
            for kind in KINDS:
                text = kind.pattern.sub(kind.replaced, text)
        return self._without_names(text) if self._parts else text

    def _without_names(self, text: str) -> str:
        words = [(m.start(), m.end(), m[0]) for m in _WORD.finditer(text)]
        hits = [self._is_part(word) for _, _, word in words]
        if not any(hits):
            return text
        out, last = [], 0
        for first, end in _runs(hits):
            if not self._is_name([word for _, _, word in words[first:end]]):
                continue
            for start, stop in _touching(text, words[first:end]):
                out += [text[last:start], "[name]"]
                last = stop
        return "".join([*out, text[last:]])

    def _is_part(self, word: str) -> bool:
        folded = word.casefold()
        return folded in self._parts or folded.removesuffix("'s").removesuffix("’s") in self._parts

    def _is_name(self, run: list[str]) -> bool:
        if len(run) > 1 and any(word[0].isupper() or word.casefold() not in WORDS_TOO for word in run):
            return True
        return any(word[0].isupper() and word.casefold() not in WORDS_TOO for word in run)


def _parts(name: str) -> Iterable[str]:
    words = [m[0].casefold() for m in _WORD.finditer(name)]
    return (word for word in words if len(word) > 1)


def _runs(hits: list[bool]) -> Iterable[tuple[int, int]]:
    start = None
    for place, hit in enumerate([*hits, False]):
        if hit and start is None:
            start = place
        elif not hit and start is not None:
            yield start, place
            start = None


def _touching(text: str, words: list[tuple[int, int, str]]) -> Iterable[tuple[int, int]]:
    """Spans of words with nothing but a space, a comma or a hyphen between them."""
    start, stop, _ = words[0]
    for begin, end, _ in words[1:]:
        if text[stop:begin].strip(" ,-.") == "" and begin - stop <= 2:
            stop = end
        else:
            yield start, stop
            start, stop = begin, end
    yield start, stop
