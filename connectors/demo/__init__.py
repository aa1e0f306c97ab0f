"""A demo school with a known truth, and the day it is having."""

from __future__ import annotations

from connectors.demo.cast import PERSONAS, Persona
from connectors.demo.filling import TRUTH, Filled, fill, is_filled
from connectors.demo.school import Size

__all__ = ["PERSONAS", "TRUTH", "Filled", "Persona", "Size", "fill", "is_filled"]
