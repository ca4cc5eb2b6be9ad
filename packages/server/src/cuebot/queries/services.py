"""Services: what frames of a kind need unless they say so themselves."""

from __future__ import annotations

from cuebot.domain.farm import Farm
from cuebot.domain.nouns import Service, ServiceOverride


def all_services(farm: Farm) -> list[Service]:
    """All services, by name."""
    return sorted(farm.services.values(), key=lambda service: service.name)


def overrides_of_show(farm: Farm, show_id: str) -> list[ServiceOverride]:
    """What a show has in the place of services, by name."""
    found = (override for override in farm.service_overrides.values() if override.show_id == show_id)
    return sorted(found, key=lambda override: override.name)
