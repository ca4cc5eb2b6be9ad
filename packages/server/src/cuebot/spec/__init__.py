"""Job specifications in and out; pure."""
