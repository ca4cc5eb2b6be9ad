"""Limits with what is used of them, who holds them, and which layers they count."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from cuebot.domain.bindings import layers_of, source_of
from cuebot.domain.farm import Farm
from cuebot.domain.limit_counts import Counts, counts_of, fresh_rows
from cuebot.domain.names import short_host_name
from cuebot.domain.nouns import Layer, Limit
from cuebot.domain.states import BindSource


class LimitRow(NamedTuple):
    """A limit, and how much of it is used."""

    limit: Limit
    counts: Counts
    is_stale: bool
    blocks: bool
    """It may keep frames from starting."""
    spec_layers: int
    auto_layers: int


class HoldRow(NamedTuple):
    """A host that uses a limit."""

    limit: Limit
    host_name: str
    host_id: str
    """Empty for one that is none of the farm's."""
    tokens: int
    user: str
    is_reported: bool
    is_running: bool
    """The farm runs something there that the limit counts."""


class BindingRow(NamedTuple):
    """A layer that a limit counts."""

    layer: Layer
    job_name: str
    source: BindSource
    bound_us: int


def limit_row(farm: Farm, limit: Limit, now_us: int) -> LimitRow:
    """A limit as a row."""
    layer_ids = farm.limit_use.layers_by_limit.get(limit.name, ())
    sources = [source_of(farm.layers[id], limit) for id in layer_ids]
    return LimitRow(
        limit,
        counts_of(farm, limit),
        limit.is_stale(now_us),
        limit.blocks(now_us),
        sources.count(BindSource.SPEC),
        sources.count(BindSource.AUTO),
    )


def all_limits(farm: Farm) -> list[Limit]:
    """All limits, by name."""
    return sorted(farm.limits.values(), key=lambda limit: limit.name)


def limits_of_layer(farm: Farm, layer: Layer) -> list[Limit]:
    """The limits that exist of those that a layer names."""
    return [farm.limits[farm.limit_by_name[name]] for name in layer.limits if name in farm.limit_by_name]


def holds_of(farm: Farm, limit: Limit, host_name: str = "") -> list[HoldRow]:
    """Who uses a limit, by name: all, or one host under whatever spelling."""
    use, rows = farm.limit_use.of(limit.name), []
    for short, holder in limit.holders.items():
        here = farm.limit_use.rows_by_short_name.get(short, set())
        host_id = farm.hosts_table.ids[min(here)] if here else ""
        since = 0 if limit.per_host else sum(use.pending.get(row, 0) for row in here)
        running = any(row in use.by_host for row in here)
        rows.append(HoldRow(limit, holder.name, host_id, holder.tokens + since, holder.user, True, running))
    for row in fresh_rows(farm, limit):
        name, id = farm.host_names[row], farm.hosts_table.ids[row]
        rows.append(HoldRow(limit, name, id, use.pending[row], "", False, True))
    wanted = short_host_name(host_name)
    found = [row for row in rows if not wanted or short_host_name(row.host_name) == wanted]
    return sorted(found, key=lambda row: row.host_name)


def bindings_of(
    farm: Farm, limit: Limit, sources: Collection[BindSource] = (), layer_ids: Collection[str] = ()
) -> list[BindingRow]:
    """Layers in memory that a limit counts, those that came first before others; of some sources, or some layers."""
    layers = layers_of(farm, limit)
    if layer_ids:
        layers = [layer for layer in layers if layer.id in layer_ids]
    rows = [_binding(farm, limit, layer) for layer in layers]
    return [row for row in rows if not sources or row.source in sources]


def _binding(farm: Farm, limit: Limit, layer: Layer) -> BindingRow:
    job, binding = farm.jobs[layer.job_id], layer.bindings.get(limit.name)
    if binding is None:
        return BindingRow(layer, job.name, BindSource.SPEC, job.submitted_us)
    return BindingRow(layer, job.name, binding.source, binding.bound_us)
