"""How hard a text is to read, as a school grade: Flesch-Kincaid for English, the first Wiener
Sachtextformel for German (Bamberger and Vanecek 1984). Grade 5 is the age of eleven."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_SENTENCE = re.compile(r"[.!?]+(?:\s|$)")


def words(text: str) -> list[str]:
    return _WORD.findall(text)


def sentences(text: str) -> int:
    return max(1, sum(bool(words(part)) for part in _SENTENCE.split(text)))


def syllables_en(word: str) -> int:
    """Groups of vowels, less a silent e at the end; 'created' and the like are counted one short."""
    word = word.lower().replace("’", "'").removesuffix("'s")
    count = len(re.findall(r"[aeiouy]+", word))
    is_silent = re.search(r"[^aeiouyl]e$|[^aeiouy]es$|[^aeiouytd]ed$", word) and not re.search(
        r"[sxzc]es$|[sc]hes$", word
    )
    return max(1, count - bool(is_silent))


def syllables_de(word: str) -> int:
    """Groups of vowels; the pairs of one sound are one."""
    return max(1, len(re.findall(r"aa|ee|oo|ei|ai|ie|eu|äu|au|[aeiouyäöü]", word.lower())))


def grade_en(text: str) -> float:
    found = words(text)
    heard = sum(map(syllables_en, found))
    return 0.39 * len(found) / sentences(text) + 11.8 * heard / len(found) - 15.59


def grade_de(text: str) -> float:
    found = words(text)
    heard = [syllables_de(word) for word in found]

    def of_all(count: int) -> float:
        return 100 * count / len(found)

    long = of_all(sum(count >= 3 for count in heard))
    wide = of_all(sum(len(word) > 6 for word in found))
    short = of_all(sum(count == 1 for count in heard))
    return 0.1935 * long + 0.1672 * len(found) / sentences(text) + 0.1297 * wide - 0.0327 * short - 0.875


GRADE: Mapping[str, Callable[[str], float]] = {"en": grade_en, "de": grade_de}


def whole(texts: Sequence[str]) -> str:
    """Texts as one, each ending its sentence."""
    return " ".join(text if text.rstrip().endswith((".", "?", "!", ":")) else f"{text}." for text in texts)
