"""Buckets for tests, played by `tests/fake_gcs.py` on this machine."""

import contextlib
import json
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path

_SERVER = Path(__file__).with_name("fake_gcs.py")


@contextlib.contextmanager
def playing():
    """A server; gives the environment in which gcsfs, TensorStore and array_record find it."""
    process = subprocess.Popen(
        [sys.executable, str(_SERVER)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        address = f"http://127.0.0.1:{process.stdout.readline().strip()}"
        yield {
            "STORAGE_EMULATOR_HOST": address,
            "CLOUD_STORAGE_EMULATOR_ENDPOINT": address,
            "TENSORSTORE_GCS_HTTP_URL": address,
            "GOOGLE_AUTH_TOKEN_FOR_TESTING": "none",
            "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
            "GOOGLE_CLOUD_PROJECT": "none",
            "NO_GCE_CHECK": "true",
        }
    finally:
        process.kill()
        process.wait()


class Service:
    """The server, asked for what no client asks.

    Args:
      environment: of `playing`.
    """

    def __init__(self, environment):
        self.environment, self._address = environment, environment["STORAGE_EMULATOR_HOST"]

    def refuse(self, words, count=10**9):
        """Answers the next requests whose address holds `words` by 403."""
        self._ask(f"/fail?count={count}&path={urllib.parse.quote(words)}")

    def requests(self):
        """All that were answered, as 'GET /storage/...'."""
        return json.loads(self._ask("/requests"))

    def copy(self, bucket, to):
        """Copies all objects of a bucket; both as 'gs://NAME'."""
        self._ask(f"/copy?bucket={str(bucket)[5:]}&to={str(to)[5:]}")

    def _ask(self, path):
        with urllib.request.urlopen(self._address + path) as answer:
            return answer.read()
