"""The page as Gradio serves it, asked by people who mean harm, and by two who shall not see each other's files."""

import json
import socket
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from real3d_jax.inference.demo import pictures, serve
from real3d_jax.inference.demo.limits import Limits
from real3d_jax.inference.demo.service import Service
from tests.inference.demo.conftest import cut_out, encoded
from tests.inference.demo.stub import StubModel

EXAMPLES = Path(serve.__file__).parent / "examples"
pytestmark = pytest.mark.demo
gradio = pytest.importorskip("gradio", reason="needs the demo extra")
httpx = pytest.importorskip("httpx")

LIMITS = Limits(bytes=10**6, pixels=40_000, resolution=128, waiting=4, seconds=60)
CUP = encoded(cut_out())


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Its folder and a client of it."""
    before, folder = Image.MAX_IMAGE_PIXELS, tmp_path_factory.mktemp("demo")
    with socket.socket() as free, pytest.MonkeyPatch.context() as patch:
        for name in ("GRADIO_TEMP_DIR", "GRADIO_EXAMPLES_CACHE", "GRADIO_ANALYTICS_ENABLED", "GRADIO_ALLOWED_PATHS"):
            patch.setenv(name, "")  # so that what is set meanwhile is forgotten
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        pictures.limit_decoding(LIMITS)
        with (
            serve._launched(Service(StubModel(), LIMITS), folder, host="127.0.0.1", port=port, share=False),
            httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
        ):
            yield folder, client
    Image.MAX_IMAGE_PIXELS = before


def uploaded(client, content=CUP, name="cup.png"):
    answer = client.post("/gradio_api/upload", files={"files": (name, content)})
    return answer.json()[0] if answer.status_code == 200 else answer


def call(client, name, session, *data):
    """What a function of the page answers: its message on completion."""
    functions = client.get("/config").json()["dependencies"]
    (number,) = [one["id"] for one in functions if one["api_name"] == name]
    body = {"data": data, "fn_index": number, "session_hash": session, "event_data": None}
    assert client.post("/gradio_api/queue/join", json=body).status_code == 200
    with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as answer:
        for line in answer.iter_lines():
            if line.startswith("data:") and (message := json.loads(line[5:]))["msg"] == "process_completed":
                return message
    raise AssertionError("it was not completed")


def file(path, **more):
    return {"path": path, "meta": {"_type": "gradio.FileData"}, "orig_name": "cup.png", **more}


def made(client, session, path, video=False, upright=(False, 0)):
    return call(client, "make", session, file(path), 1.2, None, 64, 10, False, video, *upright)


def test_a_video_comes_where_the_extra_is_installed(page):
    pytest.importorskip("av", reason="needs the video extra")
    _, client = page
    answer = made(client, "filming", uploaded(client), video=True)
    *_, files = answer["output"]["data"]
    assert [Path(one["path"]).name for one in files] == ["mesh.glb", "mesh.obj", "orbit.gif", "orbit.mp4"]


def test_a_picture_becomes_files_that_others_find_only_by_their_whole_address(page, tmp_path):
    from gradio import processing_utils

    folder, client = page
    answer = made(client, "first", uploaded(client))
    assert answer["success"], answer
    seen, told, viewer, _, files = answer["output"]["data"]
    assert "mesh" in told and Path(seen["path"]).is_relative_to(folder)
    assert [Path(one["path"]).name for one in files] == ["mesh.glb", "mesh.obj", "orbit.gif"]
    content = client.get(f"/gradio_api/file={viewer['path']}")
    (tmp_path / "mesh.glb").write_bytes(content.content)
    assert trimesh.load(tmp_path / "mesh.glb", force="mesh").is_watertight
    assert list((folder / "work").iterdir()) == []
    # Of an address all but the name is a hash with a secret of this process.
    key = Path(viewer["path"]).parent.name
    other = key[:-1] + ("0" if key[-1] != "0" else "1")
    assert len(key) == 64 and client.get(f"/gradio_api/file={viewer['path'].replace(key, other)}").status_code == 403
    assert processing_utils.hash_seed != gradio.utils.get_hash_seed().encode()
    for guess in (folder / "page", folder / "page" / "..", folder / "page" / "*" / "mesh.glb"):
        assert client.get(f"/gradio_api/file={guess}").status_code == 403


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "{page}/../../../../../../etc/passwd", "{page}/../secret.png", "{folder}/secret.png", "{own}"],
)
def test_no_other_file_is_readable(path, page):
    folder, client = page
    (folder / "secret.png").write_bytes(CUP)
    path = path.format(page=folder / "page", folder=folder, own=next(EXAMPLES.iterdir()))
    assert Path(path).exists()
    for way in (path, path.replace("..", "%2e%2e"), path.replace("../", "..%2f"), f"/{path}"):
        assert client.get(f"/gradio_api/file={way}").status_code in (403, 404)
    answer = made(client, "reader", path)
    assert not answer["success"] and answer["output"]["error"] is None  # not that it is no picture


def test_no_address_is_fetched(page):
    _, client = page
    for address in (f"{client.base_url}/gradio_api/file={uploaded(client)}", "file:///etc/passwd"):
        assert not made(client, "fetcher", address)["success"]


@pytest.mark.parametrize("name", ["../../../evil.png", "..\\evil.png", "/etc/evil.png", "a\0b.png", "x" * 300 + ".png"])
def test_names_of_files_lead_nowhere(name, page):
    folder, client = page
    path = uploaded(client, name=name)
    if isinstance(path, str):
        assert Path(path).resolve().is_relative_to(folder / "page") and Path(path).exists()
        assert made(client, "namer", path)["success"]
    else:
        assert 400 <= path.status_code < 600


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (encoded(Image.new("1", (201, 200))), "million pixels"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "no picture of a kind that is read"),
        (b"hello", "no picture of a kind that is read"),
        (b"", "is empty"),
        (CUP[:-30], "cannot be decoded"),
    ],
)
@pytest.mark.parametrize("name", ["cup.png", "cup.svg"])
def test_pictures_that_cannot_be_used_are_refused_in_a_sentence(content, said, name, page, capfd):
    _, client = page
    path = uploaded(client, content, name)
    for answer in (made(client, "refused", path), call(client, "look", "refused", file(path), 1.2)):
        assert not answer["success"] and said in answer["output"]["error"]
    assert "Traceback" not in capfd.readouterr().err


def test_a_file_that_is_too_large_is_stopped(page):
    _, client = page
    assert uploaded(client, bytes(LIMITS.bytes + 1)).status_code == 413
    assert uploaded(client, bytes(LIMITS.bytes + 2**21)).status_code == 413


@pytest.mark.parametrize(
    "numbers",
    [
        (1.2, None, 100, 10, False, False, False, 0),
        (1.2, None, 1000, 10, False, False, False, 0),
        (1.2, None, 64, -1, False, False, False, 0),
        (1e9, None, 64, 10, False, False, False, 0),
        (1.2, None, 64, 10, False, False, False, 1e9),
    ],
)
def test_sliders_are_not_believed(numbers, page):
    _, client = page
    answer = call(client, "make", "forger", file(uploaded(client)), *numbers)
    assert not answer["success"]


def test_the_camera_s_height_is_told_or_asked_for(page, monkeypatch):
    _, client = page
    told = []
    reconstruct = StubModel.reconstruct

    def asked(self, *arguments, elevation, **options):
        told.append(elevation)
        return reconstruct(self, *arguments, elevation=elevation, **options)

    monkeypatch.setattr(StubModel, "reconstruct", asked)
    for upright in ((False, 25), (True, 25)):
        assert made(client, "above", uploaded(client), upright=upright)["success"]
    assert told == [25.0, "estimate"]


def test_a_script_is_not_served_as_a_page(page):
    _, client = page
    for name in ("a.svg", "a.html"):
        path = uploaded(client, b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>", name)
        call(client, "look", "script", file(path), 1.2)
        answer = client.get(f"/gradio_api/file={path}")
        assert answer.status_code == 200 and answer.headers["content-disposition"].startswith("attachment")


def test_strokes_are_heeded_and_forged_ones_refused(page):
    _, client = page
    painted = np.zeros((40, 60, 4), np.uint8)
    painted[10:30, 10:30] = (0, 208, 0, 255)
    layer = uploaded(client, encoded(painted), "layer.png")
    opaque = uploaded(client, encoded(Image.new("RGB", (60, 40), (9, 9, 200))), "opaque.png")
    answer = call(client, "look", "painter", file(opaque), 1.2)
    assert answer["success"] and "paint the object green" in answer["output"]["data"][1]
    editor = {"background": None, "layers": [file(layer)], "composite": None, "id": None}
    answer = call(client, "make", "painter", file(opaque), 1.2, editor, 64, 10, False, False, True, 0)
    assert answer["success"], answer
    bomb = uploaded(client, encoded(Image.new("1", (500, 500))), "layer.png")
    for layers, said in (([file(bomb)], "The strokes cannot be read: clear them."), ([file("/etc/passwd")], None)):
        answer = call(
            client, "make", "painter", file(opaque), 1.2, {**editor, "layers": layers}, 64, 10, False, False, True, 0
        )
        assert not answer["success"] and answer["output"]["error"] == said
