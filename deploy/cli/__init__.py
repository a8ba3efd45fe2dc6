"""The `aoi` command: a module a noun, imported only when its noun is asked for."""
