"""Photographs of Tux Paint: which are taken, and that everybody is named."""

import pathlib

import pytest

from real3d_jax.data import tux_paint
from real3d_jax.errors import UserError

ROOT = pathlib.Path(__file__).parents[2]
SHIPPABLE = {"public domain", "public domain (US government)", "CC BY 2.0", "CC BY 2.5"}


def test_only_what_may_be_shipped_is_trained_on():
    by_use = {use: [s for s in tux_paint.stamps() if s.use == use] for use in (tux_paint.TRAINED, tux_paint.MEASURED)}
    assert {use: len(found) for use, found in by_use.items()} == {"trained": 21, "measured": 91}
    assert sum(map(len, by_use.values())) == len(tux_paint.stamps()) == len({s.stamp for s in tux_paint.stamps()})
    assert {s.licence for s in by_use["trained"]} == SHIPPABLE
    assert all(s.licence.startswith("GPL") for s in by_use["measured"])
    assert all(s.author for s in tux_paint.stamps())
    assert all("not named" not in s.author for s in tux_paint.stamps() if s.licence.startswith("CC"))


def test_the_credits_are_those_of_the_list():
    page = (ROOT / "real3d_jax" / "assets" / "mini" / "photograph_credits.md").read_text()
    assert page == tux_paint.credits(tux_paint.stamps())
    assert "| `vehicles/emergency/firetruck` | CC BY 2.5 | Aaron M. Lang; prepared by Bill Kendrick |" in page


def test_unpacking(tmp_path):
    source, folder = tmp_path / "stamps", tmp_path / "cutouts"
    for stamp in tux_paint.stamps():
        path = source / f"{stamp.stamp}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(stamp.stamp.encode())
    (source / "animals" / "other.png").write_bytes(b"")
    tux_paint.unpack(source, folder)
    assert len(list((folder / "trained").iterdir())) == 21 and len(list((folder / "measured").iterdir())) == 91
    assert (folder / "trained" / "sports__basketball.png").read_bytes() == b"sports/basketball"
    assert (folder / "credits.md").read_text() == tux_paint.credits(tux_paint.stamps())
    with pytest.raises(UserError, match="is there already"):
        tux_paint.unpack(source, folder)
    (source / "sports" / "basketball.png").unlink()
    with pytest.raises(UserError, match=r"has no 'sports/basketball\.png'"):
        tux_paint.unpack(source, tmp_path / "again")
    assert not (tmp_path / "again").exists()
