"""One HTTPS POST to an address that a user has typed, without a way into the inner network.

The name is resolved here and the connection goes to the very address that was checked, so a
name that changes between check and call gains nothing. No redirect is followed, no proxy of
the environment is used, and of the answer only the status is read.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Collection, Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

import httpcore

from studies.engine.errors import EngineError

TIMEOUT: Final = 10.0  # seconds, of each step
DEADLINE: Final = 20.0  # seconds, of all of them
MAX_URL: Final = 500  # characters
# Addresses in which an IPv4 one may hide: NAT64, and IPv4-compatible.
_TRANSLATED: Final = tuple(map(ipaddress.ip_network, ("64:ff9b::/32", "::/96")))


class AddressRefusedError(EngineError):
    """An address to which this server makes no connection."""

    code = "address_refused"


def url_problem(url: str, trusted: Collection[str] = ()) -> str | None:
    """Say why an address cannot be called, or None.

    `trusted` hosts may be called without TLS, and may lie in a private network.
    """
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
        return f"must be an address of at most {MAX_URL} plain characters"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "is no valid address"
    if parts.scheme not in ("https", "http") or not host or port == 0:
        return "must begin with https:// and name a host"
    if parts.username is not None or parts.password is not None or parts.fragment:
        return "must hold neither a user name nor a password nor a fragment"
    if parts.scheme == "http" and host not in trusted:
        return "must begin with https://"
    return None


def guarded_post(
    url: str, body: bytes, headers: Mapping[str, str], *, trusted: Collection[str] = ()
) -> int:
    """POST and return the answer's status.

    Raises:
        AddressRefusedError: the address may not be called.
        OSError | httpcore errors: see `CALL_ERRORS`.
    """
    if problem := url_problem(url, trusted):
        raise AddressRefusedError(f"The address {problem}.")
    limits = dict.fromkeys(("connect", "read", "write", "pool"), TIMEOUT)
    context = ssl.create_default_context()
    with (
        httpcore.ConnectionPool(ssl_context=context, network_backend=_Backend(trusted)) as pool,
        pool.stream(
            "POST",
            url,
            headers=list(headers.items()),
            content=body,
            extensions={"timeout": limits},
        ) as response,
    ):
        return response.status


CALL_ERRORS: Final = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    OSError,
)


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the open internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            return is_public(str(ip.ipv4_mapped))
        if ip.sixtofour or ip.teredo or any(ip in one for one in _TRANSLATED):
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


class _Backend(httpcore.SyncBackend):
    """Connects to checked addresses only, and lets no call last beyond the deadline."""

    def __init__(self, trusted: Collection[str]) -> None:
        super().__init__()
        self._trusted = trusted
        self._ends = time.monotonic() + DEADLINE

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(row[4][0]) for row in found]
        # All of them: a name with one public and one inner address is no accident.
        if host not in self._trusted and not all(map(is_public, addresses)):
            raise AddressRefusedError("The address lies in a private or reserved network.")
        stream = super().connect_tcp(addresses[0], port, timeout, local_address, socket_options)
        return _Stream(stream, self._ends)


class _Stream(httpcore.NetworkStream):
    """A connection whose every step ends at the deadline: bytes may drip in, but not for ever."""

    def __init__(self, inner: httpcore.NetworkStream, ends: float) -> None:
        self._inner = inner
        self._ends = ends

    def _left(self, timeout: float | None) -> float:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the call takes too long")
        return left if timeout is None else min(timeout, left)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        inner = self._inner.start_tls(ssl_context, server_hostname, self._left(timeout))
        return _Stream(inner, self._ends)

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)
