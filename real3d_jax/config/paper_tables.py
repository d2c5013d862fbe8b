"""The schema of `configs/tables.py`. No field has a default: every number stands in the config file."""

import dataclasses
from collections.abc import Mapping

from real3d_jax.config.evaluation import BootstrapConfig, NetworksConfig


@dataclasses.dataclass(frozen=True)
class TableRowConfig:
    """A method. It is a checkpoint with its evaluation, or renders that it has made.

    Attributes:
      label: in tables.
      checkpoint: as `launch/evaluate.py --checkpoint` takes it; '' for renders.
      ema: whether the averaged parameters of a run are scored.
      evaluation: config of its evaluation, where '{test}' stands for the test set; '' for renders.
      distances: of the camera, that are searched for each object (Appendix C, for a model of unknown scale); empty
        searches nothing.
      renders: folder of renders (docs/evaluation.md), where '{test}' stands for the test set; '' for a checkpoint.
    """

    label: str
    checkpoint: str
    ema: bool
    evaluation: str
    distances: tuple[float, ...]
    renders: str


@dataclasses.dataclass(frozen=True)
class PaperTablesConfig:
    """Tables 1 to 4.

    Attributes:
      name: of the folder of results.
      rows: methods by name, in the tables' order.
      test_sets: that are scored: mvimgnet (Table 1), wild (2), co3d (3), omniobject3d (4).
      deltas: pairs of rows, better and worse, whose differences stand below each table.
      networks: the judges of all rows.
      bootstrap: of all intervals.
      root: folder of the data sets.
      limit: at most so many objects of each test set; 0 takes all.
    """

    name: str
    rows: Mapping[str, TableRowConfig]
    test_sets: tuple[str, ...]
    deltas: tuple[tuple[str, str], ...]
    networks: NetworksConfig
    bootstrap: BootstrapConfig
    root: str
    limit: int
