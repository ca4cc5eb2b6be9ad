"""HTTP: health, the way in for browsers, and a page; behind doors of its own (`doors`). REST and events later.

A new address is a route in a module of its subject, as `pages.routes`; `routes` joins them, and `authorization` says by
which action each is asked for: without that the server does not start.
"""
