"""Alembic's scripts: how one version's tables become the next one's."""
