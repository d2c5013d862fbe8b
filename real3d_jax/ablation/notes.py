"""What a reader of the ablation's table has to know."""

from collections.abc import Mapping, Sequence
from typing import Any

from real3d_jax.ablation.pooling import Scored
from real3d_jax.ablation.rows import BASE, START
from real3d_jax.config.training import Config, uses_lpips
from real3d_jax.weights.networks import RANDOM


def notes(
    scored: Mapping[str, Sequence[Scored]], failed: Mapping[str, str], about: Mapping[str, Any], about_start: str
) -> list[str]:
    """The sentences below the table.

    Args:
      scored: finished runs of each row, by its name.
      failed: why a run has no numbers, by the run's name.
      about: what the evaluation tells of itself; nothing if there is none yet.
      about_start: what is known of stage 0.
    """
    seeds = {
        name: sorted(run.config.seed for run in runs if run.config is not None)
        for name, runs in scored.items()
        if name != START
    }
    configs = {name: runs[0].config for name, runs in scored.items() if runs[0].config is not None}
    said = [about_start]
    for config in [config for name, config in configs.items() if name != START][:1]:
        said.append(_on_budget(config, sorted({seed for found in seeds.values() for seed in found})))
    if about:
        said += _on_scores(about, most_seeds := max(map(len, seeds.values()), default=0))
        fewer = [f"`{name}` has {len(found)}" for name, found in seeds.items() if len(found) < most_seeds]
        said += [f"Of {most_seeds} seeds {', '.join(fewer)}."] if fewer else []
        said += [f"`{name}` is left out: {reason}" for name, reason in about["left out"].items()]
        said += list(about["warnings"])
    said += [*network_notes(configs), *_on_cap(configs)]
    return [*said, *(f"`{name}` failed: {reason}" for name, reason in failed.items())]


def _on_budget(config: Config, seeds: Sequence[int]) -> str:
    with_seeds = f"seed {seeds[0]}" if len(seeds) == 1 else f"each of the seeds {', '.join(map(str, seeds))}"
    return (
        f"Every row begins with `{config.init_from}` (the line `{START}`) and takes {config.schedule.steps} steps "
        f"with {with_seeds} and {config.batch.synthetic} supervised objects a step. `{BASE}` goes on supervised; the "
        "others take photographs beside."
    )


def _on_scores(about: Mapping[str, Any], seeds: int) -> list[str]:
    scored = f"Scored on {about['objects']} objects of '{about['test set']}', protocol '{about['protocol']}'. In"
    if seeds < 2:
        return [
            f"{scored} brackets {about['level']:.0%} bootstrap intervals over objects; of differences, paired object "
            "by object. They say nothing of the spread between seeds."
        ]
    return [
        f"{scored} brackets {about['level']:.0%} bootstrap intervals over seeds and objects, both drawn anew; of "
        f"differences, paired object by object and seed by seed. With {seeds} seeds the spread between them is known "
        "roughly, and stage 0 and the photographs are the same for all."
    ]


def _on_cap(configs: Mapping[str, Config]) -> list[str]:
    caps = {c.losses.semantic.gradient_cap for c in configs.values() if c.batch.real and c.losses.semantic.weight}
    return [
        f"The semantic loss's gradient at an example's novel views was held to {cap:g} times that of its pixel losses "
        "at the input view and the view that closes the cycle."
        for cap in sorted(caps - {0.0})
    ]


def network_notes(configs: Mapping[str, Config]) -> list[str]:
    """Which rows were not judged by the networks of the paper. A row without photographs has no semantic loss."""
    semantic = {name: c.perceptual for name, c in configs.items() if c.batch.real and c.losses.semantic.weight}
    standing_in = [name for name, networks in semantic.items() if networks.efficientnet]
    random = [name for name, networks in semantic.items() if not networks.efficientnet and networks.clip == RANDOM]
    said = []
    if standing_in:
        said.append(
            f"The semantic loss of {_listed(standing_in)} was computed by EfficientNet-Lite0, trained on ImageNet, in "
            "place of CLIP."
        )
    if random:
        said.append(
            f"The semantic loss of {_listed(random)} was computed by a CLIP with random weights: it runs, but its "
            "guidance means nothing here, and neither do differences that are due to it."
        )
    lpips = [n for n, c in configs.items() if uses_lpips(c) and c.perceptual.vgg == RANDOM]
    if lpips:
        said.append(
            f"The LPIPS loss of {_listed(lpips)} was computed by a VGG16 with random weights and means nothing."
        )
    return said


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
