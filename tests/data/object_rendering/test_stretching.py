"""Objects of other proportions, made of a mesh."""

import dataclasses
import pathlib

import numpy as np
import pytest
from PIL import Image

import tests.data.object_rendering.requirements  # noqa: F401
from real3d_jax.data.object_rendering import meshes, object_list, object_renders, rendering_run, stretching
from real3d_jax.data.object_rendering.camera_paths import RandomCameras
from real3d_jax.data.object_rendering.meshes import normalised
from real3d_jax.data.object_rendering.object_list import MeshFile
from real3d_jax.data.object_rendering.settings import RenderSettings
from real3d_jax.errors import UserError
from tests.data.object_rendering import shapes

BETWEEN = (0.65, 1.5)
SETTINGS = RenderSettings(RandomCameras(), views=1, image_size=32)


def _matrices(count: int) -> np.ndarray:
    return np.stack([stretching.matrix(f"{number}", seed=0, between=BETWEEN) for number in range(count)])


def test_factors_are_spread_and_half_are_mirrored():
    factors = np.diagonal(_matrices(400), axis1=1, axis2=2)
    assert (np.abs(factors) >= 0.65).all() and (np.abs(factors) <= 1.5).all()
    middle = (np.log(0.65) + np.log(1.5)) / 2
    np.testing.assert_allclose(np.log(np.abs(factors)).mean(0), middle, atol=0.04)
    assert (factors[:, 1:] > 0).all() and 0.4 < (factors[:, 0] < 0).mean() < 0.6


def test_a_variant_follows_from_the_seed_and_its_name():
    one = stretching.matrix("chair_stretched1", seed=0, between=BETWEEN)
    assert (one == stretching.matrix("chair_stretched1", seed=0, between=BETWEEN)).all()
    others = [("chair_stretched2", 0), ("chair_stretched1", 1)]
    assert all((one != stretching.matrix(name, seed=seed, between=BETWEEN)).any() for name, seed in others)


def test_the_upright_object_is_stretched_before_its_size_is_taken():
    """A box of 1 x 2 x 4 whose y is up has the sides 1, 4, 2 in the world; doubled along its z it is 1, 4, 4."""
    part = shapes.part(shapes.box((1, 2, 4)))
    mesh = normalised([part], up_axis="y", stretch=np.diag([-1.0, 1.0, 2.0]))
    np.testing.assert_allclose(np.ptp(mesh.parts[0].triangles, axis=(0, 1)), [0.25, 1, 1], atol=1e-9)
    assert np.linalg.det(mesh.file_to_world[:3, :3]) < 0
    again = normalised([part], up_axis="y")  # leaves what others share as it was
    np.testing.assert_allclose(np.ptp(again.parts[0].triangles, axis=(0, 1)), [0.25, 1, 0.5], atol=1e-9)


def test_quarters_of_an_axis_are_stretched_unlike_each_other():
    shares = np.stack([stretching.lengths(f"{number}", seed=0, uneven=1.6) for number in range(400)])
    np.testing.assert_allclose(shares.sum(-1), 1, atol=1e-12)
    ratio = shares[:, 2].max(-1) / shares[:, 2].min(-1)
    assert 1 < ratio.min() < 1.2 and 2 < ratio.max() < 1.6**2
    np.testing.assert_array_equal(shares[:, :2], shares[:, :2, ::-1])  # left as right, before as behind
    assert (shares[:, 2] != shares[:, 2, ::-1]).any(-1).all()
    assert (stretching.lengths("a", seed=0, uneven=1.6) != stretching.lengths("a", seed=1, uneven=1.6)).any()
    np.testing.assert_allclose(stretching.lengths("a", seed=0, uneven=1.0), 0.25)


def test_corners_move_along_the_axes_within_the_bounding_box():
    """Knots of the curve come to lie where the lengths say; between them it never turns back."""
    shares = np.array([[0.25] * 4, [0.4, 0.1, 0.1, 0.4], [0.1, 0.2, 0.3, 0.4]])
    places = np.linspace(0, 1, 121).reshape(1, -1, 1) * np.ones(3)
    low, size = np.array([-1.0, 2.0, 5.0]), np.array([2.0, 4.0, 8.0])
    lines = shapes.part(shapes.box())._replace(triangles=(low + places * size).reshape(-1, 1, 3) * np.ones((1, 3, 1)))
    lines = lines._replace(normals=np.broadcast_to([1.0, 0, 0], lines.triangles.shape))
    moved = (meshes.with_lengths([lines], shares)[0].triangles[:, 0] - low) / size
    knots = np.stack([np.cumsum(axis) for axis in shares], -1)
    np.testing.assert_allclose(moved[[30, 60, 90, 120]], knots, atol=1e-12)
    assert (np.diff(moved, axis=0) > 0).all() and np.abs(moved[0]).max() < 1e-12
    np.testing.assert_allclose(moved[:, 0], places[0, :, 0], atol=1e-12)


@pytest.mark.parametrize("flat", [0, 1, 2])
def test_what_is_flat_stays_so(flat):
    sides = np.ones(3)
    sides[flat] = 0
    part = shapes.part(shapes.box(sides))
    shares = stretching.lengths("a", seed=0, uneven=1.7)
    (moved,) = meshes.with_lengths([part], shares)
    np.testing.assert_allclose(moved.triangles, part.triangles, atol=1e-12)  # corners of the box


def test_normals_stand_on_what_was_moved():
    """Of a fine ball: the normals of the moved faces, from their corners, are nearly those that were moved."""
    ball = shapes.part(shapes.ball(subdivisions=5))
    moved = meshes.with_lengths([ball], stretching.lengths("ball", seed=4, uneven=1.7))[0]
    faces = meshes.face_normals(moved.triangles)
    assert np.einsum("fi,fi->f", faces, moved.normals.mean(1)).min() > 0.97
    assert np.einsum("fi,fi->f", faces, ball.normals.mean(1)).min() < 0.97  # the old ones would not do
    np.testing.assert_allclose(np.linalg.norm(moved.normals, axis=-1), 1, atol=1e-9)


@pytest.mark.parametrize("up_axis", ["y", "z"])
def test_lengths_are_those_of_the_upright_object(up_axis):
    """A step in the middle of what is upright comes to lie where its lower half ends, whichever way the file lies."""
    upright = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 1], [1, 1, 0.5], [0, 1, 0.5], [1, 0, 0.5]], float).reshape(2, 3, 3)
    stored = upright[..., [0, 2, 1]] * [1, 1, -1] if up_axis == "y" else upright
    part = shapes.part(shapes.box())._replace(triangles=stored, normals=np.ones_like(stored))
    shares = np.array([[0.25] * 4, [0.25] * 4, [0.1, 0.1, 0.4, 0.4]])
    mesh = normalised([part], up_axis=up_axis, shares=shares, stretch=np.diag([1.0, 1.0, 2.0]))
    np.testing.assert_allclose(mesh.parts[0].triangles[1, :, 2], 0.2 - 0.5, atol=1e-9)
    np.testing.assert_allclose(np.ptp(mesh.parts[0].triangles, axis=(0, 1)), [0.5, 0.5, 1], atol=1e-9)


def test_the_sphere_is_that_of_what_was_moved():
    """Of a ball that becomes more of a box, within the same bounding box."""
    shares = np.tile([0.1, 0.4, 0.4, 0.1], (3, 1))
    mesh = normalised([shapes.part(shapes.ball())], up_axis="z", fit="sphere", shares=shares)
    assert np.linalg.norm(mesh.parts[0].triangles, axis=-1).max() == pytest.approx(0.5, abs=1e-9)


def test_channels_of_some_variants_change_places():
    drawn = [stretching.channels(f"{number}", seed=0, recoloured=0.5) for number in range(600)]
    assert 0.45 < np.mean([order == (0, 1, 2) for order in drawn]) < 0.55
    assert len(set(drawn)) == 6 and min(drawn.count(order) for order in set(drawn)) > 40
    assert {stretching.channels(f"{number}", seed=0, recoloured=0.0) for number in range(100)} == {(0, 1, 2)}
    assert (0, 1, 2) not in {stretching.channels(f"{number}", seed=0, recoloured=1.0) for number in range(100)}


def test_every_mesh_once_and_then_again():
    meshes = [MeshFile(name, pathlib.Path(f"{name}.obj")) for name in ("chair", "table")]
    assert [(found.name, found.path.stem) for found in stretching.variants(meshes, 2)] == [
        ("chair_stretched1", "chair"), ("table_stretched1", "table"),
        ("chair_stretched2", "chair"), ("table_stretched2", "table"),
    ]  # fmt: skip


def test_a_folder_of_stretched_objects(tmp_path, monkeypatch):
    """What the renderer is given; nothing is drawn."""
    loaded = []
    monkeypatch.setattr(object_renders.mesh_files, "load", lambda path, **options: loaded.append((path, options)))
    monkeypatch.setattr(object_renders, "is_plain", lambda parts: pytest.fail("not asked"))
    settings = dataclasses.replace(SETTINGS, stretched=2, uneven=1.5)
    with pytest.raises(AttributeError):  # what `load` gave is no mesh
        object_renders.render_object(MeshFile("chair_stretched2", tmp_path / "chair.obj"), tmp_path, settings)
    ((path, options),) = loaded
    assert path.name == "chair.obj"
    np.testing.assert_array_equal(
        options["stretch"], stretching.matrix("chair_stretched2", seed=0, between=settings.stretch)
    )
    np.testing.assert_array_equal(options["shares"], stretching.lengths("chair_stretched2", seed=0, uneven=1.5))


def test_names_that_are_left_out(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.obj").write_text("")
    assert [mesh.name for mesh in object_list.find(tmp_path, but=["a"])[0]] == ["b"]
    with pytest.raises(UserError, match="has no mesh of the name 'c'"):
        object_list.find(tmp_path, but=["a", "c"])


def test_folders_begun_before_can_be_gone_on_with():
    assert not {"stretched", "stretch", "uneven", "recoloured"} & set(SETTINGS.plan())
    plan = dataclasses.replace(SETTINGS, stretched=3).plan()
    assert (plan["stretched"], plan["stretch"]) == (3, (0.65, 1.5))
    assert not {"uneven", "recoloured"} & set(plan)
    plan = dataclasses.replace(SETTINGS, stretched=3, uneven=1.2, recoloured=0.1).plan()
    assert (plan["uneven"], plan["recoloured"]) == (1.2, 0.1)
    for stretch in ((0.0, 1.0), (1.5, 0.65)):
        with pytest.raises(UserError, match="--stretch must be two factors"):
            dataclasses.replace(SETTINGS, stretched=1, stretch=stretch)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"stretched": 1, "uneven": 0.9}, "--uneven must be from 1 to 1.7, not 0.9"),
        ({"stretched": 1, "uneven": 1.75}, "--uneven must be from 1 to 1.7, not 1.75"),
        ({"stretched": 1, "uneven": float("nan")}, "--uneven must be from 1 to 1.7, not nan"),
        ({"stretched": 1, "recoloured": 1.5}, "--recoloured must be a share from 0 to 1, not 1.5"),
        ({"uneven": 1.5}, "are for what --stretched makes"),
        ({"recoloured": 0.5}, "are for what --stretched makes"),
        ({"stretch": (0.5, 2.0)}, "are for what --stretched makes"),
    ],
)
def test_settings_that_are_refused(options, expected):
    with pytest.raises(UserError, match=expected):
        dataclasses.replace(SETTINGS, **options)


@pytest.mark.usefixtures("unlit")
def test_recoloured_objects_differ_in_their_colours_alone(tmp_path):
    (tmp_path / "raw").mkdir()
    shape = shapes.box()
    shape.visual.face_colors = [200, 120, 40, 255]
    shape.export(tmp_path / "raw" / "box.ply")
    shown = {}
    for recoloured in (0.0, 1.0):
        settings = dataclasses.replace(SETTINGS, stretched=1, recoloured=recoloured)
        rendering_run.render_folder(tmp_path / "raw", out := tmp_path / f"{recoloured}", settings, progress=False)
        shown[recoloured] = np.array(Image.open(out / "box_stretched1" / "00000.png"))
    order = list(stretching.channels("box_stretched1", seed=0, recoloured=1.0))
    assert order != [0, 1, 2] and (shown[0.0][..., 3] > 0).any()
    np.testing.assert_array_equal(shown[1.0], shown[0.0][..., [*order, 3]])


@pytest.mark.usefixtures("unlit")
def test_rendered(tmp_path):
    (tmp_path / "raw").mkdir()
    for name in ("kept", "tested"):
        shapes.box((1, 0.5, 0.3)).export(tmp_path / "raw" / f"{name}.ply")
    settings = dataclasses.replace(SETTINGS, stretched=1)
    rendering_run.render_folder(tmp_path / "raw", tmp_path / "out", settings, but=["tested"], progress=False)
    assert [path.name for path in (tmp_path / "out").iterdir() if path.is_dir()] == ["kept_stretched1"]
