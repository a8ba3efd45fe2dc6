"""A value as programs write it: quoted, escaped, encoded, inside other encoded text.

Invariant: every spelling is at least four characters long, and the value itself is among them if
it is.
"""

import base64
import html
import json
import re
from collections.abc import Iterator
from urllib.parse import quote

SHORTEST = 4
_SHORTEST_INSIDE = 8
_PERCENT = re.compile(r"%[0-9A-F]{2}")
_OF_SCRIPTS = "!'()*~"
"""What JavaScript's encodeURIComponent leaves as it is, beside letters, digits and `-_.`."""
_OF_ADDRESSES = f"{_OF_SCRIPTS};,/?:@&=+$#"
_GO_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})
_FOR_URLS = str.maketrans("+/", "-_")


def spellings(value: str) -> set[str]:
    """Return the spellings of a value that are searched for."""
    raw = value.encode("utf-8", "surrogatepass")
    found = {value, raw.hex(), raw.hex().upper()}
    found |= {*_quoted(value), *_percent(raw), *_base64(raw)}
    return {form for form in found if len(form) >= SHORTEST}


def _quoted(value: str) -> Iterator[str]:
    """Yield a value as it stands in JSON (of Go, and inside JSON), YAML, a shell and HTML."""
    for ascii_only in (True, False):
        once = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield once
        yield once.translate(_GO_ESCAPES)
        yield json.dumps(once, ensure_ascii=ascii_only)[1:-1]
        yield json.dumps(once.translate(_GO_ESCAPES), ensure_ascii=ascii_only)[1:-1]
    yield value.replace("'", "''")
    yield value.replace("'", "'\\''")
    yield html.escape(value)
    yield html.escape(value, quote=False)
    yield html.escape(value).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")


def _percent(raw: bytes) -> Iterator[str]:
    for safe in ("", _OF_SCRIPTS, _OF_ADDRESSES):
        form = quote(raw, safe=safe)
        for cased in (form, _PERCENT.sub(lambda found: found[0].lower(), form)):
            yield cased
            yield cased.replace("%20", "+")


def _base64(raw: bytes) -> Iterator[str]:
    """Yield the base64 of a value, of it as a line, and of what of it stands in longer text's."""
    for one in (raw, raw + b"\n"):
        form = base64.b64encode(one).decode()
        yield from (form, form.rstrip("="))
        yield from (form.translate(_FOR_URLS), form.rstrip("=").translate(_FOR_URLS))
    # as in `user:value`: the characters that neither what stands before nor behind has a part in
    for before in range(3):
        form = base64.b64encode(b"\0" * before + raw).decode()
        inside = form[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        if len(inside) >= _SHORTEST_INSIDE:
            yield from (inside, inside.translate(_FOR_URLS))
