"""Small copies of MVImgNet and CO3D: photographs that are not square, lenses, masks, and an object off the origin.

As in `projection.py`, nothing here comes from `real3d_jax`. A camera is a position and three axes, a lens has its
numbers in pixels, and a picture is drawn pixel by pixel from them.
"""

import dataclasses
import gzip
import json
import pathlib

import numpy as np
import pycolmap
from PIL import Image

from tests.data.projection import COLOURS, POINTS, Camera, cameras

OFFSET = np.array([3.0, -2.0, 5.0])  # where the object is in the source's world
BACKGROUND = np.array([[0.0, 0.0, 3.0], [2.5, 0.0, 0.0], [0.0, -2.8, 0.3]])  # points that are not the object's
FOV = 0.8


@dataclasses.dataclass(frozen=True)
class Lens:
    """A picture's size, focal lengths and principal point in pixels, and COLMAP's radial distortion."""

    width: int = 150
    height: int = 200
    fx: float = 160.0
    fy: float = 152.0
    cx: float = 77.0
    cy: float = 96.5
    k: float = 0.0

    def project(self, camera: Camera, points: np.ndarray) -> np.ndarray:
        """Where points `(n, 3)` would be without distortion."""
        local = (points - camera.position) @ np.stack([camera.right, -camera.up, camera.forward], -1)
        return local[:, :2] / local[:, 2:] * [self.fx, self.fy] + [self.cx, self.cy]

    def straight(self, places: np.ndarray) -> np.ndarray:
        """Where places of the picture would be without distortion."""
        if not self.k:
            return places
        distorted = (places - [self.cx, self.cy]) / [self.fx, self.fy]
        local = distorted
        for _ in range(12):  # converges by a digit or more each time
            x, y = local[..., 0], local[..., 1]
            local = distorted / (1 + self.k * (x * x + y * y))[..., None]
        return local * [self.fx, self.fy] + [self.cx, self.cy]


def film(count: int, *, seed: int) -> list[Camera]:
    """Cameras around the object that look a little beside it."""
    rng, shots = np.random.default_rng([seed, 1]), []
    for camera in cameras(count, seed=seed, x_fov=FOV, y_fov=FOV, size=120):
        beside = rng.uniform(-0.08, 0.08, 2) @ np.stack([camera.right, camera.up])
        shots.append(dataclasses.replace(camera, position=camera.position + beside + OFFSET))
    return shots


def picture(camera: Camera, lens: Lens) -> tuple[np.ndarray, np.ndarray]:
    """A photograph of the points' colours, each as far as it is the nearest, and the mask of a disc at each point."""
    columns, rows = np.meshgrid(np.arange(lens.width) + 0.5, np.arange(lens.height) + 0.5)
    places = lens.straight(np.stack([columns, rows], -1))
    x, y = (places[:, :, None] - lens.project(camera, POINTS + OFFSET)).transpose(3, 0, 1, 2)
    distance = np.hypot(x, y)
    mask = np.round(255 * np.clip(4.5 - distance.min(-1), 0, 1)).astype(np.uint8)
    return COLOURS[distance.argmin(-1)], mask


def write_mvimgnet(
    folder: pathlib.Path, shots: list[Camera], lens: Lens, *, masks: pathlib.Path | None = None, old: bool = True
) -> None:
    """An object `CLASS/OBJECT`: photographs, `sparse/0`, and masks `001.jpg.png` in a folder of theirs.

    `old` is a model of a COLMAP before 3.12, which has no files of rigs and frames, as the published ones.
    """
    masks = masks or folder / "masks"
    (folder / "images").mkdir(parents=True)
    masks.mkdir(parents=True, exist_ok=True)
    model, kind = pycolmap.Reconstruction(), "SIMPLE_RADIAL" if lens.fx == lens.fy else "OPENCV"
    numbers = [lens.fx, lens.cx, lens.cy, lens.k]
    if kind == "OPENCV":
        numbers = [lens.fx, lens.fy, lens.cx, lens.cy, lens.k, 0, 0, 0]
    model.add_camera_with_trivial_rig(
        pycolmap.Camera(model=kind, width=lens.width, height=lens.height, params=numbers, camera_id=1)
    )
    points = np.concatenate([POINTS, BACKGROUND]) + OFFSET
    for number, camera in enumerate(shots, 1):
        name = f"{number:03d}.jpg"
        image, mask = picture(camera, lens)
        Image.fromarray(image).save(folder / "images" / name, quality=95)
        Image.fromarray(mask).save(masks / f"{name}.png")
        rows = np.stack([camera.right, -camera.up, camera.forward])
        pose = pycolmap.Rigid3d(np.concatenate([rows, -rows @ camera.position[:, None]], -1))
        keypoints = lens.project(camera, points)
        entry = pycolmap.Image(name=name, keypoints=keypoints, camera_id=1, image_id=number)
        model.add_image_with_trivial_frame(entry, pose)
    for number, point in enumerate(points):
        track = pycolmap.Track()
        for image in range(1, len(shots) + 1):
            track.add_element(image, number)
        model.add_point3D(point, track, np.zeros(3, np.uint8))
    (folder / "sparse/0").mkdir(parents=True)
    model.write_binary(folder / "sparse/0")
    if old:
        for name in ("rigs.bin", "frames.bin"):
            (folder / "sparse/0" / name).unlink()


def write_co3d(
    folder: pathlib.Path, shots: list[Camera], lens: Lens, *, intrinsics_format: str | None = "ndc_isotropic"
) -> None:
    """A sequence `CATEGORY/SEQUENCE`, added to its category's annotations. Frames are numbered apart from their files.

    `intrinsics_format` None leaves the key away, as older files do.
    """
    root, category, sequence = folder.parents[1], folder.parent.name, folder.name
    half = np.array([lens.width, lens.height]) / 2
    unit = half.min() if intrinsics_format == "ndc_isotropic" else half
    entries = []
    for name in ("images", "masks", "depths", "depth_masks"):
        (folder / name).mkdir(parents=True)
    for number, camera in enumerate(shots):
        image, mask = picture(camera, lens)
        stem = f"{category}/{sequence}/{{}}/frame{3 * number + 1:06d}"
        Image.fromarray(image).save(root / f"{stem.format('images')}.jpg", quality=95)
        Image.fromarray(mask).save(root / f"{stem.format('masks')}.png")
        (root / f"{stem.format('depths')}.jpg.geometric.png").write_bytes(b"not to be read")
        columns = np.stack([-camera.right, camera.up, camera.forward], -1)
        viewpoint = {
            "R": columns.tolist(),
            "T": (-camera.position @ columns).tolist(),
            "focal_length": ([lens.fx, lens.fy] / unit).tolist(),
            "principal_point": ((half - [lens.cx, lens.cy]) / unit).tolist(),
            "intrinsics_format": intrinsics_format,
        }
        if intrinsics_format is None:
            del viewpoint["intrinsics_format"]
        entries.append(
            {
                "sequence_name": sequence,
                "frame_number": number,
                "frame_timestamp": number / 10,
                "image": {"path": f"{stem.format('images')}.jpg", "size": [lens.height, lens.width]},
                "depth": {
                    "path": f"{stem.format('depths')}.jpg.geometric.png",
                    "scale_adjustment": 1.3,
                    "mask_path": f"{stem.format('depth_masks')}.png",
                },
                "mask": {"path": f"{stem.format('masks')}.png", "mass": float(mask.sum() / 255)},
                "viewpoint": viewpoint,
                "meta": {"frame_type": "train_known", "eval_batch_maps": []},
            }
        )  # fmt: skip
    add_to(folder.parent / "frame_annotations.jgz", entries[::-1])
    write_ply(folder / "pointcloud.ply", POINTS + OFFSET)
    cloud = {"path": f"{category}/{sequence}/pointcloud.ply", "quality_score": 1.5, "n_points": len(POINTS)}
    video = {"path": f"{category}/{sequence}/video.mp4", "length": 10.2}
    entry = {
        "sequence_name": sequence,
        "category": category,
        "video": video,
        "point_cloud": cloud,
        "viewpoint_quality_score": 2.1,
    }
    add_to(folder.parent / "sequence_annotations.jgz", [entry])


def add_to(path: pathlib.Path, entries: list[dict]) -> None:
    """Adds entries to a gzipped JSON list."""
    before = json.loads(gzip.decompress(path.read_bytes())) if path.exists() else []
    path.write_bytes(gzip.compress(json.dumps(before + entries).encode()))


def write_ply(path: pathlib.Path, points: np.ndarray) -> None:
    """A binary PLY file of positions and colours."""
    kinds = [(axis, "<f4") for axis in "xyz"] + [(colour, "u1") for colour in ("red", "green", "blue")]
    vertices = np.zeros(len(points), kinds)
    for number, axis in enumerate("xyz"):
        vertices[axis] = points[:, number]
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(points)}"]
    header += [f"property {'float' if kind == '<f4' else 'uchar'} {name}" for name, kind in kinds]
    path.write_bytes("\n".join([*header, "end_header\n"]).encode() + vertices.tobytes())


def write_as_text(model: pathlib.Path) -> None:
    """Puts COLMAP's text files in the place of its binary ones: the three that all of its versions have."""
    reconstruction = pycolmap.Reconstruction(model)
    for path in model.iterdir():
        path.unlink()
    reconstruction.write_text(model)
    for name in ("rigs.txt", "frames.txt"):
        (model / name).unlink()
