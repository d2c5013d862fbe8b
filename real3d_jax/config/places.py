"""Where config files are: at a path, or in the package, by their name there."""

from pathlib import Path

from real3d_jax.errors import UserError, did_you_mean

_PACKAGE = Path(__file__).parents[1]
_SUFFIX = ".py"


def own_folder() -> Path:
    """The folder of the package's own config files: `configs/` of the repository, or its copy in an installed package.

    The copy lies in a folder of its own, `shipped`, whose only content is `configs`: config files import one another by
    that name, and nothing else shall become importable.
    """
    installed = _PACKAGE / "shipped" / "configs"
    return installed if installed.is_dir() else _PACKAGE.parent / "configs"


def own_names() -> list[str]:
    """The names of the package's own: 'real3d', 'eval/smoke', ... Files that only help others are none."""
    folder = own_folder()
    files = [path for path in folder.rglob(f"*{_SUFFIX}") if "\ndef get_config(" in path.read_text()]
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in files)


def find(source: str) -> Path:
    """The config file of a path that ends in '.py', or of a name without.

    Raises:
      UserError: there is none.
    """
    path = Path(source)
    if path.suffix == _SUFFIX:
        if path.is_file():
            return path
        siblings = [p.name for p in path.parent.glob(f"*{_SUFFIX}")] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, siblings) if siblings else f"'{path.parent}' holds no config file."
        raise UserError(f"There is no config file '{path}': {hint}")
    if source in own_names():
        return own_folder() / f"{source}{_SUFFIX}"
    if path.suffix or path.exists():
        raise UserError(f"--config must be a Python file (.py) with a get_config function, but is '{path}'.")
    raise UserError(f"The package has no config '{source}': {did_you_mean(source, own_names())}")
