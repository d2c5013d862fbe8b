"""A printed config is a config file that gives the same again."""

import subprocess
import sys
from pathlib import Path

import pytest

from real3d_jax.config import files as config_files
from real3d_jax.config import places
from real3d_jax.config.adapting import AdaptingConfig
from real3d_jax.config.evaluation import EvaluationConfig
from real3d_jax.config.paper_tables import PaperTablesConfig
from real3d_jax.config.printing import as_file, load_any
from real3d_jax.config.reconstruction import ReconstructionConfig
from real3d_jax.config.training import Config
from real3d_jax.errors import UserError
from tests.commands import call

ROOT = Path(__file__).parents[2]
VARIANTS = [
    "ablation:start,small",
    "smoke:scratch",
    "mini:furniture,fine",
    "mini:stretched,fine,further,photographs,wheelbarrows",
    "eval/co3d:released",
    "reconstruct:triposr",
    "tables:tiny",
]


def test_the_packages_own_are_found_by_name():
    assert places.own_folder() == ROOT / "configs"
    assert {"real3d", "smoke", "reconstruct", "eval/smoke"} <= set(places.own_names())
    helpers = {"embedded_data"}
    files = {path.relative_to(ROOT / "configs").with_suffix("").as_posix() for path in (ROOT / "configs").rglob("*.py")}
    assert set(places.own_names()) == files - helpers
    assert config_files.load("real3d:embedded") == config_files.load(f"{ROOT}/configs/real3d.py:embedded")


@pytest.mark.parametrize("source", [*places.own_names(), *VARIANTS])
def test_round_trip(source, tmp_path):
    config = load_any(source)
    file = tmp_path / "printed.py"
    file.write_text(as_file(config, source=source))
    assert load_any(str(file)) == config
    # Not only as the schema reads it: the tree itself, types and all, but that lists become tuples.
    assert config_files.to_tree(config_files.load_tree(str(file)).to_dict()) == config_files.to_tree(config)
    kind = EvaluationConfig if source.startswith("eval/") else Config
    others = {"reconstruct": ReconstructionConfig, "adapting": AdaptingConfig, "tables": PaperTablesConfig}
    assert type(config) is others.get(source.partition(":")[0], kind)


def test_strange_keys_and_values_survive():
    strange = {'a"b': 1, "class": 2, "9": 3, "name": 'say "a\\b"\n', "infinite": float("-inf"), "one": (1.5,)}
    scope = {}
    exec(as_file({"group": strange, "none": {}}, source='x "y" \\'), scope)
    assert scope["get_config"]().to_dict() == {"group": strange, "none": {}}


@pytest.mark.parametrize(
    "words",
    [
        [ROOT / "launch" / "train.py", "--print_config"],
        [ROOT / "real3d_jax" / "commands" / "print_config.py"],
    ],
)
def test_command_lines_print_it_with_all_changes(words, tmp_path, capsys):
    command, *options = words
    changes = ["--config.seed=7", "--config.data.root", "else where"]
    assert not call(command, "--config", "smoke", *options, *changes)
    (tmp_path / "mine.py").write_text(capsys.readouterr().out)
    again = config_files.load(str(tmp_path / "mine.py"))
    assert again == config_files.load("smoke", changes)
    assert (again.seed, again.data.root) == (7, "else where")
    assert not list(tmp_path.glob("runs"))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("smokee", r"no config 'smokee': did you mean 'smoke'\?"),
        ("eval/smokee", r"did you mean 'eval/smoke'\?"),
        ("configs/smokee.py", r"There is no config file 'configs/smokee.py': did you mean 'smoke\.py'\?"),
        ("docs/data.md", "must be a Python file"),
        (str(ROOT / "configs"), "must be a Python file"),
        ("smoke:a,b", "name one folder of records"),
    ],
)
def test_what_is_no_config_is_told(source, said, monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(UserError, match=said):
        load_any(source)


def test_a_mistyped_key_is_refused_before_anything_is_printed():
    words = [sys.executable, "launch/train.py", "--config", "smoke", "--print_config", "--config.sead=1"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: config has no key 'sead': did you mean 'seed'?\n"
