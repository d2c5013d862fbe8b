"""A contact sheet of the results: the first photographs' inputs, each beside some views, in one picture."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from real3d_jax.config.reconstruction import SheetConfig
from real3d_jax.inference.result_folders import INPUT, VIEWS
from real3d_jax.runtime.folders import replacing

SHEET = "sheet.png"
_TITLE = 14  # pixels above the pictures
_GAP = 6  # around each result
_PAPER, _NOTHING, _INK = "white", "#e8e8e8", "black"


class Sheet:
    """The sheet of a folder of results, which is written anew whenever a photograph in it is done.

    Its size is that of at most `config.photographs`, however many there are; the others are counted. What is not done
    has its name and a grey place.

    Args:
      out: folder of all results.
      names: of the photographs' folders below it, in their order.
      config: sizes; of a single photograph, or of none, there is no sheet.
    """

    def __init__(self, out: Path, names: Sequence[str], config: SheetConfig):
        self._out, self._config = out, config
        self._names = tuple(names[: config.photographs]) if len(names) > 1 else ()
        self._more = len(names) - len(self._names)
        self._rows: dict[str, Image.Image] = {}

    def add(self, *names: str) -> None:
        """Takes the results of photographs in, and writes the sheet if any of them are on it.

        Raises:
          OSError: results cannot be read, or the sheet cannot be written.
        """
        wanted = [name for name in names if name in self._names]
        for name in wanted:
            self._rows[name] = self._row(self._out / name)
        if wanted:
            with replacing(self._out / SHEET, several_writers=True) as partial:
                self._drawn().save(partial, "PNG")

    def _row(self, folder: Path) -> Image.Image:
        side, count = self._config.pixels, self._config.views
        row = Image.new("RGB", ((1 + count) * side, side), _PAPER)
        with Image.open(folder / INPUT) as picture, Image.open(folder / VIEWS) as strip:
            row.paste(picture.convert("RGB").resize((side, side), Image.Resampling.LANCZOS))
            tile, there = strip.height, strip.width // strip.height
            for number in range(min(count, there)):
                left = tile * (number * there // count if there > count else number)
                view = strip.crop((left, 0, left + tile, tile)).convert("RGB")
                row.paste(view.resize((side, side), Image.Resampling.LANCZOS), ((1 + number) * side, 0))
        return row

    def _drawn(self) -> Image.Image:
        side = self._config.pixels
        columns = min(self._config.columns, len(self._names))
        width, height = (1 + self._config.views) * side + _GAP, side + _TITLE + _GAP
        lines = -(-len(self._names) // columns)
        foot = _TITLE if self._more else 0
        sheet = Image.new("RGB", (columns * width + _GAP, lines * height + _GAP + foot), _PAPER)
        draw = ImageDraw.Draw(sheet)
        for number, name in enumerate(self._names):
            x, y = _GAP + number % columns * width, _GAP + number // columns * height
            draw.text((x, y), _fitting(draw, name, width - _GAP), fill=_INK)
            if name in self._rows:
                sheet.paste(self._rows[name], (x, y + _TITLE))
            else:
                draw.rectangle((x, y + _TITLE, x + width - _GAP - 1, y + _TITLE + side - 1), fill=_NOTHING)
        if self._more:
            draw.text((_GAP, lines * height + _GAP), f"and {self._more:,} more", fill=_INK)
        return sheet


def _fitting(draw: ImageDraw.ImageDraw, name: str, width: int) -> str:
    """A name, or as much of its end as fits, of letters that Pillow's own font has."""
    text = name.encode("latin-1", "replace").decode("latin-1")
    for start in range(len(text)):
        shown = text if start == 0 else f"...{text[start:]}"
        if draw.textlength(shown) <= width:
            return shown
    return ""
