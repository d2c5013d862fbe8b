"""Names the processes that do not come, before JAX waits for them: it would wait for minutes and not say for whom.

The first process listens where JAX's coordination service will be; the others tell it their number and machine, and all
of them go on once it has heard every one. The lines stay open, for `first_watch`: one that is closed tells at once
that a process has ended, and over one that is not the first process says that it lives.
"""

import contextlib
import dataclasses
import json
import select
import socket
import time
from collections.abc import Mapping
from typing import Any

from real3d_jax.errors import UserError
from real3d_jax.runtime.cli import USER_ERROR

_HELLO = "real3d-jax"
_LINE = 2**16  # bytes, more than a line has
_ALIVE, _FOR_GOOD, _TOLD = b".", b"!", b"#"


class Ended(Exception):
    """The process at the other end has ended: its system has closed the line."""


class Told(Exception):
    """The first process ends, and has said why."""


@dataclasses.dataclass(frozen=True)
class Line:
    """An open connection of this process and the first one, over which that one says that it lives.

    Attributes:
      host: the machine of the process at the other end.
      number: of that process.
      connection: to it.
    """

    host: str
    number: int
    connection: socket.socket

    def live(self, *, for_good: bool = False) -> None:
        """Says so, on the first process; `for_good` that it says so no more, and lives until the line is closed."""
        self._say(_FOR_GOOD if for_good else _ALIVE)

    def tell(self) -> None:
        """Says, on the first process, that it ends and has said why."""
        self._say(_TOLD)

    def _say(self, word: bytes) -> None:
        with contextlib.suppress(OSError):
            self.connection.send(word, socket.MSG_DONTWAIT)

    def hears_end(self, seconds: float) -> bool:
        """Whether the process at the other end ends within so many seconds.

        Raises:
          Told: it is the first, and has said why.
        """
        until = time.monotonic() + seconds
        try:
            while (left := until - time.monotonic()) > 0 and select.select([self.connection], [], [], left)[0]:
                self._heard()
        except Ended:
            return True
        except OSError:
            pass
        return False

    def hears_silence(self, seconds: float) -> bool:
        """Returns True once the first process has not said for so long that it lives; False if the network breaks.

        Raises:
          Ended: it has.
          Told: it ends, and has said why.
        """
        wait: float | None = seconds
        try:
            while select.select([self.connection], [], [], wait)[0]:
                if _FOR_GOOD in self._heard():
                    wait = None
        except OSError:
            return False
        return True

    def _heard(self) -> bytes:
        try:
            said = self.connection.recv(_LINE, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return b""  # another thread has read it
        if _TOLD in said:
            raise Told
        if not said:
            raise Ended
        return said


def call_roll(address: str, count: int, number: int, *, seconds: float) -> list[Line]:
    """Returns when all processes are there.

    Args:
      address: 'HOST:PORT' of the first process; another server can use the port afterwards.
      count: how many there are.
      number: of this process; the first is 0.
      seconds: that are waited.

    Returns:
      Those to the other processes on the first one, by their numbers, and that to the first one on the others. They
      break once they are forgotten.

    Raises:
      UserError: some did not come; the message names them.
      SystemExit: likewise, on a process that the first one has told so, and which need not say it again.
    """
    host, port = address.rsplit(":", 1)
    host = host.strip("[]")
    until = time.monotonic() + seconds
    if number == 0:
        missing, connections = _hear_all(int(port), count, until)
    else:
        missing, connections = _answer(host, int(port), number, until)
    if missing is None:
        raise UserError(
            f"Process 0 did not answer at {address} within {seconds:g} s: see that it was started and that this "
            "machine can reach it, or raise --join_seconds."
        )
    if missing["numbers"]:
        names = ", ".join(map(str, missing["numbers"]))
        several = "es" * (len(missing["numbers"]) > 1)
        found = sorted(missing["there"].items(), key=lambda item: int(item[0]))
        there = ", ".join(f"{n} ({name})" for n, name in found)
        if number:
            raise SystemExit(USER_ERROR)
        raise UserError(
            f"Process{several} {names} of {count} did not come within {seconds:g} s, but {there} did: see that the "
            "command runs on every machine, or raise --join_seconds."
        )
    return [Line(missing["there"][str(n)], n, connection) for n, connection in sorted(connections.items())]


def _hear_all(port: int, count: int, until: float) -> tuple[dict[str, Any], dict[int, socket.socket]]:
    there: dict[str, str] = {"0": socket.gethostname()}
    lines: dict[int, socket.socket] = {}
    with _listen(port, count) as server:
        while len(there) < count and (left := until - time.monotonic()) > 0:
            server.settimeout(left)
            try:
                line = server.accept()[0]
                line.settimeout(5.0)
                hello = json.loads(line.recv(_LINE))
                if hello["hello"] == _HELLO and hello["number"] < count:
                    there[str(hello["number"])] = hello["host"]
                    lines[hello["number"]] = line
            except (OSError, ValueError, KeyError, TypeError):
                continue  # nobody came, or a stranger
        answer = {"numbers": [n for n in range(count) if str(n) not in there], "there": there}
        for line in lines.values():
            with contextlib.suppress(OSError):
                line.sendall(json.dumps(answer).encode() + b"\n")
    return answer, lines


def _listen(port: int, count: int) -> socket.socket:
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    try:
        return socket.create_server(("", port), family=family, backlog=count, dualstack_ipv6=both)
    except OSError as error:
        raise UserError(
            f"Port {port}, at which the processes are to meet, cannot be used ({error.strerror}): choose another one "
            "in JAX_COORDINATOR_ADDRESS."
        ) from error


def _answer(
    host: str, port: int, number: int, until: float
) -> tuple[Mapping[str, Any] | None, dict[int, socket.socket]]:
    hello = json.dumps({"hello": _HELLO, "number": number, "host": socket.gethostname()}).encode()
    while (left := until - time.monotonic()) > 0:
        line = None
        try:
            line = socket.create_connection((host, port), timeout=left)
            line.sendall(hello)
            line.settimeout(max(until - time.monotonic(), 0) + 5.0)
            text = b""
            while b"\n" not in text and (chunk := line.recv(_LINE)):
                text += chunk
            answer = json.loads(text.partition(b"\n")[0])  # the first process may say already that it lives
            line.settimeout(None)
            return answer, {0: line}
        except (OSError, ValueError):  # it does not listen yet
            if line is not None:
                line.close()
            time.sleep(0.2)
    return None, {}
