"""The paper's claims of what helps, each as one row of the ablation minus another."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from real3d_jax.ablation.pooling import Scored, pooled_differences, shared_seeds
from real3d_jax.ablation.rows import BASE, FULL
from real3d_jax.config.evaluation import BootstrapConfig
from real3d_jax.evaluation.comparison import Difference


class Claim(NamedTuple):
    """That `better` scores higher than `worse`."""

    words: str
    better: str
    worse: str


# Table 5, and Figure 5's last three.
CLAIMS = (
    Claim("self-training on photographs helps", FULL, BASE),
    Claim("the input-view loss alone helps", "input", BASE),
    Claim("the least similar view rather than all (Eq. 9)", "clip", "naive_clip"),
    Claim("the gradient stopped rather than end to end (Eq. 3)", FULL, "cycle_end_to_end"),
    Claim("a curriculum rather than none (Eq. 6)", FULL, "cycle_no_curriculum"),
    Claim("curated photographs rather than raw", FULL, "full_raw"),
    Claim("curated rather than raw, with the input-view loss alone", "input", "input_raw"),
    Claim("all photographs rather than half", FULL, "fraction_50"),
    Claim("half rather than a quarter", "fraction_50", "fraction_25"),
    Claim("a quarter rather than a tenth", "fraction_25", "fraction_10"),
)


@dataclasses.dataclass(frozen=True)
class ClaimResult:
    """A claim with the differences of its two rows, by metric, and the number of seeds that both rows have."""

    claim: Claim
    differences: Mapping[str, Difference]
    seeds: int


def claim_results(scored: Mapping[str, Sequence[Scored]], bootstrap: BootstrapConfig) -> list[ClaimResult]:
    """Every claim whose two rows are finished with one seed at least; objects and seeds are paired."""
    found = []
    for claim in CLAIMS:
        runs, others = scored.get(claim.better, ()), scored.get(claim.worse, ())
        differences = pooled_differences(runs, others, bootstrap)
        if differences:
            found.append(ClaimResult(claim, differences, len(shared_seeds(runs, others))))
    return found
