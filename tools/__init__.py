"""Programs of the workspace: `make` calls them, nobody installs them."""
