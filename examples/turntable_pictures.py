"""Draws the pictures of the turntable job, with nothing but the standard library.

    python turntable_pictures.py scene FOLDER
    python turntable_pictures.py render FOLDER FRAME
    python turntable_pictures.py sheet FOLDER FRAME [FRAME ...]

`scene` writes what is to be drawn, `render` one picture of it, `sheet` all pictures side by side.
"""

from __future__ import annotations

import json
import math
import os
import struct
import sys
import zlib

Rows = list[bytearray]

WIDTH, HEIGHT = 128, 96
FRAMES_PER_TURN = 24
COLUMNS = 6


def write_scene(folder: str) -> None:
    """Write the scene: a ring of coloured balls on a table."""
    os.makedirs(folder, exist_ok=True)
    balls = []
    for number in range(8):
        angle = number * math.tau / 8
        hue = number / 8
        colour = [int(127 + 120 * math.cos(math.tau * (hue - shift))) for shift in (0.0, 1 / 3, 2 / 3)]
        balls.append({"x": math.cos(angle), "z": math.sin(angle), "radius": 0.3, "colour": colour})
    with open(os.path.join(folder, "scene.json"), "w", encoding="utf-8") as stream:
        json.dump({"balls": balls}, stream)
    print(f"wrote a scene of {len(balls)} balls")


def render(folder: str, frame: int) -> None:
    """Draw the scene with the table turned as far as the frame says."""
    with open(os.path.join(folder, "scene.json"), encoding="utf-8") as stream:
        balls = json.load(stream)["balls"]
    rows = [bytearray(WIDTH * 3) for _ in range(HEIGHT)]
    for y in range(HEIGHT):
        shade = 30 + y // 3
        rows[y][:] = bytes((shade // 2, shade // 2, shade)) * WIDTH
    turn = math.tau * frame / FRAMES_PER_TURN
    for ball in sorted(balls, key=lambda ball: -_turned(ball, turn)[1]):
        _draw_ball(rows, ball, turn)
    path = picture_path(folder, frame)
    write_png(path, rows)
    print(f"wrote {path}")


def _turned(ball: dict, turn: float) -> tuple[float, float]:
    x = ball["x"] * math.cos(turn) - ball["z"] * math.sin(turn)
    return x, ball["x"] * math.sin(turn) + ball["z"] * math.cos(turn)


def _draw_ball(rows: Rows, ball: dict, turn: float) -> None:
    x, depth = _turned(ball, turn)
    scale = 3.2 / (4.0 + depth)
    centre_x, centre_y = WIDTH / 2 + x * scale * 44, HEIGHT / 2 - depth * 18
    radius = ball["radius"] * scale * 44
    for y in range(max(0, int(centre_y - radius)), min(HEIGHT, int(centre_y + radius) + 1)):
        for column in range(max(0, int(centre_x - radius)), min(WIDTH, int(centre_x + radius) + 1)):
            across, down = (column - centre_x) / radius, (y - centre_y) / radius
            height = 1 - across * across - down * down
            if height > 0:
                light = max(0.15, 0.6 * math.sqrt(height) - 0.4 * across - 0.6 * down)
                pixel = bytes(min(255, int(channel * light)) for channel in ball["colour"])
                rows[y][column * 3 : column * 3 + 3] = pixel


def contact_sheet(folder: str, frames: list[int]) -> None:
    """Put the pictures of the frames side by side, in lines of six."""
    sheet: Rows = []
    for start in range(0, len(frames), COLUMNS):
        line = [read_png(picture_path(folder, frame)) for frame in frames[start : start + COLUMNS]]
        for y in range(HEIGHT):
            row = bytearray().join(picture[y] for picture in line)
            sheet.append(row.ljust(WIDTH * 3 * min(COLUMNS, len(frames)), b"\0"))
    path = os.path.join(folder, "contact_sheet.png")
    write_png(path, sheet)
    print(f"wrote {path}")


def picture_path(folder: str, frame: int) -> str:
    """Return the path of a frame's picture."""
    return os.path.join(folder, f"turntable.{frame:04d}.png")


def write_png(path: str, rows: Rows) -> None:
    """Write rows of red, green and blue bytes as a PNG file."""
    header = struct.pack(">IIBBBBB", len(rows[0]) // 3, len(rows), 8, 2, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))
    with open(path, "wb") as stream:
        stream.write(b"\x89PNG\r\n\x1a\n")
        for kind, content in ((b"IHDR", header), (b"IDAT", data), (b"IEND", b"")):
            checksum = zlib.crc32(kind + content)
            stream.write(struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum))


def read_png(path: str) -> Rows:
    """Return the rows of a PNG file that `write_png` wrote."""
    with open(path, "rb") as stream:
        content = stream.read()
    width, _ = struct.unpack(">II", content[16:24])
    size = struct.unpack(">I", content[33:37])[0]
    data = zlib.decompress(content[41 : 41 + size])
    stride = width * 3 + 1
    return [bytearray(data[start + 1 : start + stride]) for start in range(0, len(data), stride)]


def main(arguments: list[str]) -> None:
    """Do what the command line says."""
    step, folder, *frames = arguments
    if step == "scene":
        write_scene(folder)
    elif step == "render":
        render(folder, int(frames[0]))
    elif step == "sheet":
        contact_sheet(folder, [int(frame) for frame in frames])
    else:
        sys.exit(f"there is no step {step!r}")


if __name__ == "__main__":
    main(sys.argv[1:])
