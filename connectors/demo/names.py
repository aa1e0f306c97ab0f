"""Invented people. The lists are our own; every full name is drawn by the seed."""

from __future__ import annotations

import unicodedata

import numpy as np

_GIVEN = """
Ada Alma Amara Amir Anders Anouk Arjun Asha Aylin Bao Beatriz Ben Camila Chidi Clara Dalia Dario Diego
Edda Eleni Elif Emeka Emil Enzo Esther Farah Felix Femi Fiona Freya Gabriel Greta Hana Hassan Helena Hugo
Ibrahim Ida Imani Ines Isak Ivo Jamal Jasmin Jonas Jun Kai Kamila Karim Keiko Kofi Lale Lars Leila Lena
Lin Lina Linnea Luca Lucia Maja Malik Marek Marta Mateo Mei Milan Mina Mira Musa Nadia Naomi Nia Niko Nina
Noor Olga Omar Oskar Paula Pavel Pia Priya Rafael Rania Ravi Rosa Ruben Ruth Samir Sana Santiago Selma
Sofia Sora Stella Tariq Tessa Thandi Theo Tomas Tuan Uma Valentin Vera Viktor Wanda Xenia Yara Yusuf Zara
Zeno Zofia
"""
_FAMILY = """
Abara Adeyemi Almeida Andersen Aydin Bauer Becker Bellini Bergmann Bianchi Brandt Castillo Chandra Chen
Costa Dahl Dang Darko Demir Diallo Dimitriou Dubois Eriksen Farouk Ferrer Fischer Flores Fontaine Garcia
Georgiou Gupta Haddad Halvorsen Hamid Hansen Hartmann Hoang Hofer Ibarra Iyer Jansen Jensen Kaya Keller
Khan Kim Klein Kowalski Krause Kumar Lange Larsen Lehmann Lim Lindqvist Lopes Madsen Mahmoud Maier Mensah
Mbeki Moreau Moreno Mwangi Nakamura Navarro Neumann Nguyen Novak Nwosu Oduya Okafor Okoye Olsen Ortega
Osei Park Patel Pereira Petrov Pham Popescu Rahman Ramos Reyes Ricci Rossi Sahin Saito Santos Sato Schmitt
Schubert Silva Singh Sokolov Sorensen Suzuki Tanaka Toure Tran Vargas Vogel Wagner Weber Winkler Wong
Yamada Yilmaz Zhang Ziegler
"""
GIVEN, FAMILY = _GIVEN.split(), _FAMILY.split()
COMPANIES = (
    "Harbour Logistics",
    "Maple Ridge Bank",
    "Northern Lights Energy",
    "Cedar Health Group",
    "Blue Heron Software",
    "Granite Works",
)


def full_names(rng: np.random.Generator, count: int) -> list[str]:
    """`count` names; they begin to repeat only when every pair is used."""
    pairs = len(GIVEN) * len(FAMILY)
    order = rng.permutation(pairs)[np.arange(count) % pairs]
    return [f"{GIVEN[k % len(GIVEN)]} {FAMILY[k // len(GIVEN)]}" for k in order]


def login(name: str, number: int) -> str:
    """`Ines Soerensen`, 12 -> `ines.soerensen.12`: plain letters, so that anybody can type it."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return f"{plain.lower().replace(' ', '.')}.{number}"
