"""What tests/exchange_sim/check looks at, a room a file: each has cases(Case, world, Transport, SNAPIN)."""
