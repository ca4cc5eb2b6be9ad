"""The farm's nouns, states, commands and events; pure."""
