"""The demo: a real pipeline that renders a small movie."""
