"""Runs the web server."""

import ipaddress
from argparse import ArgumentParser

import uvicorn
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from heretic_web import environment

WEBSOCKET_MESSAGE_MAX = 64 * 1024  # bytes; pages send next to nothing
SHUTDOWN_SECONDS = 2  # open sockets are then closed; pages reconnect


class Command(BaseCommand):
    """`manage.py serve`: HOST and PORT come from the environment."""

    help = "Runs the web server at HOST and PORT (127.0.0.1:8000)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=environment.text("HOST", "127.0.0.1"))
        parser.add_argument("--port", type=int, default=int(environment.text("PORT", "8000")))

    def handle(self, *args: object, host: str, port: int, **options: object) -> None:
        if settings.DEBUG and not _is_loopback(host):
            raise CommandError(
                f"DEBUG shows settings and code to every visitor; it is refused on {host}."
            )
        shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - a comparison
        self.stdout.write(self.style.SUCCESS(f"Heretic Web is at http://{shown}:{port}/"))
        uvicorn.run(
            "heretic_web.asgi:application",
            host=host,
            port=port,
            log_level="warning",
            ws_max_size=WEBSOCKET_MESSAGE_MAX,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            server_header=False,
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
