"""Who a visitor is when a proxy stands in front, and who may say so."""

from __future__ import annotations

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from app.local import LocalDoorway
from app.mount.proxies import Proxies
from tests.pages.elm import Elm
from tests.pages.mounted import mounted

OURS = ("10.0.0.0/8", "192.0.2.7", "fd00::/8")


def request(peer: str, **headers: str) -> HTTPServerRequest:
    line = RequestStartLine("GET", "/", "HTTP/1.1")
    asked = HTTPServerRequest(headers=HTTPHeaders(headers | {"Host": "localhost"}), start_line=line)
    asked.remote_ip, asked.protocol = peer, "http"
    return asked


@pytest.mark.parametrize(
    ("peer", "told", "visitor"),
    [
        ("10.1.2.3", "198.51.100.4", "198.51.100.4"),
        ("192.0.2.7", "203.0.113.9, 198.51.100.4, 10.9.9.9", "198.51.100.4"),  # the first one may be made up
        ("fd00::1", "2001:db8::5", "2001:db8::5"),
        ("198.51.100.4", "203.0.113.9", "198.51.100.4"),  # whoever is no proxy of ours says nothing
        ("10.1.2.3", "", "10.1.2.3"),
        ("10.1.2.3", "10.0.0.2, 10.0.0.3", "10.0.0.2"),  # nobody but proxies: the farthest
        ("10.1.2.3", "<script>", "10.1.2.3"),
    ],
)
def test_the_visitor_is_the_last_that_is_no_proxy_of_ours(peer: str, told: str, visitor: str) -> None:
    assert Proxies(OURS).address(request(peer, **{"X-Forwarded-For": told})) == visitor


def test_without_proxies_nobody_is_believed() -> None:
    asked = request("10.1.2.3", **{"X-Forwarded-For": "198.51.100.4", "X-Forwarded-Proto": "https"})
    assert Proxies().address(asked) == "10.1.2.3" and not Proxies().is_https(asked)
    assert Proxies(OURS).is_https(asked)
    assert not Proxies(OURS).is_https(request("198.51.100.4", **{"X-Forwarded-Proto": "https"}))


class _Noting:
    """A doorway that notes from where somebody signs in."""

    def __init__(self, school: Elm) -> None:
        self._inner, self._school = LocalDoorway(school.door), school
        self.seen: list[str] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    async def sign_in(self, login: str, password: str, address: str, was: str = "") -> str:
        self.seen.append(address)
        return self._school.door.metadata.sessions.open(self._school.people[login])


@pytest.mark.parametrize(("proxies", "address"), [((), "127.0.0.1"), (("127.0.0.0/8",), "198.51.100.4")])
async def test_sign_in_and_content_policy_know_the_visitor(
    school: Elm, proxies: tuple[str, ...], address: str
) -> None:
    doorway = _Noting(school)
    told = {"X-Forwarded-For": "198.51.100.4", "X-Forwarded-Proto": "https"}
    async with mounted(school, doorway, proxies=proxies) as mount:  # type: ignore[arg-type]
        sent = {**told, "Origin": mount.address}
        body = "login=p9&password=right&next=/student"
        assert (await mount._fetch("POST", "/sign-in", "", sent, body)).code == 303
        assert doorway.seen == [address]
        policy = (await mount.get("/student", mount.session("p9"), **told)).headers["Content-Security-Policy"]
        assert ("wss://" in policy) == bool(proxies) and ("ws://" in policy) != bool(proxies)
