"""The visual hull against silhouettes in closed form and against a hull carved from voxels."""

import numpy as np
import pytest

from real3d_jax.data.inspection.hull import hull_iou, misfits
from real3d_jax.data.inspection.mesh import hull_mesh
from real3d_jax.data.inspection.silhouettes import FAR, mask_of, silhouettes
from tests.data.inspection.scenes import (
    FOV_Y,
    OPENCV,
    SIZE,
    SPHERE,
    UNEVEN,
    cameras,
    cube,
    intrinsics,
    outlines,
    rays,
    spheres,
)

THIN = [((0.0, 0.0, z), 0.02) for z in np.linspace(-0.4, 0.4, 41)]  # a rod of two pixels


@pytest.mark.parametrize("views", [2, 4, 12])
@pytest.mark.parametrize("shape", [spheres(SPHERE), cube(0.3), spheres(UNEVEN), spheres(THIN)])
def test_right_cameras_fill_every_mask(shape, views):
    c2w = cameras(views)
    iou = hull_iou(misfits(outlines(shape, c2w), c2w, intrinsics(views)))
    assert iou.shape == (views,)
    assert iou.min() > 0.99


def test_the_world_is_free():
    """A rotation, shift and scale of the whole world changes nothing."""
    c2w = cameras(6)
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    moved = np.tile(np.eye(4), (6, 1, 1))
    moved[:, :3, :3] = rotation @ c2w[:, :3, :3]
    moved[:, :3, 3] = 3 * c2w[:, :3, 3] @ rotation.T + np.array([0.4, -0.2, 0.1])
    seen = outlines(spheres(UNEVEN), c2w)
    assert hull_iou(misfits(seen, moved, intrinsics(6))).min() > 0.99


def test_cameras_that_look_away_have_no_hull():
    c2w = cameras(6)
    found = misfits(outlines(spheres(UNEVEN), c2w), c2w @ OPENCV, intrinsics(6))
    assert (found == FAR).all()


def test_a_mask_that_is_moved_misfits_by_as_many_pixels():
    """Seen from opposite sides, a mask that is five pixels higher than the other leaves a rim of five pixels."""
    c2w = cameras(2)
    c2w[1] = np.diag([-1.0, -1.0, 1.0, 1.0]) @ c2w[0]
    masks = [spheres(SPHERE)(pose) for pose in c2w]
    masks[1] = np.roll(masks[1], -5, 0)
    found = misfits(silhouettes([mask.astype(np.uint8) * 255 for mask in masks]), c2w, intrinsics(2))
    assert 3 < found[0].max() < 7
    assert (found[0] == 0).mean() > 0.7


def test_beyond_an_edge_that_the_mask_touches_nothing_is_known():
    c2w = cameras(8)
    whole = [spheres(UNEVEN)(pose) for pose in c2w]
    lens = intrinsics(8)
    near = lens * np.array([1.7, 1.7, 1, 1])  # a crop of the middle, so that the object is cut off
    side = round(SIZE / 1.7 / 2)
    middle = slice(SIZE // 2 - side, SIZE // 2 + side)
    near[:, :2] = lens[:, :2] * SIZE / (2 * side)
    cut = silhouettes([np.ascontiguousarray(mask[middle, middle]).astype(np.uint8) * 255 for mask in whole])
    assert cut.touches_edge.sum() >= 3
    assert hull_iou(misfits(cut, c2w, near)).min() > 0.99


def test_agrees_with_carving_voxels():
    """For wrong cameras, where the answer is neither 0 nor 1, the share that the hull fills is that of a voxel hull."""
    c2w = cameras(6, seed=3)
    wrong = c2w @ np.diag([-1.0, 1.0, 1.0, 1.0])
    masks = np.stack([spheres(UNEVEN)(pose) for pose in c2w])
    found = hull_iou(misfits(silhouettes(list(masks.astype(np.uint8) * 255), 2000), wrong, intrinsics(6)))
    carved = _voxel_hull_iou(masks, wrong)
    assert 0.6 < carved.mean() < 0.95
    np.testing.assert_allclose(found, carved, atol=0.06)
    assert abs(found.mean() - carved.mean()) < 0.03


def _voxel_hull_iou(masks, c2w, cells=150):
    line = np.linspace(-0.75, 0.75, cells)
    points = np.stack(np.meshgrid(line, line, line, indexing="ij"), -1).reshape(-1, 3)
    half = np.tan(np.radians(FOV_Y) / 2)
    pixels = []
    for pose in c2w:
        local = (points - pose[:3, 3]) @ np.linalg.inv(pose[:3, :3]).T
        column = ((local[:, 0] / -local[:, 2] / half + 1) / 2 * SIZE).astype(int)
        row = ((1 - local[:, 1] / -local[:, 2] / half) / 2 * SIZE).astype(int)
        pixels.append((np.clip(row, 0, SIZE - 1), np.clip(column, 0, SIZE - 1)))
    grown = [_grown(mask) for mask in masks]
    kept = np.all([mask[at] for mask, at in zip(grown, pixels, strict=True)], 0)
    shares = []
    for mask, (row, column) in zip(masks, pixels, strict=True):
        filled = np.zeros_like(mask)
        filled[row[kept], column[kept]] = True
        shares.append((filled & mask).sum() / mask.sum())
    return np.array(shares)


def _grown(mask):
    padded = np.pad(mask, 1)
    return padded[1:-1, 1:-1] | padded[2:, 1:-1] | padded[:-2, 1:-1] | padded[1:-1, 2:] | padded[1:-1, :-2]


def test_the_mesh_lies_on_the_surface():
    c2w = cameras(12)
    images = [np.full((SIZE, SIZE, 3), (10, 200, 30), np.uint8)] * 12
    mesh = hull_mesh(outlines(spheres(SPHERE), c2w), c2w, intrinsics(12), images)
    radii = np.linalg.norm(mesh.vertices, axis=-1)
    assert np.quantile(radii, 0.02) > 0.43 and np.quantile(radii, 0.5) < 0.49
    corners = mesh.vertices[mesh.faces]
    outwards = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert ((outwards * corners.mean(1)).sum(-1) > -1e-9).mean() > 0.99
    np.testing.assert_allclose(mesh.colors, np.broadcast_to((10, 200, 30), mesh.colors.shape), atol=1)


def test_the_mesh_has_the_colours_of_the_views_that_face_it():
    c2w = cameras(6)
    images = [np.full((SIZE, SIZE, 3), 40 * i, np.uint8) for i in range(6)]
    mesh = hull_mesh(outlines(spheres(SPHERE), c2w), c2w, intrinsics(6), images)
    for i, pose in enumerate(c2w):
        nearest = np.linalg.norm(mesh.vertices - pose[:3, 3], axis=-1).argmin()
        others = [c2w[j, :3, 2] @ pose[:3, 2] for j in range(6) if j != i]
        if max(others) < 0.5:  # no other view faces this place
            assert abs(int(mesh.colors[nearest, 0]) - 40 * i) < 8


def test_no_mesh_of_nothing():
    c2w = cameras(4)
    images = [np.zeros((SIZE, SIZE, 3), np.uint8)] * 4
    assert hull_mesh(outlines(spheres(SPHERE), c2w), c2w @ OPENCV, intrinsics(4), images) is None


def test_masks_are_made_small_without_losing_what_is_thin():
    image = np.zeros((512, 512, 4), np.uint8)
    image[:, 256, 3] = 226
    image[:, 300, 3] = 225
    mask = mask_of(image, 225)
    assert mask.shape == (128, 128)
    assert (mask > 0).sum(1).tolist() == [1] * 128


def test_pixels_are_on_the_mask():
    seen = outlines(spheres(UNEVEN), cameras(3))
    for pose, pixels in zip(cameras(3), seen.pixels, strict=True):
        column, row = (pixels * SIZE).astype(int).T
        assert spheres(UNEVEN)(pose)[row, column].all()
    assert rays(cameras(1)[0], 4)[1].shape == (4, 4, 3)
