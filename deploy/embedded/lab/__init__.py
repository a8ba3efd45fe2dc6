"""The lab as a process: clusters behind tokens, alerts over HTTP, judgements as an outsider."""
