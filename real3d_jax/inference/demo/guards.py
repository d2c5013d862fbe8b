"""What stands before all routes: requests of limited size, and of Gradio's routes those alone that the page needs."""

import json

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_GRADIO = "/gradio_api/"
# Others fetch addresses for the caller, run programs, or tell of the server.
_NEEDED = (
    "queue/",
    "run/predict",  # of examples; what has a queue refuses it
    "upload",
    "file=/",
    "heartbeat/",
    "startup-events",
    "component_server",
    "reset",
    "cancel",
    "info",
    "app_id",
)


class LimitBodies:
    """Answers 413 to a request that is too large, at once if it says so and else when so much has come.

    Args:
      app: which is asked otherwise.
      most: bytes of a picture.
      spare: bytes that a request has beside it.
    """

    def __init__(self, app: ASGIApp, most: int, spare: int = 0):
        self._app = app
        self._most = most + spare
        self._sentence = f"The request has more than {most / 1e6:g} million bytes: send a smaller picture."

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        said = dict(scope["headers"]).get(b"content-length", b"0")
        if not said.isdigit() or int(said) > self._most:
            await _answer(send, 413, self._sentence)
            return
        come = 0

        async def counted() -> Message:
            nonlocal come
            message = await receive()
            come += len(message.get("body", b""))
            if come > self._most:
                raise HTTPException(413, self._sentence)
            return message

        await self._app(scope, counted, send)


class OnlyNeeded:
    """Answers 404 to what Gradio offers beyond the page."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not is_needed(scope["path"]):
            await _answer(send, 404, "There is nothing here.")
            return
        await self._app(scope, receive, send)


def is_needed(path: str) -> bool:
    """Whether the page, or the door for programs, needs a path."""
    if path.startswith(("/monitoring", "/proxy", "/svelte")):
        return False
    _, found, rest = path.partition(_GRADIO)
    return not found or rest.startswith(_NEEDED)


async def _answer(send: Send, status: int, sentence: str) -> None:
    body = json.dumps({"detail": sentence}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
