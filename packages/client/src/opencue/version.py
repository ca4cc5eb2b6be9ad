"""The version of the API, which is older than any release and unrelated to its number."""

version = "5.0"
