"""How AOI runs: the `aoi` command, the embedded broker, charts and images."""
