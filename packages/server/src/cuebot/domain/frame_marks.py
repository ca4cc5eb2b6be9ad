"""What frames, or tools that look after them, say of them: what clients show for a state, which are checkpointed."""

from __future__ import annotations

from collections import defaultdict

from cuebot.domain.nouns import DisplayOverride


class FrameMarks:
    """Display overrides, and where there are frames in CHECKPOINT."""

    def __init__(self) -> None:
        self.overrides: dict[str, DisplayOverride] = {}
        self.overrides_of: dict[str, dict[tuple[int, int], str]] = defaultdict(dict)
        """By layer: by frame index and state the id of the display override."""
        self.checkpointed: set[str] = set()
        """Ids of all layers that have frames in CHECKPOINT, and of some that had."""

    def enter(self, override: DisplayOverride) -> None:
        """Let an override be found by its frame."""
        self.overrides_of[override.layer_id][override.frame_index, int(override.state)] = override.id

    def override_of(self, layer_id: str, frame_index: int, state: int) -> DisplayOverride | None:
        """What is shown for a frame in a state, where that is not the state's own word."""
        of_layer = self.overrides_of.get(layer_id)
        id = of_layer.get((frame_index, int(state))) if of_layer else None
        return self.overrides[id] if id else None

    def overrides_of_frame(self, layer_id: str, frame_index: int) -> list[DisplayOverride]:
        """What is shown for a frame, by state."""
        known = self.overrides_of.get(layer_id, {})
        found = [self.overrides[id] for (index, _), id in known.items() if index == frame_index]
        return sorted(found, key=lambda one: one.state)

    def frames_with_overrides(self, layer_id: str) -> list[int]:
        """Which frames of a layer have any, by index."""
        return sorted({index for index, _ in self.overrides_of.get(layer_id, {})})

    def take(self, layer_id: str) -> list[DisplayOverride]:
        """Forget a layer. Returns its overrides."""
        self.checkpointed.discard(layer_id)
        return [self.overrides.pop(id) for id in self.overrides_of.pop(layer_id, {}).values()]
