"""Videos that browsers play: H.264 in MP4, by PyAV, FFmpeg's libraries in this process.

PyAV rather than imageio-ffmpeg: no other program is run, whose failures would be lines of a log, and the same package
reads what was written.
"""

from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from real3d_jax.errors import check_installed

EXTRA = "video"
_QUALITY = "18"  # x264's constant rate factor: no difference is seen
_BT709 = 1  # primaries and transfer of FFmpeg; its matrix has the same number
_LIMITED = 1  # range of FFmpeg: 16 to 235, which all players expect


def check_video() -> None:
    """Raises UserError unless the package that writes videos is installed."""
    check_installed("av", what="Videos (.mp4) are written", extra=EXTRA)


def save_video(path: Path, frames: UInt8[np.ndarray, "F r r 3"], frames_per_second: float) -> None:
    """Writes an MP4 that begins to play before it is loaded, with its colours as BT.709.

    Colour has half the resolution in both directions (yuv420p), which takes even sizes: of an odd one the last row and
    column are repeated.

    Raises:
      UserError: PyAV is not installed.
      OSError: it cannot be written.
    """
    check_video()
    import av
    from av.video.reformatter import Colorspace

    odd = [(0, side % 2) for side in frames.shape[1:3]]
    frames = np.pad(frames, [(0, 0), *odd, (0, 0)], mode="edge")
    rate = Fraction(frames_per_second).limit_denominator(1000)
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": _QUALITY})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        context.color_range = _LIMITED
        for pixels in frames:
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            container.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)))
        container.mux(stream.encode(None))
