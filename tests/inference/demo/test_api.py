"""The door for programs, asked as programs ask it."""

import asyncio
import io
import os
import threading
import time

import numpy as np
import pytest
import trimesh
from PIL import Image

from tests.inference.demo.conftest import LIMITS, cut_out, encoded

pytest.importorskip("fastapi", reason="needs the demo extra")
pytest.importorskip("httpx")

from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount

from real3d_jax.inference.demo.api import NUMBERS, make_api
from real3d_jax.inference.demo.guards import LimitBodies, OnlyNeeded, is_needed
from real3d_jax.inference.demo.serve import sweep

CUP = encoded(cut_out())


@pytest.fixture
def work(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def client(service, work, limited):
    guards = [Middleware(OnlyNeeded), Middleware(LimitBodies, most=LIMITS.bytes)]
    with TestClient(Starlette(routes=[Mount("/api", make_api(service, work))], middleware=guards)) as client:
        yield client


def test_a_picture_becomes_a_mesh_and_leaves_nothing_behind(client, service, work):
    answer = client.post("/api/reconstruct?resolution=64&threshold=7&crop_ratio=1.5", content=CUP)
    assert answer.status_code == 200 and answer.headers["content-type"] == "model/gltf-binary"
    mesh = trimesh.load(io.BytesIO(answer.content), file_type="glb", force="mesh")
    assert mesh.is_watertight and mesh.volume == pytest.approx(4 / 3 * np.pi * 0.6**3, rel=0.05)
    assert service.model.asked == [(1.5, 64, 7.0, 0)]
    assert [step.split(";")[0] for step in answer.headers["server-timing"].split(", ")] == ["picture", "model", "mesh"]
    assert "20 x 10 pixels" in answer.headers["x-notes"]
    assert list(work.rglob("*")) == []


def test_numbers_that_are_not_given_are_the_models(client, service):
    assert client.post("/api/reconstruct?format=stl", content=CUP).status_code == 200
    config = service.model.config
    assert service.model.asked == [(config.input.crop_ratio, config.surface.resolution, config.surface.threshold, 0)]


@pytest.mark.parametrize(("told", "asked", "found"), [("", "estimate", "31"), ("?elevation=-12.5", "-12.5", "-12.5")])
def test_a_mesh_stands_upright_for_the_elevation_that_is_told(told, asked, found, client, service):
    answer = client.post(f"/api/reconstruct{told}", content=CUP)
    assert answer.status_code == 200 and service.model.told == [asked]
    assert answer.headers["x-elevation"] == found


def test_a_texture_is_asked_for(client, service):
    assert client.post("/api/reconstruct?texture=512", content=CUP).status_code == 200
    assert service.model.asked[0][3] == 512


@pytest.mark.parametrize(
    ("content", "numbers", "status", "said"),
    [
        (b"hello" * 50, "", 415, "no picture of a kind that is read"),
        (b"", "", 422, "is empty"),
        (CUP[:-30], "", 422, "cannot be decoded"),
        (encoded(Image.new("1", (201, 200))), "", 422, "million pixels"),
        (encoded(Image.new("RGB", (50, 50))), "", 422, "start the demo with --cut_out"),
        (CUP, "?resolution=130", 422, "resolution is 130: set it to a multiple of 32, at most 128."),
        (CUP, "?resolution=many", 422, "resolution is 'many': Input should be a valid integer"),
        (CUP, "?threshold=nan", 422, "threshold is nan"),
        (CUP, "?threshold=99", 422, "The field is empty"),
        (CUP, "?elevation=99", 422, "elevation is '99': set it to degrees from -90 to 90, or to 'estimate'."),
        (CUP, "?elevation=nan", 422, "elevation is 'nan'"),
        (CUP, "?elevation=up", 422, "elevation is 'up'"),
        (CUP, "?elevaton=5", 422, "There is no number 'elevaton' to give: did you mean 'elevation'?"),
        (CUP, "?resolution=64&resolution=96", 422, "resolution is given 2 times: give it once."),
        (CUP, "?format=gbl", 422, "did you mean 'glb'?"),
        (CUP, "?texture=100", 422, "texture is 100: set it to one of 0, 512, 1024, 2048."),
        (CUP, "?texture=512&format=obj", 422, "'obj' has no texture within its one file"),
        (bytes(200_001), "", 413, "more than 0.2 million bytes"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(content, numbers, status, said, client, work):
    answer = client.post(f"/api/reconstruct{numbers}", content=content)
    assert answer.status_code == status
    assert said in answer.json()["detail"] and set(answer.json()) == {"detail"}
    assert str(work) not in answer.text and list(work.rglob("*")) == []


def test_a_form_is_told_to_be_none(client, work):
    answer = client.post("/api/reconstruct", files={"file": CUP})
    assert (answer.status_code, list(work.rglob("*"))) == (415, [])
    assert "send its bytes alone" in answer.json()["detail"]


def test_one_who_goes_away_is_not_an_error_of_the_server(service, work):
    async def gone():
        return {"type": "http.disconnect"}

    async def nobody(message):
        pass

    scope = {"type": "http", "method": "POST", "path": "/reconstruct", "query_string": b"", "headers": []}
    asyncio.run(make_api(service, work)(scope, gone, nobody))
    assert list(work.rglob("*")) == [] and service.taken == 0


def test_all_numbers_are_known(client):
    (asked,) = client.get("/api/openapi.json").json()["paths"]["/reconstruct"].values()
    assert [one["name"] for one in asked["parameters"]] == list(NUMBERS)


def test_a_body_that_does_not_say_its_size_is_stopped_on_its_way(client, work):
    answer = client.post("/api/reconstruct", content=(bytes(50_000) for _ in range(5)))
    assert answer.status_code == 413 and list(work.rglob("*")) == []


def test_more_than_may_wait_are_sent_away_and_the_others_served(client, service):
    begun, go_on = threading.Event(), threading.Event()
    first = service.submit(lambda: (begun.set(), go_on.wait(10)))
    begun.wait(10)
    second = service.submit(lambda: "served")
    assert client.get("/api/health").json()["waiting"] == 2
    answer = client.post("/api/reconstruct", content=CUP)
    assert answer.status_code == 503 and int(answer.headers["retry-after"]) >= 1
    assert "busy" in answer.json()["detail"]
    go_on.set()
    assert first.result(10) and second.result(10) == "served"
    until = time.monotonic() + 10
    while service.taken and time.monotonic() < until:
        time.sleep(0.01)
    assert client.post("/api/reconstruct", content=CUP).status_code == 200
    assert client.get("/api/health").json() == {"status": "ok", "model": "stub", "waiting": 0, "finished": 3}


def test_a_failure_makes_room_for_the_next(client, service):
    for _ in range(3 * LIMITS.waiting + 3):
        assert client.post("/api/reconstruct?threshold=99", content=CUP).status_code == 422
    assert service.taken == 0


@pytest.mark.parametrize(
    ("path", "needed"),
    [
        ("/", True),
        ("/config", True),
        ("/assets/index.js", True),
        ("/api/reconstruct", True),
        ("/gradio_api/queue/join", True),
        ("/gradio_api/upload", True),
        ("/gradio_api/file=/tmp/a.glb", True),
        ("/gradio_api/file=https://example.com/a.png", False),
        ("/gradio_api/file=etc/passwd", False),
        ("/gradio_api/proxy=https://example.com", False),
        ("/gradio_api/process_recording", False),
        ("/gradio_api/vibe-edit/", False),
        ("/monitoring", False),
    ],
)
def test_only_what_the_page_needs_is_there(path, needed, client):
    assert is_needed(path) is needed
    if not needed:
        assert client.get(path).json() == {"detail": "There is nothing here."}


def test_old_files_go_and_young_ones_and_examples_stay(tmp_path):
    names = ("page/a/mesh.glb", "page/b/mesh.glb", "examples/cup.png")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"x")
    example = tmp_path / names[2]
    assert sweep(tmp_path, 60) == 0
    time.sleep(0.05)
    (tmp_path / names[1]).touch()
    assert sweep(tmp_path, 0.04, kept=[example]) == 1
    assert not (tmp_path / names[0]).parent.exists() and (tmp_path / names[1]).exists() and example.exists()
    os.utime(example, (0, 0))  # the time of its content is the visitor's to choose
    assert sweep(tmp_path, 60) == 0
