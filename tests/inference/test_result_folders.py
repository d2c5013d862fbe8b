"""Results know what they are of: other pictures, edited ones, other settings, several processes."""

import functools
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from real3d_jax.data.photograph_files import PhotographFile
from real3d_jax.errors import UserError
from real3d_jax.inference import result_folders, run
from tests.commands import call
from tests.inference.conftest import CONFIG, photograph

main = functools.partial(call, Path(__file__).parents[2] / "launch" / "reconstruct.py")
FILES = ["input.png", "made_of.json", "mesh.ply", "orbit.gif", "views.png"]


@pytest.fixture
def command(words, checkpoint):
    """The words of the command but for `--input` and `--out`."""
    return ["--config", f"{CONFIG}:smoke", "--checkpoint", checkpoint, *words]


@pytest.fixture
def write(tmp_path):
    def written(name, colour=(200, 100, 50)):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photograph(colour)).save(path)
        return path

    return written


@pytest.fixture
def works(monkeypatch):
    """Names of the photographs that are computed."""
    done, one = [], run.photograph_files.open_upright
    monkeypatch.setattr(
        run.photograph_files, "open_upright", lambda folder, p: (done.append(p.file), one(folder, p))[1]
    )
    return done


def seen(out, name="chair"):
    return np.asarray(Image.open(out / name / "input.png"))[16, 16].tolist()


def test_an_edited_photograph_is_done_again_and_others_are_kept(command, write, works, tmp_path, capsys):
    write("in/chair.png")
    write("in/cup.png")
    words = [*command, "--input", tmp_path / "in", "--out", tmp_path / "out"]
    assert main(*words) == 0
    assert seen(tmp_path / "out") == [200, 100, 50]
    assert main(*words) == 0 and works == ["chair.png", "cup.png"]
    write("in/chair.png", (20, 90, 220))
    assert main(*words) == 0
    assert works == ["chair.png", "cup.png", "chair.png"]
    assert seen(tmp_path / "out") == [20, 90, 220]
    assert "1 kept, 1 made anew" in capsys.readouterr().out
    (tmp_path / "out" / "cup" / "views.png").unlink()
    assert main(*words) == 0 and works[3:] == ["cup.png"]


def test_a_file_of_the_same_name_elsewhere_is_not_taken_for_done(command, write, works, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(*command, "--input", write("a/chair.png"), "--out", out) == 0
    write("b/chair.png", (20, 90, 220))
    assert main(*command, "--input", tmp_path / "b", "--out", out) == 2
    told = capsys.readouterr().out
    assert re.search(r"left out   chair\.png: '.*out/chair' has the result of '.*/a/chair\.png': choose another", told)
    assert "finished   0 of 1 photographs" in told
    assert seen(out) == [200, 100, 50]
    assert main(*command, "--input", tmp_path / "b", "--out", out, "--redo") == 0
    assert seen(out) == [20, 90, 220]
    (tmp_path / "b").rename(tmp_path / "c")  # the same picture at another place
    works.clear()
    assert main(*command, "--input", tmp_path / "c", "--out", out) == 0
    assert works == []


def test_other_settings_are_refused_or_made_anew(command, write, works, tmp_path):
    out = tmp_path / "out"
    words = [*command, "--input", write("chair.png"), "--out", out]
    assert main(*words) == 0
    changed = [*words, "--config.surface.format=glb"]
    with pytest.raises(
        UserError, match=r"1 results of other settings \(config\.surface\.format: 'ply' -> 'glb'\).*--redo"
    ):
        main(*changed)
    assert main(*changed, "--redo") == 0
    assert sorted(path.name for path in (out / "chair").iterdir()) == [f.replace("ply", "glb") for f in FILES]
    assert main(*changed) == 0 and len(works) == 2
    # Another photograph beside it may have settings of its own.
    assert main(*words[:-4], "--input", write("cup.png"), "--out", out) == 0
    assert (out / "cup" / "mesh.ply").exists() and (out / "chair" / "mesh.glb").exists()


def test_the_advice_for_an_empty_surface_works(command, write, works, tmp_path, capsys):
    write("in/chair.png")
    words = [*command, "--input", tmp_path / "in", "--out", tmp_path / "out"]
    assert main(*words, "--config.surface.threshold=1e37") == 2
    told = capsys.readouterr().out
    assert "finished   0 of 1 photographs" in told and "1 without a mesh" in told
    advice = re.search(r"no mesh    chair\.png: .*set the threshold below that, to (\S+) say\.", told)
    assert advice
    assert main(*words, "--config.surface.threshold=1e37") == 2  # again, without computing it again
    assert works == ["chair.png"] and "no mesh    chair.png: The field is empty" in capsys.readouterr().out
    assert main(*words, f"--config.surface.threshold={advice[1]}") == 0
    assert sorted(path.name for path in (tmp_path / "out" / "chair").iterdir()) == FILES


def test_what_cannot_be_used_is_tried_again_with_other_settings(command, write, tmp_path, monkeypatch):
    Image.new("RGB", (40, 40), "red").save(tmp_path / "opaque.png")
    words = [*command, "--input", tmp_path / "opaque.png", "--out", tmp_path / "out"]
    assert main(*words) == 2
    disc = Image.fromarray(np.pad(np.full((20, 20), 255, np.uint8), 10))
    monkeypatch.setattr(run, "load_rembg", lambda network: lambda rgb: disc)
    assert main(*words, "--cut_out") == 0
    record = json.loads((tmp_path / "out" / "opaque" / "made_of.json").read_text())
    assert record["settings"]["cut_out"] == "u2net"
    assert main(*words, "--cut_out_always", "--redo") == 0
    record = json.loads((tmp_path / "out" / "opaque" / "made_of.json").read_text())
    assert record["settings"]["cut_out"] == "u2net, always"


def test_results_are_no_photographs(command, write, works, tmp_path, capsys):
    write("in/chair.png")
    words = [*command, "--input", tmp_path / "in"]
    assert main(*words, "--out", tmp_path / "in" / "out") == 0
    assert main(*words, "--out", tmp_path / "in" / "out") == 0
    assert "'" + str(tmp_path / "in" / "out") + "' holds results, which are not taken" in capsys.readouterr().out
    assert main(*words, "--out", tmp_path / "in" / "second") == 0
    assert works == ["chair.png", "chair.png"]
    with pytest.raises(UserError, match="matches no"):
        main(*command, "--input", tmp_path / "in" / "out" / "chair", "--out", tmp_path / "x")


def test_photographs_whose_names_differ_in_the_ending_only(command, write, tmp_path, capsys):
    write("in/chair.png")
    write("in/chair.webp", (20, 90, 220))
    assert main(*command, "--input", tmp_path / "in", "--out", tmp_path / "out") == 0
    assert seen(tmp_path / "out", "chair.png") == [200, 100, 50]
    assert np.abs(np.array(seen(tmp_path / "out", "chair.webp")) - (20, 90, 220)).max() < 30
    assert "to keep results apart: chair.png, chair.webp" in capsys.readouterr().out


def test_specks_are_told_and_recorded(command, tmp_path, capsys):
    rgba = photograph()
    rgba[0, 0] = 255
    Image.fromarray(rgba).save(tmp_path / "a.png")
    assert main(*command, "--input", tmp_path / "a.png", "--out", tmp_path / "out") == 0
    assert "note       a.png: specks beyond the object do not move the crop (1)" in capsys.readouterr().out
    record = json.loads((tmp_path / "out" / "a" / "made_of.json").read_text())
    assert record["notes"] == ["specks beyond the object do not move the crop (1)"]


def test_sizes_of_the_sheet_change_no_result(tmp_path):
    """Nor do they ask for other settings' results to be made anew; what else was found stands in the record."""
    picture = {"file": "/a.png", "sha256": "0"}
    before = {"config": {"orbit": {"frames": 5}, "sheet": {"columns": 3}}}
    result_folders.write_record(tmp_path, picture, before, no_mesh="", notes=(), found={"fov_y": 20.5})
    assert json.loads((tmp_path / "made_of.json").read_text())["fov_y"] == 20.5

    def state(**now):
        return result_folders.state(tmp_path, picture, {"config": before["config"] | now}, redo=False).kind

    assert state(sheet={"columns": 2}) == result_folders.DONE
    assert state(orbit={"frames": 6}) == result_folders.OTHER


def test_what_another_process_is_making_stays(tmp_path):
    out, host = tmp_path / "out", result_folders._host()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        ended = subprocess.Popen([sys.executable, "-c", ""])
        ended.wait()
        names = {
            f".unfinished-{host}-{other.pid}-x": True,
            f".unfinished-{host}-{ended.pid}-x": False,
            f".unfinished-{host}-{os.getpid()}-x": False,  # of another time
            ".unfinished-elsewhere-1-x": True,
            ".unfinished-elsewhere-1-old": False,
            ".unfinished-abcd": False,
        }
        result_folders.begin(out, {}, redo=False)
        for name in names:
            (out / name / "made").mkdir(parents=True)
        os.utime(out / ".unfinished-elsewhere-1-old", (0, 0))
        result_folders.begin(out, {}, redo=False)
        assert {name: (out / name).exists() for name in names} == names
        other.stdin.close()


def test_two_processes_that_finish_the_same_photograph(tmp_path):
    out, goal = tmp_path / "out", tmp_path / "out" / "chair"
    picture, settings = {"file": "/a", "sha256": "1"}, {"cut_out": ""}
    out.mkdir()
    with result_folders.making(out, goal) as first:
        (first / "input.png").write_text("first")
        (first / "mesh.glb").write_text("first")
        result_folders.write_record(first, picture, settings, no_mesh="", notes=())
        with result_folders.making(out, goal) as second:
            (second / "input.png").write_text("second")
            result_folders.write_record(second, picture, settings, no_mesh="", notes=())
        assert result_folders.state(goal, picture, settings, redo=False).kind == result_folders.DONE
    assert {path.name: path.read_text() for path in goal.iterdir() if path.suffix != ".json"} == {
        "input.png": "first", "mesh.glb": "first"
    }  # fmt: skip
    assert result_folders.state(goal, picture, settings, redo=False).kind == result_folders.DONE
    assert sorted(path.name for path in out.iterdir()) == ["chair"]


@pytest.mark.parametrize("record", ["", "{", "[]", '{"photograph": 3, "files": []}', '{"files": ["x"]}'])
def test_a_damaged_record_is_none(tmp_path, record):
    (tmp_path / "made_of.json").write_text(record)
    assert result_folders.state(tmp_path, {"sha256": "1"}, {}, redo=False).kind == result_folders.NEW
    assert not result_folders.holds_results(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path):
    pipe = tmp_path / "a.png"
    os.mkfifo(pipe)
    threading.Thread(target=pipe.write_bytes, args=(b"",), daemon=True).start()  # so that a reader's wait would end
    assert result_folders.identity(tmp_path, PhotographFile("a.png", ("a",)))["sha256"] == ""
    os.close(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))
