"""The command line: what it writes, that it goes on where it was stopped, and what it refuses."""

import dataclasses
import functools
import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import ExifTags, Image

from real3d_jax.config import files as config_files
from real3d_jax.config.reconstruction import ReconstructionConfig
from real3d_jax.errors import UserError
from real3d_jax.inference import run
from real3d_jax.models.presets import PRESETS
from real3d_jax.weights import boxed
from real3d_jax.weights.convert import weights_from_params
from real3d_jax.weights.converted import save_weights
from tests.commands import STOPPED, call
from tests.inference.conftest import CONFIG

FILES = ["input.png", "made_of.json", "mesh.ply", "orbit.gif", "views.png"]

main = functools.partial(call, Path(__file__).parents[2] / "launch" / "reconstruct.py")


@pytest.fixture
def command(words, checkpoint, photographs, tmp_path):
    """The words of the command but for `--out`."""
    return ["--config", f"{CONFIG}:smoke", "--checkpoint", checkpoint, "--input", photographs, *words]


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("variant", ["", *(f":{name}" for name in PRESETS), ":smoke"])
def test_the_config_fits_the_schema(variant):
    config = config_files.load_as(ReconstructionConfig, f"{CONFIG}{variant}")
    assert config.model == PRESETS[{"": "mini", ":smoke": "mini"}.get(variant, variant[1:])]
    assert config.orbit.fov_y == 39.6
    if variant in ("", ":mini", ":smoke"):
        assert (config.input.crop_ratio, config.orbit.distance) == (1.35, 2.4)
        assert (config.compute.dtype, config.compute.unroll) == ("float32", 1)
        assert config.input.elevation == "estimate"
    else:
        assert (config.input.crop_ratio, config.input.elevation, config.orbit.distance) == (1.6, "0", 3.0)
        assert (config.surface.resolution, config.surface.threshold, config.orbit.least_density) == (256, 25.0, 0.0)


def test_without_a_checkpoint_it_is_the_boxed_one_and_no_other_model_has_one(
    command, checkpoint, tmp_path, monkeypatch
):
    monkeypatch.setattr(boxed.resources, "files", lambda package: tmp_path)
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "mini").symlink_to(checkpoint)
    place = command.index("--checkpoint")
    words = command[:place] + command[place + 2 :]
    with pytest.raises(UserError, match=r"Give --checkpoint: no weights but those of the preset 'mini'"):
        main(*words, "--out", tmp_path / "out")
    config = config_files.load_as(ReconstructionConfig, str(CONFIG))
    assert boxed.default_checkpoint(config.model) == Path("mini")
    monkeypatch.setitem(PRESETS, "mini", config_files.load_as(ReconstructionConfig, command[1], words[4:]).model)
    assert main(*words, "--out", tmp_path / "out") == 2  # one of the photographs is damaged
    assert sorted(path.name for path in (tmp_path / "out" / "box").iterdir()) == FILES


def test_another_camera_than_that_of_the_training_is_told(command, params, tmp_path, capsys):
    trained = {"step": 1, "render": {}, "input": {"distance": 2.4, "fov_y": 39.6, "crop_ratio": 1.3}}
    config = config_files.load_as(ReconstructionConfig, command[1], command[6:])
    tree = config_files.to_tree(config)
    trained["render"] = {name: tree["render"][name] for name in ("radius", "density_bias", "background")}
    weights = weights_from_params(params, {}, where="a test")
    save_weights(tmp_path / "w", dataclasses.replace(weights, architecture=tree["model"], trained=trained))
    assert main(*command, "--checkpoint", tmp_path / "w", "--out", tmp_path / "out") == 2
    notes = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note")]
    assert notes == ["note       config.input.crop_ratio is 1.35; these weights were trained with 1.3"]


def test_the_help_knows_that_the_elevation_is_the_configs(capsys):
    with pytest.raises(SystemExit):
        main("--help")
    assert "(default: config.input.elevation, which is 'estimate' for 'mini'" in " ".join(
        capsys.readouterr().out.split()
    )


def test_triposr_has_its_own_crop_and_camera():
    ours, theirs = (config_files.load_as(ReconstructionConfig, f"{CONFIG}{name}") for name in (":base", ":triposr"))
    assert theirs.model == ours.model
    assert (theirs.input.crop_ratio * 0.85, theirs.orbit.distance, theirs.orbit.fov_y) == (pytest.approx(1), 1.9, 40.0)


def test_every_photograph_gets_its_folder_and_a_damaged_one_is_named(command, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(*command, "--out", out) == 2
    assert sorted(path.name for path in out.iterdir()) == ["box", "more", "settings.json", "sheet.png"]
    for name in ("box", "more/blue"):
        assert sorted(path.name for path in (out / name).iterdir()) == FILES
        assert len(trimesh.load_mesh(out / name / "mesh.ply").faces) > 10
        with Image.open(out / name / "orbit.gif") as animation:
            assert (animation.n_frames, animation.size) == (5, (16, 16))
            assert animation.info["loop"] == 0
            first = np.asarray(animation.convert("RGB"), int)
        strip = np.asarray(Image.open(out / name / "views.png"))
        assert strip.shape == (16, 5 * 16, 3)
        assert np.abs(first - strip[:, :16]).mean() < 4  # a palette of 256 colours
    assert np.asarray(Image.open(out / "box" / "input.png")).shape == (32, 32, 3)
    told = capsys.readouterr().out
    assert "left out   broken.png: 'broken.png' cannot be decoded" in told
    assert "finished   2 of 3 photographs" in told
    mesh = trimesh.load_mesh(out / "box" / "mesh.ply", process=False)
    size = (out / "box" / "mesh.ply").stat().st_size / 1e6
    told_of = (
        f"mesh       box.png: {len(mesh.vertices):,} vertices, {len(mesh.faces):,} faces, watertight, {size:.1f} MB"
    )
    assert told_of in told.splitlines()


def test_a_mesh_with_a_texture(command, photographs, tmp_path, capsys):
    changes = ["--config.surface.format=obj", "--config.surface.texture=64", "--config.surface.axes=y_up"]
    out = tmp_path / "out"
    assert main(*command, "--input", photographs / "box.png", "--out", out, *changes) == 0
    names = [*(name for name in FILES if name != "mesh.ply"), "mesh.mtl", "mesh.obj", "mesh.png"]
    assert sorted(path.name for path in (out / "box").iterdir()) == sorted(names)
    assert trimesh.load_mesh(out / "box" / "mesh.obj").visual.material.image.size == (64, 64)
    assert "faces, watertight, texture 64 x 64, 0." in capsys.readouterr().out
    assert main(*command, "--input", photographs / "box.png", "--out", out, "--redo") == 0
    assert sorted(path.name for path in (out / "box").iterdir()) == FILES  # nothing of the former mesh stays


def test_a_stopped_run_goes_on_and_gives_the_same_files(command, photographs, tmp_path, monkeypatch, capsys):
    (photographs / "broken.png").unlink()
    assert main(*command, "--out", tmp_path / "whole") == 0
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        one = run._reconstruct_one

        def interrupted(*arguments):
            os.kill(os.getpid(), signal.SIGTERM)
            one(*arguments)

        patch.setattr(run, "_reconstruct_one", interrupted)
        assert main(*command, "--out", out) == STOPPED
    assert "stopped by SIGTERM after 1 of 2" in capsys.readouterr().out
    assert (out / "box").is_dir() and not (out / "more" / "blue").exists()
    before = {path: path.stat().st_mtime_ns for path in (out / "box").iterdir()}
    (out / ".unfinished-left" / "made").mkdir(parents=True)  # as a kill leaves it
    (out / ".unfinished-left" / "made" / "views.png").touch()
    assert main(*command, "--out", out, "--config.orbit.frames_at_once=2") == 0
    assert {path: path.stat().st_mtime_ns for path in (out / "box").iterdir()} == before
    assert contents(out) == contents(tmp_path / "whole")


def test_a_full_disk_is_told_and_what_was_done_is_kept(command, tmp_path, monkeypatch):
    save = run._save_views

    def full_at_the_second(*views):
        if (tmp_path / "out" / "box").exists():
            raise OSError(28, "No space left on device")
        save(*views)

    monkeypatch.setattr(run, "_save_views", full_at_the_second)
    with pytest.raises(UserError, match=r"out' cannot be written \(No space left on device\): make room"):
        main(*command, "--out", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out" / "box").iterdir()) == FILES
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["box", "more", "settings.json", "sheet.png"]


def test_formats_and_maps_of_the_orbit_are_as_asked_for(command, photographs, tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "a camera"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.FocalLengthIn35mmFilm] = 60
    Image.open(photographs / "box.png").save(photographs / "box.png", exif=exif)
    words = ["--input", photographs / "box.png", "--config.orbit.format=mp4, npz", "--config.orbit.maps=depth,normals"]
    words += ["--config.input.intrinsics=exif"]
    assert main(*command, *words, "--out", tmp_path / "out") == 0
    made = tmp_path / "out" / "box"
    files = ["depth.png", "input.png", "made_of.json", "mesh.ply", "normals.png", "orbit.mp4", "orbit.npz", "views.png"]
    assert sorted(path.name for path in made.iterdir()) == files
    record = json.loads((made / "made_of.json").read_text())
    assert (record["depth_unit"], record["fov_y"]) == (1e-4, pytest.approx(15.309))
    with np.load(made / "orbit.npz") as read:
        assert read["depth"].shape == (5, 16, 16) and read["c2w"].shape == (5, 4, 4)
        strip = np.asarray(Image.open(made / "depth.png")).reshape(16, 5, 16)
        np.testing.assert_allclose(np.swapaxes(strip, 0, 1) * 1e-4, read["depth"], atol=6e-5)
        seen = read["depth"] > 0
        assert seen.any()
        np.testing.assert_allclose(np.linalg.norm(read["normals"], axis=-1), seen, atol=1e-5)
        assert np.abs(read["depth"][seen] - 2.4).max() < 3**0.5 * 0.87


def test_what_is_seen_from_above_stands_upright(command, photographs, tmp_path, capsys):
    made = {}
    for told in ("", "0", "30", "estimate"):
        out = tmp_path / f"out{told}"
        words = ["--elevation", told] if told else []
        assert main(*command, "--input", photographs / "box.png", "--out", out, *words) == 0
        made[told] = contents(out / "box"), json.loads((out / "box" / "made_of.json").read_text())
        said = capsys.readouterr().out
        assert ("upright for a camera at 30 degrees" in said) == (told == "30")
        assert ("note       box.png: the camera is taken to be at" in said) == (told == "estimate")
    files = {
        told: {name: x for name, x in files.items() if name != "made_of.json"} for told, (files, _) in made.items()
    }
    assert files[""] == files["0"] and files["30"].keys() == files["0"].keys()
    assert "elevation" not in made["0"][1] and made["30"][1]["elevation"] == 30.0
    assert made["estimate"][1]["notes"][-1].startswith("the camera is taken to be at")
    (tmp_path / "flat.ply").write_bytes(files["0"]["mesh.ply"])
    (tmp_path / "stands.ply").write_bytes(files["30"]["mesh.ply"])
    flat, stands = (trimesh.load(tmp_path / f"{name}.ply", process=False) for name in ("flat", "stands"))
    turned = trimesh.transformations.rotation_matrix(np.radians(-30), [0, 1, 0])  # x towards z
    np.testing.assert_allclose(stands.vertices, flat.vertices @ turned[:3, :3].T, atol=1e-6)
    np.testing.assert_array_equal(stands.faces, flat.faces)
    with pytest.raises(UserError, match=r"results of other settings.*elevation"):
        main(*command, "--input", photographs / "box.png", "--out", tmp_path / "out30", "--elevation", "31")


def test_an_empty_field_has_views_and_no_mesh(command, photographs, tmp_path, capsys):
    assert main(*command, "--out", tmp_path / "out", "--config.surface.threshold=1e37") == 2
    assert sorted(path.name for path in (tmp_path / "out" / "box").iterdir()) == [f for f in FILES if f != "mesh.ply"]
    assert "no mesh    box.png: The field is empty" in capsys.readouterr().out


def test_a_photograph_beside_a_folder_of_its_name(command, photographs, tmp_path):
    (photographs / "broken.png").unlink()
    (photographs / "box.png").rename(tmp_path / "more.png")
    assert main(*command, "--out", tmp_path / "out", "--config.surface.format=") == 0
    (tmp_path / "more.png").rename(photographs / "more.png")
    assert main(*command, "--out", tmp_path / "out", "--config.surface.format=") == 0
    assert (tmp_path / "out" / "more" / "input.png").exists()
    assert (tmp_path / "out" / "more" / "blue" / "input.png").exists()


def test_what_is_refused(command, photographs, checkpoint, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "settings.json").write_text('{"checkpoint": {"step": 3}}')
    into_x = ["--out", tmp_path / "x"]
    for message, more in (
        (r"results of other settings \(checkpoint", ["--out", out]),
        ("is not empty and holds no reconstructions", ["--out", photographs]),
        ("cannot be written", ["--out", photographs / "box.png" / "out"]),
        ("no key 'surfaces': did you mean 'surface'", ["--out", tmp_path / "x", "--config.surfaces.format=ply"]),
        ("format has no value 'gltf': did you mean 'glb'", ["--out", tmp_path / "x", "--config.surface.format=gltf"]),
        ("resolution is 30: set it to a multiple of 4", ["--out", tmp_path / "x", "--config.surface.resolution=30"]),
        ("threshold is 0: set it above 0", ["--out", tmp_path / "x", "--config.surface.threshold=0.0"]),
        ("frames, resolution and frames_per_second", ["--out", tmp_path / "x", "--config.orbit.frames=0"]),
        ("least_density is -1: set it to 0 or more", ["--out", tmp_path / "x", "--config.orbit.least_density=-1.0"]),
        ("orbit.format has no value 'avi': valid names are gif, mp4", ["--out", out, "--config.orbit.format=gif,avi"]),
        ("orbit.format is empty: set it to gif", ["--out", tmp_path / "x", "--config.orbit.format="]),
        ("maps has no value 'normal': did you mean 'normals'", ["--out", out, "--config.orbit.maps=normal"]),
        (
            "depth, whose picture holds up to 6.5535, and here it may be 7.51: set config.orbit.distance lower",
            ["--out", tmp_path / "x", "--config.orbit.maps=depth", "--config.orbit.distance=6.0"],
        ),
        ("fov_y between 0 and 180", ["--out", tmp_path / "x", "--config.orbit.fov_y=180.0"]),
        ("elevation is '95': set it to degrees from -90 to 90, or to 'estimate'", [*into_x, "--elevation", "95"]),
        ("elevation is 'estimated': set it to", [*into_x, "--config.input.elevation=estimated"]),
        ("crop_ratio is 0", ["--out", tmp_path / "x", "--config.input.crop_ratio=0.0"]),
        ("belongs to a model of another size", ["--out", tmp_path / "x", "--config.model.token_width=64"]),
        ("there is no folder", ["--out", tmp_path / "x", "--input", tmp_path / "nowhere"]),
    ):
        with pytest.raises(UserError, match=message):
            main(*command, *more)
    assert not (tmp_path / "x").exists()
    (out / "settings.json").write_text("{")
    with pytest.raises(UserError, match="not valid JSON any more"):
        main(*command, "--out", out)
