"""The last step: joins the finished frames into a movie and a contact sheet."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cuebot.demo import extras
from cuebot.demo.comp import open_image, slate_height, write_text
from cuebot.demo.frames import Shot
from cuebot.demo.render import write_whole

_PAPER = (0.075, 0.078, 0.088)
_INK = (0.62, 0.62, 0.60)
_TITLE_INK = (0.92, 0.90, 0.86)
_SHEET_WIDTH = 1120  # pixels, about


def write_movie(shot: Shot, *, threads: int) -> Path:
    """Encode the finished frames, in order, as an MP4 that plays everywhere, and return its path.

    Raises:
        RuntimeError: ffmpeg failed; the message has its words.
    """
    unfinished = shot.movie.with_name(f".{shot.movie.stem}.unfinished.mp4")
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    command = [
        str(extras.ffmpeg_binary()),
        *("-hide_banner", "-loglevel", "error", "-y"),
        *("-f", "image2pipe", "-framerate", str(shot.frames_per_second), "-c:v", "png", "-i", "-"),
        # Half the colour resolution needs even sizes; the matrix and its labels keep colours the same in all players.
        *("-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2,scale=out_color_matrix=bt709:out_range=tv"),
        *("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "iec61966-2-1", "-color_range", "tv"),
        *("-c:v", "libx264", "-preset", "slow", "-crf", "16", "-pix_fmt", "yuv420p", "-movflags", "+faststart"),
        *("-threads", str(max(1, threads)), str(unfinished)),
    ]
    pictures = b"".join(shot.comp(frame).read_bytes() for frame in shot.frames)
    encoded = subprocess.run(command, input=pictures, capture_output=True, check=False)
    if encoded.returncode != 0:
        detail = encoded.stderr.decode(errors="replace").strip()
        raise RuntimeError(f"ffmpeg ended with status {encoded.returncode} for {shot.movie}: {detail}")
    unfinished.replace(shot.movie)
    return shot.movie


def write_contact_sheet(shot: Shot) -> Path:
    """Lay all finished frames out in a grid with their numbers, and return the path of the picture."""
    oiio = extras.load("OpenImageIO")
    columns = grid_columns(len(shot.frames), shot.width / shot.height)
    rows = math.ceil(len(shot.frames) / columns)
    gap = 14
    thumb_width = min(shot.width, (_SHEET_WIDTH - gap) // columns - gap)
    visible_rows = shot.height - slate_height(shot.height)
    thumb_height = max(1, round(thumb_width * visible_rows / shot.width))
    label, title = 20, 46
    width = gap + columns * (thumb_width + gap)
    height = title + rows * (thumb_height + label) + gap
    sheet = oiio.ImageBuf(oiio.ImageSpec(width, height, 3, "float"))
    oiio.ImageBufAlgo.fill(sheet, _PAPER)
    write_text(sheet, f"{shot.show}  {shot.shot}", gap, title // 2, 17, _TITLE_INK, align="left")
    facts = f"{len(shot.frames)} frames   {shot.width} x {shot.height}"
    write_text(sheet, facts, width - gap, title // 2, 13, _INK, align="right")
    for place, frame in enumerate(shot.frames):
        x = gap + place % columns * (thumb_width + gap)
        y = title + place // columns * (thumb_height + label)
        _paste_thumb(sheet, shot.comp(frame), (x, y), (thumb_width, thumb_height), visible_rows)
        write_text(sheet, f"{frame:04d}", x + thumb_width // 2, y + thumb_height + label // 2, 11, _INK)
    sheet.set_write_format("uint8")
    write_whole(sheet, shot.contact_sheet)
    return shot.contact_sheet


def _paste_thumb(sheet: Any, path: Path, corner: tuple[int, int], size: tuple[int, int], visible_rows: int) -> None:
    """Scale the picture at `path`, without its slate, and put it on the sheet with its upper left at `corner`."""
    oiio = extras.load("OpenImageIO")
    source = open_image(path)
    visible = oiio.ImageBufAlgo.cut(source, oiio.ROI(0, source.spec().width, 0, visible_rows))
    thumb = oiio.ImageBufAlgo.resize(visible, roi=oiio.ROI(0, size[0], 0, size[1], 0, 1, 0, 3))
    if thumb.has_error or not oiio.ImageBufAlgo.paste(sheet, *corner, 0, 0, thumb):
        raise OSError(f"cannot put {path} on the contact sheet: {thumb.geterror() or sheet.geterror()}")


def grid_columns(count: int, aspect: float) -> int:
    """Choose the columns of a grid of `count` pictures (width over height `aspect`) so that no row stays ragged.

    Among the column counts that fill their last row best, the one whose sheet is nearest to two by one wins.
    """

    def unsightliness(columns: int) -> float:
        rows = math.ceil(count / columns)
        empty = (rows * columns - count) / count
        shape: float = abs(math.log(columns * aspect / rows / 2))
        return 6 * empty + shape

    return min(range(1, count + 1), key=unsightliness)


def write_all(shot: Shot, *, threads: int) -> Sequence[Path]:
    """Write the movie and the contact sheet and return their paths."""
    return [write_movie(shot, threads=threads), write_contact_sheet(shot)]
