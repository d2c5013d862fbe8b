"""The door for programs: a picture is posted, and its mesh comes back in the same answer.

curl --data-binary @cup.png 'http://127.0.0.1:7860/api/reconstruct?resolution=128' -o cup.glb
"""

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.requests import ClientDisconnect

from real3d_jax.data.records import Unusable
from real3d_jax.errors import UserError, did_you_mean
from real3d_jax.export.mesh import FORMATS
from real3d_jax.inference.demo.limits import Settings
from real3d_jax.inference.demo.pictures import NotAPicture
from real3d_jax.inference.demo.service import MESH, Busy, Service

_TYPES = {"glb": "model/gltf-binary", "stl": "model/stl", "obj": "model/obj", "ply": "application/octet-stream"}
NUMBERS = ("resolution", "threshold", "crop_ratio", "texture", "elevation", "format")
_REMEDY = "start the demo with --cut_out"
_BODY = {"requestBody": {"required": True, "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}}}
_ANSWERS: dict[int | str, dict] = {
    200: {"description": "the mesh", "content": {"model/gltf-binary": {}}},
    413: {"description": "too many bytes"},
    415: {"description": "no picture of a kind that is read"},
    422: {"description": "the picture or a number cannot be used"},
    503: {"description": "busy; Retry-After says for how many seconds"},
}


def make_api(service: Service, folder: Path) -> FastAPI:
    """The application.

    Args:
      service: which has the model.
      folder: where pictures and meshes lie while they are worked on.
    """
    api = FastAPI(title="Real3D", docs_url=None, redoc_url=None)  # its pages would load scripts from elsewhere

    @api.get("/health")
    def health() -> dict[str, str | int]:
        """Whether the model is there, and how many requests it has."""
        return {"status": "ok", "model": service.model.title, "waiting": service.taken, "finished": service.finished}

    @api.post("/reconstruct", response_class=Response, responses=_ANSWERS, openapi_extra=_BODY)
    async def reconstruct(
        request: Request,
        resolution: Annotated[int | None, Query(description="of the mesh, points per side")] = None,
        threshold: Annotated[float | None, Query(description="density of the surface")] = None,
        crop_ratio: Annotated[float | None, Query(description="side of the crop by the object's longer side")] = None,
        texture: Annotated[int, Query(description="texels per side of a picture of the colours; 0: none")] = 0,
        elevation: Annotated[str | None, Query(description="of the camera, degrees, or 'estimate'")] = None,
        suffix: Annotated[str, Query(alias="format", description=", ".join(FORMATS))] = "glb",
    ) -> Response:
        """The mesh of the picture that is the request's body; its object must be cut out, or the server does it."""
        _check_numbers(request)
        usual = service.defaults
        settings = Settings(
            usual.resolution if resolution is None else resolution,
            usual.threshold if threshold is None else threshold,
            usual.crop_ratio if crop_ratio is None else crop_ratio,
            texture,
            usual.elevation if elevation is None else elevation[:20],
        )
        settings.check(service.limits)
        if suffix not in FORMATS:
            raise UserError(f"format has no value '{suffix[:20]}': {did_you_mean(suffix[:20], FORMATS)}")
        if texture and suffix != "glb":
            raise UserError(f"'{suffix}' has no texture within its one file: leave out texture, or set format to glb.")
        service.check_room()
        with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as own:
            picture = Path(own) / "picture"
            with picture.open("wb") as file:
                async for part in request.stream():
                    file.write(part)
            job = service.submit(service.make, picture, settings, Path(own), formats=(suffix,), remedy=_REMEDY)
            made = await asyncio.wrap_future(job)
            content = made.files[f"{MESH}.{suffix}"].read_bytes()
        headers = {"Server-Timing": ", ".join(f"{step};dur={1000 * took:.0f}" for step, took in made.seconds.items())}
        headers["X-Elevation"] = f"{made.elevation:g}"
        if made.notes:
            headers["X-Notes"] = "; ".join(made.notes).encode("ascii", "replace").decode()
        return Response(content, media_type=_TYPES[suffix], headers=headers)

    @api.exception_handler(ClientDisconnect)
    def gone(_: Request, __: Exception) -> Response:
        return Response(status_code=400)  # nobody reads it

    @api.exception_handler(Unusable)
    def unusable(_: Request, error: Exception) -> JSONResponse:
        status = 415 if isinstance(error, NotAPicture) else 422
        return JSONResponse({"detail": f"The picture cannot be used: {error}."}, status)

    @api.exception_handler(UserError)
    def user_error(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 422)

    @api.exception_handler(RequestValidationError)
    def not_valid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        return JSONResponse({"detail": f"{first['loc'][-1]} is '{str(first['input'])[:20]}': {first['msg']}."}, 422)

    @api.exception_handler(Busy)
    def busy(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Busy)
        return JSONResponse({"detail": str(error)}, 503, headers={"Retry-After": str(error.seconds)})

    return api


def _check_numbers(request: Request) -> None:
    """Refuses what would be passed over without a word.

    Raises:
      UserError: a number has no such name, or is given twice.
      NotAPicture: the body is a form.
    """
    given = [name for name, _ in request.query_params.multi_items()]
    for name in given:
        if name not in NUMBERS:
            raise UserError(f"There is no number '{name[:20]}' to give: {did_you_mean(name[:20], NUMBERS)}")
        if given.count(name) > 1:
            raise UserError(f"{name} is given {given.count(name)} times: give it once.")
    if request.headers.get("content-type", "").startswith("multipart/"):
        raise NotAPicture("it comes as a form: send its bytes alone, as `curl --data-binary` does")
