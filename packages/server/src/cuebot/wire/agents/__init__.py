"""The side of the wire that talks with agents: their streams and reports, and what is asked of them."""
