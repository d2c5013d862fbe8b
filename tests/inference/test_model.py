"""`real3d_jax.load`: what a user has goes in, what he asks for comes out, by the functions of the command line."""

import dataclasses
import sys
import types

import huggingface_hub
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import trimesh
from PIL import ExifTags, Image

import real3d_jax
from real3d_jax import cameras
from real3d_jax.checkpoints.trained_model import find_model
from real3d_jax.config import files as config_files
from real3d_jax.config.reconstruction import ReconstructionConfig
from real3d_jax.config.training import MeshConfig
from real3d_jax.errors import UserError
from real3d_jax.inference import checks
from real3d_jax.inference.reconstructor import Reconstructor, orbit_cameras
from real3d_jax.inference.run import reconstruct_all
from real3d_jax.models.lrm import init_params, make_model
from real3d_jax.models.presets import PRESETS
from real3d_jax.runtime.sharding import make_mesh
from real3d_jax.training.checkpoints import Checkpoints
from real3d_jax.training.state import create
from real3d_jax.weights import boxed, tsr
from real3d_jax.weights.convert import weights_from_params
from real3d_jax.weights.converted import save_weights
from real3d_jax.weights.mapping import export_tensors
from tests.inference.conftest import photograph
from tests.tiny_run import make_tiny_config
from tests.weights.torch_files import save

RENDER = {"radius": 0.87, "density_bias": -1.0, "background": 1.0}
CAMERA = {"distance": 2.2, "fov_y": 35.0, "crop_ratio": 1.3}
LOW = 1e-3  # a density that random parameters have


@pytest.fixture(scope="module")
def weights(tiny, params, tmp_path_factory):
    """Converted weights of a run, which tell their model and camera."""
    folder = tmp_path_factory.mktemp("door") / "weights"
    trained = {"step": 7, "render": RENDER, "input": CAMERA}
    tree = config_files.to_tree(tiny)["model"]
    made = weights_from_params(params, {}, where="a test")
    save_weights(folder, dataclasses.replace(made, architecture=tree, trained=trained))
    return folder


@pytest.fixture(scope="module")
def model(weights):
    return real3d_jax.load(weights)


@pytest.fixture(scope="module")
def result(model):
    return model(photograph())


def test_numbers_come_from_the_checkpoint_and_may_be_given(model, weights):
    config = model.config
    assert (config.orbit.distance, config.orbit.fov_y, config.input.crop_ratio) == (2.2, 35.0, 1.3)
    assert (config.refine.distance, config.refine.fov_y) == (2.2, 35.0)
    assert config.model.token_width == 32
    base = config_files.load_as(ReconstructionConfig, "reconstruct:base")
    assert (config.surface, config.render, config.compute) == (base.surface, base.render, base.compute)
    assert repr(model) == f"Model('{weights}': 32 x 32 pixels, distance 2.2, fov_y 35, crop_ratio 1.3)"
    other = real3d_jax.load(weights, distance=np.float32(2.5), fov_y=40, crop_ratio=1.5, background=0.0, variant="mini")
    config = other.config
    assert (config.orbit.distance, config.orbit.fov_y, config.input.crop_ratio) == (2.5, 40.0, 1.5)
    assert (config.render.background, config.surface.threshold) == (0.0, 10.0)


def test_the_background_that_is_given_is_seen(weights):
    dark = real3d_jax.load(weights, background=0.0)(photograph())
    away = dark.render(
        real3d_jax.Cameras(cameras.spherical_c2w(0.0, 0.0, 2.2), jnp.array([9.0, 9.0, 9.0, 0.5])), resolution=4
    )
    assert away.rgb.max() == 0


def test_it_does_what_the_command_line_does(weights, tmp_path):
    config = config_files.load_as(
        ReconstructionConfig,
        "reconstruct:base",
        [
            "--config.orbit.frames=3", "--config.orbit.resolution=24", "--config.orbit.distance=2.2",
            "--config.orbit.fov_y=35.0", "--config.input.crop_ratio=1.3", "--config.surface.resolution=16",
            f"--config.surface.threshold={LOW}", "--config.surface.format=ply",
        ],
    )  # fmt: skip
    Image.fromarray(photograph()).save(tmp_path / "box.png")
    assert reconstruct_all(config, find_model(weights), str(tmp_path / "box.png"), tmp_path / "out") == 0
    result = real3d_jax.load(weights)(tmp_path / "box.png")
    Image.fromarray(result.image).save(tmp_path / "input.png")
    orbit = result.orbit(3, resolution=24)
    made = [
        tmp_path / "input.png",
        orbit.save(tmp_path / "orbit.gif"),
        orbit.save(tmp_path / "views.png"),
        result.mesh(16, threshold=LOW).save(tmp_path / "mesh.ply"),
    ]
    for path in made:
        assert path.read_bytes() == (tmp_path / "out" / "box" / path.name).read_bytes(), path.name


@pytest.mark.parametrize(
    "given",
    [
        lambda folder: folder / "box.png",
        lambda folder: str(folder / "box.png"),
        lambda folder: Image.open(folder / "box.png"),
        lambda folder: photograph(),
        lambda folder: photograph() / 255,
        lambda folder: jnp.asarray(photograph()),
    ],
)
def test_paths_images_and_arrays_are_the_same(given, model, result, photographs):
    np.testing.assert_array_equal(model(given(photographs)).image, result.image)


def test_a_list_is_a_batch(model, result, photographs, monkeypatch):
    sizes = []
    fields = Reconstructor.fields

    def counted(self, images):
        sizes.append(len(images))
        return fields(self, images)

    monkeypatch.setattr(Reconstructor, "fields", counted)
    blue = photograph((20, 90, 220))
    first, *others = model([photographs / "box.png", *[blue] * 4])
    assert sizes == [4, 1]
    assert len(others) == 4
    scale = np.abs(result.field.planes).max()
    np.testing.assert_allclose(first.field.planes, result.field.planes, atol=0.05 * scale)  # bfloat16
    np.testing.assert_allclose(others[0].field.planes, model(blue).field.planes, atol=0.05 * scale)
    assert np.abs(np.asarray(others[0].field.planes - first.field.planes, np.float32)).max() > 0.1 * scale
    assert model([]) == []


def test_pictures_stand_upright_as_their_exif_says(model, tmp_path):
    upright = Image.fromarray(photograph())
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side; to be turned clockwise
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "lying.png", exif=exif)
    expected = model(upright).image
    for given in (tmp_path / "lying.png", Image.open(tmp_path / "lying.png")):
        np.testing.assert_array_equal(model(given).image, expected)


def test_meshes_views_and_animations(result, model, tmp_path):
    mesh = result.mesh(resolution=16, threshold=LOW)
    for name in ("a.glb", "b.stl", "in/c.obj"):
        read = trimesh.load(mesh.save(tmp_path / name), force="mesh")
        assert len(read.faces) == len(mesh.faces)
    views = result.orbit(frames=5, resolution=16, elevation=20, distance=3, fov_y=30, frames_per_second=10)
    assert (len(views), np.asarray(views).shape, np.asarray(views).dtype) == (5, (5, 16, 16, 3), np.uint8)
    with Image.open(views.save(tmp_path / "a.gif")) as gif:
        assert (gif.n_frames, gif.info["duration"], gif.info["loop"]) == (5, 100, 0)
    with Image.open(views.save(tmp_path / "a.png")) as still:
        assert still.size == (80, 16)
    around = model.cameras([0, 72, 144, 216, 288], 20, distance=3, fov_y=30)
    np.testing.assert_array_equal(result.render(around, resolution=16).rgb, views.rgb)
    orbit = dataclasses.replace(model.config.orbit, frames=5, elevation=20.0, distance=3.0, fov_y=30.0)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), around, orbit_cameras(orbit))
    one = jax.tree.map(lambda x: x[1], around)
    np.testing.assert_array_equal(result.render(one, resolution=16).rgb, views.rgb[1:2])
    rendered, _ = real3d_jax.render_views(
        result.field, jax.tree.map(lambda x: x[None], around), model.config.render, resolution=16
    )
    np.testing.assert_allclose(views.rgb, 255 * np.asarray(rendered[0], np.float32), atol=2)


def test_elevations_are_told_with_the_photographs(result, model):
    above, both = model(photograph(), elevation=30), model([photograph()] * 2, elevation=np.float32(-20))
    assert (result.elevation, above.elevation, [one.elevation for one in both]) == (0.0, 30.0, [-20.0, -20.0])
    flat, stands = (one.mesh(16, threshold=LOW) for one in (result, above))
    sin, cos = np.sin(np.radians(30)), np.cos(np.radians(30))
    np.testing.assert_allclose(stands.vertices[:, 2], flat.vertices @ [sin, 0, cos], atol=1e-6)
    # The first view is the input's; the side of the object that was its right is seen in the second.
    first, flat_first = (one.orbit(4, resolution=16).rgb[0] for one in (above, result))
    np.testing.assert_allclose(first.astype(int), flat_first, atol=1)
    again = above.render(above.orbit(4, resolution=16).cameras, resolution=16, upright=True)
    np.testing.assert_array_equal(again.rgb, above.orbit(4, resolution=16).rgb)
    for wrong in ("above", 100):
        with pytest.raises(UserError, match=r"^elevation is .*: set it to degrees from -90 to 90"):
            model(photograph(), elevation=wrong)


def test_geometry_comes_with_its_cameras_and_the_same_colours(result, model):
    plain, whole = result.orbit(3, resolution=16), result.orbit(3, resolution=16, geometry=True)
    np.testing.assert_allclose(whole.rgb.astype(int), plain.rgb, atol=1)
    assert (plain.depth, plain.normals) == (None, None)
    assert (whole.depth.shape, whole.normals.shape) == ((3, 16, 16), (3, 16, 16, 3))
    around = model.cameras([0, 120, 240])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), whole.cameras, around)
    again = result.render(around, resolution=16, geometry=True)
    np.testing.assert_allclose(again.depth, whole.depth, atol=1e-3)
    opaque, threshold = whole.depth > 0, 0.5
    _, opacity = real3d_jax.render_views(
        result.field, jax.tree.map(lambda x: x[None], around), model.config.render, resolution=16
    )
    opacity = np.asarray(opacity[0, ..., 0], np.float32)
    sure = np.abs(opacity - threshold) > 0.02
    np.testing.assert_array_equal(opaque[sure], (opacity > threshold)[sure])


def test_a_known_field_of_view_straightens_the_field(model, weights, tmp_path):
    """By a lens between the training's camera and the photograph's, which renders and meshes look through."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "a camera"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.FocalLengthIn35mmFilm] = 40
    Image.fromarray(photograph()).save(tmp_path / "box.png", exif=exif)
    known, taken = real3d_jax.load(weights, intrinsics="exif", distance=5.0), model(tmp_path / "box.png")
    result = known(tmp_path / "box.png")
    assert (taken.fov_y, taken.field.lens) == (None, None)
    np.testing.assert_array_equal(result.field.planes, taken.field.planes)
    assert 20 < result.fov_y < 30
    lens = result.field.lens
    assert float(lens.taken) == pytest.approx(2.2)  # the training's, whatever views are rendered from
    ratio = np.tan(np.radians(35.0 / 2)) / np.tan(np.radians(result.fov_y / 2))
    assert float(lens.true) == pytest.approx(2.2 * ratio, rel=1e-5)
    meshes = [x.mesh(16, threshold=LOW).vertices for x in (result, taken)]
    assert meshes[0].shape != meshes[1].shape or np.abs(meshes[0] - meshes[1]).max() > 0.01
    assert known(photograph()).fov_y is None
    with pytest.raises(UserError, match=r"^load\.intrinsics is 'exfi': set it to one of 'training', 'exif'"):
        real3d_jax.load(weights, intrinsics="exfi")


def test_an_opaque_photograph_is_refused_or_cut_out(model, weights, monkeypatch):
    opaque = photograph()[..., :3]
    with pytest.raises(UserError, match=r"^the photograph cannot be used: its background is not.* cut_out=True\.$"):
        model(opaque)
    asked = []

    def new_session(name):
        asked.append(name)
        return name

    def remove(image, *, session, only_mask):
        return Image.fromarray(photograph()[..., 3])

    rembg = types.SimpleNamespace(new_session=new_session, remove=remove)
    monkeypatch.setitem(sys.modules, "rembg", rembg)
    expected = model(photograph()).image
    np.testing.assert_array_equal(model(opaque, cut_out=True).image, expected)
    np.testing.assert_array_equal(model(opaque, cut_out=True).image, expected)
    own = real3d_jax.load(weights, cut_out="isnet")
    np.testing.assert_array_equal(own(opaque).image, expected)
    assert asked == ["u2net", "isnet"]  # each is loaded once
    with pytest.raises(UserError, match="cannot be used"):
        own(opaque, cut_out=False)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nowhere.png", r"^'nowhere.png' cannot be used: 'nowhere.png' is missing\.$"),
        (["{}/box.png", "{}/broken.png"], r"^'.*/broken.png' cannot be used: 'broken.png' cannot be decoded"),
        ([np.zeros((4, 4, 4), np.uint8)], r"^photograph 1 cannot be used: the photograph has an empty mask"),
        ("{}", r"^'.*' is a folder: give its photographs, as a list\.$"),
        (3, "^the photograph is a int: give a path"),
        (np.zeros((4, 4)), r"array of shape \(4, 4\): give \(height, width, 4\)"),
        (np.zeros((2, 4, 4, 4)), r"array of shape \(2, 4, 4, 4\).*list of such"),
        (np.full((4, 4, 4), 2.0), r"numbers outside of \[0, 1\]"),
        (np.full((4, 4, 4), np.nan), r"numbers outside of \[0, 1\]"),
        (np.zeros((4, 4, 4), np.int64), "array of int64: give bytes"),
    ],
)
def test_what_is_no_photograph_is_told(given, said, model, photographs):
    if isinstance(given, str):
        given = given.format(photographs)
    elif isinstance(given, list) and isinstance(given[0], str):
        given = [path.format(photographs) for path in given]
    with pytest.raises(UserError, match=said):
        model(given)


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda m, r: r.mesh(resolution=30), "^resolution is 30: set it to a multiple of 4"),
        (lambda m, r: r.mesh(resolution="high"), "^mesh.resolution must be of type int, but is 'high'"),
        (lambda m, r: r.mesh(resolution=16, threshold=0), "^threshold is 0"),
        (lambda m, r: r.mesh(resolution=16, threshold=1e37), "^The field is empty"),
        (lambda m, r: r.mesh(resolution=16, threshold=LOW).save("a.blend"), r"^'a\.blend' has no ending of a mesh"),
        (lambda m, r: r.mesh(resolution=40_000), "^resolution is 40000: set it to at most 4096"),
        (lambda m, r: r.orbit(resolution=1_000_000), "^resolution is 1000000: set it to at most 4096"),
        (lambda m, r: r.orbit(frames_per_second=1e-9), "^frames_per_second is 1e-09 for"),
        (
            lambda m, r: m.cropped(1e6)(np.pad(np.full((4, 4, 4), 255, np.uint8), ((9, 9), (9, 9), (0, 0)))),
            "pixels a side",
        ),
        (lambda m, r: r.orbit(frames=0), "^frames, resolution and frames_per_second must be above 0"),
        (lambda m, r: r.orbit(fov_y=180), "fov_y between 0 and 180"),
        (lambda m, r: m.cameras(0, distance=-1), "^distance must be above 0"),
        (lambda m, r: m.cameras([0, 1], [0, 1, 2]), "do not belong together"),
        (lambda m, r: m.cameras([0, np.nan]), "finite numbers of degrees"),
        (lambda m, r: m.cameras(0, np.inf), "finite numbers of degrees"),
        (lambda m, r: m.cameras(0, "high"), "do not belong together"),
        (lambda m, r: checks.check_cameras(None), "^cameras are a NoneType: give Cameras"),
        (
            lambda m, r: r.render(real3d_jax.Cameras(jnp.full((4, 4), jnp.nan), jnp.ones(4)), resolution=16),
            "not finite",
        ),
        (lambda m, r: r.render(real3d_jax.Cameras(jnp.eye(4), jnp.full(4, jnp.inf)), resolution=16), "not finite"),
        (lambda m, r: r.render(real3d_jax.Cameras(jnp.eye(3), jnp.ones(4))), r"poses of shape \(3, 3\)"),
        (lambda m, r: r.render(real3d_jax.Cameras(jnp.ones((2, 4, 4)), jnp.ones((3, 4)))), r"intrinsics of \(3, 4\)"),
        (lambda m, r: r.render(m.cameras(0), resolution=16).save("a.txt"), "has no ending of pictures"),
        (lambda m, r: r.render(m.cameras(0), resolution=16).save("/dev/null/a.png"), "cannot be written"),
        (lambda m, r: real3d_jax.load("nowhere"), "^There is no checkpoint 'nowhere'"),
        (lambda m, r: real3d_jax.load(m.title, background=2), "^background is 2"),
        (lambda m, r: real3d_jax.load(m.title, crop_ratio=0), "^crop_ratio is 0"),
        (lambda m, r: real3d_jax.load(m.title, variant="bse"), "did you mean 'base'"),
        (lambda m, r: real3d_jax.load(m.title, ema=True), "no averaged ones"),
    ],
)
def test_wrong_numbers_are_told(ask, said, model, result):
    with pytest.raises(UserError, match=said):
        ask(model, result)


def test_a_run_tells_the_camera_of_its_photographs(tmp_path):
    config = make_tiny_config(tmp_path / "data", model__heads=2)
    real = {name: dataclasses.replace(x, distance=3.0, fov_y=41.0) for name, x in config.data.real.items()}
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, real=real))
    model = make_model(config.model, config.compute)
    state = create(
        lambda key: init_params(model, key),
        jax.random.key(0),
        optimizer=optax.adamw(1e-3),
        keep_ema=False,
        mesh=make_mesh(MeshConfig(1), 1),
    )
    checkpoints = Checkpoints(tmp_path / "run", keep=1)
    checkpoints.save(state, {"config": config_files.to_tree(config), "data": {}, "run": {}})
    checkpoints.close()
    loaded = real3d_jax.load(tmp_path / "run")
    assert loaded.config.model == config.model
    assert (loaded.config.orbit.distance, loaded.config.orbit.fov_y) == (3.0, 41.0)
    assert next(iter(config.data.synthetic.values())).distance != 3.0
    ratios = next(iter(real.values())).crop_ratio
    assert loaded.config.input.crop_ratio == pytest.approx(sum(ratios) / 2)


@pytest.mark.parametrize(
    ("name", "file", "camera"),
    [("stabilityai/TripoSR", "model.ckpt", (1.9, 40.0)), ("hwjiang/Real3D", "model_both_trained_v1.ckpt", (3.0, 39.6))],
)
def test_names_of_the_hub_have_their_cameras(name, file, camera, tiny, params, tmp_path, monkeypatch, capsys):
    tensors = {key: np.ascontiguousarray(x) for key, x in export_tensors(tsr.TABLE, params, {}, where="").items()}
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda *_: str(save(tmp_path / file, tensors)))
    monkeypatch.setenv("REAL3D_JAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(PRESETS, "base", tiny.model)
    monkeypatch.chdir(tmp_path)
    model = real3d_jax.load(name)
    assert (model.config.orbit.distance, model.config.orbit.fov_y) == camera
    if name == "hwjiang/Real3D":
        return
    local = real3d_jax.load(tmp_path / file, variant="triposr")  # the same file by its path
    assert local.config.orbit.distance == 1.9
    assert "camera" not in capsys.readouterr().out
    assert real3d_jax.load(tmp_path / file, crop_ratio=1.6).config.orbit.distance == 3.0
    told = capsys.readouterr().out
    assert "camera     3 from the object, 39.6 degrees, crop ratio 1.6: Real3D's where not given" in told
    assert f"'{tmp_path / file}' does not tell; for TripoSR's own weights say variant='triposr'" in told
    np.testing.assert_array_equal(local(photograph()).field.planes, model(photograph()).field.planes)


def test_the_default_is_the_model_in_the_box(weights, monkeypatch, tmp_path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "mini").symlink_to(weights)
    monkeypatch.setattr(boxed.resources, "files", lambda package: tmp_path)
    monkeypatch.chdir(tmp_path)
    model = real3d_jax.load()
    assert model.title == "mini"
    monkeypatch.setitem(PRESETS, "mini", model.config.model)
    assert real3d_jax.load().config.surface.threshold == 10.0  # the variant's
