"""A door with TLS in front of the bank's own: it asks for a client's certificate, and notes who showed which.

The bytes behind the handshake are passed on as they are. By the port from which they come to the bank it
knows whose they are, so that no header can say so in somebody's place.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import hashlib
import ipaddress
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from partners.sandbox.bank import Bank

_GOOD_FOR = dt.timedelta(days=90)
_A_PIECE = 64 * 1024


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def certificate_pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    @property
    def digest(self) -> str:
        """The SHA-256 thumbprint, as RFC 8705 has it, in hex."""
        return hashlib.sha256(self.certificate.public_bytes(Encoding.DER)).hexdigest()


def make_authority(name: str, *, at: dt.datetime) -> Pair:
    """An authority of the bank's own, new at each opening of the door."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(name, key, at=at).issuer_name(_named(name))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
    )
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    builder = builder.add_extension(usage, critical=True)
    return Pair(builder.sign(key, hashes.SHA256()), key)


def issue(authority: Pair, name: str, *, at: dt.datetime, hosts: tuple[str, ...] = ()) -> Pair:
    """A certificate for a client, or for these hosts."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(name, key, at=at).issuer_name(authority.certificate.subject)
    builder = builder.add_extension(
        x509.BasicConstraints(ca=False, path_length=None), critical=True
    )
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()),
        critical=False,
    )
    usage = ExtendedKeyUsageOID.SERVER_AUTH if hosts else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    if hosts:
        names: list[x509.GeneralName] = [x509.DNSName(each) for each in hosts]
        names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return Pair(builder.sign(authority.key, hashes.SHA256()), key)


def certify_request(authority: Pair, request: str, *, at: dt.datetime) -> str:
    """A certificate for the client whose key signed the request, as PEM. Raises ValueError."""
    asked = x509.load_pem_x509_csr(request.encode())
    if not asked.is_signature_valid:
        raise ValueError("not signed by its own key")
    builder = (
        x509.CertificateBuilder()
        .subject_name(asked.subject)
        .issuer_name(authority.certificate.subject)
        .public_key(asked.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - dt.timedelta(minutes=5))
        .not_valid_after(at + _GOOD_FOR)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()),
            critical=False,
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    )
    signed = builder.sign(authority.key, hashes.SHA256())
    return signed.public_bytes(Encoding.PEM).decode()


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _builder(
    name: str, key: ec.EllipticCurvePrivateKey, *, at: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - dt.timedelta(minutes=5))
        .not_valid_after(at + _GOOD_FOR)
    )


@dataclass(frozen=True)
class SecureDoor:
    """The door as it stands open: its port, and who vouches for certificates on either side."""

    authority: Pair
    port: int
    server: asyncio.Server = field(repr=False)


async def open_door(bank: Bank, *, host: str) -> SecureDoor:
    """Open it on a free port of this machine."""
    authority = make_authority(f"{bank.profile.name} test authority", at=bank.now())
    own = issue(authority, host, at=bank.now(), hosts=(host,))
    context = _context(authority, own)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _pass_on(bank, reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    return SecureDoor(authority, server.sockets[0].getsockname()[1], server)


def _context(authority: Pair, own: Pair) -> ssl.SSLContext:
    """A certificate is asked for, and one that is shown must be of our authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=authority.certificate_pem)
    with tempfile.TemporaryDirectory() as folder:
        pair = Path(folder) / "pair.pem"
        pair.touch(mode=0o600)
        pair.write_text(own.certificate_pem + own.key_pem)
        context.load_cert_chain(pair)
    return context


async def _pass_on(bank: Bank, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", bank.settings.port)
    port = inner_writer.get_extra_info("sockname")[1]
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    if shown:
        bank.certificates[port] = hashlib.sha256(shown).hexdigest()
    try:
        await asyncio.gather(_pour(reader, inner_writer), _pour(inner_reader, writer))
    finally:
        bank.certificates.pop(port, None)


async def _pour(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while piece := await source.read(_A_PIECE):
            target.write(piece)
            await target.drain()
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        target.close()
