"""The server: both doors on one port, and a folder of their files, which are removed after a while."""

import contextlib
import os
import secrets
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from real3d_jax.errors import UserError, check_installed
from real3d_jax.inference.demo.limits import Limits
from real3d_jax.inference.demo.pictures import limit_decoding
from real3d_jax.inference.demo.service import Service
from real3d_jax.inference.model import Model
from real3d_jax.inference.preprocess import CutOut
from real3d_jax.runtime.console import say, timed
from real3d_jax.runtime.stopping import StopRequest

API = "/api"
_SPARE = 2**20  # bytes of a request beside its picture
_SWEEP = 30.0  # seconds between two
_SESSIONS = 1000


def check_demo_installed() -> None:
    """Raises UserError unless the page can be made."""
    check_installed("gradio", what="The page is made", extra="demo")


def serve(
    model: Model, limits: Limits, *, find_object: CutOut | None, host: str, port: int, share: bool = False
) -> int:
    """Serves until SIGTERM or Ctrl-C; returns the exit code of that.

    Args:
      model: which is given one request at a time.
      limits: of requests.
      find_object: cuts objects out of pictures whose background is not transparent.
      host: address to listen at.
      port: and port.
      share: asks Gradio for a public address, through its own servers.

    Raises:
      UserError: the port is taken, or the extra is not installed.
    """
    check_demo_installed()
    limit_decoding(limits)
    with StopRequest() as stop, tempfile.TemporaryDirectory(prefix="real3d-demo-", ignore_cleanup_errors=True) as own:
        service = Service(model, limits, find_object)
        with timed("compiling"):
            _warm_up(service, Path(own))
        with _launched(service, Path(own), host=host, port=port, share=share):
            stop.begin()
            kept = set(_files(Path(own)))  # the examples
            swept = time.monotonic()
            while not stop.stopped:
                time.sleep(0.2)
                if time.monotonic() - swept > min(_SWEEP, limits.seconds):
                    sweep(Path(own), limits.seconds, kept)
                    swept = time.monotonic()
    return stop.exit_code


def sweep(folder: Path, seconds: float, kept: Iterable[Path] = ()) -> int:
    """Removes the files below a folder that are older, but for those to keep, and empty folders.

    Returns:
      How many files went.
    """
    kept, now, gone = set(kept), time.time(), 0
    for path in _files(folder):
        with contextlib.suppress(OSError):
            if path not in kept and now - path.lstat().st_ctime > seconds:
                path.unlink()
                gone += 1
                path.parent.rmdir()
    return gone


@contextlib.contextmanager
def _launched(service: Service, folder: Path, *, host: str, port: int, share: bool) -> Iterator[None]:
    """Both doors open. Gradio checks the paths of files in apps that it launches itself, and not in mounted ones."""
    # Gradio reads these when it is imported, and when it begins.
    os.environ.update(
        GRADIO_TEMP_DIR=str(folder / "page"),
        GRADIO_EXAMPLES_CACHE=str(folder / "examples"),
        GRADIO_ANALYTICS_ENABLED="False",
        GRADIO_ALLOWED_PATHS="",
    )
    from gradio import processing_utils
    from gradio.themes import Default
    from starlette.middleware import Middleware
    from starlette.routing import Mount

    from real3d_jax.inference.demo.api import make_api
    from real3d_jax.inference.demo.guards import LimitBodies, OnlyNeeded
    from real3d_jax.inference.demo.page import make_page

    # A file's address has the hash of its content and of this, which an installation shares with its copies.
    assert isinstance(processing_utils.hash_seed, bytes)
    processing_utils.hash_seed = secrets.token_bytes(32)
    work = folder / "work"
    work.mkdir()
    page = make_page(service, work)
    guards = [Middleware(OnlyNeeded), Middleware(LimitBodies, most=service.limits.bytes, spare=_SPARE)]
    try:
        page.launch(
            server_name=host,
            server_port=port,
            share=share,
            prevent_thread_lock=True,
            quiet=True,
            footer_links=[],
            run_history=False,
            enable_monitoring=False,
            state_session_capacity=_SESSIONS,
            max_file_size=service.limits.bytes,
            theme=Default(font=["system-ui", "sans-serif"], font_mono=["monospace"]),
            app_kwargs={
                "routes": [Mount(API, make_api(service, work))],
                "middleware": guards,
                "docs_url": None,
                "redoc_url": None,
                "openapi_url": None,
            },
        )
    except OSError as error:
        raise UserError(f"Port {port} of {host} cannot be had: choose another --port or --host.") from error
    try:
        say(f"page       {page.local_url}")
        say(f"programs   {str(page.local_url).rstrip('/')}{API}/reconstruct")
        if share:
            say(f"shared     {page.share_url}")
        yield
    finally:
        service.close()
        page.close(verbose=False)


def _warm_up(service: Service, folder: Path) -> None:
    """Compiles what the usual request needs; whether there is a surface is all the same."""
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[16:48, 16:48] = (200, 100, 50, 255)
    with tempfile.TemporaryDirectory(dir=folder) as own, contextlib.suppress(UserError):
        path = Path(own) / "square.png"
        Image.fromarray(rgba).save(path)
        service.make(path, service.defaults, Path(own), animation=True, remedy="")


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if not path.is_dir()]
