"""The page for people, made with Gradio: a picture, its cut-out, the mesh in 3D, an animation, and their files."""

import collections
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio
import numpy as np
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder
from jaxtyping import UInt8

from real3d_jax.data.records import Unusable
from real3d_jax.errors import UserError
from real3d_jax.inference.demo.limits import CROPS, ELEVATIONS, STEP, Settings
from real3d_jax.inference.demo.service import ANIMATION, MESH, Busy, Made, Service
from real3d_jax.inference.elevation import ESTIMATE

EXAMPLES = Path(__file__).parent / "examples"
_FORMATS = ("glb", "obj")
_TEXELS = 1024
_REMEDY = "paint the object green in 'Correct the cut-out'"
_GREEN, _RED = "#00d000", "#e00000"
_EDITS = 64  # unfinished ones of all visitors, that are kept
_SERIAL: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "model", "api_visibility": "private"}


class _Few(collections.OrderedDict):
    """Forgets the oldest beyond _EDITS: the page sends edits before it says what they are for."""

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        while len(self) > _EDITS:
            self.popitem(last=False)


def _as_sent(payload: Any) -> str | None:
    """A picture's file, which Gradio would have opened: it is looked at before that (`pictures.opened`)."""
    return payload.path if payload else None


def _painted(editor: gradio.ImageEditor) -> Callable[[Any], UInt8[np.ndarray, "h w 4"] | None]:
    """What is painted on a picture, alone."""
    read = editor.preprocess

    def painted(payload: Any) -> UInt8[np.ndarray, "h w 4"] | None:
        try:
            edited: Any = read(payload)
        except Exception as error:  # of a forged one
            raise gradio.Error("The strokes cannot be read: clear them.", print_exception=False) from error
        layers = edited["layers"] if edited else []
        return layers[0] if layers else None

    return painted


def make_page(service: Service, folder: Path) -> gradio.Blocks:
    """The page.

    Args:
      service: which has the model.
      folder: where files lie until the page has them.
    """
    usual, limits = service.defaults, service.limits
    with gradio.Blocks(title="Real3D", analytics_enabled=False) as page:
        gradio.Markdown(f"# Real3D\nA picture of one whole object in, a mesh out. Model: {service.model.title}.")
        with gradio.Row():
            with gradio.Column(scale=2, min_width=320):
                picture = gradio.Image(
                    label="Picture", type="filepath", image_mode=None, sources=["upload", "clipboard"], height=260
                )
                gradio.Examples([str(path) for path in sorted(EXAMPLES.iterdir())], picture, label="Or an example")
                seen = gradio.Image(
                    label="What the model sees", interactive=False, format="png", height=220, buttons=[]
                )
                with gradio.Accordion("Correct the cut-out", open=False):
                    gradio.Markdown("Paint green what belongs to the object, red what does not.")
                    strokes: Any = gradio.ImageEditor(
                        label="Cut-out",
                        type="numpy",
                        image_mode="RGBA",
                        format="png",
                        sources=(),
                        transforms=(),
                        layers=False,
                        buttons=[],
                        brush=gradio.Brush(default_size=16, colors=[_GREEN, _RED], color_mode="fixed"),
                    )
                crop = gradio.Slider(
                    *CROPS, value=usual.crop_ratio, step=0.05, label="Crop: larger makes the object smaller in it"
                )
                resolution = gradio.Slider(
                    STEP, limits.resolution, value=usual.resolution, step=STEP, label="Mesh resolution"
                )
                threshold = gradio.Slider(
                    0.5, 100, value=usual.threshold, step=0.5, label="Density of the surface: lower is thicker"
                )
                estimated = usual.elevation == ESTIMATE
                estimate = gradio.Checkbox(estimated, label="Find out how high the camera stood, so that it is upright")
                elevation = gradio.Slider(
                    *ELEVATIONS,
                    value=0 if estimated else float(usual.elevation),
                    step=1,
                    label="Or say it: degrees above the object",
                )
                texture = gradio.Checkbox(False, label=f"Texture of {_TEXELS} x {_TEXELS}, and fewer faces")
                video = gradio.Checkbox(False, label="The animation as MP4, too", visible=service.films)
                button = gradio.Button("Reconstruct", variant="primary")
            with gradio.Column(scale=3, min_width=320):
                viewer = gradio.Model3D(label="Mesh", interactive=False, height=480, clear_color=(0.93, 0.93, 0.93, 1))
                told = gradio.Markdown()
                animation = gradio.Image(label="Around it", interactive=False, height=260, buttons=[])
                files = gradio.File(label="Downloads", file_count="multiple", interactive=False)

        # Not by classes of our own, beside whose source Gradio would write files.
        picture.preprocess = _as_sent
        strokes.preprocess, strokes.blob_storage = _painted(strokes), _Few()
        look, make = _look(service), _make(service, folder)
        picture.change(look, [picture, crop], [seen, told, strokes], **_SERIAL)
        for event in (crop.release, strokes.input):
            event(_look_again(service), [picture, crop, strokes], [seen, told], trigger_mode="always_last", **_SERIAL)
        elevation.release(None, None, estimate, js="() => false", api_visibility="private")  # what is said holds
        button.click(
            make,
            [picture, crop, strokes, resolution, threshold, texture, video, estimate, elevation],
            [seen, told, viewer, animation, files],
            trigger_mode="once",
            **_SERIAL,
        )
    return page.queue(max_size=limits.waiting, default_concurrency_limit=1, api_open=False)


def _look(service: Service) -> Callable:
    def look(picture: str | None, crop: float) -> tuple:
        if picture is None:
            return None, "", None
        prepared, correct, why = _called(service, service.look, Path(picture), _crop(crop), remedy=_REMEDY)
        canvas = {"background": np.asarray(correct), "layers": [], "composite": None}
        return prepared.image if prepared else None, why or _notes(prepared.notes), canvas

    return look


def _look_again(service: Service) -> Callable:
    def look_again(picture: str | None, crop: float, strokes: UInt8[np.ndarray, "h w 4"] | None) -> tuple:
        if picture is None:
            return None, ""
        job = {"remedy": _REMEDY, "strokes": strokes}
        prepared, _, why = _called(service, service.look, Path(picture), _crop(crop), **job)
        return prepared.image if prepared else None, why or _notes(prepared.notes)

    return look_again


def _make(service: Service, folder: Path) -> Callable:
    def make(
        picture: str | None,
        crop: float,
        strokes: UInt8[np.ndarray, "h w 4"] | None,
        resolution: float,
        threshold: float,
        texture: bool,
        video: bool,
        estimate: bool,
        elevation: float,
    ) -> tuple:
        if picture is None:
            raise gradio.Error("There is no picture yet: choose one.", print_exception=False)
        with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as own:
            told = ESTIMATE if estimate else float(elevation)
            settings = Settings(int(resolution), float(threshold), float(crop), _TEXELS * bool(texture), told)
            options = {"formats": _FORMATS, "animation": True, "video": bool(video) and service.films}
            options |= {"remedy": _REMEDY, "strokes": strokes}
            made: Made = _called(service, _checked(service), Path(picture), settings, Path(own), **options)
            # Where Gradio would copy them to once this has returned, and the folder is gone.
            cache = get_upload_folder()
            paths = {name: save_file_to_cache(path, cache) for name, path in made.files.items()}
        told = "\n\n".join(filter(None, [_times(made.seconds), _notes(made.notes)]))
        return made.image, told, paths[f"{MESH}.glb"], paths[ANIMATION], list(paths.values())

    return make


def _checked(service: Service) -> Callable:
    def make(path: Path, settings: Settings, folder: Path, **options: Any) -> Made:
        settings.check(service.limits)
        return service.make(path, settings, folder, **options)

    return make


def _called(service: Service, job: Callable, *arguments: Any, **options: Any) -> Any:
    """What a job gives; what a visitor can put right as Gradio shows it."""
    try:
        return service.submit(job, *arguments, **options).result()
    except Unusable as error:
        raise gradio.Error(f"The picture cannot be used: {error}.", print_exception=False) from error
    except (UserError, Busy) as error:
        raise gradio.Error(str(error), print_exception=False) from error


def _crop(ratio: float) -> float:
    return min(max(float(ratio), CROPS[0]), CROPS[1])


def _notes(notes: tuple[str, ...]) -> str:
    return f"Note: {'; '.join(notes)}." if notes else ""


def _times(seconds: dict[str, float]) -> str:
    steps = ", ".join(f"{step} {took:.2f} s" for step, took in seconds.items())
    return f"**{sum(seconds.values()):.1f} s**: {steps}."
