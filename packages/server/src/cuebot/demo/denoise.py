"""Smooths what too few light paths left grainy, without crossing the edges of shapes and materials."""

from __future__ import annotations

import numpy as np

from cuebot.demo.meshes import FloatArray

_KERNEL = (1 / 16, 1 / 4, 3 / 8, 1 / 4, 1 / 16)
_NORMAL_SPREAD = 0.05  # one minus the cosine of the angle between two normals
_ALBEDO_SPREAD = 0.12
_DEPTH_SPREAD = 0.04  # relative to the depth
_DARKEST_ALBEDO = 0.05  # added, so that black glass does not divide by nothing
_NOISE_SPREAD = 8.0  # summed over the channels, in standard deviations of the noise that was found at the pixel


def denoise(halves: tuple[FloatArray, FloatArray], features: FloatArray, *, passes: int = 3) -> FloatArray:
    """Join two independent halves of a render (height, width, 3) and smooth their noise.

    Where the halves differ there is noise, so the picture itself may guide the filter only as far as they agree.
    `features` (height, width, 7) holds, for what is seen first: albedo (3), normal (3) and depth.
    The filter is an à-trous wavelet that widens with each pass (Dammertz et al. 2010).
    """
    albedo, depth = features[..., :3], features[..., 6]
    normal = features[..., 3:6] / np.maximum(np.linalg.norm(features[..., 3:6], axis=-1, keepdims=True), 1e-6)
    light = [np.log1p(_without_fireflies(half) / (albedo + _DARKEST_ALBEDO)) for half in halves]
    picture = (light[0] + light[1]) / 2
    noise = np.sqrt(_blur(((light[0] - light[1]) ** 2).mean(axis=-1) / 4))
    for step in (2**number for number in range(passes)):
        total = np.zeros_like(picture)
        weights = np.zeros_like(noise)
        look_around = [_Neighbours(plane, reach=2 * step) for plane in (picture, albedo, normal, depth)]
        for down, down_weight in enumerate(_KERNEL):
            for right, right_weight in enumerate(_KERNEL):
                offset = ((down - 2) * step, (right - 2) * step)
                there, albedo_there, normal_there, depth_there = (around.at(offset) for around in look_around)
                distance = (1 - np.einsum("yxc,yxc->yx", normal, normal_there)) / _NORMAL_SPREAD
                distance += _difference(albedo, albedo_there) / _ALBEDO_SPREAD
                distance += np.abs(depth - depth_there) / (_DEPTH_SPREAD * step * depth + 1e-3)
                distance += _difference(picture, there) / (_NOISE_SPREAD * noise + 1e-3)
                weight = down_weight * right_weight * np.exp(-distance)
                total += weight[..., None] * there
                weights += weight
        picture = total / weights[..., None]
        noise = noise / 2
    smooth: FloatArray = np.expm1(picture) * (albedo + _DARKEST_ALBEDO)
    return smooth


class _Neighbours:
    """Gives a plane's pixels beside each of its own, the border repeated outwards."""

    def __init__(self, plane: FloatArray, *, reach: int) -> None:
        self._shape = plane.shape[:2]
        self._reach = reach
        self._padded = np.pad(plane, [(reach, reach), (reach, reach)] + [(0, 0)] * (plane.ndim - 2), mode="edge")

    def at(self, offset: tuple[int, int]) -> FloatArray:
        """Return the plane whose pixel (y, x) is the original's (y + down, x + right)."""
        top, left = self._reach + offset[0], self._reach + offset[1]
        return self._padded[top : top + self._shape[0], left : left + self._shape[1]]


def _difference(one: FloatArray, other: FloatArray) -> FloatArray:
    """Return how far two colours are apart, as the sum over the channels."""
    apart: FloatArray = np.abs(one - other).sum(axis=-1)
    return apart


def _without_fireflies(picture: FloatArray) -> FloatArray:
    """Hold each pixel to twice what the second brightest of its eight neighbours has."""
    brightness = picture.max(axis=-1)
    around = _Neighbours(brightness, reach=1)
    offsets = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if (down, right) != (0, 0)]
    neighbours = np.sort(np.stack([around.at(offset) for offset in offsets]), axis=0)
    ceiling = 2 * neighbours[-2] + 1e-4
    held: FloatArray = picture * np.minimum(1, ceiling / np.maximum(brightness, 1e-6))[..., None]
    return held


def _blur(plane: FloatArray) -> FloatArray:
    """Return the mean over five by five pixels."""
    around = _Neighbours(plane, reach=2)
    mean: FloatArray = np.mean([around.at((down, right)) for down in range(-2, 3) for right in range(-2, 3)], axis=0)
    return mean
