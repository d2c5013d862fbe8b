"""`real3d VERB` is `python launch/VERB.py`."""

import ast
import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from real3d_jax.commands import verbs

ROOT = Path(__file__).parents[2]
LAUNCHED = sorted(path.stem for path in (ROOT / "launch").glob("*.py"))


def called(monkeypatch, *words):
    """The exit code of `real3d` with these words."""
    monkeypatch.setattr(sys, "argv", ["real3d", *words])
    with pytest.raises(SystemExit) as exit_:
        verbs.main()
    return exit_.value.code


def test_every_program_has_a_verb_and_the_other_way_round():
    assert sorted(verb.replace("-", "_") for verb in verbs.VERBS) == sorted([*LAUNCHED, "print_config"])
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts == {"real3d": f"{verbs.__name__}:main"}


@pytest.mark.parametrize("name", LAUNCHED)
def test_a_launcher_calls_the_same_main(name):
    tree = ast.parse((ROOT / "launch" / f"{name}.py").read_text())
    imported = [
        (node.module, alias.name) for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    ]
    assert imported == [(f"real3d_jax.commands.{name}", "main"), ("real3d_jax.runtime.cli", "run")]
    assert ast.unparse(tree.body[-1]) == "if __name__ == '__main__':\n    run(main)"


@pytest.mark.parametrize("verb", verbs.VERBS)
def test_a_verb_passes_its_words_and_its_exit_code_on(verb, monkeypatch):
    module = importlib.import_module(f"real3d_jax.commands.{verb.replace('-', '_')}")
    seen = []
    monkeypatch.setattr(module, "main", lambda: seen.append(list(sys.argv)) or 143)
    assert called(monkeypatch, verb, "--out", "a b") == 143
    assert seen == [[f"real3d {verb}", "--out", "a b"]]


@pytest.mark.parametrize("verb", ["evaluate", "prepare-data", "inspect-data"])
def test_help_speaks_of_the_program_that_was_called(verb, monkeypatch, capsys):
    assert called(monkeypatch, verb, "--help") == 0
    said = capsys.readouterr().out
    assert f"\n    real3d {verb} --" in said
    assert "launch/" not in said and "configs/" not in said


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["trian"], 2, "error: real3d has no command 'trian': did you mean 'train'?"),
        (["--verbose"], 2, "error: real3d has no command '--verbose'"),
        (["train", "--config", "smokee"], 2, "error: The package has no config 'smokee': did you mean 'smoke'?"),
    ],
)
def test_mistakes_get_one_sentence(words, code, said, monkeypatch, capsys):
    assert called(monkeypatch, *words) == code
    heard = capsys.readouterr()
    assert heard.out == "" and heard.err.startswith(said) and heard.err.count("\n") == 1


def test_the_help_of_all_needs_nothing_heavy():
    code = (
        "import sys; sys.argv = ['real3d']\n"
        "from real3d_jax.commands import verbs\n"
        "try: verbs.main()\n"
        "except SystemExit as error: assert error.code == 0\n"
        "assert not {'jax', 'numpy', 'flax'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert all(f"  {verb} " in done.stdout for verb in verbs.VERBS)
