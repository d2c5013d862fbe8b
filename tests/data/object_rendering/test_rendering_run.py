"""From a folder of meshes to renders: files, names, workers, what is left out, and being killed."""

import contextlib
import fcntl
import importlib.util
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

import tests.data.object_rendering.requirements  # noqa: F401
from real3d_jax.data import preparation
from real3d_jax.data.object_rendering import object_list, rendering_run
from real3d_jax.data.object_rendering.camera_paths import RandomCameras
from real3d_jax.data.object_rendering.meshes import Emission, Texture, is_plain
from real3d_jax.data.object_rendering.object_renders import poses
from real3d_jax.data.object_rendering.rendering_run import render_folder
from real3d_jax.data.object_rendering.settings import RenderSettings
from real3d_jax.data.sources.views import Views
from real3d_jax.errors import UserError
from tests.commands import run_here
from tests.data import projection
from tests.data.object_rendering import faulty_meshes, shapes

SETTINGS = RenderSettings(RandomCameras(), views=3, image_size=32)

pytestmark = pytest.mark.usefixtures("unlit")  # skips where there is no EGL


def write_meshes(folder: pathlib.Path, count: int) -> pathlib.Path:
    """Boxes of many sizes in several formats."""
    folder.mkdir(exist_ok=True)
    for number in range(count):
        suffix = ("glb", "obj", "ply", "stl")[number % 4]
        shapes.box((1, 0.5 + number / 100, 0.3)).export(folder / f"box{number:03d}.{suffix}")
    return folder


@pytest.fixture(scope="module")
def meshes(tmp_path_factory):
    """Eight meshes, one of them broken."""
    folder = write_meshes(tmp_path_factory.mktemp("raw") / "meshes", 8)
    (folder / "box005.obj").write_text("v 0 0 0\n")
    return folder


@pytest.fixture(scope="module")
def rendered(meshes, tmp_path_factory):
    """Their renders."""
    folder = tmp_path_factory.mktemp("renders") / "out"
    render_folder(meshes, folder, SETTINGS, progress=False)
    return folder


def contents(folder: pathlib.Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rejected(folder: pathlib.Path) -> dict[str, str]:
    entries = [json.loads(line) for line in (folder / "rejected.jsonl").read_text().splitlines()]
    assert all(set(entry) == {"split", "key", "reason"} for entry in entries)
    return {entry["key"]: entry["reason"] for entry in entries}


def test_the_layout(rendered):
    objects = sorted(path.name for path in rendered.iterdir() if path.is_dir())
    assert objects == [f"box{i:03d}" for i in range(8) if i != 5]
    names = [f"{i:05d}.{suffix}" for i in range(3) for suffix in ("json", "png")]
    assert sorted(path.name for path in (rendered / "box000").iterdir()) == sorted([*names, "depth", "mesh", "normal"])
    folder = rendered / "box000"
    for name in ("00000.png", "00001.png", "00002.png"):
        rgba, depth, normal = (np.asarray(Image.open(folder / kind / name)) for kind in (".", "depth", "normal"))
        assert (rgba.shape, rgba.dtype, depth.shape, depth.dtype) == ((32, 32, 4), np.uint8, (32, 32), np.uint16)
        inside, outside = rgba[..., 3] == 255, rgba[..., 3] == 0
        assert inside.sum() > 30
        assert (depth[inside] > 5000).all() and (depth[inside] < 32000).all()
        assert not depth[outside].any() and not normal[outside].any()
        length = np.linalg.norm(normal[inside] / 127.5 - 1.0, axis=-1)
        np.testing.assert_allclose(length, 1, atol=0.02)


def test_the_counts(rendered):
    assert rejected(rendered) == {"box005": "it has no faces"}
    summary = json.loads((rendered / "summary.json").read_text())
    assert summary["splits"]["all"] == {"items": 8, "kept": 7, "rejected": 1, "records": 21, "dropped_views": 0}
    assert summary["reasons"] == {"it has no faces": 1}


def test_points_are_where_the_records_see_them(tmp_path):
    """Coloured balls in an OBJ, rendered, read as records, and found under the records' cameras."""
    text, materials, first = "mtllib balls.mtl\n", "", 1
    for number, point in enumerate(projection.POINTS):
        ball = shapes.ball(3 * point + 1, 0.1, 3)
        text += f"usemtl m{number}\n" + "".join("v {} {} {}\n".format(*v) for v in ball.vertices)
        text += "".join("f {} {} {}\n".format(*face) for face in ball.faces + first)
        materials += "newmtl m{}\nKd {} {} {}\n".format(number, *(projection.COLOURS[number] / 255))
        first += len(ball.vertices)
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "balls.obj").write_text(text)
    (tmp_path / "raw" / "balls.mtl").write_text(materials)
    settings = RenderSettings(RandomCameras(), views=16, image_size=128, lit=False)
    render_folder(tmp_path / "raw", tmp_path / "out", settings, progress=False)
    origin = json.loads((tmp_path / "out" / "balls" / "mesh" / "origin.json").read_text())
    assert origin["file"] == "balls.obj"
    places = np.concatenate([3 * projection.POINTS + 1, np.ones((5, 1))], -1) @ np.array(origin["file_to_world"]).T
    checked = 0
    for view in Views(tmp_path / "out").read("balls").records:
        expected = projection.projected(view.c2w, view.intrinsics, places[:, :3], 128)
        gaps = np.linalg.norm(expected[:, None] - expected, axis=-1) + 128 * np.eye(5)
        if gaps.min() < 12 or expected.min() < 6 or expected.max() > 122:  # one hides another, or is cut
            continue
        np.testing.assert_allclose(projection.seen(view.image), expected, atol=0.1)
        depth = np.asarray(Image.open(tmp_path / "out" / "balls" / "depth" / f"{view.view}.png")) / 1e4
        local = (np.linalg.inv(view.c2w) @ places.T)[:3].T
        radius = 0.1 * origin["file_to_world"][0][0]
        for (column, row), centre in zip(expected.astype(int), local, strict=True):
            nearest = centre * (1 - radius / np.linalg.norm(centre))  # where the ray to the centre enters the ball
            assert depth[row, column] == pytest.approx(-nearest[2], abs=0.1 * radius)
        checked += 1
    assert checked >= 4


def test_workers_and_resuming_change_no_byte(meshes, rendered, tmp_path):
    render_folder(meshes, tmp_path / "out", SETTINGS, limit=3, workers=2, progress=False)
    before = (tmp_path / "out" / "box001" / "00000.png").stat().st_mtime_ns
    render_folder(meshes, tmp_path / "out", SETTINGS, workers=2, progress=False)
    assert contents(tmp_path / "out") == contents(rendered)
    assert (tmp_path / "out" / "box001" / "00000.png").stat().st_mtime_ns == before


def test_records_are_made_of_it(rendered):
    with preparation.file_source(Views(rendered), held_out=2) as source:
        assert source.splits == {"train": 5, "test": 2}
        assert all(len(item.records) == 3 for item in source.items("train", range(5)))


def test_other_settings_are_refused(meshes, rendered):
    before = contents(rendered)
    with pytest.raises(UserError, match=r"rendered with views = 3, not 4: delete the folder"):
        render_folder(meshes, rendered, RenderSettings(RandomCameras(), views=4, image_size=32), progress=False)
    with pytest.raises(UserError, match=r"rendered with distance = \[1.5, 2.2\], not \[1.6, 2.0\]"):
        other = RenderSettings(RandomCameras(distance=(1.6, 2.0)), views=3, image_size=32)
        render_folder(meshes, rendered, other, progress=False)
    assert contents(rendered) == before


@pytest.fixture(scope="module")
def coloured(tmp_path_factory):
    """A grey box, a red one, and one whose colours of vertices were divided by 255."""
    folder = tmp_path_factory.mktemp("coloured")
    shapes.box().export(folder / "grey.stl")
    shapes.write_obj(folder / "red.obj", material="Kd 1 0 0")
    corners = "v 0 0 0 9 99 200\nv 1 0 0 200 99 9\nv 0 1 0 9 9 9\n"
    (folder / "scaled.obj").write_text(f"{corners}f 1 2 3\n")
    return folder


def test_what_was_repaired_is_counted(coloured, tmp_path):
    """In the summary and with each object; so are objects without colours. The same when a run goes on."""
    divided = "its vertices' colours go to 255, and were divided by it"
    plain = "it has no colours: all of it has one grey"
    for _ in range(2):
        render_folder(coloured, tmp_path / "out", SETTINGS, progress=False)
        summary = json.loads((tmp_path / "out" / "summary.json").read_text())
        assert summary["notes"] == {plain: 1, divided: 1}
        assert summary["splits"]["all"]["kept"] == 3
    origin = json.loads((tmp_path / "out" / "scaled" / "mesh" / "origin.json").read_text())
    assert origin["notes"] == [divided]
    done = here(coloured, tmp_path / "other")
    assert f"1 x {plain}" in done.stdout and f"1 x {divided}" in done.stdout
    assert "--allow_missing_files" not in done.stdout


def test_what_to_do_about_missing_files_is_said(coloured, tmp_path):
    raw = tmp_path / "raw"
    shutil.copytree(coloured, raw)
    shapes.write_obj(raw / "bare.obj", material="map_Kd wood.png")
    done = here(raw, tmp_path / "out")
    assert "1 x '...', which it names, is missing" in done.stdout
    assert "--allow_missing_files takes objects without" in done.stdout


def test_objects_without_colours_can_be_left_out(coloured, tmp_path):
    settings = RenderSettings(RandomCameras(), views=3, image_size=32, require_colour=True)
    render_folder(coloured, tmp_path / "out", settings, progress=False)
    assert rejected(tmp_path / "out") == {"grey": "it has no colours: all of it has one grey"}
    done = here(coloured / "grey.stl", tmp_path / "b", "--require_colour")
    assert done.returncode == 2
    assert "all of it has one grey" in done.stderr


@pytest.mark.parametrize(
    "colour", [(0.5, 0.5, 0.5, 1), (1, 1, 1, 1), (1, 0.5, 0.5, 1), "two greys", "texture", "light"]
)
def test_which_objects_are_plain(colour):
    box = shapes.part(shapes.box(), colour if isinstance(colour, tuple) else (0.5, 0.5, 0.5, 1))
    if colour == "two greys":
        box.colours[3:, :, :3] = 0.4
    elif colour == "texture":
        box = box._replace(texture=Texture(shapes.picture()))
    elif colour == "light":
        box = box._replace(emission=Emission(box.uv, box.colours[..., :3], None))
    assert is_plain([box]) == (colour in ((0.5, 0.5, 0.5, 1), (1, 1, 1, 1)))


def test_other_folders_are_refused(meshes, tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(UserError, match="not empty and was not rendered by this program"):
        render_folder(meshes, tmp_path, SETTINGS, progress=False)
    with pytest.raises(UserError, match="Cannot write"):
        render_folder(meshes, tmp_path / "thesis.tex" / "out", SETTINGS, progress=False)


def test_two_runs_at_once_are_refused(meshes, rendered):
    handle = os.open(rendered, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(UserError, match="Another run"):
        render_folder(meshes, rendered, SETTINGS, progress=False)
    os.close(handle)


def test_meshes_that_kill_their_process_are_left_out(tmp_path, monkeypatch):
    """The others are rendered. Nothing half is left."""
    monkeypatch.setattr(rendering_run, "render_object", faulty_meshes.render_object)
    raw = tmp_path / "raw"
    raw.mkdir()
    for name in ("a", "b", "crashes", "hangs", "raises", "z"):
        shapes.box().export(raw / f"{name}.stl")
    render_folder(raw, tmp_path / "out", SETTINGS, workers=2, time_limit=8, progress=False)
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_dir()) == ["a", "b", "z"]
    reasons = rejected(tmp_path / "out")
    assert list(reasons) == ["crashes", "hangs", "raises"]
    assert "died" in reasons["crashes"] and "longer than 8 seconds" in reasons["hangs"]
    assert "nobody thought of this" in reasons["raises"]
    shapes.box().export(raw / "disk is full.stl")
    with pytest.raises(UserError, match="No space left"):
        render_folder(raw, tmp_path / "out", SETTINGS, time_limit=8, progress=False)


def test_workers_that_do_not_start_are_said(meshes, tmp_path, monkeypatch):
    monkeypatch.setattr(rendering_run, "_begin_worker", faulty_meshes.begin_worker)
    with pytest.raises(UserError, match="rasterizer cannot be started"):
        render_folder(meshes, tmp_path / "out", SETTINGS, progress=False)


def test_a_machine_without_egl_is_told_what_to_install(meshes, tmp_path):
    environment = {**os.environ, "GLCONTEXT_LINUX_LIBEGL": "nowhere.so"}
    done = subprocess.run(command(meshes, tmp_path / "out"), capture_output=True, text=True, env=environment)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "error: OpenGL cannot be started" in done.stderr and "apt-get install libegl1" in done.stderr


@pytest.mark.skipif(importlib.util.find_spec("bpy") is not None, reason="Blender is there")
def test_a_missing_blender_is_said(meshes, tmp_path):
    done = here(meshes, tmp_path / "out", "--renderer", "path_tracer")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "error: The path tracer needs Blender" in done.stderr


def test_views_that_show_nothing_or_everything(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    shapes.box((1, 1e-5, 1e-5)).export(raw / "needle.stl")
    shapes.box().export(raw / "whole.stl")
    near = RenderSettings(RandomCameras(distance=(0.9, 0.9)), views=3, image_size=32, fov_y=20.0)
    with pytest.raises(UserError, match="full mask"):
        render_folder(raw / "whole.stl", tmp_path / "near", near, progress=False)
    with pytest.raises(UserError, match="empty mask"):
        render_folder(raw / "needle.stl", tmp_path / "far", SETTINGS, progress=False)
    assert not [path for path in tmp_path.glob("*/*") if path.is_dir()]


def test_random_cameras_that_see_only_the_object_are_drawn_anew(tmp_path):
    shapes.box().export(tmp_path / "box.stl")
    settings = RenderSettings(RandomCameras(distance=(1.3, 1.5)), views=12, image_size=32)
    render_folder(tmp_path / "box.stl", tmp_path / "out", settings, progress=False)
    views = Views(tmp_path / "out").read("box").records
    assert len(views) == 12
    positions = [view.c2w[:3, 3] for view in views]
    drawn = list(poses(settings, "box")[:, :3, 3])
    places = [next(i for i, p in enumerate(drawn) if np.allclose(p, position)) for position in positions]
    assert places == sorted(places) and len(set(places)) == 12
    assert places[-1] > 11


def test_names(tmp_path):
    for name in (
        "b/chair.obj",
        "b/chair.glb",
        "a.PLY",
        "b/c/d.stl",
        "b/._d.stl",
        ".hidden/x.obj",
        "notes.txt",
        "e.gltf",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    found, left_out = object_list.find(tmp_path)
    assert [(mesh.name, str(mesh.path.relative_to(tmp_path))) for mesh in found] == [
        ("a", "a.PLY"),
        ("b__c__d", "b/c/d.stl"),
        ("b__chair", "b/chair.glb"),
        ("e", "e.gltf"),
    ]
    assert left_out == [("b/chair.obj", "it would have the same name as 'chair.glb'")]
    chosen, left_out = object_list.find(tmp_path, include="b/*", exclude="*.glb", limit=1)
    assert ([mesh.name for mesh in chosen], left_out) == (["b__c__d"], [])
    assert [mesh.name for mesh in object_list.find(tmp_path / "a.PLY")[0]] == ["a"]
    for arguments in ({"include": "*.blend"}, {"limit": 0}):
        with pytest.raises(UserError):
            object_list.find(tmp_path, **arguments)
    with pytest.raises(UserError, match="holds no mesh"):
        object_list.find(tmp_path / "nowhere")


def command(source, out, *options) -> list[str]:
    arguments = ["--input", str(source), "--out", str(out), "--views", "12", "--image_size", "32", *options]
    return [sys.executable, "launch/render_objects.py", *arguments]


def here(source, out, *options):
    """What that command prints, in this process."""
    return run_here(pathlib.Path("launch/render_objects.py"), *command(source, out, *options)[2:])


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_at_random_it_goes_on_to_the_same_bytes(tmp_path, kills):
    source = write_meshes(tmp_path / "raw", 24)
    for name in ("box000", "box011"):  # take a while, so that kills come in the midst of them
        shapes.ball(subdivisions=7).export(source / f"{name}.stl")
    (source / "box000.glb").unlink()
    (source / "box005.obj").write_text("v 0 0 0\n")
    unbroken, folder = tmp_path / "unbroken", tmp_path / "broken"
    subprocess.run(command(source, unbroken), check=True, capture_output=True)
    choice, half_made, counts = random.Random(kills), 0, [0]
    for number in range(kills):
        workers = str(1 + number % 2)
        process = subprocess.Popen(
            command(source, folder, "--workers", workers),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while number % 4 != 3 and process.poll() is None and not list(folder.glob(".*.partial/*.png")):
            time.sleep(0.001)  # until an object is half made; the fourth kill comes while the program starts
        time.sleep(choice.uniform(0, 2.5) if number else 0)
        with contextlib.suppress(ProcessLookupError):
            (os.kill if number % 3 == 2 else os.killpg)(process.pid, signal.SIGKILL)  # it alone, or its workers too
        process.wait()
        half_made += bool(list(folder.glob(".*.partial")))
        there = [path for path in folder.glob("box*") if path.is_dir()] if folder.exists() else []
        assert len(there) >= counts[-1]
        counts.append(len(there))
        for path in there:  # what claims to be whole is whole
            assert len(list(path.rglob("*.png"))) == 36
    assert half_made
    subprocess.run(command(source, folder), check=True, capture_output=True)
    assert contents(folder) == contents(unbroken)
    assert rejected(folder) == {"box005": "it has no faces"}


def test_the_command_line(meshes, tmp_path):
    options = ["--cameras", "ring", "--limit", "6", "--elevation", "-10", "40", "--unlit"]
    done = subprocess.run(command(meshes, tmp_path / "out", *options), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "6 items, 5 kept, 1 rejected" in done.stdout
    assert "1 x it has no faces" in done.stdout
    assert "object/s" in done.stderr and "1 rejected" in done.stderr
    camera = json.loads((tmp_path / "out" / "box000" / "00000.json").read_text())
    assert camera["fov_y"] == 39.6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--input", "nowhere"], "error: 'nowhere' holds no mesh"),
        (["--workers", "0"], "error: --workers"),
        (["--time_limit", "-1"], "error: --time_limit"),
        (["--cameras", "spiral"], "invalid choice: 'spiral'"),
        (["--distance", "1", "2", "3"], "unrecognized arguments: 3"),
        (["--distance", "9", "9"], "error: --distance"),
    ],
)
def test_wrong_command_lines(meshes, tmp_path, options, message):
    done = here(meshes, tmp_path / "out", *options)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
