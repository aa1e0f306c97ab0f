"""Roles as data: config/roles.toml, or a file of the school's own."""

from __future__ import annotations

import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from models.errors import BadSettings, unknown
from models.scope import RowScope

FILE = Path(__file__).with_name("roles.toml")
OPEN_PAGE = "open-page:"
_KEYS = {"title", "meaning", "rows", "sees_rows", "sees_names", "actions"}


@dataclass(frozen=True, slots=True)
class Role:
    name: str
    title: str
    meaning: str
    rows: RowScope
    sees_rows: bool
    sees_names: bool
    actions: frozenset[str]


@dataclass(frozen=True, slots=True)
class Roles:
    actions: Mapping[str, str]  # name -> meaning
    by_name: Mapping[str, Role]

    def __getitem__(self, name: str) -> Role:
        try:
            return self.by_name[name]
        except KeyError:
            raise unknown("role", name, self.by_name) from None

    def __contains__(self, name: str) -> bool:
        return name in self.by_name


def read_roles(path: Path | None = None) -> Roles:
    path = path or FILE
    try:
        raw = tomllib.loads(path.read_text())
        actions = dict(raw["actions"])
        roles = {name: _role(name, fields, actions) for name, fields in raw["roles"].items()}
    except OSError as error:
        raise BadSettings(f"{path.name} cannot be read: {error.strerror}.") from None
    except tomllib.TOMLDecodeError as error:
        raise BadSettings(f"{path.name} is not TOML: {error}.") from None
    except KeyError as error:
        raise BadSettings(f"{path.name} lacks {error}.") from None
    return Roles(MappingProxyType(actions), MappingProxyType(roles))


def _role(name: str, fields: Mapping[str, typing.Any], actions: Mapping[str, str]) -> Role:
    if strange := set(fields) - _KEYS:
        raise BadSettings(f"role '{name}': " + unknown("field", min(strange), _KEYS).detail)
    if fields["rows"] not in typing.get_args(RowScope):
        raise BadSettings(
            f"role '{name}': " + unknown("row scope", str(fields["rows"]), typing.get_args(RowScope)).detail
        )
    for action in fields["actions"]:
        if action not in actions and not action.startswith(OPEN_PAGE):
            raise BadSettings(f"role '{name}': " + unknown("action", action, actions).detail)
    return Role(
        name,
        fields["title"],
        fields["meaning"],
        fields["rows"],
        fields["sees_rows"] is True,
        fields["sees_names"] is True,
        frozenset(fields["actions"]),
    )
