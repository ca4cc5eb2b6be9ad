"""From light to a finished, checked frame, a movie and a contact sheet."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import OpenImageIO as oiio
import pytest

from cuebot.demo import extras
from cuebot.demo.check import BadFrame, check_frame
from cuebot.demo.comp import comp_frame, read_beauty, slate_height, tone_map, write_png
from cuebot.demo.denoise import denoise
from cuebot.demo.frames import Shot
from cuebot.demo.movie import grid_columns, write_contact_sheet, write_movie
from cuebot.demo.prep import write_scene
from cuebot.demo.render import render_frame, render_picture, write_exr

WriteBeauty = Callable[..., np.ndarray]


def test_rendered_frame_passes_its_check(shot: Shot) -> None:
    """A frame goes from the scene's files through render and comp, and its check finds nothing."""
    write_scene(shot.output / "scene")
    seconds = render_frame(shot, 1, shot.output / "scene", threads=1)
    comp_frame(shot, 1)
    check_frame(shot, 1)
    picture, stored_seconds = read_beauty(shot.beauty(1))
    assert picture.shape == (36, 64, 3)
    assert picture.mean() > 0.1
    assert stored_seconds == pytest.approx(seconds)


def test_broken_frame_is_black(shot: Shot) -> None:
    """The frame that is to be broken renders black, so its check fails it and says so."""
    broken = dataclasses.replace(shot, break_frame=2)
    write_scene(shot.output / "scene")
    render_frame(broken, 2, shot.output / "scene", threads=1)
    comp_frame(broken, 2)
    with pytest.raises(BadFrame, match=r"frame 2 is bad(.|\n)*it is black"):
        check_frame(broken, 2)


def test_render_repeats_from_its_seed(shot: Shot) -> None:
    """The same frame rendered again, with more threads, is the same picture."""
    write_scene(shot.output)
    one, two = (
        render_picture(shot.output, turn=0.3, size=(32, 18), samples=2, seed=4, threads=threads) for threads in (1, 2)
    )
    assert np.allclose(one, two, rtol=1e-3, atol=1e-3)


def test_denoise_removes_grain_but_keeps_edges() -> None:
    """Noise on a surface sinks to a fraction, while the step between two materials stays."""
    rng = np.random.default_rng(7)
    features = np.zeros((40, 60, 7))
    features[..., 3] = 1  # all face the same way
    features[..., 6] = 5
    features[:, :30, :3], features[:, 30:, :3] = 0.2, 0.8
    clean = features[..., :3] * 0.9
    first, second = (clean * rng.uniform(0.5, 1.5, size=clean.shape) for _ in range(2))
    smooth = denoise((first, second), features)
    grain_before = np.abs((first + second) / 2 - clean).mean()
    assert np.abs(smooth - clean).mean() < grain_before / 3
    assert smooth[:, 31].mean() - smooth[:, 28].mean() == pytest.approx(0.54, abs=0.06)


def test_denoise_keeps_what_both_halves_agree_on() -> None:
    """A pattern without any noise passes as it is, though its surface has no edge there."""
    features = np.ones((20, 20, 7)) * 0.5
    stripes = np.where(np.arange(20) % 4 < 2, 0.2, 0.9)[None, :, None] * np.ones((20, 20, 3))
    assert np.abs(denoise((stripes, stripes), features) - stripes).max() < 0.02


def test_tone_map_rises_from_black_to_white() -> None:
    """More light is never darker, no light is black, and the brightest stays within display values."""
    values = tone_map(np.linspace(0, 20, 500))
    assert values[0] == pytest.approx(0, abs=1e-3)
    assert (np.diff(values) >= 0).all()
    assert 0.95 < values[-1] <= 1


def test_slate_shows_text_at_the_bottom(shot: Shot) -> None:
    """The slate darkens the lowest rows and writes light letters there, and leaves the picture above alone."""
    path = shot.output / "slate.png"
    write_png(np.full((180, 320, 3), 0.5), path, slate=("testing  tiny", "0001", "rendered in 1.5 s"))
    pixels = oiio.ImageBuf(str(path)).get_pixels(oiio.FLOAT)
    strip = 180 - slate_height(180)
    assert np.allclose(pixels[:strip], 0.5, atol=0.01)
    for third in np.array_split(pixels[strip:], 3, axis=1):
        assert third.max() > 0.6
        assert np.median(third) < 0.15


def test_slate_is_left_out_where_nobody_could_read_it() -> None:
    """A picture too small for letters has no slate."""
    assert slate_height(36) == 0


def test_check_names_wrong_size(shot: Shot, write_beauty: WriteBeauty) -> None:
    """A frame of another size fails, and the message has both sizes."""
    write_beauty(1, size=(32, 18))
    comp_frame(shot, 1)
    with pytest.raises(BadFrame, match="it is 32x18, but should be 64x36"):
        check_frame(shot, 1)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_check_counts_broken_pixels(shot: Shot, write_beauty: WriteBeauty, value: float) -> None:
    """A render with NaN or infinity fails, and the message counts the pixels."""
    picture = write_beauty(1)
    comp_frame(shot, 1)
    picture[3, 4:7] = value
    write_exr(picture, shot.beauty(1), {})
    with pytest.raises(BadFrame, match="3 of its 2304 pixels are NaN or infinite"):
        check_frame(shot, 1)


def test_check_names_missing_picture(shot: Shot, write_beauty: WriteBeauty) -> None:
    """A frame that was never finished fails with the path of what is missing."""
    write_beauty(1)
    with pytest.raises(BadFrame, match=r"tiny_comp\.0001\.png: it does not exist"):
        check_frame(shot, 1)


def test_movie_holds_every_frame(shot: Shot, write_beauty: WriteBeauty) -> None:
    """The movie is H.264 with half the colour resolution, and has as many frames as were finished."""
    for frame in shot.frames:
        write_beauty(frame)
        comp_frame(shot, frame)
    movie = write_movie(shot, threads=1)
    command = [str(extras.ffmpeg_binary()), "-hide_banner", "-i", str(movie), "-f", "null", "-"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stderr
    assert "h264" in told
    assert "yuv420p" in told
    assert "64x36" in told
    assert "frame=    2" in told
    start = movie.read_bytes()
    assert start.index(b"moov") < start.index(b"mdat")


def test_movie_tells_what_ffmpeg_said(shot: Shot) -> None:
    """A picture that is no PNG ends in an error with ffmpeg's words, and leaves no movie behind."""
    for frame in shot.frames:
        shot.comp(frame).parent.mkdir(parents=True, exist_ok=True)
        shot.comp(frame).write_bytes(b"no picture")
    with pytest.raises(RuntimeError, match="ffmpeg ended with status"):
        write_movie(shot, threads=1)
    assert not shot.movie.exists()


def test_contact_sheet_shows_every_frame(shot: Shot, write_beauty: WriteBeauty) -> None:
    """The sheet has a bright thumbnail for each frame on its dark paper."""
    for frame in shot.frames:
        write_beauty(frame, light=2.0)
        comp_frame(shot, frame)
    pixels = oiio.ImageBuf(str(write_contact_sheet(shot))).get_pixels(oiio.FLOAT)
    bright = (pixels[60] > 0.4).all(axis=-1)
    assert int(np.diff(bright.astype(int)).clip(0).sum()) == 2
    assert bright.sum() >= 100


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (24, 6), (48, 8), (36, 6), (2, 2)])
def test_grid_is_tidy(count: int, columns: int) -> None:
    """Usual numbers of frames fill a grid without gaps."""
    assert grid_columns(count, 16 / 9) == columns
    assert count % columns == 0


def test_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one of the demo's libraries the error says what to install."""
    monkeypatch.setitem(sys.modules, "mitsuba", None)
    with pytest.raises(extras.DemoExtraMissing, match=r"needs mitsuba.*pip install 'cuefarm\[demo\]'"):
        extras.load_mitsuba()


def test_settings_survive_the_session(shot: Shot) -> None:
    """The shot's settings come back the same from plain values."""
    assert Shot.from_data(shot.to_data()) == shot


def test_turn_of_a_frame_is_its_place_in_the_loop(shot: Shot) -> None:
    """The frames are spread evenly over the loop, whatever their numbers."""
    sparse = dataclasses.replace(shot, frames=(1001, 1003, 1005, 1007))
    assert [sparse.turn(frame) for frame in sparse.frames] == [0, 0.25, 0.5, 0.75]
