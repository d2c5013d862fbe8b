"""Small data sets of records and a run that reads them."""

import dataclasses
import pathlib

import pytest

from real3d_jax.config.data import DataConfig, MultiviewSourceConfig, SingleViewSourceConfig
from real3d_jax.config.training import BatchConfig, Config
from real3d_jax.data import record_writer
from tests.data.samples import multiview_source, photograph_source


@pytest.fixture(scope="session")
def data_root(tmp_path_factory) -> pathlib.Path:
    """A folder with a multi-view set and two sets of photographs."""
    root = tmp_path_factory.mktemp("data")
    record_writer.write(root / "objects", multiview_source(), items_per_shard=2, progress=False)
    record_writer.write(root / "photographs", photograph_source(), progress=False)
    record_writer.write(root / "more", photograph_source(8, first=10), progress=False)
    return root


@pytest.fixture
def config(data_root, smoke_config) -> Config:
    """A run that reads the small data sets."""
    objects = MultiviewSourceConfig("objects", 0.0, 2.4, 0, False)
    photographs = SingleViewSourceConfig("photographs", 0.0, 2.4, 39.6, (1.4, 1.7), 1.0)
    return dataclasses.replace(
        smoke_config,
        model=dataclasses.replace(smoke_config.model, image_size=12),
        render=dataclasses.replace(smoke_config.render, resolution=8),
        batch=BatchConfig(synthetic=4, real=4, micro_batches=1),
        losses=dataclasses.replace(smoke_config.losses, supervised_views=3),
        data=DataConfig(
            root=str(data_root),
            embedded={},
            streamed={},
            streamed_share=0.0,
            synthetic={"objects": objects},
            real={"photographs": photographs},
            validation={"objects": objects},
            target_antialias=True,
            workers=0,
            prefetch=1,
            max_quarantined=2,
        ),
        schedule=dataclasses.replace(smoke_config.schedule, validation_objects=2, validation_views=4),
    )
