"""Where outlines are launched: `cue` is the farm, `local` this machine.

A backend is a module with `launch(launcher, use_pycuerun)`, `serialize(launcher)` and `serialize_simple(launcher)`.
"""
