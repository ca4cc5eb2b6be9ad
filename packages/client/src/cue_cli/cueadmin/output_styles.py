"""The names of the two output styles."""

CUEFARM = "cuefarm"
UPSTREAM = "upstream"
