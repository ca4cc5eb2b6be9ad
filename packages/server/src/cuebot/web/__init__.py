"""HTTP: health now; REST, events and UI later."""
