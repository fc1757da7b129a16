"""A WebSocket client that speaks ASGI; channels' own one needs daphne."""

import json
from urllib.parse import urlsplit

from asgiref.testing import ApplicationCommunicator


class Socket:
    """Opens an address of the application as a browser would; headers are text."""

    def __init__(self, application, address, headers):
        url = urlsplit(address)
        pairs = [(name.encode(), value.encode()) for name, value in headers.items() if value]
        scope = {
            "type": "websocket",
            "path": url.path,
            "query_string": url.query.encode(),
            "headers": pairs,
            "scheme": "ws",
            "subprotocols": [],
        }
        self._asgi = ApplicationCommunicator(application, scope)

    async def connect(self):
        """Return whether the server took the socket."""
        await self._asgi.send_input({"type": "websocket.connect"})
        return (await self._asgi.receive_output(5))["type"] == "websocket.accept"

    async def send(self, **message):
        await self._asgi.send_input({"type": "websocket.receive", **message})

    async def receive(self, seconds=3):
        output = await self._asgi.receive_output(seconds)
        assert output["type"] == "websocket.send", output
        return json.loads(output["text"])

    async def is_silent(self, seconds=0.2):
        return await self._asgi.receive_nothing(seconds)

    async def closed_with(self, seconds=3):
        """Read on until the server closes; return its code."""
        while (output := await self._asgi.receive_output(seconds))["type"] != "websocket.close":
            pass
        return output["code"]

    async def disconnect(self):
        await self._asgi.send_input({"type": "websocket.disconnect", "code": 1005})
        await self._asgi.wait(5)
