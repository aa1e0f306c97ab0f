"""Numbers that name a person, told from other numbers by their checksums."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence


def is_card(digits: str) -> bool:
    """13 to 19 digits with Luhn's checksum, in a range that issuers use."""
    if not 13 <= len(digits) <= 19 or digits[0] not in "23456" or len(set(digits)) < 2:
        return False
    doubled = [int(d) * 2 for d in digits[-2::-2]]
    return (sum(map(int, digits[-1::-2])) + sum(d - 9 if d > 9 else d for d in doubled)) % 10 == 0


def is_iban(text: str) -> bool:
    if not 15 <= len(text) <= 34 or not text[2:4].isdigit():
        return False
    return int("".join(str(int(c, 36)) for c in text[4:] + text[:4])) % 97 == 1


def is_us_social(digits: str) -> bool:
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def is_german_tax(digits: str) -> bool:
    """ISO 7064 mod 11,10; one of the first ten digits occurs twice or three times."""
    first = digits[:10]
    if len(digits) != 11 or digits[0] == "0" or max(first.count(d) for d in set(first)) not in (2, 3):
        return False
    product = 10
    for digit in first:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(digits[10])


def is_polish(digits: str) -> bool:
    month = int(digits[2:4]) % 20
    if not (1 <= month <= 12 and 1 <= int(digits[4:6]) <= 31):
        return False
    return (10 - _weighted(digits[:10], (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10) % 10 == int(digits[10])


def is_french(digits: str) -> bool:
    """Number of the Répertoire national: sex, year, month, place, order, and 97 less the remainder."""
    if len(digits) != 15 or digits[0] not in "12" or not 1 <= int(digits[3:5]) <= 12:
        return False
    return 97 - int(digits[:13]) % 97 == int(digits[13:])


def is_spanish(text: str) -> bool:
    number = text[:-1].translate(str.maketrans("XYZ", "012"))
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == text[-1]


def is_swiss(digits: str) -> bool:
    return len(digits) == 13 and (10 - _weighted(digits[:12], (1, 3) * 6) % 10) % 10 == int(digits[12])


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _weighted(digits: str, weights: Sequence[int]) -> int:
    return sum(int(d) * w for d, w in zip(digits, weights, strict=True))
