"""What the worker writes of one picture."""

import importlib.util

import pytest

from tests.inference.demo.conftest import cut_out, encoded, written


def test_the_animation_is_a_video_too_where_it_is_asked_for(service, tmp_path):
    av = pytest.importorskip("av", reason="needs the video extra")
    picture = written(tmp_path, encoded(cut_out()))
    for video, names in ((False, ["mesh.glb", "orbit.gif"]), (True, ["mesh.glb", "orbit.gif", "orbit.mp4"])):
        folder = tmp_path / str(video)
        folder.mkdir()
        made = service.make(picture, service.defaults, folder, animation=True, video=video, remedy="")
        assert sorted(made.files) == names
    with av.open(str(made.files["orbit.mp4"])) as container:
        assert sum(1 for _ in container.decode(video=0)) == 3


def test_it_films_only_where_the_extra_is_installed(service, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not service.films
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name == "av")
    assert service.films
