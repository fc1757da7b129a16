"""A stand-in for the hub: as much of its API as an upload needs, in a thread of the test."""

import base64
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

LARGE = (".safetensors", ".gguf")


class Hub:
    """What it holds, and what it was asked; `faults` says what to answer instead, by path."""

    def __init__(self):
        self.repositories = {}  # id → {"private", "files", "commits"}
        self.objects = {}  # sha256 → bytes
        self.tokens = {"hf_good"}
        self.requests = []  # (method, path)
        self.faults = []  # [pattern, status or None (hang up), how often]
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(self))
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self._thread.start()

    def fail(self, pattern, status=None, times=1000):
        self.faults.append([pattern, status, times])

    def count(self, pattern):
        return sum(bool(re.search(pattern, path)) for _, path in self.requests)

    def close(self):
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


def handler_of(hub):  # noqa: C901 - one route each
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args):
            """Say nothing."""

        def _answer(self, status, body):
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _body(self):
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            pieces = []
            while size := int(self.rfile.readline(), 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(pieces)

        def _handle(self):
            path = urlsplit(self.path).path
            hub.requests.append((self.command, path))
            body = self._body()
            for fault in hub.faults:
                if fault[2] and re.search(fault[0], path):
                    fault[2] -= 1
                    if fault[1] is None:
                        self.close_connection = True
                        self.connection.close()
                    else:
                        self._answer(fault[1], {"error": "planted"})
                    return
            if path.startswith("/objects/"):  # presigned: without a token
                hub.objects[path.rpartition("/")[2]] = body
                self._answer(200, {})
            elif self.headers.get("Authorization", "").removeprefix("Bearer ") not in hub.tokens:
                self._answer(401, {"error": "Invalid username or password."})
            else:
                self._route(path, body)

        def _route(self, path, body):
            if path == "/api/repos/create":
                self._create(json.loads(body))
            elif path == "/api/validate-yaml":
                self._answer(200, {"errors": [], "warnings": []})
            elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)", path):
                self._info(match[1])
            elif re.search("/preupload/main$", path):
                rows = [
                    {
                        "path": file["path"],
                        "uploadMode": "lfs" if file["path"].endswith(LARGE) else "regular",
                        "shouldIgnore": False,
                    }
                    for file in json.loads(body)["files"]
                ]
                self._answer(200, {"files": rows})
            elif path.endswith(".git/info/lfs/objects/batch"):
                self._batch(json.loads(body))
            elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/main", path):
                self._commit(match[1], [json.loads(line) for line in body.splitlines()])
            else:
                self._answer(404, {"error": "no such route"})

        def _info(self, repo_id):
            if repo := hub.repositories.get(repo_id):
                told = {"id": repo_id, "private": repo["private"], "siblings": []}
                self._answer(200, told)
            else:
                self._answer(404, {"error": "Repository not found"})

        def _create(self, wanted):
            repo_id = f"{wanted['organization']}/{wanted['name']}"
            url = f"{hub.url}/{repo_id}"
            if repo_id in hub.repositories:
                self._answer(409, {"error": "You already created this model repo", "url": url})
                return
            private = wanted.get("visibility") == "private" or wanted.get("private", False)
            hub.repositories[repo_id] = {"private": private, "files": {}, "commits": []}
            self._answer(200, {"url": url, "id": repo_id})

        def _batch(self, wanted):
            rows = [
                {"oid": one["oid"], "size": one["size"]}
                | (
                    {}
                    if one["oid"] in hub.objects
                    else {"actions": {"upload": {"href": f"{hub.url}/objects/{one['oid']}"}}}
                )
                for one in wanted["objects"]
            ]
            self._answer(200, {"transfer": "basic", "objects": rows})

        def _commit(self, repo_id, lines):
            repo = hub.repositories[repo_id]
            for line in lines:
                value = line["value"]
                if line["key"] == "header":
                    repo["commits"].append(value["summary"])
                elif line["key"] == "file":
                    repo["files"][value["path"]] = base64.b64decode(value["content"])
                elif line["key"] == "lfsFile":
                    data = hub.objects[value["oid"]]
                    assert hashlib.sha256(data).hexdigest() == value["oid"]
                    repo["files"][value["path"]] = data
            url = f"{hub.url}/{repo_id}/commit/{'c' * 40}"
            self._answer(200, {"commitUrl": url, "commitOid": "c" * 40, "success": True})

        do_GET = do_POST = do_PUT = _handle  # noqa: N815 - the base class's names

    return Handler
