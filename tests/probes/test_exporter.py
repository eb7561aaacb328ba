"""The probe's page over TLS and with a password, for real."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from probes.config import Auth, Tls
from probes.exporter import BadCertificate, Exporter
from probes.exposition import series


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    start = dt.datetime(2020, 1, 1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
    return Tls(str(folder / "cert.pem"), str(folder / "key.pem"))


@contextlib.contextmanager
def exported(**more) -> Iterator[Exporter]:
    one = Exporter(host="localhost", port=0, samples=lambda: {series("tailwatch_target_up"): 1.0}, **more)
    threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield one
    finally:
        one.shutdown()
        one.server_close()


def test_the_page_is_read_over_tls_by_who_trusts_the_certificate_and_by_nobody_else(certificate):
    trusting = ssl.create_default_context(cafile=certificate.certificate)
    with exported(tls=certificate) as one:
        url = f"https://localhost:{one.server_address[1]}/metrics"
        assert one.url.startswith("https://")
        assert httpx.get(url, verify=trusting, trust_env=False).text.endswith("tailwatch_target_up 1.0\n")
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(url, trust_env=False)
        with pytest.raises(httpx.HTTPError):
            httpx.get(url.replace("https", "http"), trust_env=False)


def test_who_begins_a_handshake_and_waits_holds_up_nobody(certificate):
    trusting = ssl.create_default_context(cafile=certificate.certificate)
    with exported(tls=certificate) as one:
        port = one.server_address[1]
        with socket.create_connection(("localhost", port)):
            answer = httpx.get(f"https://localhost:{port}/healthz", verify=trusting, trust_env=False, timeout=5)
    assert answer.text == "ok\n"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Basic " + base64.b64encode(b"prometheus:right").decode()}, 200),
        ({"authorization": "basic " + base64.b64encode(b"prometheus:right").decode()}, 200),
        ({"authorization": "Basic " + base64.b64encode(b"prometheus:wrong").decode()}, 401),
        ({"authorization": "Basic !!!"}, 401),
        ({"authorization": "Bearer right"}, 401),
    ],
)
def test_the_page_wants_its_password_and_health_does_not(tmp_path: Path, headers, status):
    (tmp_path / "password").write_text("right\n")
    with exported(auth=Auth("prometheus", str(tmp_path / "password"))) as one:
        found = httpx.get(f"{one.url}/metrics", headers=headers, trust_env=False)
        assert found.status_code == status
        assert ("www-authenticate" in found.headers) == (status == 401)
        assert httpx.get(f"{one.url}/healthz", trust_env=False).text == "ok\n"


def test_a_certificate_or_a_password_that_cannot_be_used_stops_the_start_with_a_sentence(tmp_path, certificate):
    with pytest.raises(BadCertificate, match=r"listen_tls: .*missing.pem"):
        Exporter(host="localhost", port=0, samples=dict, tls=Tls("missing.pem", certificate.key))
    with pytest.raises(BadCertificate, match="listen_auth"):
        Exporter(host="localhost", port=0, samples=dict, auth=Auth("a", str(tmp_path / "none")))
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(BadCertificate, match="is empty"):
        Exporter(host="localhost", port=0, samples=dict, auth=Auth("a", str(tmp_path / "empty")))


def test_the_inventory_is_json():
    with exported(inventory=lambda: json.dumps({"replicas": []})) as one:
        found = httpx.get(f"{one.url}/inventory.json", trust_env=False)
        assert (found.headers["content-type"], found.json()) == ("application/json", {"replicas": []})
