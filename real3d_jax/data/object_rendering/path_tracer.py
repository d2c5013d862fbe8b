"""Path-traced colours: Blender's Cycles, as the Python module `bpy`, in this process, on its processor cores.

Only the meshes that `mesh_files` read are handed over, in their place, so that cameras and colours are those of the
rasterizer; Blender's own importers are not used.
"""

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from real3d_jax.data.object_rendering.meshes import Mesh, Part, Texture
from real3d_jax.errors import UserError

# Lamps that stand still in the world: where, how strong (watts), how wide. They and the sky make white nearly white.
_LAMPS = (((2.4, -2.0, 3.2), 150.0, 2.0), ((-2.8, 2.4, 0.8), 50.0, 3.0))
_SKY = 0.5
_ROUGHNESS = 0.6


class PathTracer:
    """Blender's scene for square pictures of one size. There can be one in a process.

    Args:
      size: pixels per side.
      samples: paths for each pixel; the picture is denoised.

    Raises:
      UserError: bpy is not installed.
    """

    def __init__(self, *, size: int, samples: int) -> None:
        try:
            import bpy  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise UserError(
                f"The path tracer needs Blender as a module ({error}): on Python 3.13 install it with "
                "pip install -e '.[path-tracing]', on 3.11 with pip install --no-deps bpy==4.5.15."
            ) from error
        self._bpy: Any = bpy
        self._size, self._samples = size, samples

    @contextlib.contextmanager
    def loaded(self, mesh: Mesh) -> Iterator[None]:
        """Holds a mesh in an empty scene; `colour` renders it."""
        with tempfile.TemporaryDirectory() as folder, _quiet():
            self._folder = pathlib.Path(folder)
            self._bpy.ops.wm.read_factory_settings(use_empty=True)
            self._set_up()
            images: dict[Any, Any] = {}
            for part in mesh.parts:
                self._add(part, images)
            yield

    def colour(self, c2w: Float[np.ndarray, "4 4"], fov_y: float) -> UInt8[np.ndarray, "H W 4"]:
        """Straight-alpha RGBA, sRGB. `fov_y` in degrees."""
        from mathutils import Matrix  # pyright: ignore[reportMissingImports]  # comes with bpy

        scene = self._bpy.context.scene
        scene.camera.matrix_world = Matrix(c2w.tolist())
        scene.camera.data.angle = np.radians(fov_y)
        scene.render.filepath = str(self._folder / "view.png")
        self._bpy.ops.render.render(write_still=True)
        return np.asarray(Image.open(scene.render.filepath).convert("RGBA"))

    def _set_up(self) -> None:
        bpy, scene = self._bpy, self._bpy.context.scene
        scene.render.engine = "CYCLES"
        scene.cycles.samples, scene.cycles.seed = self._samples, 0
        scene.cycles.use_denoising = True
        scene.cycles.pixel_filter_type = "BOX"  # a pixel is its own area, as in the rasterizer
        scene.render.threads_mode, scene.render.threads = "FIXED", _threads()
        scene.render.resolution_x = scene.render.resolution_y = self._size
        scene.render.resolution_percentage = 100
        scene.render.film_transparent = True
        scene.render.image_settings.file_format = "PNG"
        scene.render.image_settings.color_mode = "RGBA"
        scene.view_settings.view_transform = "Standard"  # the others bend colours
        camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
        camera.data.sensor_fit = "VERTICAL"
        camera.data.clip_start = 0.01
        scene.collection.objects.link(camera)
        scene.camera = camera
        scene.world = bpy.data.worlds.new("sky")
        scene.world.use_nodes = True
        scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (_SKY, _SKY, _SKY, 1)
        for place, power, width in _LAMPS:
            self._add_lamp(place, power, width)

    def _add_lamp(self, place: tuple[float, float, float], power: float, width: float) -> None:
        from mathutils import Vector  # pyright: ignore[reportMissingImports]

        lamp = self._bpy.data.objects.new("lamp", self._bpy.data.lights.new("lamp", "AREA"))
        lamp.data.energy, lamp.data.size = power, width
        lamp.location = place
        lamp.rotation_euler = Vector(place).to_track_quat("Z", "Y").to_euler()  # a lamp shines along -z
        self._bpy.context.scene.collection.objects.link(lamp)

    def _add(self, part: Part, images: dict[Any, Any]) -> None:
        faces = len(part.triangles)
        shape = self._bpy.data.meshes.new("part")
        corners = np.arange(3 * faces).reshape(faces, 3)
        shape.from_pydata(part.triangles.reshape(-1, 3).tolist(), [], corners.tolist())
        shape.uv_layers.new(name="uv").data.foreach_set("uv", part.uv.astype(np.float32).ravel())
        colours = shape.color_attributes.new("colour", "FLOAT_COLOR", "CORNER")
        colours.data.foreach_set("color", part.colours.astype(np.float32).ravel())
        if part.emission is not None:
            shape.uv_layers.new(name="emission_uv").data.foreach_set("uv", part.emission.uv.astype(np.float32).ravel())
            glow = np.concatenate([part.emission.colours, np.ones((faces, 3, 1))], -1)
            light = shape.color_attributes.new("emission", "FLOAT_COLOR", "CORNER")
            light.data.foreach_set("color", glow.astype(np.float32).ravel())
        shape.polygons.foreach_set("use_smooth", np.ones(faces, bool))
        shape.normals_split_custom_set(part.normals.reshape(-1, 3).tolist())
        shape.materials.append(self._material(part, images))
        self._bpy.context.scene.collection.objects.link(self._bpy.data.objects.new("part", shape))

    def _material(self, part: Part, images: dict[Any, Any]) -> Any:
        """Texture times corner colour, the product of their alphas, and the light of its own."""
        material = self._bpy.data.materials.new("part")
        material.use_nodes = True
        link = material.node_tree.links.new
        surface = material.node_tree.nodes["Principled BSDF"]
        surface.inputs["Roughness"].default_value = _ROUGHNESS
        colour, alpha = self._product(material, "colour", "uv", part.texture, images)
        link(colour, surface.inputs["Base Color"])
        link(alpha, surface.inputs["Alpha"])
        if part.emission is not None:
            glow, _ = self._product(material, "emission", "emission_uv", part.emission.texture, images)
            link(glow, surface.inputs["Emission Color"])
            surface.inputs["Emission Strength"].default_value = 1.0
        return material

    def _product(
        self, material: Any, colours: str, coordinates: str, texture: Texture | None, images: dict[Any, Any]
    ) -> tuple[Any, Any]:
        """The sockets of colour and alpha of corner colours times a texture."""
        nodes, link = material.node_tree.nodes, material.node_tree.links.new
        corner = nodes.new("ShaderNodeVertexColor")
        corner.layer_name = colours
        if texture is None:
            return corner.outputs["Color"], corner.outputs["Alpha"]
        place = nodes.new("ShaderNodeUVMap")
        place.uv_map = coordinates
        picture = nodes.new("ShaderNodeTexImage")
        picture.image = self._image(texture.pixels, images)
        picture.interpolation = "Closest" if texture.nearest else "Linear"
        link(self._clamped(material, place.outputs["UV"], texture), picture.inputs["Vector"])
        colour, alpha = nodes.new("ShaderNodeVectorMath"), nodes.new("ShaderNodeMath")
        colour.operation = alpha.operation = "MULTIPLY"
        for number, node in enumerate((picture, corner)):
            link(node.outputs["Color"], colour.inputs[number])
            link(node.outputs["Alpha"], alpha.inputs[number])
        return colour.outputs["Vector"], alpha.outputs["Value"]

    def _clamped(self, material: Any, place: Any, texture: Texture) -> Any:
        """Texture coordinates that stop in the middle of the border's pixels, along the axes that are not repeated."""
        if not any(texture.clamp):
            return place
        nodes, link = material.node_tree.nodes, material.node_tree.links.new
        far = 1e6
        for operation, near in (("MAXIMUM", True), ("MINIMUM", False)):
            node = nodes.new("ShaderNodeVectorMath")
            node.operation = operation
            link(place, node.inputs[0])
            halves = [0.5 / size for size in texture.pixels.shape[1::-1]]
            limits = [half if near else 1 - half for half in halves]
            outside = -far if near else far
            stops = [limit if clamp else outside for limit, clamp in zip(limits, texture.clamp, strict=True)]
            node.inputs[1].default_value = (*stops, outside)
            place = node.outputs["Vector"]
        return place

    def _image(self, pixels: UInt8[np.ndarray, "H W 4"], images: dict[Any, Any]) -> Any:
        if id(pixels) not in images:
            path = self._folder / f"{len(images)}.png"
            Image.fromarray(pixels).save(path, compress_level=1)
            images[id(pixels)] = self._bpy.data.images.load(str(path))
        return images[id(pixels)]


def _threads() -> int:
    """Cores for this process: the share that the run gave to Mesa."""
    return max(1, int(os.environ.get("LP_NUM_THREADS", os.cpu_count() or 1)))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps Blender's messages, which it prints itself, off the standard output."""
    kept = os.dup(1)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
