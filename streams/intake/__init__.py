"""Alerts in: one normaliser a format, the checks that all of them pass, HTTP and topic faces.

Reading order: `wire` and `bad`, a format, `checks`, `grouping`, `reading`, then `gateway` (HTTP)
and `worker` (the topic). The normalisers are pure: bytes and headers in, `AlertReceived` out.
"""
