"""What the rasterizer draws of shapes whose pictures are known, under cameras that are a position and three axes."""

import numpy as np
import pytest

import tests.data.object_rendering.requirements  # noqa: F401
from tests.data import projection
from tests.data.object_rendering import shapes

SIZE = 128
FOV_Y = 49.1
SHOTS = projection.cameras(4, seed=1, x_fov=np.radians(FOV_Y), y_fov=np.radians(FOV_Y), size=SIZE)


def pose(camera: projection.Camera) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3] = np.stack([camera.right, camera.up, -camera.forward, camera.position], -1)
    return matrix


def rays(camera: projection.Camera) -> np.ndarray:
    """Directions through the pixels' centres, 1 long along the viewing axis, `(SIZE, SIZE, 3)`."""
    steps = ((np.arange(SIZE) + 0.5) / SIZE * 2 - 1) * np.tan(camera.y_fov / 2)
    return camera.forward + steps[None, :, None] * camera.right - steps[:, None, None] * camera.up


def hits_of_box(camera: projection.Camera, half: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Depth (inf where the ray misses) and normal where rays enter a box around the origin."""
    directions = rays(camera)
    near = (-np.sign(directions) * half - camera.position) / directions
    far = (np.sign(directions) * half - camera.position) / directions
    depth = np.where(near.max(-1) < far.min(-1), near.max(-1), np.inf)
    side = np.eye(3)[near.argmax(-1)]
    return depth, -np.sign(directions) * side


@pytest.mark.parametrize("camera", SHOTS)
def test_points_are_where_the_camera_sees_them(unlit, camera):
    balls = [
        shapes.part(shapes.ball(point, 0.03), (*(colour > 127), 1.0))
        for point, colour in zip(projection.POINTS, projection.COLOURS, strict=True)
    ]
    with unlit.loaded(shapes.mesh(*balls)):
        seen = projection.seen(unlit.colour(pose(camera), FOV_Y))
    np.testing.assert_allclose(seen, camera.project(projection.POINTS, SIZE), atol=0.1)


@pytest.mark.parametrize("camera", SHOTS)
def test_depth_and_normals_of_a_box(unlit, camera):
    half = np.array([0.5, 0.3, 0.4])
    with unlit.loaded(shapes.mesh(shapes.part(shapes.box(2 * half)))):
        surfaces = unlit.surfaces(pose(camera), FOV_Y)
    depth, normal = hits_of_box(camera, half)
    both = (surfaces.depth > 0) & np.isfinite(depth)
    either = (surfaces.depth > 0) | np.isfinite(depth)
    assert both.sum() > 1500
    assert both.sum() >= either.sum() - 2  # rays that graze an edge
    np.testing.assert_allclose(surfaces.depth[both], depth[both], atol=2e-5)
    wrong = np.abs(surfaces.normal - normal).max(-1)[both] > 1e-5
    assert wrong.sum() <= 2
    assert not surfaces.normal[~either].any()


@pytest.mark.parametrize("distance", [1.5, 2.2])
def test_the_area_of_a_ball(unlit, distance):
    camera = pose(
        projection.Camera(np.array([distance, 0, 0]), *np.array([[0, 1, 0], [0, 0, 1], [-1, 0, 0]]), 0.8, 0.8)
    )
    with unlit.loaded(shapes.mesh(shapes.part(shapes.ball(radius=0.5, subdivisions=5)))):
        alpha = unlit.colour(camera, np.degrees(0.8))[..., 3]
    radius = SIZE / 2 / np.tan(0.4) * 0.5 / np.sqrt(distance**2 - 0.25)
    assert alpha.sum() / 255 == pytest.approx(np.pi * radius**2, rel=2e-3)
    partly = np.count_nonzero((alpha > 0) & (alpha < 255))
    assert partly > 4 * radius
    rows, columns = np.nonzero(alpha)
    assert rows.min() + rows.max() == columns.min() + columns.max() == SIZE - 1


@pytest.mark.parametrize("camera", SHOTS)
def test_faces_are_drawn_on_both_sides(unlit, camera):
    inside_out = shapes.box()
    inside_out.invert()
    pictures = []
    for box in (shapes.box(), inside_out):
        with unlit.loaded(shapes.mesh(shapes.part(box, (0.25, 0.6, 1.0, 1.0)))):
            pictures.append((unlit.colour(pose(camera), FOV_Y), *unlit.surfaces(pose(camera), FOV_Y)))
    for usual, inverted in zip(*pictures, strict=True):
        np.testing.assert_allclose(usual, inverted, atol=1e-5)


def test_alpha_is_straight(unlit):
    with unlit.loaded(shapes.mesh(shapes.part(shapes.box((0.7, 0.5, 0.3)), (1.0, 0.0, 0.0, 1.0)))):
        rgba = unlit.colour(pose(SHOTS[0]), FOV_Y)
    edge = (rgba[..., 3] > 0) & (rgba[..., 3] < 255)
    assert edge.sum() > 50
    assert (rgba[rgba[..., 3] > 0, :3] == (255, 0, 0)).all()
    assert not rgba[rgba[..., 3] == 0].any()


def test_layers_of_glass(unlit):
    """Two half transparent squares before each other let a quarter through; the geometry is that of opaque things."""
    front, back = (
        shapes.part(shapes.box((0.8, 0.8, 0.0), (0, 0, z)), (*c, 0.5)) for z, c in ((0.2, [0, 0, 1]), (0, [1, 0, 0]))
    )
    camera = pose(projection.Camera(np.array([0, 0, 1.8]), *np.array([[1, 0, 0], [0, 1, 0], [0, 0, -1]]), 0.8, 0.8))
    with unlit.loaded(shapes.mesh(back, front)):
        middle = unlit.colour(camera, FOV_Y)[50:78, 50:78]
    assert middle[..., 3].mean() / 255 == pytest.approx(0.75, abs=0.12)
    assert (middle[..., 2].astype(int) > middle[..., 0]).mean() > 0.9
    ghost = shapes.part(shapes.box((0.8, 0.8, 0.0), (0, 0, 0.2)), (0, 0, 1, 0.4))
    solid = shapes.part(shapes.box((0.8, 0.8, 0.0)), (1, 0, 0, 1))
    with unlit.loaded(shapes.mesh(ghost, solid)):
        assert unlit.surfaces(camera, FOV_Y).depth[64, 64] == pytest.approx(1.8, abs=1e-5)


LEVEL = pose(projection.Camera(np.array([0, 0, 1.8]), *np.array([[1, 0, 0], [0, 1, 0], [0, 0, -1]]), 0.8, 0.8))


@pytest.mark.parametrize(("opacity", "alpha"), [(0.3, 130), (0.1, 48), (0.5, 191), (0.7, 232)])
def test_a_see_through_box_is_even(unlit, opacity, alpha):
    """Two walls of opacity a hide 1 - (1 - a)^2, at every pixel, also where its triangles meet."""
    with unlit.loaded(shapes.mesh(shapes.part(shapes.box((0.7, 0.7, 0.7)), (1.0, 0.0, 0.0, opacity)))):
        middle = unlit.colour(LEVEL, FOV_Y)[46:82, 46:82]
    assert np.abs(middle[..., 3].astype(int) - alpha).max() <= 1
    assert (middle[..., :3] == (255, 0, 0)).all()


def test_see_through_surfaces_are_laid_over_each_other_from_the_back(unlit):
    """Whatever their order in the file: green glass before red glass before a blue wall, and blue light with it."""
    sheets = [
        shapes.part(shapes.box((0.8, 0.8, 0.0), (0, 0, z)), colour)
        for z, colour in ((0.3, (0, 1, 0, 0.25)), (0.1, (1, 0, 0, 0.5)), (-0.1, (0, 0, 1, 1)), (-0.3, (1, 1, 1, 0.5)))
    ]
    light = np.array([0.75 * 0.5, 0.25, 0.75 * 0.5])
    expected = np.round(255 * np.where(light > 0.0031, 1.055 * light ** (1 / 2.4) - 0.055, 0))
    for order in ((0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2)):
        with unlit.loaded(shapes.mesh(*(sheets[i] for i in order))):
            middle = unlit.colour(LEVEL, FOV_Y)[50:78, 50:78]
        assert (middle[..., 3] == 255).all()
        assert np.abs(middle[..., :3] - expected).max() <= 1


def test_edges_of_what_is_see_through_keep_their_colour(unlit):
    with unlit.loaded(shapes.mesh(shapes.part(shapes.ball(radius=0.4), (1.0, 0.25, 0.0, 0.05)))):
        rgba = unlit.colour(LEVEL, FOV_Y)
    seen = rgba[rgba[..., 3] > 0]
    assert len(seen) > 2000
    assert np.abs(seen[:, :3].astype(int) - (255, 137, 0)).max() <= 2


def test_two_rasterizers_in_one_process(unlit, lit):
    """Each draws into its own pictures."""
    box = shapes.mesh(shapes.part(shapes.box(), (0.2, 0.4, 0.6, 1.0)))
    with unlit.loaded(box), lit.loaded(box):
        plain, shaded = unlit.colour(LEVEL, FOV_Y), lit.colour(LEVEL, FOV_Y)
    assert np.abs(plain[64, 64, :3].astype(int) - (124, 170, 203)).max() <= 1
    assert (shaded[64, 64, :3] != plain[64, 64, :3]).all()


def test_light_comes_from_above(lit):
    """The same grey is darker below; the light stands still in the world."""
    values = {}
    for name, forward, up in (("above", [0, 0, -1], [0, 1, 0]), ("below", [0, 0, 1], [0, 1, 0])):
        forward, up = np.array(forward), np.array(up)
        camera = pose(projection.Camera(-1.8 * forward, np.cross(forward, up), up, forward, 0.8, 0.8))
        with lit.loaded(shapes.mesh(shapes.part(shapes.box(), (0.5, 0.5, 0.5, 1.0)))):
            values[name] = lit.colour(camera, FOV_Y)[64, 64].astype(int)
    assert values["above"][0] > values["below"][0] + 40 > 100
    assert values["above"][3] == 255


def test_a_face_whose_normals_cancel_is_shaded_as_flat(lit):
    """Smooth normals of two corners that are opposed meet at 0 along a line; no pixel there is without a colour."""
    square = shapes.part(shapes.box((1.0, 1.0, 0.0)), (0.5, 0.5, 0.5, 1.0))
    leaning = square._replace(normals=np.sign(square.triangles) * [1, 0, 0])
    without = square._replace(normals=np.zeros_like(square.normals))
    pictures = {}
    with np.errstate(invalid="raise"):
        for name, part in (("flat", square), ("leaning", leaning), ("without", without)):
            with lit.loaded(shapes.mesh(part)):
                pictures[name] = lit.colour(LEVEL, FOV_Y)
                assert np.isfinite(lit.surfaces(LEVEL, FOV_Y).normal).all()
    np.testing.assert_array_equal(pictures["without"], pictures["flat"])
    seen = pictures["flat"][..., 3] == 255
    assert seen.sum() > 2000
    assert pictures["leaning"][seen][:, :3].min() > 60
