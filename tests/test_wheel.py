"""The wheel in a fresh environment and an empty folder, without the checkout: the door, the program and the configs."""

import importlib.util
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow

_DOOR = """
import real3d_jax
assert real3d_jax.__file__.startswith({home!r}), real3d_jax.__file__
result = real3d_jax.load()("box.png")
result.mesh(resolution=32, threshold=5).save("box.glb")
result.orbit(frames=2, resolution=32).save("box.gif")
import configs.real3d
assert configs.real3d.__file__.startswith({home!r}), configs.real3d.__file__
"""


def run(*words, **options):
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built of the files that the repository knows, so that nothing that lies about gets into it."""
    folder = tmp_path_factory.mktemp("wheel")
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT).split("\0")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "source" / name).write_bytes((ROOT / name).read_bytes())
    options = ["--no-build-isolation"] if importlib.util.find_spec("setuptools") else []
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", *options, "-w", folder, folder / "source")
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def home(wheel, tmp_path_factory):
    """A fresh environment with the wheel; what it depends on is this one's."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", wheel)
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    # A line of a path file adds a folder, but reads no path files there: an editable install of this package stays out.
    (site / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return home


@pytest.fixture
def call(home, tmp_path, monkeypatch):
    """Runs a program of the environment in an empty folder."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}

    def call(program, *words):
        return run(home / "bin" / program, *words, cwd=tmp_path, env=clean | {"JAX_PLATFORMS": "cpu"})

    return call


def test_a_picture_becomes_a_mesh(call, home, tmp_path):
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[16:48, 20:44] = (200, 100, 50, 255)
    Image.fromarray(rgba).save(tmp_path / "box.png")
    call("python", "-c", _DOOR.format(home=str(home)))
    assert (tmp_path / "box.glb").read_bytes().startswith(b"glTF")
    assert (tmp_path / "box.gif").stat().st_size > 100
    words = ["--config.orbit.frames=1", "--config.orbit.resolution=16", "--config.surface.resolution=16"]
    call("real3d", "reconstruct", "--config", "reconstruct:smoke", "--input", "box.png", "--out", "out", *words)
    assert (tmp_path / "out" / "box" / "input.png").is_file()


def test_the_program_has_its_configs(call, tmp_path):
    assert "\n  train " in call("real3d", "--help")
    for name in ("smoke", "real3d_mvimgnet", "ablation", "eval/smoke", "reconstruct"):
        printed = call("real3d", "print-config", "--config", name)
        (tmp_path / "printed.py").write_text(printed)
        again = call("real3d", "print-config", "--config", "printed.py")
        assert again.splitlines()[1:] == printed.splitlines()[1:]
    assert "config.seed = 7" in call("real3d", "train", "--config", "smoke", "--config.seed=7", "--print_config")
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "mine.py").write_text(
        "from configs.smoke import get_config as smoke\n\n\ndef get_config():\n    config = smoke()\n"
        "    config.seed = 9\n    return config\n"
    )
    assert "config.seed = 9" in call("real3d", "print-config", "--config", "configs/mine.py")
