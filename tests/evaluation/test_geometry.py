"""Meshes of reconstructions against true ones, whose frame is that of the records' cameras."""

import dataclasses
import json

import numpy as np
import pytest
import trimesh

from real3d_jax.checkpoints.trained_model import find_model
from real3d_jax.errors import UserError
from real3d_jax.evaluation import geometry
from real3d_jax.evaluation.evaluate import evaluate
from real3d_jax.evaluation.foreign_frames import SIMILARITIES
from real3d_jax.export.isosurface import isosurface
from real3d_jax.export.mesh import save_mesh
from tests.evaluation.tiny_evaluation import make_tiny_evaluation

TO_INPUT = np.array([[0, -2, 0, 0.1], [2, 0, 0, 0.2], [0, 0, 2, -0.3], [0, 0, 0, 1]])


def blob():
    """An uneven ellipsoid."""
    x, y, z = np.meshgrid(*[np.linspace(-0.87, 0.87, 48)] * 3, indexing="ij")
    density = 50 * np.exp(-((x / 0.6) ** 2 + (y / 0.3) ** 2 + ((z - 0.1 * x) / 0.2) ** 2))
    return isosurface(density, radius=0.87, threshold=25.0)


@pytest.fixture
def config(tmp_path):
    """Geometry with the true mesh of 'object', the blob in another frame."""
    mesh = blob()
    world = geometry.moved(mesh, np.linalg.inv(TO_INPUT))
    trimesh.Trimesh(world.vertices, world.faces, process=False).export(tmp_path / "object.ply")
    return dataclasses.replace(make_tiny_evaluation(tmp_path).geometry, meshes=str(tmp_path), points=5000)


@pytest.mark.usefixtures("unchecked_annotations")
def test_the_right_surface_in_the_right_frame_scores_best(config, monkeypatch, tiny):
    monkeypatch.setattr(geometry, "extract_mesh", lambda *_, **__: blob())
    found = geometry.field_scores(None, "object", TO_INPUT, config=config, render=tiny.render, seed=0)
    assert found["chamfer_l1"][0] < 0.02  # of points 2 apart at the most; the rest is sampling
    assert found["f_score"][0] > 0.99
    assert found["normal_consistency"][0] > 0.95
    wrong = geometry.field_scores(
        None, "object", np.diag([2.4, 2.4, 2.4, 1]), config=config, render=tiny.render, seed=0
    )
    assert wrong["chamfer_l1"][0] > 0.15
    assert wrong["chamfer_l1_aligned"][0] < 0.03


@pytest.mark.usefixtures("unchecked_annotations")
def test_a_field_without_a_surface_is_not_finite(config, monkeypatch, tiny):
    def nothing(*_, **__):
        raise UserError("no surface")

    monkeypatch.setattr(geometry, "extract_mesh", nothing)
    found = geometry.field_scores(None, "object", TO_INPUT, config=config, render=tiny.render, seed=0)
    assert len(found) == 6 and all(np.isnan(values).all() for values in found.values())


def test_what_is_missing_or_broken_is_named(config, tmp_path):
    with pytest.raises(UserError, match="There is no true mesh of 'other'"):
        geometry.check_geometry(config, ["object", "other"])
    geometry.check_geometry(dataclasses.replace(config, meshes=""), ["other"])
    (tmp_path / "broken.obj").write_text("v 0 0 0\n")
    with pytest.raises(UserError, match=r"broken\.obj'"):
        geometry.read_mesh(tmp_path / "broken.obj")


def test_a_true_mesh_may_be_stl_and_a_glb_must_say_its_axes(config, tmp_path):
    mesh = geometry.read_mesh(tmp_path / "object.ply")
    for suffix in ("stl", "glb"):
        (tmp_path / suffix).mkdir()
        save_mesh(tmp_path / suffix / f"a.b.{suffix}", geometry.Mesh(mesh.vertices.astype(np.float32), mesh.faces))
        geometry.check_geometry(dataclasses.replace(config, meshes=str(tmp_path / suffix)), ["a.b"])
        read = geometry.read_mesh(tmp_path / suffix / f"a.b.{suffix}")
        np.testing.assert_allclose(read.vertices[read.faces], mesh.vertices[mesh.faces], atol=1e-6)
    trimesh.Trimesh(mesh.vertices, mesh.faces, process=False).export(tmp_path / "glb" / "a.b.glb")
    with pytest.raises(UserError, match=r"a\.b\.glb' are not known .*: write it as PLY, OBJ or STL in the world of"):
        geometry.check_geometry(dataclasses.replace(config, meshes=str(tmp_path / "glb")), ["a.b"])


def test_a_mesh_is_moved_by_a_similarity():
    mesh = geometry.Mesh(np.array([[0.0, 0.0, 1.5], [1.0, 0.0, 0.0]]), np.zeros((0, 3), int))
    scale = np.cbrt(np.linalg.det(SIMILARITIES["lgm"][:3, :3]))
    np.testing.assert_allclose(
        geometry.moved(mesh, SIMILARITIES["lgm"]).vertices, scale * np.array([[1.5, 0, 0], [0, 1, 0]])
    )


def test_meshes_are_part_of_an_evaluation(data_root, checkpoint, tmp_path):
    config = make_tiny_evaluation(
        data_root,
        scored__novel_views=False,
        scored__consistency=False,
        data__limit=2,
        geometry__meshes=str(tmp_path / "meshes"),
        geometry__resolution=16,
        geometry__threshold=0.3,
        geometry__points=500,
    )
    with pytest.raises(UserError, match="There is no true mesh of 'object0'"):
        evaluate(config, find_model(checkpoint), tmp_path / "out", method="tiny")
    (tmp_path / "meshes").mkdir()
    for key in ("object0", "object1"):
        trimesh.creation.box([1.0, 2.0, 3.0]).export(tmp_path / "meshes" / f"{key}.obj")
    assert evaluate(config, find_model(checkpoint), tmp_path / "out", method="tiny") == 0
    found = json.loads((tmp_path / "out" / "summary.json").read_text())
    names = {"chamfer_l1", "f_score", "normal_consistency"}
    assert set(found) - {"about"} == names | {f"{name}_aligned" for name in names}
    assert all(found[name]["count"] == 2 for name in names)
    assert found["chamfer_l1_aligned"]["mean"] < found["chamfer_l1"]["mean"]
    assert "**Chamfer-L1 ↓ (aligned)**" in (tmp_path / "out" / "table.md").read_text()
