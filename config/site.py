"""The processes that make one site, and the address it answers on."""

from __future__ import annotations

import errno
import http.client
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from config import environment as env
from config.supervisor import Program

BASE_DIR = Path(__file__).resolve().parent.parent
# Sockets end with a `reconnect` and streams resume elsewhere, so a long wait would only delay the stop.
WEB_GRACE_SECONDS = 10


class PortInUse(Exception):
    """The address is taken; the message names the remedy."""


@dataclass(frozen=True)
class Address:
    """Where the web process listens: `host` as given by the person, `port` never 0."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The address as a browser on this machine can open it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{self.port}"

    def answers(self, path: str) -> bool:
        """Whether a GET of `path` is answered with 200 at this moment."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        connection = http.client.HTTPConnection(host, self.port, timeout=2)
        try:
            # Asked as a proxy would: by a name that the site answers to, and not to be sent to https.
            connection.request("GET", path, headers={"Host": _own_name(), "X-Forwarded-Proto": "https"})
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def _own_name() -> str:
    names = [name.lstrip(".") for name in env.words("ALLOWED_HOSTS", "localhost") if name != "*"]
    return names[0] if names else "localhost"


def address() -> Address:
    """HOST and PORT from the environment; PORT=0 takes a free one. Raises PortInUse."""
    return claim(env.text("HOST", "127.0.0.1"), env.integer("PORT", 8000, high=65_535))


def claim(host: str, port: int) -> Address:
    """Make sure that `host:port` can be listened on, and find a port for 0. Raises PortInUse."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortInUse(
                    f"Port {port} on {host} is in use. Stop what runs there, or choose another: "
                    f"PORT={port + 1} make up (PORT=0 takes any free one)."
                ) from None
            if error.errno == errno.EACCES:
                raise PortInUse(
                    f"Port {port} needs root. Choose one above 1023, such as PORT=8000."
                ) from None
            raise PortInUse(f"HOST={host} can not be listened on: {error.strerror or error}.") from None
        return Address(host, probe.getsockname()[1])


def web(where: Address) -> Program:
    """The web process: uvicorn, because it streams bodies instead of holding them (FACTS)."""
    return Program(
        "web",
        (
            sys.executable, "-m", "uvicorn", "config.asgi:application",
            "--app-dir", str(BASE_DIR),
            "--host", where.host, "--port", str(where.port),
            "--lifespan", "off",
            "--ws-ping-interval", "20", "--ws-ping-timeout", "20",
            "--ws-max-size", "65536", "--ws-max-queue", "8",
            "--timeout-graceful-shutdown", str(WEB_GRACE_SECONDS),
            "--limit-concurrency", str(env.integer("WEB_MAX_CONNECTIONS", 2000, low=10)),
            "--no-access-log", "--no-server-header", "--log-level", "warning",
            # Who is calling is decided by TRUSTED_PROXIES, which counts from the near end of X-Forwarded-For;
            # uvicorn would rewrite the client to what the far end claims.
            "--no-proxy-headers",
        ),
        {"PORT": str(where.port)},
    )  # fmt: skip


def cluster(pool: str, port: int) -> Program:
    """One cluster of workers serving `pool`."""
    argv = (sys.executable, str(BASE_DIR / "manage.py"), "qcluster", "--pool", pool)
    return Program(f"workers:{pool}", argv, {"PORT": str(port)})


def pools() -> list[str]:
    """Which clusters to run: POOLS, one cluster that serves every queue when it is not set."""
    return list(dict.fromkeys(env.words("POOLS", "all")))


def programs(where: Address) -> list[Program]:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    return [web(where), *(cluster(pool, where.port) for pool in pools())]


if __name__ == "__main__":  # the health check of a container: `python -m config.site`
    listening = Address(env.text("HOST", "127.0.0.1"), env.integer("PORT", 8000, high=65_535))
    sys.exit(0 if listening.answers("/livez") else 1)
