"""HTTP: health, the way in for browsers, and a page; behind doors of its own (`doors`). REST and events later."""
