"""The tables of the metadata database. Times are microseconds since 1970 in UTC; what is personal
lies in `sealed`, under the person's key."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

SCHEMA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _person(primary_key: bool = False, index: bool = False) -> Column[str]:
    return Column(
        "person_id", String, ForeignKey("people.id"), primary_key=primary_key, index=index, nullable=False
    )


def _organisation(index: bool = False) -> Column[int]:
    return Column("organisation_id", Integer, ForeignKey("organisations.id"), nullable=False, index=index)


ORGANISATIONS = Table(
    "organisations",
    SCHEMA,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("zone", String, nullable=False),
    Column("locale", String, nullable=False),
    Column("country", String),
    Column("currency", String, nullable=False),
    Column("demo", Boolean, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),  # the key of its pseudonyms
)
PEOPLE = Table(
    "people",
    SCHEMA,
    Column("id", String, primary_key=True),
    _organisation(index=True),
    Column("login_index", LargeBinary, unique=True),
    Column("student_index", LargeBinary),
    Column("sealed", LargeBinary),
    Column("password", Text),
    Column("locale", String),
    Column("created_at", BigInteger, nullable=False),
    Column("forgotten_at", BigInteger),
    UniqueConstraint("organisation_id", "student_index"),
)
PERSON_KEYS = Table(
    "person_keys", SCHEMA, _person(primary_key=True), Column("wrapped", LargeBinary, nullable=False)
)
MEMBERSHIPS = Table(
    "memberships",
    SCHEMA,
    _person(primary_key=True),
    Column("role", String, primary_key=True),
    Column("valid_from", Date, primary_key=True),
    Column("valid_until", Date),
)
RELATIONS = Table(
    "relations",
    SCHEMA,
    Column("id", Integer, primary_key=True),
    _organisation(),
    _person(),
    Column("kind", String, nullable=False),
    Column("object_index", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("valid_until", Date),
    UniqueConstraint("person_id", "kind", "object_index", "valid_from"),
    Index(None, "organisation_id", "kind", "object_index"),
)
SESSIONS = Table(
    "sessions",
    SCHEMA,
    Column("id", String, primary_key=True),
    Column("hash", LargeBinary, nullable=False, unique=True),
    _person(index=True),
    Column("role", String, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
)
TOKENS = Table(
    "tokens",
    SCHEMA,
    Column("id", String, primary_key=True),
    Column("hash", LargeBinary, nullable=False, unique=True),
    _person(index=True),
    Column("role", String, nullable=False),
    Column("actions", Text, nullable=False),  # separated by commas
    Column("created_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
)
FAILURES = Table(
    "failures",
    SCHEMA,
    Column("index", LargeBinary, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column("locked_until", BigInteger, nullable=False),
)
SETTINGS = Table(
    "settings",
    SCHEMA,
    Column("owner", String, primary_key=True),  # a person's id, or organisation:<id>
    Column("name", String, primary_key=True),
    Column("value", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)
AUDIT = Table(
    "audit",
    SCHEMA,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("organisation_id", Integer),
    Column("at", BigInteger, nullable=False),
    Column("who", String, nullable=False),
    Column("what", String, nullable=False),
    Column("whose", String, nullable=False),
    Column("why", String, nullable=False),
    Column("whence", String, nullable=False),
    Column("detail", Text, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    Index(None, "organisation_id", "whose", "seq"),
)
AUDIT_HEAD = Table(
    "audit_head",
    SCHEMA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    Column("seal", LargeBinary, nullable=False),
)
# Single values: `version` moves with every change of who may see what; `secret` tells a wrong secret.
PEOPLE_MARK = "people"
MARKS = Table(
    "marks",
    SCHEMA,
    Column("name", String, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("value", LargeBinary),
)
