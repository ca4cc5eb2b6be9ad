"""The farm's command-line tools."""
