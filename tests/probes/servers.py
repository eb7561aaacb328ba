"""A real HTTP server on this machine whose pages behave as a test says."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

Page = Callable[[BaseHTTPRequestHandler], None]


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64  # many at once: none of them waits a second to be let in

    def __init__(self, pages: dict[str, Page]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages = pages
        self.bodies: list[dict] = []
        self.headers: list[dict[str, str]] = []
        self.asked: list[dict[str, str]] = []  # headers of each GET
        self.over = threading.Event()  # slow pages wait on it, so that no test waits for them

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append({name.lower(): value for name, value in self.headers.items()})
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            self.server.pages[self.path](self)

    def do_POST(self) -> None:
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.server.headers.append(dict(self.headers))
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it
        pass


@contextlib.contextmanager
def serving(**pages: Page) -> Iterator[Server]:
    """`serving(metrics=text("up 1"))` answers at /metrics."""
    server = Server({f"/{name.replace('__', '/')}": page for name, page in pages.items()})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def serving_tls(folder: Path, **pages: Page) -> Iterator[Server]:
    """The same behind a certificate that it signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    day = datetime(2020, 1, 1, tzinfo=UTC)
    built = x509.CertificateBuilder(name, name, key.public_key(), 1, day, day + timedelta(days=20_000)).add_extension(
        x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
    )
    file = folder / "server.pem"
    file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + built.sign(key, SHA256()).public_bytes(Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with serving(**pages) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        yield server


def text(body: str | bytes, *, status: int = 200, **headers: str) -> Page:
    data = body if isinstance(body, bytes) else body.encode()

    def page(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    return page


def silent(request: BaseHTTPRequestHandler) -> None:
    """Takes the request and never answers."""
    request.server.over.wait(20)  # type: ignore[attr-defined]


def dripping(request: BaseHTTPRequestHandler) -> None:
    """One byte, a little while, one byte: each read is quick, the whole is not."""
    request.send_response(200)
    request.end_headers()
    while not request.server.over.wait(0.02):  # type: ignore[attr-defined]
        request.wfile.write(b"#")


def cut_short(request: BaseHTTPRequestHandler) -> None:
    """Promises more than it sends."""
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(b"up 1\n")


def stream(*tokens: str, end: str = "data: [DONE]\n\n") -> Page:
    """An OpenAI stream of these tokens."""

    def page(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "text/event-stream")
        request.end_headers()
        for token in tokens:
            choice = {"text": token, "delta": {"content": token}, "finish_reason": None}
            request.wfile.write(f"data: {json.dumps({'choices': [choice]})}\n\n".encode())
        request.wfile.write(end.encode())

    return page


def broken_off(request: BaseHTTPRequestHandler) -> None:
    """Begins to stream and is gone in the middle, as an engine that restarts."""
    stream("Par", end="data: {")(request)
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.connection.close()


def nobody() -> str:
    """A URL where nothing listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{one.getsockname()[1]}/metrics"
