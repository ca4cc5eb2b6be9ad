"""Small farms on which everything goes wrong, one from each seed: what shows that no frame is lost or runs twice.

The world's truth (`ground_truth`, `hosts`, `disk`) is kept apart from the server's books. Invariants compare both after
every event: `ground_truth` knows what really runs, `invariants` reads what became durable and has its own idea of the
rules.
"""
