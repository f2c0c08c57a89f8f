"""Over TLS: who vouches for a server, and who asks it, by the variables that commands know as well."""

import asyncio
import os
import re
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from awaitd import Client, Unreachable
from awaitd._wire import Wire

# Of nobody, for `localhost`, for a hundred years: what they open is the server of these tests.
AUTHORITY = """\
-----BEGIN CERTIFICATE-----
MIIBiDCCAS+gAwIBAgIUZ8zSs/UTD2D95jjuMG9KB7GsI+MwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGbm9ib2R5MCAXDTI2MTEyODE4NTUxNFoYDzIxMjYxMTA0MTg1
NTE0WjARMQ8wDQYDVQQDDAZub2JvZHkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AARPaWA13XZsRwVodmVblmB58f9TmauLnGWB2OYLvU/4jaxN6yZkj6UwTrzs/5el
Sehid9ycmyDx8YC7Tv15tnqho2MwYTAdBgNVHQ4EFgQUp2C8o4VaxncQbv1yizFO
TJsWJBMwHwYDVR0jBBgwFoAUp2C8o4VaxncQbv1yizFOTJsWJBMwDwYDVR0TAQH/
BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAgQwCgYIKoZIzj0EAwIDRwAwRAIgJL/GOMFo
ZV7hhjGUDwU7E1Z1KmisiabnU2ECZXvSV0ICIACvm9aA7lkym16TGmt6YueGMua8
m24ERUQuwFxJkiRy
-----END CERTIFICATE-----
"""
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBjzCCATWgAwIBAgIUCQIIhVkztl3RWLtrsA66zBUaXWkwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGbm9ib2R5MCAXDTI2MTEyODE4NTUxNFoYDzIxMjYxMTA0MTg1
NTE0WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjOPQMB
BwNCAARWhQ/y3p+0nlceELFCHQYCAOlivq6OnDWh3DKGDWW76b0nJ5LEvI3on7Oo
pc8srncC0m5LQCiv04unpxgeQjWco2YwZDAUBgNVHREEDTALgglsb2NhbGhvc3Qw
DAYDVR0TAQH/BAIwADAfBgNVHSMEGDAWgBSnYLyjhVrGdxBu/XKLMU5MmxYkEzAd
BgNVHQ4EFgQUoUdP1/fdmV5sDHUKX+Ilu2TCMmUwCgYIKoZIzj0EAwIDSAAwRQIg
cS6IVsnYMDqm2rprfxz7XmchFUOIZO6UyU1JgKFtUb0CIQDnfXWYHAO/oRwI2p9C
Vbg4rG/e8TUGxB1IwK0Al4wbiA==
-----END CERTIFICATE-----
"""
KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgF0pOL28JGk5kGyY7
gbYSS2kr3g29CqF02aehR94bBGyhRANCAARWhQ/y3p+0nlceELFCHQYCAOlivq6O
nDWh3DKGDWW76b0nJ5LEvI3on7Oopc8srncC0m5LQCiv04unpxgeQjWc
-----END PRIVATE KEY-----
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "ca.pem").write_text(AUTHORITY)
    (tmp_path / "cert.pem").write_text(CERTIFICATE)
    (tmp_path / "key.pem").write_text(KEY)
    (tmp_path / "client.pem").write_text(CERTIFICATE + KEY)
    for name in ("AWAITD_TLS_CA", "AWAITD_TLS_CLIENT"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@contextmanager
def serving(files: Path, *flags: str) -> Iterator[str]:
    """A server over TLS; where it is asked."""
    command = [os.environ["AWAITD_BIN"], "serve", "--memory", "--listen", "127.0.0.1:0"]
    command += ["--tls-cert", str(files / "cert.pem"), "--tls-key", str(files / "key.pem"), *flags]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWAITD_")}
    log = files / "log"
    with log.open("wb") as out, subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=out, env=kept) as process:
        try:
            give_up = time.monotonic() + 30
            while not (told := re.search(r"listening on https://127\.0\.0\.1:(\d+)", log.read_text())):
                assert process.poll() is None and time.monotonic() < give_up, log.read_text()
                time.sleep(0.01)
            yield f"https://localhost:{told[1]}"
        finally:
            process.kill()


def refused(url: str) -> str:
    """Why a server is not asked, at the first try."""

    async def ask() -> None:
        wire = Wire(url)
        try:
            await wire.ask("GET", "/readyz", within=0.0)
        finally:
            await wire.close()

    with pytest.raises(Unreachable) as raised:
        asyncio.run(ask())
    return str(raised.value)


def test_a_server_is_trusted_if_the_named_file_vouches_for_it(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(files) as url:
        assert "CERTIFICATE_VERIFY_FAILED" in refused(url)
        monkeypatch.setenv("AWAITD_TLS_CA", str(files / "ca.pem"))
        with Client(url) as client:
            assert client.put("q", b"job") == "/v1/queues/q/jobs/1"


def test_a_server_that_wants_a_certificate_is_shown_one(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWAITD_TLS_CA", str(files / "ca.pem"))
    with serving(files, "--tls-client-ca", str(files / "ca.pem")) as url:
        assert "CERTIFICATE_REQUIRED" in refused(url)
        monkeypatch.setenv("AWAITD_TLS_CLIENT", str(files / "client.pem"))
        with Client(url) as client:
            assert client.put("q", b"job") == "/v1/queues/q/jobs/1"


def test_a_file_that_is_no_good_is_told_at_once(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWAITD_TLS_CA", str(files / "none.pem"))
    with pytest.raises(FileNotFoundError):
        Client("https://localhost")
    monkeypatch.setenv("AWAITD_TLS_CA", str(files / "ca.pem"))
    monkeypatch.setenv("AWAITD_TLS_CLIENT", str(files / "cert.pem"))
    with pytest.raises(ssl.SSLError):
        Client("https://localhost")
    # Nobody looks for them where there is no TLS.
    assert Client("http://localhost").url == "http://localhost"
