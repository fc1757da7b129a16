"""Calls to addresses that users type: none leads into the inner network."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from studies.engine import guarded_http
from studies.engine.guarded_http import (
    CALL_ERRORS,
    AddressRefusedError,
    guarded_post,
    is_public,
    url_problem,
)


@pytest.fixture
def receiver():
    """A server here that counts its calls and sends whoever calls elsewhere."""
    calls = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            calls.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    server.calls = calls
    server.port = server.server_address[1]
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("http://example.org/", "https://"),
        ("ftp://example.org/", "https://"),
        ("https://", "name a host"),
        ("https://good@evil.example/", "user name"),
        ("https://a:b@evil.example/", "user name"),
        ("https://example.org/#x", "fragment"),
        ("https://example.org/ x", "plain characters"),
        ("https://exämple.org/", "plain characters"),
        ("https://example.org:99999/", "no valid address"),
        ("https://[::1/", "no valid address"),
        ("https://example.org/" + "x" * 500, "plain characters"),
        ("javascript:alert(1)", "https://"),
    ],
)
def test_an_address_of_another_form_is_refused_with_its_reason(url, word):
    assert word in (url_problem(url) or "")


def test_a_trusted_host_needs_no_tls():
    assert url_problem("http://inner:8080/hook", ["inner"]) is None
    assert url_problem("https://example.org:8443/hook") is None


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254",
        "100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0",
        "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
        "2002:7f00:1::", "::7f00:1",
    ],
)  # fmt: skip
def test_no_inner_address_counts_as_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:8.8.8.8"])
def test_an_address_of_the_internet_is_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "017700000001"]
)
def test_no_spelling_of_this_machine_is_called(receiver, host):
    with pytest.raises(AddressRefusedError, match="private"):
        guarded_post(f"https://{host}:{receiver.port}/", b"", {})

    assert receiver.calls == []


def test_a_name_is_checked_by_the_address_that_is_called(receiver, monkeypatch):
    """A resolver that answers differently each time wins nothing: it is asked once."""
    answers = iter(["93.184.216.34", "127.0.0.1"])
    called = []

    def resolve(host, port, **kwargs):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    def connect(self, host, *args, **kwargs):
        called.append(host)
        raise ConnectionRefusedError

    monkeypatch.setattr(guarded_http.socket, "getaddrinfo", resolve)
    monkeypatch.setattr(guarded_http.httpcore.SyncBackend, "connect_tcp", connect)
    with pytest.raises(CALL_ERRORS):
        guarded_post("https://rebinding.example/", b"", {})
    assert called == ["93.184.216.34"]

    with pytest.raises(AddressRefusedError):
        guarded_post("https://rebinding.example/", b"", {})


def test_one_inner_address_among_public_ones_is_enough(monkeypatch):
    rows = [(2, 1, 6, "", (address, 443)) for address in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(guarded_http.socket, "getaddrinfo", lambda *args, **kwargs: rows)

    with pytest.raises(AddressRefusedError):
        guarded_post("https://mixed.example/", b"", {})


def test_a_redirect_is_an_answer_and_is_not_followed(receiver):
    url = f"http://127.0.0.1:{receiver.port}/hook"

    assert guarded_post(url, b"body", {}, trusted=["127.0.0.1"]) == 302
    assert receiver.calls == [("/hook", b"body")]


def test_a_call_that_drips_ends_at_its_deadline(monkeypatch):
    monkeypatch.setattr(guarded_http, "DEADLINE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(CALL_ERRORS):
            guarded_post(f"http://127.0.0.1:{port}/", b"", {}, trusted=["127.0.0.1"])
