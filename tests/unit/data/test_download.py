"""A file over HTTP: proxies, certificates and ~/.netrc count as for `requests`, and each failure names its cause."""

import datetime
import http.server
import select
import socket
import ssl
import threading
import time
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

import pytest

from digits.data import download
from digits.errors import UserError
from tests.loopback import free_port

CONTENT = b"\x1f\x8b" + bytes(range(256)) * 20  # begins as a .gz file does, but is none
MIRROR = "mirror.example"  # not on this machine: reached through a proxy only


class Handler(http.server.BaseHTTPRequestHandler):
    """A mirror; asked with a whole address, or by CONNECT, a proxy."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        credentials = (self.headers.get(name) for name in ("Proxy-Authorization", "Authorization"))
        self.server.asked.append((self.path, *credentials))
        name = self.path.rpartition("/")[2]
        statuses = {"missing": 404, "denied": 403, "busy": 503, "proxy": 407}
        self.send_response(statuses.get(name, 200))
        self.send_header("Content-Length", str(len(CONTENT) * (2 if name in ("short", "stalls") else 1)))
        packs = name == "packs" and self.headers["Accept-Encoding"] != "identity"
        if name == "packed" or packs:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(CONTENT[::-1] if packs else CONTENT)
        if name == "stalls":
            self.wfile.flush()
            time.sleep(1)

    def do_CONNECT(self):
        self.server.asked.append((self.path, self.headers.get("Proxy-Authorization"), None))
        if self.server.tunnel is None:
            self.send_error(407, "Proxy Authentication Required")
            return
        self.send_response(200)
        self.end_headers()
        with socket.create_connection(("127.0.0.1", self.server.tunnel)) as far, suppress(OSError):
            while (ready := select.select([self.connection, far], [], [], 5)[0]) and all(
                self._pass(near, far if near is self.connection else self.connection) for near in ready
            ):
                pass

    @staticmethod
    def _pass(source, target) -> bool:
        data = source.recv(65_536)
        target.sendall(data)
        return bool(data)


@pytest.fixture
def start():
    """Start a server on loopback: a mirror or proxy, with TLS where a certificate is given."""
    servers = []

    def run(certificate: Path | None = None, tunnel: int | None = None):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.asked, server.tunnel = [], tunnel
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
        return server

    yield run
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def plain_network(monkeypatch, tmp_path):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """A certificate of its own authority, for the mirror and for loopback, with its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test")])
    names = x509.SubjectAlternativeName([x509.DNSName(MIRROR), x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("certificate") / "mirror.pem"
    pem, no_password = serialization.Encoding.PEM, serialization.NoEncryption()
    path.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, no_password) + made.public_bytes(pem))
    return path


def address(server, scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{server.server_port}"


@pytest.mark.parametrize("name", ["file", "packed", "packs"])
def test_the_bytes_are_those_that_the_server_has(start, name):
    assert download.read(f"{address(start())}/{name}", 2) == CONTENT


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_is_asked_with_its_password(start, monkeypatch, variable):
    proxy = start()
    monkeypatch.setenv(variable, f"http://me:secret@127.0.0.1:{proxy.server_port}")
    assert download.read(f"http://{MIRROR}/file", 2) == CONTENT
    assert proxy.asked == [(f"http://{MIRROR}/file", "Basic bWU6c2VjcmV0", None)]


def test_a_host_in_no_proxy_is_asked_itself(start, monkeypatch):
    mirror, proxy = start(), start()
    monkeypatch.setenv("HTTP_PROXY", address(proxy))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert download.read(f"{address(mirror)}/file", 2) == CONTENT
    assert (len(mirror.asked), proxy.asked) == (1, [])


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_users_authority_is_trusted_through_a_proxy_too(start, monkeypatch, certificate, variable):
    mirror = start(certificate)
    proxy = start(tunnel=mirror.server_port)
    monkeypatch.setenv(variable, str(certificate))
    monkeypatch.setenv("HTTPS_PROXY", address(proxy))
    assert download.read(f"https://{MIRROR}/file", 2) == CONTENT
    assert [path for path, *_ in proxy.asked] == [f"{MIRROR}:443"]


def test_netrc_has_the_password_of_a_host(start, tmp_path):
    mirror = start()
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    download.read(f"{address(mirror)}/file", 2)
    assert mirror.asked == [("/file", None, "Basic bWU6c2VjcmV0")]


CAUSES = [
    ("missing", "does not exist; set ingest.mirror"),
    ("denied", r"was refused \(403 Forbidden\): put a user and a password for its host into ~/.netrc"),
    ("busy", "was answered with 503 Service Unavailable; run it again"),
    ("proxy", r"was refused by the proxy .* \(407 .*put a user and a password into HTTP_PROXY"),
    ("short", rf"broke off: IncompleteRead\({len(CONTENT)} bytes read, {len(CONTENT)} more expected\); run it again"),
    ("stalls", r"did not answer within ingest\.mirror_timeout = 0\.5 seconds: raise it, or check the network"),
]


@pytest.mark.parametrize(("name", "message"), CAUSES, ids=[name for name, _ in CAUSES])
def test_a_servers_failure_names_its_cause(start, name, message):
    with pytest.raises(UserError, match=message):
        download.read(f"{address(start())}/{name}", 0.5)


def refused(monkeypatch, start, certificate):
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:se@cret@127.0.0.1:{start().server_port}")
    return f"https://{MIRROR}/file"


def closed(monkeypatch, start, certificate):
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:se@cret@127.0.0.1:{free_port()}")
    return f"https://{MIRROR}/file"


def untrusted(monkeypatch, start, certificate):
    return f"{address(start(certificate), 'https')}/file".replace("//", "//me:se@cret@")


def no_bundle(monkeypatch, start, certificate):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/authority.pem")
    return untrusted(monkeypatch, start, certificate)


def unknown_host(monkeypatch, start, certificate):
    return "http://me:se@cret@mirror.invalid/file"


FAILURES = [
    (refused, r"through the proxy http://127\.0\.0\.1:\d+: Tunnel connection failed: 407 .*; correct HTTPS_PROXY"),
    (closed, r"through the proxy http://127\.0\.0\.1:\d+: .*Connection refused; correct HTTPS_PROXY .* NO_PROXY"),
    (untrusted, r"certificate that can't be verified: .*certificate verify failed.* set REQUESTS_CA_BUNDLE"),
    (no_bundle, r"can't be verified: .*/nowhere/authority\.pem; correct REQUESTS_CA_BUNDLE"),
    (unknown_host, r"http://mirror\.invalid/file did not answer: gaierror .*; check the network"),
]


@pytest.mark.parametrize(("arrange", "message"), FAILURES, ids=[arrange.__name__ for arrange, _ in FAILURES])
def test_a_failure_on_the_way_names_its_cause_and_no_password(monkeypatch, start, certificate, arrange, message):
    with pytest.raises(UserError, match=message) as error:
        download.read(arrange(monkeypatch, start, certificate), 2)
    assert "cret" not in str(error.value)
