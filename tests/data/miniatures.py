"""Small copies of the public data sets of renders, with their names, types and quirks, and known cameras."""

import json
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image

from tests.data.projection import Camera, draw

SIZE = 128


def write_gobjaverse(folder: pathlib.Path, shots: list[Camera], size: int = SIZE) -> None:
    """An object `GROUP/ID` as the archives hold it: a folder for each view, G-buffers beside image and camera."""
    for number, camera in enumerate(shots):
        view = folder / "campos_512_v4" / f"{number:05d}"
        view.mkdir(parents=True)
        write_png(view / f"{view.name}.png", draw(camera, size))
        for name in ("_albedo.png", "_mr.png", "_hdr.exr", "_nd.exr", "_ng.exr"):
            (view / f"{view.name}{name}").write_bytes(b"not to be read")
        content = {
            "max_depth": 5.0,
            "bbox": [[-0.5, -0.4, -0.5], [0.5, 0.4, 0.5]],
            "origin": camera.position.tolist(),
            "x_fov": camera.x_fov,
            "y_fov": camera.y_fov,
            "x": camera.right.tolist(),  # OpenCV: y is down, z goes into the picture
            "y": (-camera.up).tolist(),
            "z": camera.forward.tolist(),
        }
        (view / f"{view.name}.json").write_text(json.dumps(content))


def write_zero123(folder: pathlib.Path, shots: list[Camera], size: int = SIZE) -> None:
    """An object `UID`: `NNN.png` and `NNN.npy`, world to a Blender camera, 3 x 4, float64."""
    folder.mkdir(parents=True)
    for number, camera in enumerate(shots):
        write_png(folder / f"{number:03d}.png", draw(camera, size))
        rows = [camera.right, camera.up, -camera.forward]
        np.save(folder / f"{number:03d}.npy", np.array([[*row, -row @ camera.position] for row in rows]))


def write_omniobject3d(folder: pathlib.Path, shots: list[Camera], size: int = SIZE) -> None:
    """An object `CATEGORY/OBJECT`: cameras of all frames in one file, images without zeros before their numbers."""
    render = folder / "render"
    for name in ("images", "depths", "normals"):
        (render / name).mkdir(parents=True)
    frames = []
    for number, camera in enumerate(shots):
        write_png(render / "images" / f"r_{number}.png", draw(camera, size))
        (render / "depths" / f"r_{number}_depth.exr").write_bytes(b"not to be read")
        (render / "normals" / f"r_{number}_normal.exr").write_bytes(b"not to be read")
        columns = np.stack([camera.right, camera.up, -camera.forward, camera.position], -1)
        matrix = [*columns.tolist(), [0.0, 0.0, 0.0, 1.0]]
        frames.append({"file_path": f"r_{number}", "rotation": 0.06283, "transform_matrix": matrix, "scale": 0.0123})
    content = {"camera_angle_x": shots[0].x_fov, "frames": frames}
    (render / "transforms.json").write_text(json.dumps(content, indent=4))


def write_views(folder: pathlib.Path, shots: list[Camera], size: int = SIZE) -> None:
    """An object of our own layout, with depth and normals beside its views; every other camera gives intrinsics."""
    (folder / "depth").mkdir(parents=True)
    for number, camera in enumerate(shots):
        write_png(folder / f"{number:05d}.png", draw(camera, size))
        (folder / "depth" / f"{number:05d}.png").write_bytes(b"not to be read")
        matrix = np.eye(4)
        matrix[:3] = np.stack([camera.right, camera.up, -camera.forward, camera.position], -1)
        content = {"c2w": matrix.tolist(), "fov_y": np.degrees(camera.y_fov)}
        if number % 2:
            focals = [0.5 / np.tan(fov / 2) for fov in (camera.x_fov, camera.y_fov)]
            content = {"c2w": matrix.tolist(), "intrinsics": [*focals, 0.5, 0.5]}
        (folder / f"{number:05d}.json").write_text(json.dumps(content))


def write_nerf(folder: pathlib.Path, shots: list[Camera], size: int = SIZE) -> None:
    """A scene of NeRF: `transforms_train.json` without suffixes, and lenses in pixels of a picture of `size`."""
    (folder / "train").mkdir(parents=True)
    frames = []
    for number, camera in enumerate(shots):
        write_png(folder / "train" / f"r_{number}.png", draw(camera, size))
        frames.append({"file_path": f"./train/r_{number}", "rotation": 0.0126, "transform_matrix": blender(camera)})
    focals = [size / 2 / np.tan(fov / 2) for fov in (shots[0].x_fov, shots[0].y_fov)]
    lens = {"w": size, "h": size, "fl_x": focals[0], "fl_y": focals[1], "camera_angle_x": shots[0].x_fov}
    (folder / "transforms_train.json").write_text(json.dumps({**lens, "frames": frames}))


def write_openlrm(folder: pathlib.Path, shots: list[Camera], size: int = SIZE) -> None:
    """An object `UID` of OpenLRM: `rgba`, `pose` and `intrinsics.npy`."""
    for name in ("rgba", "pose"):
        (folder / name).mkdir(parents=True)
    for number, camera in enumerate(shots):
        write_png(folder / "rgba" / f"{number:03d}.png", draw(camera, size))
        np.save(folder / "pose" / f"{number:03d}.npy", np.array(blender(camera))[:3].astype(np.float32))
    focals = [size / 2 / np.tan(fov / 2) for fov in (shots[0].x_fov, shots[0].y_fov)]
    np.save(folder / "intrinsics.npy", np.array([focals, [size / 2, size / 2], [size, size]], np.float32))


def blender(camera: Camera) -> list[list[float]]:
    """Camera to world, 4 x 4, OpenGL axes."""
    columns = np.stack([camera.right, camera.up, -camera.forward, camera.position], -1)
    return [*columns.tolist(), [0.0, 0.0, 0.0, 1.0]]


def write_png(path: pathlib.Path, image: np.ndarray) -> None:
    """A PNG of 8 bits a channel, or of 16 for uint16, which Pillow cannot write."""
    if image.dtype == np.uint8:
        Image.fromarray(image).save(path, compress_level=1)
        return
    height, width, channels = image.shape
    assert channels == 4
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in image)
    header = struct.pack(">IIBBBBB", width, height, 16, 6, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    packed = [struct.pack(">I", len(d)) + kind + d + struct.pack(">I", zlib.crc32(kind + d)) for kind, d in chunks]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))
