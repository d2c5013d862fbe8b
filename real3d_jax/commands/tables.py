"""Makes the paper's Tables 1 to 4: scores every model on every test set, and compares them object by object.

    python launch/tables.py --config configs/tables.py
    python launch/tables.py --config configs/tables.py --rows lrm,real3d --test_sets co3d,wild
    python launch/tables.py --config configs/tables.py --config.rows.real3d.checkpoint=runs/mine

Models and data sets are looked for before the first is scored; what is not there is named. The same command goes on
where a stopped one left off. Exit codes: 0 finished, 2 something to put right (one sentence says what), 143 or 130
stopped by SIGTERM or Ctrl-C; what was scored is kept.
"""

import argparse
from pathlib import Path

from real3d_jax.config import files as config_files
from real3d_jax.config.paper_tables import PaperTablesConfig
from real3d_jax.runtime import cli
from real3d_jax.runtime.compile_cache import keep_programs


def main() -> int:
    """Reads the command line and makes the tables."""
    parser = argparse.ArgumentParser(
        description=cli.as_called(__doc__),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Any key of the config can be set: --config.limit=10",
        allow_abbrev=False,
    )
    parser.add_argument("--config", required=True, help="config file, or a name: tables or tables:renders")
    parser.add_argument("--rows", default="", help="of the config's, with commas (default: all)")
    parser.add_argument("--test_sets", default="", help="of the config's, with commas (default: all)")
    parser.add_argument("--out", type=Path, help="folder of everything (default: runs/NAME, by config.name)")
    arguments, changes = parser.parse_known_args()
    config = config_files.load_as(PaperTablesConfig, arguments.config, changes)

    from real3d_jax.ablation.paper_tables import make_tables, plan_tables  # takes seconds to import

    tables = plan_tables(
        config,
        out=arguments.out or Path("runs") / config.name,
        rows=_names(arguments.rows),
        test_sets=_names(arguments.test_sets),
    )
    keep_programs()
    return make_tables(tables)


def _names(words: str) -> list[str]:
    return [word for word in map(str.strip, words.split(",")) if word]
