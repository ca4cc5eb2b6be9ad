"""Services: what frames of a kind need unless they say so themselves."""

from __future__ import annotations

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Service


def all_services(farm: Farm) -> list[Service]:
    """All services, by name."""
    return sorted(farm.services.values(), key=lambda service: service.name)
