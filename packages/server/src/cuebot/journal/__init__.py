"""The farm on disk, through SQLAlchemy Core."""
