"""The real Postgres behind simulated connections, which fail as the network and the server do."""
