"""Who gets in at the pages' server, and what every answer says to the browser."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie

import pytest
from bokeh.util.token import generate_jwt_token, generate_session_id
from tornado.httpclient import HTTPClientError

from app.mount import COOKIE
from tests.pages.elm import Elm
from tests.pages.mounted import Mounted, mounted

PUPIL = "p1"


@pytest.fixture
async def mount(school: Elm) -> AsyncIterator[Mounted]:
    async with mounted(school) as mount:
        yield mount


async def test_a_page_opens_with_its_session_and_its_token(mount: Mounted) -> None:
    tab = await mount.open("/student", mount.session(PUPIL))
    await tab.close()


async def test_whoever_is_not_signed_in_is_led_to_the_door(mount: Mounted) -> None:
    answer = await mount.get("/student?period=month")
    assert answer.code == 302
    assert answer.headers["Location"] == "/sign-in?next=%2Fstudent%3Fperiod%3Dmonth"


async def test_of_two_session_cookies_none_is_believed(mount: Mounted) -> None:
    mine = mount.session(PUPIL)
    two = f"{COOKIE}={mount.session('p2')}; {COOKIE}={mine}"
    assert (await mount.get("/student", Cookie=two)).code == 302
    assert (await mount.get("/student", Cookie=f"other=1; {COOKIE}={mine}")).code == 200


async def test_a_page_of_another_role_is_not_there(mount: Mounted) -> None:
    answer = await mount.get("/admin", mount.session(PUPIL))
    assert answer.code == 404
    assert b"Traceback" not in answer.body


async def test_a_token_opens_a_socket_only_with_the_session_it_was_written_for(mount: Mounted) -> None:
    mine, other = mount.session(PUPIL), mount.session("p2")
    token = await mount.token("/student", mine)
    with pytest.raises(HTTPClientError) as refused:
        await mount.socket("/student", other, token)
    assert refused.value.code in (401, 403)
    with pytest.raises(HTTPClientError):
        await mount.socket("/student", "", token)
    again = await mount.socket("/student", mine, token)
    again.close()


@pytest.mark.parametrize("key", [None, b"another secret of thirty-two byte"])
async def test_a_token_that_was_not_signed_here_opens_nothing(mount: Mounted, key: bytes | None) -> None:
    made = generate_jwt_token(
        generate_session_id(secret_key=key, signed=key is not None),
        secret_key=key,
        signed=key is not None,
        extra_payload={"bound": "0" * 64, "headers": {}, "cookies": {}, "arguments": {}},
    )
    with pytest.raises(HTTPClientError):
        await mount.socket("/student", mount.session(PUPIL), made)


async def test_a_token_of_one_page_does_not_carry_over_to_one_that_is_not_allowed(mount: Mounted) -> None:
    mine = mount.session(PUPIL)
    with pytest.raises(HTTPClientError):
        await mount.socket("/admin", mine, await mount.token("/student", mine))


@pytest.mark.parametrize("name", ["bokeh-token", "bokeh-session-id", "bokeh-autoload-element"])
async def test_a_session_handed_in_by_the_address_is_refused(mount: Mounted, name: str) -> None:
    mine = mount.session(PUPIL)
    token = await mount.token("/student", mine)
    assert (await mount.get(f"/student?{name}={token}", mount.session("p2"))).code == 403


async def test_a_session_handed_in_by_a_header_is_refused(mount: Mounted) -> None:
    answer = await mount.get("/student", mount.session(PUPIL), **{"Bokeh-Session-Id": "x"})
    assert answer.code == 403


async def test_a_socket_from_another_site_is_refused(school: Elm) -> None:
    async with mounted(school, origins=["127.0.0.1:1"]) as mount:
        mine = mount.session(PUPIL)
        with pytest.raises(HTTPClientError) as refused:
            await mount.socket("/student", mine, await mount.token("/student", mine), "http://evil.example")
        assert refused.value.code == 403


@pytest.mark.parametrize("path", ["/student", "/sign-in", "/", "/download/student/now.csv"])
async def test_under_a_name_that_is_not_ours_nothing_is_told(mount: Mounted, path: str) -> None:
    """DNS rebinding: to the browser, pages of evil.example and ours would be one site."""
    mine = mount.session(PUPIL)
    assert (await mount.get(path, mine, Host=f"evil.example:{mount.port}")).code == 403
    assert (await mount.get("/health", Host="10.0.0.7")).code == 200


async def test_nobody_signs_in_under_a_name_that_is_not_ours(school: Elm) -> None:
    async with mounted(school, _Opens(school), origins=["school.example"]) as mount:
        for host, code in (("evil.example", 403), ("school.example", 303), ("localhost:9", 303)):
            sent = {"Origin": f"http://{host}", "Host": host}
            answer = await mount._fetch("POST", "/sign-in", "", sent, "login=p8&password=right")
            assert answer.code == code


async def test_the_cookie_and_its_secret_stand_nowhere_in_the_page(mount: Mounted) -> None:
    mine = mount.session(PUPIL)
    answer = await mount.get("/student", mine)
    assert mine.encode() not in answer.body
    payload = (await mount.token("/student", mine)).split(".")
    import base64

    read = b"".join(base64.urlsafe_b64decode(part + "===") for part in payload)
    assert mine.encode() not in read
    assert COOKIE.encode() + b"=" not in read


@pytest.mark.parametrize("path", ["/student", "/sign-in", "/nowhere", "/health", "/static/js/bokeh.min.js"])
async def test_every_answer_carries_the_headers(mount: Mounted, path: str) -> None:
    answer = await mount.get(path, mount.session(PUPIL))
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert "Server" not in answer.headers
    if answer.headers["Content-Type"].startswith("text/html"):
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe-eval" not in policy.replace("wasm-unsafe-eval", "")
        assert answer.headers["Cache-Control"] == "no-store"


async def test_every_file_that_a_page_names_is_packed_and_may_be_kept_for_good(mount: Mounted) -> None:
    body = (await mount.get("/student", mount.session(PUPIL))).body.decode()
    files = set(re.findall(r'(?:src|href)="/?((?:static|assets)/[^"]+)"', body))
    assert len(files) > 4 and not [name for name in files if "bokeh-gl" in name]
    for name in files:
        answer = await mount.get(f"/{name}", **{"Accept-Encoding": "gzip"})
        assert answer.code == 200, name
        assert "immutable" in answer.headers["Cache-Control"], name
        assert answer.headers.get("X-Consumed-Content-Encoding") == "gzip", name


async def test_every_script_of_a_page_carries_the_nonce_of_its_answer(mount: Mounted) -> None:
    mine = mount.session(PUPIL)
    nonces = set()
    for _ in range(2):
        answer = await mount.get("/student", mine)
        nonce = answer.headers["Content-Security-Policy"].split("'nonce-")[1].split("'")[0]
        body = answer.body.decode()
        assert body.count("<script") == body.count(f'<script nonce="{nonce}"') > 3
        nonces.add(nonce)
    assert len(nonces) == 2


async def test_signing_in_gives_a_cookie_that_scripts_and_other_sites_cannot_use(school: Elm) -> None:
    async with mounted(school, secure=True) as mount:
        answer = await mount.post("/sign-in", login="nobody", password="wrong")
        assert answer.code == 401
        assert "Set-Cookie" not in answer.headers
    doorway = _Opens(school)
    async with mounted(school, doorway, secure=True) as mount:
        answer = await mount.post("/sign-in", login="p8", password="right", next="/student")
        assert (answer.code, answer.headers["Location"]) == (303, "/student")
        morsel = SimpleCookie(answer.headers["Set-Cookie"])[COOKIE]
        assert morsel["httponly"]
        assert morsel["secure"]
        assert morsel["samesite"] == "Lax"


async def test_signing_in_again_ends_the_session_that_the_browser_held(mount: Mounted) -> None:
    metadata, person = mount.school.door.metadata, mount.school.people["p9"]
    metadata.people.set_password(person, "correct horse battery")
    held = metadata.sessions.open(person)
    answer = await mount.post("/sign-in", held, login="p9", password="wrong")
    assert answer.code == 401
    assert (await mount.get("/student", held)).code == 200
    answer = await mount.post("/sign-in", held, login="p9", password="correct horse battery")
    mine = SimpleCookie(answer.headers["Set-Cookie"])[COOKIE].value
    assert mine != held
    assert (await mount.get("/student", held)).code == 302
    assert (await mount.get("/student", mine)).code == 200


@pytest.mark.parametrize(
    "wish", ["//evil.example/x", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "x"]
)
async def test_after_signing_in_one_stays_here(school: Elm, wish: str) -> None:
    async with mounted(school, _Opens(school)) as mount:
        answer = await mount.post("/sign-in", login="p8", password="right", next=wish)
        assert answer.headers["Location"] == "/"


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/language"])
@pytest.mark.parametrize("origin", ["http://evil.example", ""])
async def test_a_form_of_another_site_changes_nothing(mount: Mounted, path: str, origin: str) -> None:
    mine = mount.session(PUPIL)
    assert (await mount.post(path, mine, origin, login="p1", password="x")).code == 403
    assert (await mount.get("/student", mine)).code == 200


async def test_signing_out_ends_the_session_and_not_only_the_cookie(mount: Mounted) -> None:
    mine = mount.school.door.metadata.sessions.open(mount.school.people["p9"])
    answer = await mount.post("/sign-out", mine)
    assert answer.headers["Location"] == "/sign-in?out=1"
    assert SimpleCookie(answer.headers["Set-Cookie"])[COOKIE].value == ""
    assert (await mount.get("/student", mine)).code == 302


async def test_a_path_outside_the_library_is_not_served(mount: Mounted) -> None:
    for path in ("/static/../../../../etc/passwd", "/static/extensions/panel/../../../../x", "/assets/../x"):
        assert (await mount.get(path)).code in (400, 404)


async def test_a_download_asks_within_the_viewers_own_rows(
    mount: Mounted,
) -> None:
    assert (await mount.get("/download/student/year.csv", mount.session(PUPIL))).code == 200
    assert (await mount.get("/download/admin/glance.csv", mount.session(PUPIL))).code == 404
    assert (await mount.get("/download/student/nothing.csv", mount.session(PUPIL))).code == 404
    assert (await mount.get("/download/student/year.csv")).code == 404


class _Opens:
    """A doorway that lets p8 in with the password `right`; all else is the school's own."""

    def __init__(self, school: Elm) -> None:
        from app.local import LocalDoorway

        self._school = school
        self._inner = LocalDoorway(school.door)

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    async def sign_in(self, login: str, password: str, address: str, was: str = "") -> str:
        assert (login, password) == ("p8", "right")
        return self._school.door.metadata.sessions.open(self._school.people["p8"])


async def test_a_language_is_chosen_once_and_for_every_session(mount: Mounted) -> None:
    metadata, person = mount.school.door.metadata, mount.school.people["p10"]
    mine = metadata.sessions.open(person)
    assert b'<html lang="en' in (await mount.get("/student", mine)).body
    answer = await mount.post("/language", mine, locale="de-DE", next="/student?period=month")
    assert (answer.code, answer.headers["Location"]) == (303, "/student?period=month")
    other = metadata.sessions.open(person)
    for secret in (mine, other):
        page = (await mount.get("/student", secret)).body.decode()
        assert '<html lang="de' in page
        assert "Abmelden" in page
    assert (await mount.post("/language", mine, locale="xx")).code == 400
    assert (await mount.post("/language", mine, locale="en-GB", next="//evil.example")).headers[
        "Location"
    ] == "/"
    assert (await mount.post("/language", locale="de-DE")).headers["Location"] == "/sign-in"
