"""How a source is let in: against a real Prometheus with TLS, client certificates and basic authentication."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from observability.core import clock
from sloengine.sources.base import Fault, SourceUnavailable
from sloengine.sources.connection import Access
from sloengine.sources.prometheus import PrometheusSource
from tests import servers
from tests.conftest import NOW

#: bcrypt of "open sesame", at the lowest cost.
SESAME = "$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy"
WEB = """
tls_server_config:
  {{cert_file: {0}/server.pem, key_file: {0}/server.key, client_ca_file: {0}/ca.pem, client_auth_type: RequireAndVerifyClientCert}}
basic_auth_users: {{alibaba: "{1}"}}
"""


def certificates(folder: Path) -> None:
    """ca.pem, and server.pem and client.pem that it signed, each with its key."""
    authority = ec.generate_private_key(ec.SECP256R1())
    names = {name: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("ca", "server", "client")}
    for name in names:
        key = authority if name == "ca" else ec.generate_private_key(ec.SECP256R1())
        begun = clock.now() - timedelta(hours=1)
        built = (
            x509.CertificateBuilder()
            .subject_name(names[name])
            .issuer_name(names["ca"])
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begun)
            .not_valid_after(begun + timedelta(days=2))
            .add_extension(x509.BasicConstraints(ca=name == "ca", path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
            .sign(authority, hashes.SHA256())
        )
        (folder / f"{name}.pem").write_bytes(built.public_bytes(serialization.Encoding.PEM))
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / f"{name}.key").write_bytes(private)


@pytest.mark.heavy
def test_a_prometheus_behind_mtls_and_a_password_is_read_by_who_has_both(
    prometheus_server: Callable[..., servers.Server], tmp_path: Path
) -> None:
    certificates(tmp_path)
    (tmp_path / "web.yml").write_text(WEB.format(tmp_path, SESAME))
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    context.load_cert_chain(tmp_path / "client.pem", tmp_path / "client.key")
    server = prometheus_server("global: {}\n", options=(f"--web.config.file={tmp_path / 'web.yml'}",), context=context)
    ours = {"certificate_file": str(tmp_path / "client.pem"), "key_file": str(tmp_path / "client.key")}
    whole = {"ca_file": str(tmp_path / "ca.pem"), **ours, "username": "alibaba", "password": "open sesame"}

    said: list[str] = []

    def tried(**access: str) -> Fault | None:
        source = PrometheusSource(server.url, access=Access(**access))
        try:
            source.read(NOW)
        except SourceUnavailable as problem:
            said.append(problem.reason)
            return problem.fault
        finally:
            source.close()
        return None

    assert tried(**whole) is None
    assert tried(**{**whole, "password": "open barley"}) is Fault.REFUSED
    assert tried(**{**whole, "certificate_file": "", "key_file": ""}) is Fault.UNREACHABLE
    assert tried(**{**whole, "ca_file": ""}) is Fault.UNREACHABLE
    assert tried(**{**whole, "certificate_file": str(tmp_path / "gone.pem")}) is Fault.REFUSED
    assert not any("sesame" in one for one in said)


class Headers(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.headers["Authorization"], self.headers["X-Scope-OrgID"]))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"status": "success", "data": {"resultType": "vector", "result": []}}).encode())

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def told() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Headers) as server:
        server.seen = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_token_is_read_from_its_file_each_time_and_the_tenant_is_named(
    told: ThreadingHTTPServer, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    access = Access(bearer_file=str(token), org_id="team-a|team-b")
    source = PrometheusSource(f"http://127.0.0.1:{told.server_port}", access=access)
    source.read(NOW)
    token.write_text("second\n")
    source.read(NOW)
    assert told.seen == [("Bearer first", "team-a|team-b"), ("Bearer second", "team-a|team-b")]  # type: ignore[attr-defined]
    token.unlink()
    with pytest.raises(SourceUnavailable, match="the bearer file") as caught:
        source.read(NOW)
    assert caught.value.fault is Fault.REFUSED
    source.close()
