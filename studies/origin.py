"""Refuses sockets that a page of another site has opened (T05: scheme and port count)."""

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.http.request import split_domain_port, validate_host

LOCAL_HOSTS = ["localhost", "127.0.0.1", "[::1]"]  # what Django allows when it debugs


class SameOriginOnly:
    """Lets a socket in only if its page came from the very origin that it connects to."""

    def __init__(self, application: Any) -> None:  # noqa: ANN401 - ASGI's own types
        self._application = application

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Any) -> Any:  # noqa: ANN401 - ASGI's own types
        headers = {name.lower(): value.decode("latin1") for name, value in scope["headers"]}
        origin = headers.get(b"origin", "").rstrip("/").lower()
        if origin and origin in {_own_origin(scope, headers), *settings.CSRF_TRUSTED_ORIGINS}:
            return await self._application(scope, receive, send)
        denier: Any = WebsocketDenier()
        return await denier(scope, receive, send)


def _own_origin(scope: Mapping[str, Any], headers: Mapping[bytes, str]) -> str:
    """The origin under which the browser sees this server; empty for a host not allowed."""
    host = headers.get(b"host", "").lower()
    domain, _port = split_domain_port(host)
    allowed = settings.ALLOWED_HOSTS or (LOCAL_HOSTS if settings.DEBUG else [])
    if not domain or not validate_host(domain, allowed):
        return ""
    scheme = "https" if _is_secure(scope, headers) else "http"
    # Browsers leave the scheme's own port out of Origin and Host alike.
    return urlsplit(f"{scheme}://{host}").geturl()


def _is_secure(scope: Mapping[str, Any], headers: Mapping[bytes, str]) -> bool:
    if scope.get("scheme") == "wss":
        return True
    trusted = cast("tuple[str, str] | None", settings.SECURE_PROXY_SSL_HEADER)
    if not trusted:
        return False
    name, value = trusted
    header = name.removeprefix("HTTP_").replace("_", "-").lower().encode()
    return headers.get(header, "").split(",")[0].strip() == value
