from __future__ import annotations

import secrets
import stat
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from config.settings import Settings, read_settings, setting_meanings
from models.errors import BadSettings

SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def school(tmp_path: Path) -> dict[str, str]:
    return {"HEADWAY_DATA": str(tmp_path), "HEADWAY_SECRET": SECRET}


def test_a_secret_of_32_bytes_is_taken_and_one_byte_less_is_refused(school: dict[str, str]) -> None:
    assert read_settings(school).secret == SECRET.encode()
    with pytest.raises(BadSettings, match="at least 32"):
        read_settings(school | {"HEADWAY_SECRET": SECRET[:-1]})


@pytest.mark.parametrize("secret", ["", "a" * 64])
def test_outside_demo_mode_there_is_no_start_without_a_real_secret(
    school: dict[str, str], secret: str
) -> None:
    with pytest.raises(BadSettings, match="HEADWAY_SECRET"):
        read_settings(school | {"HEADWAY_SECRET": secret})


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "s").write_text(SECRET + "\n")
    environ = {"HEADWAY_DATA": str(tmp_path), "HEADWAY_SECRET_FILE": str(tmp_path / "s")}
    assert read_settings(environ).secret == SECRET.encode()
    with pytest.raises(BadSettings, match="SECRET_FILE"):
        read_settings(environ | {"HEADWAY_SECRET_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "::", "school.example.org"])
def test_demo_mode_listens_on_loopback_only(tmp_path: Path, host: str) -> None:
    with pytest.raises(BadSettings, match="loopback only"):
        read_settings({"HEADWAY_DEMO": "yes", "HEADWAY_DATA": str(tmp_path), "HEADWAY_HOST": host})
    for local in ("127.0.0.1", "::1", "localhost"):
        assert read_settings({}, demo=True, data=tmp_path, host=local).host == local


def test_a_demo_school_keeps_its_random_secret_and_shares_it_with_no_other(tmp_path: Path) -> None:
    one, again = (read_settings({}, demo=True, data=tmp_path / "one").secret for _ in range(2))
    other = read_settings({}, demo=True, data=tmp_path / "other").secret
    assert one == again != other and len(one) >= 32
    assert stat.S_IMODE((tmp_path / "one" / "secret").stat().st_mode) == 0o600
    assert [p.name for p in (tmp_path / "one").iterdir()] == ["secret"]


def test_a_ui_process_needs_the_page_secret_and_gets_no_other(school: dict[str, str]) -> None:
    core = read_settings(school)
    ui = school | {"HEADWAY_PROCESS": "ui", "HEADWAY_PAGE_SECRET": core.page_secret.hex()}
    assert read_settings(ui).secret == b""
    assert core.page_secret != core.secret
    with pytest.raises(BadSettings, match="PAGE_SECRET"):
        read_settings(school | {"HEADWAY_PROCESS": "ui"})


def test_the_command_line_wins_over_the_environment(school: dict[str, str]) -> None:
    settings = read_settings(school | {"HEADWAY_PORT": "9000"}, port=9100, host=None)
    assert (settings.port, settings.api_port, settings.host) == (9100, 9101, "127.0.0.1")


def test_everything_stored_lies_in_the_data_folder_by_default(school: dict[str, str], tmp_path: Path) -> None:
    settings = read_settings(school)
    for path in (settings.warehouse, settings.metadata, settings.audit_head, settings.socket):
        assert Path(path).parent == tmp_path


def test_a_socket_path_too_long_for_the_system_is_replaced(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    settings = read_settings({"HEADWAY_SECRET": SECRET}, data=deep)
    assert len(str(settings.socket)) <= 100 and settings.socket.is_absolute()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HEADWAY_PORT", "many"),
        ("HEADWAY_PORT", "70000"),
        ("HEADWAY_LOG_LEVEL", "loud"),
        ("HEADWAY_DEMO", "perhaps"),
        ("HEADWAY_CACHE_MIB", "-1"),
        ("HEADWAY_SESSIONS_PER_PERSON", "0"),
        ("HEADWAY_ORIGINS", "learn.example.org"),
    ],
)
def test_a_bad_value_is_refused_and_named(school: dict[str, str], name: str, value: str) -> None:
    with pytest.raises(BadSettings, match=name):
        read_settings(school | {name: value})


def test_a_slip_in_a_settings_name_is_told(school: dict[str, str]) -> None:
    with pytest.raises(BadSettings, match="did you mean 'HEADWAY_PORT'"):
        read_settings(school | {"HEADWAY_PROT": "1"})


def test_settings_do_not_change_and_do_not_show_their_secrets(school: dict[str, str]) -> None:
    password = secrets.token_hex(8)
    settings = read_settings(school | {"HEADWAY_WAREHOUSE": f"postgresql://me:{password}@db/school"})
    with pytest.raises(FrozenInstanceError):
        settings.port = 1  # type: ignore[misc]
    assert SECRET not in repr(settings) and password not in repr(settings)


def test_every_setting_says_what_it_means() -> None:
    meanings = {m.name: m for m in setting_meanings()}
    assert set(meanings) == {f.name for f in fields(Settings)}
    assert all(len(m.meaning) > 15 and m.meaning.endswith(".") for m in meanings.values())


def test_warehouse_and_metadata_are_two_databases() -> None:
    address = "postgresql://headway@db.test/school"
    both = {"HEADWAY_WAREHOUSE": address, "HEADWAY_METADATA": address}
    with pytest.raises(BadSettings, match="two databases"):
        read_settings(both | {"HEADWAY_SECRET": "0123456789abcdef" * 3})


def test_a_proxy_that_is_no_address_is_refused(school: dict[str, str]) -> None:
    with pytest.raises(BadSettings, match="'nowhere' is no address or network"):
        read_settings(school | {"HEADWAY_PROXIES": "10.0.0.0/8,nowhere"})
