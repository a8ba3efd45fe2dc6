"""An HTTP proxy before an API server that notes what kubectl asks; discovery is left out.

Invariant: a request is passed on as it came, but for its token and a wish to upgrade the
connection: nothing is executed in a pod, the API server only says that it would have to upgrade.
"""

from __future__ import annotations

import http.client
import json
import re
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

_DISCOVERY = ("/openapi/", "/swagger")
_HOP = {"connection", "upgrade", "host", "authorization", "accept-encoding", "content-length"}


def _is_discovery(path: str) -> bool:
    parts = path.strip("/").split("/")
    if path.startswith(_DISCOVERY):
        return True
    return (parts[0] == "api" and len(parts) <= 2) or (parts[0] == "apis" and len(parts) <= 3)


def _read(body: bytes) -> Any:
    """Return a JSON body; of a protobuf one, its texts."""
    if body.startswith(b"k8s\0"):
        return {"texts": [text.decode() for text in re.findall(rb"[ -~]{2,}", body[4:])]}
    return json.loads(body)


class RecordingProxy:
    """Listens on loopback while its context lasts; `take` returns the requests since the last."""

    def __init__(self, port: int, token: str) -> None:
        self.requests: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        proxy = self
        context = ssl._create_unverified_context()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - their name
                pass

            def _pass(self) -> None:
                size = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(size)
                kind = self.headers.get("content-type", "")
                proxy._note(self.command, self.path, body, kind)
                headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP}
                headers["Authorization"] = f"Bearer {token}"
                server = http.client.HTTPSConnection("127.0.0.1", port, context=context)
                server.request(self.command, self.path, body or None, headers)
                answer = server.getresponse()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                        self.send_header(name, value)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                try:
                    while piece := answer.read1(65_536):
                        self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                        self.wfile.flush()
                    self.wfile.write(b"0\r\n\r\n")
                except OSError:
                    self.close_connection = True
                finally:
                    server.close()

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass  # noqa: N815 - their names

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _note(self, method: str, path: str, body: bytes, kind: str) -> None:
        url = urlsplit(path)
        if method == "GET" and _is_discovery(url.path):
            return
        request: dict[str, Any] = {"method": method, "path": url.path}
        if query := parse_qs(url.query, keep_blank_values=True):
            request["query"] = query
        if body:
            request["body"] = _read(body)
        if method == "PATCH":
            request["type"] = kind
        with self._lock:
            self.requests.append(request)

    def take(self) -> list[dict[str, Any]]:
        """Return the requests since the last call, each different one once, in their order."""
        with self._lock:
            found, self.requests = self.requests, []
        return [one for at, one in enumerate(found) if one not in found[:at]]
