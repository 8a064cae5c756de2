"""Who connects to a far server over TLS: he reaches the one he named, or none."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from store.errors import NoLedger, Unavailable
from store.place import Server as Place
from store.place import open_store, place_of
from tests.servers import Server

pytest.importorskip("psycopg")
NAME = "db.example.org"


def certificate(name: str) -> tuple[bytes, bytes]:
    """One that signed itself, and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateBuilder(
        subject, subject, key.public_key(), x509.random_serial_number(), now - timedelta(1), now + timedelta(1)
    ).add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    written = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM), written


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """On an address of this machine that nobody else has, and called by a name that is not of this machine."""
    monkeypatch.setenv("HOME", str(tmp_path))
    address = "127." + ".".join(str(1 + secrets.randbelow(254)) for _ in range(3))
    made = Server(settings={"listen_addresses": address})
    try:
        made.sql("ALTER SYSTEM SET ssl_cert_file = 'own.crt'")
        made.sql("ALTER SYSTEM SET ssl_key_file = 'own.key'")
        present(made, NAME)
        yield made
    finally:
        made.close()


def present(server: Server, name: str) -> bytes:
    """Have the server show a new certificate, which is returned."""
    shown, key = certificate(name)
    for file, content in (("own.crt", shown), ("own.key", key)):
        server.run("sh", "-c", f"umask 077; cat > {server.data}/{file} <<'END'\n{content.decode()}END")
    server.sql("ALTER SYSTEM SET ssl = on")
    server.sql("SELECT pg_reload_conf()")
    return shown


def place(server: Server, **more: str) -> Place:
    address = server.settings["listen_addresses"]
    said = "&".join(f"{name}={value}" for name, value in {"hostaddr": address, "schema": "acme", **more}.items())
    found = place_of(f"postgresql://postgres@{NAME}/postgres?{said}")
    assert isinstance(found, Place)
    return found


def told(server: Server) -> str:
    """What a client that may not connect is told."""
    with pytest.raises(Unavailable) as refused:
        open_store(place(server))
    return str(refused.value)


def test_a_far_server_proves_who_it_is_or_is_not_spoken_to(server: Server, tmp_path: Path) -> None:
    said = told(server)
    assert said.endswith("verify failed: that of an office's own authority belongs into ~/.postgresql/root.crt")
    (tmp_path / ".postgresql").mkdir()
    roots = tmp_path / ".postgresql" / "root.crt"
    roots.write_bytes(present(server, NAME))
    with pytest.raises(NoLedger):  # it is reached, and there is none
        open_store(place(server))
    roots.write_bytes(present(server, "other.example.org"))
    assert "does not match" in told(server)
    present(server, NAME)
    assert "certificate verify failed" in told(server)
    with pytest.raises(NoLedger):
        open_store(place(server, sslmode="disable"))  # the URL may say so
