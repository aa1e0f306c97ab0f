"""What a proxy says of a visitor is believed from those that the settings name, and from nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from tornado.httputil import HTTPServerRequest


class Proxies:
    def __init__(self, believed: Sequence[str] = ()) -> None:
        self._networks = [ip_network(one, strict=False) for one in believed]

    def address(self, request: HTTPServerRequest) -> str:
        """Of the visitor: the last one in the chain that is no proxy of ours."""
        told = request.headers.get("X-Forwarded-For", "") if self._are_ours(request.remote_ip) else ""
        chain = [part.strip() for part in told.split(",") if part.strip()]
        address = request.remote_ip or ""
        while chain and self._are_ours(address):
            address = chain.pop()
        return address if _address(address) else request.remote_ip or ""

    def is_https(self, request: HTTPServerRequest) -> bool:
        """As the visitor's browser sees it."""
        if self._are_ours(request.remote_ip) and (told := request.headers.get("X-Forwarded-Proto")):
            return told.split(",")[-1].strip().lower() == "https"
        return bool(request.protocol == "https")

    def _are_ours(self, text: str | None) -> bool:
        address = _address(text)
        return address is not None and any(address in one for one in self._networks)


def _address(text: str | None) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text or "")
    except ValueError:
        return None
