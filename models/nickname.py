"""Names to stand under in a leaderboard. They are put together from these words, never typed in: so no
nickname tells who somebody is, and none can hurt. The pages translate the words."""

from __future__ import annotations

import random

QUALITIES = (
    "bold", "brave", "bright", "calm", "cheerful", "clever", "curious", "friendly", "gentle", "golden",
    "green", "happy", "honest", "kind", "lively", "lucky", "merry", "nimble", "patient", "proud",
    "quick", "quiet", "silver", "sunny",
)  # fmt: skip
ANIMALS = (
    "badger", "beaver", "beetle", "crane", "deer", "dolphin", "eagle", "elk", "falcon", "fox",
    "frog", "gecko", "hare", "hedgehog", "koala", "lion", "lynx", "otter", "parrot", "penguin",
    "raven", "salmon", "stork", "swan", "tiger", "wolf", "woodpecker",
)  # fmt: skip
HIGHEST = 99


def is_nickname(text: str) -> bool:
    """`brave-otter-12`."""
    parts = text.split("-")
    return (
        len(parts) == 3
        and parts[0] in QUALITIES
        and parts[1] in ANIMALS
        and parts[2] in {str(n) for n in range(1, HIGHEST + 1)}
    )


def drawn_nickname(dice: random.Random) -> str:
    return f"{dice.choice(QUALITIES)}-{dice.choice(ANIMALS)}-{dice.randint(1, HIGHEST)}"
