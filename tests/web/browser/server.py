"""The product's own web server in a thread, so that tests write the rows it shows."""

import socket
import threading
import time

import uvicorn


def keeping_files(application):
    """Let the browser keep static files, which no test changes: a page has forty of them."""

    async def kept(scope, receive, send):
        async def send_kept(message):
            if message["type"] == "http.response.start":
                others = [one for one in message["headers"] if one[0].lower() != b"cache-control"]
                message = message | {"headers": [*others, (b"cache-control", b"max-age=3600")]}
            await send(message)

        is_file = scope.get("path", "").startswith("/static/")
        await application(scope, receive, send_kept if is_file else send)

    return kept


class LiveServer:
    """Can be stopped and started again at the same address, as a deploy does."""

    def __init__(self, application):
        self._application = application
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self):
        config = uvicorn.Config(
            self._application,
            port=self.port,
            log_level="error",
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "the web server did not start"
            time.sleep(0.02)

    def stop(self):
        self._server.should_exit = True
        self._thread.join(10)
        assert not self._thread.is_alive(), "the web server does not end"
