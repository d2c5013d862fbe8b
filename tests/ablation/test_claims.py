"""The paper's claims as differences between two rows."""

import numpy as np
import pytest

from real3d_jax.ablation import table
from real3d_jax.ablation.claims import CLAIMS, claim_results
from real3d_jax.ablation.rows import ROWS
from real3d_jax.config.evaluation import BootstrapConfig

BOOTSTRAP = BootstrapConfig(level=0.9, resamples=200)
HARD = np.random.default_rng(0).normal(0, 5, 12)


def test_every_claim_is_about_two_rows():
    for claim in CLAIMS:
        assert {claim.better, claim.worse} <= set(ROWS)
    assert [(claim.better, claim.worse) for claim in CLAIMS] == [
        ("full", "base"),
        ("input", "base"),
        ("clip", "naive_clip"),
        ("full", "cycle_end_to_end"),
        ("full", "cycle_no_curriculum"),
        ("full", "full_raw"),
        ("input", "input_raw"),
        ("full", "fraction_50"),
        ("fraction_50", "fraction_25"),
        ("fraction_25", "fraction_10"),
    ]


def test_a_claim_is_the_better_row_minus_the_worse(finished):
    scored = {
        "base": [finished("base", seed, HARD) for seed in (0, 1)],
        "full": [finished("full", seed, HARD + 0.5 + 0.1 * seed) for seed in (0, 1, 2)],
        "full_raw": [finished("full_raw", 2, HARD + 1.0)],
        "input": [finished("input", 5, HARD)],
    }
    found = {(claim.claim.better, claim.claim.worse): claim for claim in claim_results(scored, BOOTSTRAP)}
    assert set(found) == {("full", "base"), ("full", "full_raw")}  # no seed is shared with 'input'
    helps = found["full", "base"]
    assert helps.seeds == 2
    assert helps.differences["psnr"].mean == pytest.approx(0.55)
    curated = found["full", "full_raw"]
    assert curated.seeds == 1
    assert curated.differences["psnr"].mean == pytest.approx(0.7 - 1.0)


def test_the_table_of_claims(finished):
    scored = {
        "base": [finished("base", 0, HARD)],
        "full": [finished("full", 0, HARD + 0.5)],
    }
    lines = table._claims(claim_results(scored, BOOTSTRAP), ["psnr"])
    cells = [cell.strip() for cell in lines[2].split("|")[1:-1]]
    assert cells[1:3] == ["`full` minus `base`", "1"]
    assert cells[3].startswith("0.50 [0.50, 0.50]")
    assert table._claims([], ["psnr"]) == []
