"""Objects of other proportions, made of a mesh."""

import dataclasses
import pathlib

import numpy as np
import pytest

import tests.data.object_rendering.requirements  # noqa: F401
from real3d_jax.data.object_rendering import object_list, object_renders, rendering_run, stretching
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
    settings = dataclasses.replace(SETTINGS, stretched=2)
    with pytest.raises(AttributeError):  # what `load` gave is no mesh
        object_renders.render_object(MeshFile("chair_stretched2", tmp_path / "chair.obj"), tmp_path, settings)
    ((path, options),) = loaded
    assert path.name == "chair.obj"
    np.testing.assert_array_equal(
        options["stretch"], stretching.matrix("chair_stretched2", seed=0, between=settings.stretch)
    )


def test_names_that_are_left_out(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.obj").write_text("")
    assert [mesh.name for mesh in object_list.find(tmp_path, but=["a"])[0]] == ["b"]
    with pytest.raises(UserError, match="has no mesh of the name 'c'"):
        object_list.find(tmp_path, but=["a", "c"])


def test_folders_begun_before_can_be_gone_on_with():
    assert not {"stretched", "stretch"} & set(SETTINGS.plan())
    plan = dataclasses.replace(SETTINGS, stretched=3).plan()
    assert (plan["stretched"], plan["stretch"]) == (3, (0.65, 1.5))
    for stretch in ((0.0, 1.0), (1.5, 0.65)):
        with pytest.raises(UserError, match="--stretch must be two factors"):
            dataclasses.replace(SETTINGS, stretch=stretch)


@pytest.mark.usefixtures("unlit")
def test_rendered(tmp_path):
    (tmp_path / "raw").mkdir()
    for name in ("kept", "tested"):
        shapes.box((1, 0.5, 0.3)).export(tmp_path / "raw" / f"{name}.ply")
    settings = dataclasses.replace(SETTINGS, stretched=1)
    rendering_run.render_folder(tmp_path / "raw", tmp_path / "out", settings, but=["tested"], progress=False)
    assert [path.name for path in (tmp_path / "out").iterdir() if path.is_dir()] == ["kept_stretched1"]
