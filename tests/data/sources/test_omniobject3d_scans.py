"""OmniObject3D's raw scans in the world of its renders."""

import json
import math
import pathlib

import numpy as np
import pytest
import trimesh

from real3d_jax.data.records import Unusable
from real3d_jax.data.sources import omniobject3d_scans
from real3d_jax.data.sources.omniobject3d import OmniObject3D
from real3d_jax.errors import UserError
from real3d_jax.evaluation import geometry
from tests.data import miniatures, projection

KEY = "anise/anise_001"
SCALE = 0.0123  # of the miniature's frames
SIZE = 128
FOV = math.radians(49.1)
SHOTS = projection.cameras(7, seed=3, x_fov=FOV, y_fov=FOV, size=SIZE)
BOX = np.array([0.6, 0.3, 0.45])  # sides in the renders' world, z up
CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)]) * BOX


def write(root: pathlib.Path, *, world_to_scan=lambda p: np.stack([p[:, 0], p[:, 2], -p[:, 1]], -1) / SCALE) -> None:
    """Renders of a box, and its scan: y up, in units of its own."""
    miniatures.write_omniobject3d(root / "renders" / KEY, SHOTS, SIZE)
    for number, camera in enumerate(SHOTS):
        hull = trimesh.convex.convex_hull(CORNERS)
        miniatures.write_png(root / "renders" / KEY / f"render/images/r_{number}.png", silhouette(camera, hull))
    hull = trimesh.convex.convex_hull(CORNERS)
    scan = root / "scans" / KEY / "Scan/Scan.obj"
    scan.parent.mkdir(parents=True)
    trimesh.Trimesh(world_to_scan(hull.vertices), hull.faces, process=False).export(scan)
    scan.write_text("mtllib Scan.mtl\n" + scan.read_text())  # which is not there


def silhouette(camera: projection.Camera, hull: trimesh.Trimesh) -> np.ndarray:
    """White where the hull is seen: inside one of its projected triangles."""
    centres = np.stack(np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5), -1)
    shown = np.zeros((SIZE, SIZE), bool)
    for a, b, c in camera.project(hull.vertices, SIZE)[hull.faces]:
        sides = [np.cross(q - p, centres - p) for p, q in ((a, b), (b, c), (c, a))]
        shown |= np.all([side >= 0 for side in sides], 0) | np.all([side <= 0 for side in sides], 0)
    return np.repeat((shown * np.uint8(255))[..., None], 4, -1)


@pytest.fixture
def root(tmp_path):
    write(tmp_path)
    return tmp_path


def lay(root):
    return omniobject3d_scans.lay_scans(OmniObject3D(root / "renders"), root / "scans", root / "out")


def test_extents_and_axes_are_those_of_the_renders(root):
    laid = lay(root)
    assert (laid.kept, laid.rejected) == ([KEY], [])
    assert geometry.find_mesh(root / "out", KEY) == root / "out" / f"{KEY}.ply"  # where the evaluation looks
    mesh = trimesh.load_mesh(root / "out" / f"{KEY}.ply", process=False)
    np.testing.assert_allclose(mesh.extents, BOX, rtol=1e-5)
    found = mesh.vertices[np.lexsort(mesh.vertices.T)]
    np.testing.assert_allclose(found, CORNERS[np.lexsort(CORNERS.T)], atol=1e-6)
    assert mesh.volume == pytest.approx(BOX.prod(), rel=1e-4)  # not mirrored


def test_what_is_laid_is_kept(root):
    lay(root)
    path = root / "out" / f"{KEY}.ply"
    stamp = path.stat().st_mtime_ns
    (root / "scans" / KEY / "Scan/Scan.obj").write_text("rubbish")
    assert lay(root).kept == [KEY]
    assert path.stat().st_mtime_ns == stamp


@pytest.mark.parametrize(
    "world_to_scan",
    [
        lambda p: np.stack([p[:, 0], p[:, 2], -p[:, 1]], -1) / SCALE * 1.2,  # another scale
        lambda p: p / SCALE,  # z up already
        lambda p: np.stack([p[:, 0], p[:, 2], -p[:, 1]], -1) / SCALE + [0, 8, 0],  # another origin
    ],
)
def test_a_scan_that_does_not_fill_the_masks_is_left_out(tmp_path, world_to_scan):
    write(tmp_path, world_to_scan=world_to_scan)
    with pytest.raises(UserError, match=r"Not one scan .*'Scan.obj' of 'anise/anise_001' does not fill the mask"):
        lay(tmp_path)


def change(root, edit):
    path = root / "renders" / KEY / "render/transforms.json"
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda c: c["frames"][3].update(scale=0.02), "has scales from 0.0123 to 0.02: the frames belong to several"),
        (lambda c: c["frames"][3].pop("scale"), "a frame of 'transforms.json' has no 'scale'"),
        (lambda c: [frame.update(scale=0) for frame in c["frames"]], "has scales from 0.0 to 0.0"),
        (lambda c: [frame.update(scale="big") for frame in c["frames"]], "no number in 'scale'"),
    ],
)
def test_scales_that_are_none(root, edit, reason):
    change(root, edit)
    with pytest.raises(Unusable, match=reason):
        OmniObject3D(root / "renders").scale(KEY)
    with pytest.raises(UserError, match=reason):
        lay(root)


@pytest.mark.parametrize("content", ["", "v 1 2", "rubbish", "v 0 0 0\nv 1 0 0\nv nan 1 0\nf 1 2 3\n"])
def test_scans_that_are_none(root, content):
    (root / "scans" / KEY / "Scan/Scan.obj").write_text(content)
    with pytest.raises(UserError, match=r"'Scan.obj' (cannot be read|has no triangles)"):
        lay(root)


def test_a_missing_scan_costs_no_other(root):
    miniatures.write_omniobject3d(root / "renders/toy/toy_001", SHOTS, SIZE)
    laid = lay(root)
    assert laid.kept == [KEY]
    assert laid.rejected == [("toy/toy_001", "'toy/toy_001' has no 'Scan/Scan.obj'")]
    with pytest.raises(UserError, match="There is no folder"):
        omniobject3d_scans.lay_scans(OmniObject3D(root / "renders"), root / "none", root / "out")


def test_the_command(root, monkeypatch, capsys):
    from real3d_jax.commands import lay_scans

    arguments = ["--scans", root / "scans", "--renders", root / "renders", "--out", root / "out"]
    monkeypatch.setattr("sys.argv", ["lay_scans.py", *map(str, arguments)])
    lay_scans.main()
    assert "1 scans laid, 0 left out" in capsys.readouterr().out
    assert (root / "out/rejected.jsonl").read_text() == ""
