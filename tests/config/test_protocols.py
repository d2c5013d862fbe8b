"""Both protocols, number by number."""

import numpy as np
import pytest

from real3d_jax.config.files import build
from real3d_jax.config.protocols import DATASETS, ProtocolConfig, protocol, spherical_angles
from real3d_jax.errors import UserError


def parsed(name, dataset):
    return build(ProtocolConfig, protocol(name, dataset).to_dict(), "protocol")


@pytest.mark.parametrize(
    ("name", "dataset", "views", "input_scored"),
    [
        ("paper", "mvimgnet", 5, False),
        ("paper", "co3d", 5, False),
        ("paper", "omniobject3d", 10, False),
        ("released", "mvimgnet", 5, True),
        ("released", "co3d", 5, True),
        ("released", "omniobject3d", 11, True),
    ],
)
def test_view_counts(name, dataset, views, input_scored):
    novel = parsed(name, dataset).novel_views
    assert (novel.views, novel.input_scored, novel.resolution) == (views, input_scored, 224)
    assert novel.ssim_window == "uniform"  # scikit-image's default


@pytest.mark.parametrize("name", ["paper", "released"])
@pytest.mark.parametrize("dataset", DATASETS)
def test_consistency_poses_are_those_of_appendix_a(name, dataset):
    consistency = parsed(name, dataset).consistency
    assert consistency.azimuths == (0, 30, 60, -30, -60, 30, 60, -30, -60, 30, 60, -30, -60)
    assert consistency.elevations == (0, 0, 0, 0, 0, 30, 30, 30, 30, 60, 60, 60, 60)
    scored = list(zip(consistency.azimuths, consistency.elevations, strict=True))[consistency.first_scored :]
    assert len(scored) == {"paper": 13, "released": 12}[name]
    assert ((0, 0) in scored) == (name == "paper")
    assert consistency.resolution == {"paper": 224, "released": 512}[name]
    assert consistency.mask_threshold == 0.5


def test_semantic_views():
    paper, released = parsed("paper", "wild").semantic, parsed("released", "wild").semantic
    assert paper.azimuths == (45, 90, 135, 180, 225, 270, 315)
    assert released.azimuths == (0, 48, 96, 144, 192, 240, 288, 336)
    assert paper.fid_azimuths == paper.azimuths  # novel views
    assert released.fid_azimuths == (0,)
    assert (paper.fid_jpeg_quality, released.fid_jpeg_quality) == (0, 75)
    assert (released.distance, released.fov_y, released.resolution) == (3.0, 40.0, 224)
    assert (paper.distance, paper.elevation, released.elevation) == (3.0, 0.0, 0.0)


def test_input_views():
    for dataset in ("mvimgnet", "co3d"):
        paper, released = parsed("paper", dataset), parsed("released", dataset)
        assert (paper.input_view.choice, paper.input_view.crop_ratio) == ("centred", 1.6)
        assert released.input_view.crop_ratio == 1.6
        for found in (paper, released):
            assert (found.input_view.distance, found.input_view.fov_y, found.every) == (3.0, 39.6, 1)
        assert (released.novel_views.target_via, released.novel_views.target_antialias) == (512, False)
    # The released code's split 'val' takes every tenth: 49 of 486 objects, 100 of 999 photographs.
    assert len(range(0, 486, parsed("released", "omniobject3d").every)) == 49
    assert len(range(0, 999, parsed("released", "wild").every)) == 100
    assert parsed("released", "wild").input_view.crop_ratio == 1.7
    assert parsed("paper", "wild").input_view.crop_ratio == 1.6
    assert parsed("released", "omniobject3d").input_view.fov_y == 0.0  # its own


def test_a_mistyped_name_is_refused():
    with pytest.raises(UserError, match="did you mean 'released'"):
        protocol("release", "wild")
    with pytest.raises(UserError, match="did you mean 'co3d'"):
        protocol("paper", "co3")


def test_angles_become_radians_in_pairs():
    azimuths, elevations = spherical_angles((0.0, 180.0), (90.0, -90.0))
    np.testing.assert_allclose(azimuths, [0, np.pi])
    np.testing.assert_allclose(elevations, [np.pi / 2, -np.pi / 2])
    with pytest.raises(UserError, match="2 azimuths and 1 elevations"):
        spherical_angles((0.0, 1.0), (0.0,))
