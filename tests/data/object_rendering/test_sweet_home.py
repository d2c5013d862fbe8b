"""Sweet Home 3D's libraries: what is taken out of them, and who made it."""

import zipfile

import numpy as np
import pytest
import trimesh

import tests.data.object_rendering.requirements  # noqa: F401
from real3d_jax.data.object_rendering import mesh_files, sweet_home
from real3d_jax.data.object_rendering.look_alikes import Shapes
from real3d_jax.data.object_rendering.object_list import find
from real3d_jax.errors import UserError
from tests.data.object_rendering import shapes

HEAD = "id=Test#Models\nname=Test\nlicense=A licence  of the library\n"


def entry(number, name, *, kind="Chair", category="Office", author="Somebody", opening="false", rotation=""):
    lines = [
        f"model#{number}=/test/{name}/{name}.obj",
        f"name#{number}={kind}",
        f"category#{number}={category}",
        f"creator#{number} = {author}",
        f"doorOrWindow#{number}={opening}",
    ]
    return "\n".join(lines + ([f"modelRotation#{number}={rotation}"] if rotation else [])) + "\n"


def library(path, catalogue, meshes):
    with zipfile.ZipFile(path, "w") as files:
        files.writestr("PluginFurnitureCatalog.properties", HEAD + catalogue)
        for name, mesh in meshes.items():
            files.writestr(f"test/{name}/{name}.obj", f"mtllib {name}.mtl\n" + mesh.export(file_type="obj"))
            files.writestr(f"test/{name}/{name}.mtl", "newmtl paint\nKd 1 0 0\n")
            files.writestr(f"test/{name}/LICENSE.txt", "words")


def cone():
    return trimesh.creation.cone(radius=0.5, height=1.0)


@pytest.fixture
def unpacked(tmp_path):
    """What became of a small library, and the folder."""
    catalogue = "".join(
        [
            entry(10, "second", author="Zo\\u00eb", kind="Table"),  # the order is that of the numbers
            entry(2, "first"),
            entry(11, "same", kind="Table"),
            entry(12, "rug"),
            entry(13, "wire"),
            entry(14, "door", category="Doors and windows"),
            entry(15, "hatch", opening="true"),
            entry(16, "tipped", rotation="1 0 0 0 0 1 0 -1 0"),
            entry(17, "empty"),
        ]
    )
    meshes = {
        "first": shapes.ball(subdivisions=3),
        "second": shapes.box((1, 0.5, 0.8)),
        "same": shapes.box((2, 1.0, 1.6), (4, 0, 0)),
        "rug": shapes.box((1, 0.02, 0.7)),
        "wire": shapes.box((1, 0.11, 0.11)),
        "door": shapes.box((1, 0.3, 0.9)),
        "hatch": shapes.box((1, 0.3, 0.9)),
        "tipped": cone(),
        "empty": trimesh.Trimesh(),
    }
    source = tmp_path / "libraries"
    source.mkdir()
    library(source / "Test.sh3f", catalogue, meshes)
    return *sweet_home.unpack(source, tmp_path / "meshes"), tmp_path / "meshes"


def test_solid_objects_are_kept_once(unpacked):
    kept, left_out, folder = unpacked
    names = {name: f"test__{name}__{name}" for name in ("first", "second", "same", "rug", "wire", "door", "hatch")}
    assert [model.name for model in kept] == [names["first"], names["second"], "test__tipped__tipped"]
    assert [mesh.name for mesh in find(folder)[0]] == sorted(model.name for model in kept)
    reasons = dict(left_out)
    assert reasons[names["same"]] == f"it has the shape of '{names['second']}'"
    assert reasons[names["rug"]] == "it is flat: its sides are as 0.02 to 1"
    assert reasons[names["wire"]] == "it is thin: its sides are as 0.11 to 1"
    assert reasons[names["door"]] == reasons[names["hatch"]] == "it is a door or a window"
    assert len(left_out) == 6 and "test__empty__empty" in reasons
    assert sorted(path.name for path in (folder / "test" / "first").iterdir()) == ["first.mtl", "first.obj"]


def test_models_are_turned_as_the_catalogue_says(unpacked):
    """The tip of trimesh's cone is on +z, which the catalogue's rotation turns to +y."""
    *_, folder = unpacked
    corners = mesh_files.load(folder / "test" / "tipped" / "tipped.obj").parts[0].triangles.reshape(-1, 3)
    highest = corners[np.argmax(corners[:, 2])]  # up in the renders
    np.testing.assert_allclose(highest, [0, 0, 0.5], atol=1e-5)
    assert (np.abs(corners[:, 2] - 0.5) < 1e-5).sum() < (np.abs(corners[:, 2] + 0.5) < 1e-5).sum()


def test_authors_are_named_by_library_and_licence(unpacked):
    kept, *_ = unpacked
    page = sweet_home.credits(kept)
    assert "## Test\nA licence of the library. 3 models." in page
    assert page.splitlines()[-2:] == ["| Somebody | Chair (`first`), Chair (`tipped`) |", "| Zoë | Table (`second`) |"]


def test_rare_kinds_are_held_out_as_a_whole(unpacked):
    model = unpacked[0][0]
    rare = [model._replace(path=f"r/{k}.obj", kind=f"Kind {k // 2}") for k in range(60)]
    common = [model._replace(path=f"c/{k}.obj", kind="Chair") for k in range(40)]
    chosen = set(sweet_home.held_out(rare + common, 25))
    assert 25 <= len(chosen) <= 26
    assert chosen == set(sweet_home.held_out(common[::-1] + rare, 25))
    pairs = [len(chosen & {rare[k].name, rare[k + 1].name}) for k in range(0, 60, 2)]
    assert set(pairs) == {0, 2}
    assert 0 < len(chosen & {chair.name for chair in common}) < 40


def test_a_turned_or_moved_shape_is_another_and_a_finer_one_the_same():
    seen = Shapes()
    assert seen.fault("ball", [shapes.part(shapes.ball(radius=0.5))]) is None
    assert seen.fault("finer", [shapes.part(shapes.ball(radius=0.5, subdivisions=4))]) == "it has the shape of 'ball'"
    assert seen.fault("box", [shapes.part(shapes.box((1, 0.5, 0.8)))]) is None
    assert seen.fault("upright", [shapes.part(shapes.box((0.8, 0.5, 1)))]) is None
    assert seen.fault("pieces", [shapes.part(shapes.box((1, 0.5, 0.1), (0, 0, z))) for z in (-0.35, 0.35)]) is None


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "holds no libraries"), (b"PK no zip", "get it anew"), ("no catalogue", "get it anew")],
)
def test_what_is_no_library(tmp_path, content, said):
    if content is not None:
        path = tmp_path / "a.sh3f"
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            with zipfile.ZipFile(path, "w") as files:
                files.writestr("other.txt", content)
    with pytest.raises(UserError, match=said):
        sweet_home.unpack(tmp_path, tmp_path / "out")


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    library(tmp_path / "a.sh3f", entry(1, "first"), {"first": shapes.ball()})
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match="is there already"):
        sweet_home.unpack(tmp_path, tmp_path / "out")
