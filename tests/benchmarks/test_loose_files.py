"""What records are compared with: loose files that give the same examples."""

import numpy as np
import pytest

from real3d_jax.benchmarks import loose_files
from real3d_jax.config.data import MultiviewSourceConfig
from real3d_jax.data import record_writer
from real3d_jax.data.examples import ImageSizes, MultiviewExamples
from real3d_jax.data.record_reader import RecordSet
from tests.data.samples import SIZE, VIEWS, multiview_source, photograph_source


@pytest.fixture
def objects(tmp_path):
    record_writer.write(tmp_path / "records", multiview_source(), progress=False)
    data = RecordSet(tmp_path / "records", "train")
    loose_files.unpack(data, tmp_path / "loose")
    return data, tmp_path / "loose"


def test_loose_views_are_the_records_views(objects):
    data, folder = objects
    loose = loose_files.LooseViews(folder, views=4, input_size=SIZE, target_size=SIZE // 2)
    examples = MultiviewExamples(
        data, MultiviewSourceConfig("", 0, 2.4, 0, False), ImageSizes(SIZE, SIZE // 2, target_antialias=True), 4
    )
    assert len(loose) == len(data)
    for item in range(len(data)):
        found = loose[item]
        expected = examples.chosen(item, np.random.default_rng(item).permutation(VIEWS)[:4].tolist())
        assert set(found) == set(expected)
        for name in ("image", "rgb", "mask"):
            np.testing.assert_allclose(found[name], expected[name] / 255, atol=1.01 / 255, err_msg=name)
        for name in ("c2w", "intrinsics"):
            np.testing.assert_allclose(found[name], expected[name], atol=1e-5, err_msg=name)


def test_batches_of_loose_photographs(tmp_path):
    record_writer.write(tmp_path / "records", photograph_source(), progress=False)
    loose_files.unpack(RecordSet(tmp_path / "records", "train"), tmp_path / "loose")
    loose = loose_files.LoosePhotographs(tmp_path / "loose", input_size=12, target_size=8)
    batch = loose_files.collate([loose[i] for i in range(len(loose))])
    assert {name: value.shape for name, value in batch.items()} == {
        "image": (4, 12, 12, 3),
        "rgb": (4, 8, 8, 3),
        "mask": (4, 8, 8, 1),
    }
    np.testing.assert_allclose(batch["image"][:, 6, 6, 0] * 255, [0, 10, 20, 30], atol=1e-3)
    np.testing.assert_allclose(batch["image"][:, 0, 0], 0.5)
