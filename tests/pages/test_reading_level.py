"""What students and parents read, they can read at the age of eleven, in both languages."""

from __future__ import annotations

import re

import pytest

from pages.texts import LANGUAGES, texts
from tests.pages.reading_level import (
    GRADE,
    grade_de,
    grade_en,
    sentences,
    syllables_de,
    syllables_en,
    whole,
    words,
)

SUBJECTS = (
    "student", "progress", "reached", "board", "skill", "habit", "unusual", "recommend", "insight", "parent",
    "letter", "learner", "goal", "mydata", "consent", "news",
)  # fmt: skip
FOR_TEACHERS = re.compile(r"insight\.(group_|.*_they)|recommend\..*_they")
GRADE_OF_ELEVEN = 5.0
HARDEST = 10.5  # one text alone: the formulas are made for many words, and one long name counts for much
FEWEST_WORDS = 6
JARGON = {
    "en": ("anomaly", "baseline", "cohort", "correlation", "engagement", "interval", "mastery", "median",
           "metric", "percentile", "regression", "significan", "standard deviation", "threshold", "variance",
           "velocity", "algorithm", "dashboard", "simply", "obviously"),
    "de": ("anomalie", "kohorte", "korrelation", "engagement", "intervall", "median", "metrik", "perzentil",
           "signifikan", "standardabweichung", "schwellenwert", "varianz", "algorithmus", "dashboard",
           "offensichtlich"),
}  # fmt: skip
_SAMPLE = {
    "name": "Mia",
    "time": "2 h",
    "than": "1 h",
    "course": "Maths",
    "lesson": "Lines",
    "skill": "Lines",
}
_GERMAN = {"course": "Mathe", "lesson": "Linien", "skill": "Linien"}


class _Filled(dict[str, str]):
    """Numbers where numbers go: they are no words, and every page has them."""

    def __missing__(self, name: str) -> str:
        return "3"


def texts_of(language: str, subject: str) -> dict[str, str]:
    sample = _Filled(_SAMPLE | (_GERMAN if language == "de" else {}))
    found = {}
    for key, text in texts(language).items():
        if key.split(".")[0] != subject or FOR_TEACHERS.match(key):
            continue
        for form, one in ({"": text} if isinstance(text, str) else text).items():
            found[f"{key} {form}".strip()] = one.format_map(sample)
    return found


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_subjects_texts_are_for_the_age_of_eleven(language: str, subject: str) -> None:
    told = [text for text in texts_of(language, subject).values() if len(words(text)) >= 3]
    assert GRADE[language](whole(told)) <= GRADE_OF_ELEVEN


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_single_text_is_hard(language: str) -> None:
    hard = {
        key: round(grade, 1)
        for subject in SUBJECTS
        for key, text in texts_of(language, subject).items()
        if len(words(text)) >= FEWEST_WORDS and (grade := GRADE[language](whole([text]))) > HARDEST
    }
    assert not hard


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_word_needs_a_glossary(language: str) -> None:
    found = [
        (key, word)
        for subject in SUBJECTS
        for key, text in texts_of(language, subject).items()
        for word in JARGON[language]
        if word in text.lower()
    ]
    assert not found


def test_no_text_shouts_or_blames() -> None:
    for language in LANGUAGES:
        for subject in SUBJECTS:
            for key, text in texts_of(language, subject).items():
                assert "!" not in text, key
                assert not re.search(r"\b(lazy|failed|bad at|faul|versagt|schlecht)\b", text.lower()), key


# ---- the formulas themselves, counted by hand ------------------------------------------------------------


def test_the_formulas_count_as_published() -> None:
    # 6 words, 1 sentence, 6 syllables: 0.39 * 6 + 11.8 * 1 - 15.59
    assert grade_en("The cat sat on the mat.") == pytest.approx(-1.45)
    # 8 words, 2 sentences, 11 syllables
    wanted = 0.39 * 4 + 11.8 * 11 / 8 - 15.59
    assert grade_en("Your results were lower. Look again at them.") == pytest.approx(wanted)
    # 5 words, 1 sentence: one has three syllables and more, two have over 6 letters, two have one syllable
    wanted = 0.1935 * 20 + 0.1672 * 5 + 0.1297 * 40 - 0.0327 * 40 - 0.875
    assert grade_de("Du hast viele Lektionen geschafft.") == pytest.approx(wanted)


def test_hard_sentences_are_found_hard() -> None:
    assert grade_en("Statistically significant deviations necessitate comprehensive intervention.") > 12
    assert grade_de("Signifikante Abweichungen erfordern umfassende Interventionsmaßnahmen.") > 12


@pytest.mark.parametrize(
    ("word", "count"),
    [("made", 1), ("lesson", 2), ("week's", 1), ("little", 2), ("classes", 2), ("finished", 2), ("day", 1)],
)
def test_english_syllables(word: str, count: int) -> None:
    assert syllables_en(word) == count


@pytest.mark.parametrize(
    ("word", "count"), [("Woche", 2), ("heute", 2), ("Lektionen", 4), ("See", 1), ("Frau", 1)]
)
def test_german_syllables(word: str, count: int) -> None:
    assert syllables_de(word) == count


def test_sentences_are_counted_by_their_ends() -> None:
    assert sentences("One. Two? Three") == 3
    assert sentences("Bisher 3.5 h in Mathe.") == 1
