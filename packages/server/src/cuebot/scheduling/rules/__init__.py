"""What a booking has to keep: which hosts, in which order, how much of what. Plan and explain share these rules."""
