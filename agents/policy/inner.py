"""The few programs that may run inside a container, typed down to their arguments.

Invariant: an exec that is no listed program with a listed form of arguments is refused; only a
MongoDB user or role repair is a write, everything else reads. Over HTTP one URL of a service of
this cluster is asked for, without a query, and no redirect is followed; which paths may be asked
for is policy's word (`agents.policy.reads`).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from agents.contracts.command import Access
from agents.policy.mongo import MONGO_SHELLS, read_mongo
from agents.policy.named import is_secret_name
from agents.policy.redact import redact
from agents.policy.refusal import ReasonCode, Refusal

PROGRAMS = "env, printenv, cat, nslookup, curl, wget, mongo, mongosh"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_UNTOLD = "Xq7xXq7x"  # a value that only its name may hide
_LABEL = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL}){{0,5}}")
# no query, no percent sign and no segment that begins with a dot: a path means what it says
_URL = re.compile(
    r"(?:https?://)?(?P<host>[a-z0-9.-]{1,253})(?::[0-9]{1,5})?"
    r"(?P<path>(?:/[A-Za-z0-9_~:-][A-Za-z0-9._~:-]{0,127}){0,16}/?)"
)
_CLUSTER = (".svc.cluster.local", ".svc")
_ITSELF = frozenset({"localhost", "127.0.0.1"})
_PATH = re.compile(r"/[A-Za-z0-9_.+-]{1,64}(?:/[A-Za-z0-9_.+-]{1,64}){0,9}")
_READABLE = ("/etc/", "/app/", "/config/", "/opt/", "/usr/share/nginx/", "/var/log/", "/usr/local/")
_PROC = re.compile(
    r"/proc/(?:meminfo|cpuinfo|loadavg|uptime|mounts|net/(?:tcp|tcp6|dev)"
    r"|(?:1|self)/(?:status|limits|cgroup))"
)
# a file whose path has one of these words, or ends so, is kept shut
_SHUT = re.compile(
    r"secret|token|passw|pgpass|shadow|credential|private|/\.|\.\.|ssh|\.key|\.pem|ssl/|sudoers"
    r"|kubernetes|kube-?config|kubelet|rancher|k3s|rke2|k0s|/admin\.conf|service-?_?account"
    r"|key-?_?(?:store|ring|tab|file)|trust-?_?store|/id_(?:rsa|dsa|ecdsa|ed25519)|key[34]\.db"
    r"|netrc|htdigest|userlist|sasl|cookie|vault|wallet|wireguard|jwt|/auth\.json|dockerconfig"
    r"|dockercfg|msmtprc|fetchmailrc|debian\.cnf|clients?\.cnf|mylogin"
    r"|\.(?:jks|jceks|bcfks|p12|p8|pfx|pkcs12|der|ppk|kdbx?|asc|gpg|pgp|ovpn|sso|acl)\Z",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # to curl an address, written as one number
# the API server, also by the name of an endpoint of its service, and a cloud's own services
_API = re.compile(
    r"(?:.*\.)?(?:kubernetes|kube-system)(?:\.|\Z)|(?:rancher-)?metadata(?:\.|\Z)|instance-data"
)
_NO_REDIRECT = "--max-redirect=0"
# what curl writes out: its variables, of these what the other side told, and text
_OUT = re.compile(r"%\{(?P<variable>[a-z_]{1,32})\}|(?P<text>\\n|[A-Za-z0-9 :=._\n-])")
_TOLD = re.compile(
    r"content_type|filename_effective|header_json|json|certs|.*url.*|referer|errormsg"
)
_APART = frozenset({"\\n", "\n", " ", ":", "="})


@dataclass(frozen=True, slots=True)
class Address:
    """Where a program turns to. namespace: None for the pod's own; path: None without HTTP."""

    namespace: str | None
    path: str | None = None


def check_inner(argv: tuple[str, ...]) -> None:
    """Raise `Refusal` unless the argv after `--` is one that may run in a container."""
    inner_access(argv)


def inner_access(argv: tuple[str, ...]) -> Access:
    """Return what the argv of an exec does; raises `Refusal` when it may not run at all."""
    program, arguments = (argv[0], argv[1:]) if argv else ("", ())
    if program in MONGO_SHELLS:
        return read_mongo(argv).access
    check = _CHECKS.get(program)
    if check is None:
        raise Refusal(
            ReasonCode.INNER_PROGRAM,
            f"expected one of {PROGRAMS} after --, got {program[:40]!r}",
            None,
            "one program with its arguments, without a shell: exec POD -- env",
            about=program,
        )
    check(arguments)
    return Access.READ


def address_of(argv: tuple[str, ...]) -> Address | None:
    """Return where an accepted argv turns to, None where it stays in its container."""
    check = _CHECKS.get(argv[0]) if argv else None
    return check(argv[1:]) if check else None


def runnable(argv: tuple[str, ...]) -> tuple[str, ...]:
    """Return an accepted argv as it runs.

    wget follows redirects unless it is told not to; what curl writes out begins on a line of its
    own, or it would stand directly behind the body.
    """
    if argv[:1] == ("wget",) and _NO_REDIRECT not in argv:
        return (argv[0], _NO_REDIRECT, *argv[1:])
    if argv[:1] == ("curl",) and "/dev/null" not in argv:
        flags = ("", *argv)
        return tuple(
            f"\\n{word}" if before in _WRITE_OUT and word.startswith("%") else word
            for before, word in zip(flags, argv, strict=False)
        )
    return argv


def _env(arguments: tuple[str, ...]) -> None:
    if arguments:
        raise _argument("env", "no argument: env with a word runs a program", arguments[0])


def _printenv(arguments: tuple[str, ...]) -> None:
    for argument in arguments:
        if _VARIABLE.fullmatch(argument) is None:
            raise _argument("printenv", "names of variables", argument)
        if says_secret(argument):
            raise _argument("printenv", "no name that says its value is secret", argument)


@lru_cache(maxsize=4096)  # labels and members are asked for again and again
def says_secret(name: str) -> bool:
    """Return whether redaction would hide the value if it stood behind its name, or in JSON."""
    return _is_secret_file(name) or redact(f'"{name}": "{_UNTOLD}"').count > 0


@lru_cache(maxsize=4096)
def _is_secret_file(name: str) -> bool:
    """Return whether a file's name says it; `auth`, a secret in JSON, is none in a file's name."""
    return is_secret_name(name) or redact(f"{name}={_UNTOLD}").count > 0


def _cat(arguments: tuple[str, ...]) -> None:
    if not arguments:
        raise _argument("cat", "the absolute path of a file", "nothing")
    for path in arguments:
        named = any(_is_secret_file(part.partition(".")[0]) for part in path.split("/"))
        open_ = path.startswith(_READABLE) and not _SHUT.search(path) and not named
        if _PATH.fullmatch(path) is None or not (open_ or _PROC.fullmatch(path)):
            raise _argument("cat", f"a file below {', '.join(_READABLE)}, no secret", path)


def _nslookup(arguments: tuple[str, ...]) -> Address:
    host = arguments[0] if len(arguments) == 1 else ""
    short = host.count(".") == 1 and not host.endswith(_CLUSTER)
    if _HOST.fullmatch(host) is None or not (short or _is_internal(host)):
        raise _argument("nslookup", "one SERVICE[.NAMESPACE[.svc]]", " ".join(arguments[:1]))
    return Address(_namespace_of(host))


def _curl(arguments: tuple[str, ...]) -> Address:
    found: list[tuple[str, Address]] = []
    words = iter(arguments)
    for word in words:
        if re.fullmatch(r"-[sSviIkf]{1,7}", word) or word in _CURL_SWITCHES:
            continue
        if word in {"-m", "--max-time", "--connect-timeout"}:
            _seconds("curl", word, words)
        elif re.fullmatch(r"--(?:max-time|connect-timeout)=[0-9]{1,3}", word):
            continue
        elif word in {"-o", "--output"}:
            _exactly("curl", word, words, "/dev/null")
        elif word in {"-X", "--request"}:
            _exactly("curl", word, words, "GET")
        elif word in _WRITE_OUT:
            _written(next(words, ""), arguments)
        else:
            found.append((word, _url("curl", word)))
    if len(found) != 1:
        raise _argument("curl", "one URL", found[1][0] if found else "curl")
    return found[0][1]


def _written(form: str, arguments: tuple[str, ...]) -> None:
    """Refuse what curl may not write out, or would glue to the body or to what the server told."""
    pieces = list(_OUT.finditer(form))
    if "".join(piece.group() for piece in pieces) != form:
        raise _argument("curl", "%{http_code} and such after -w", form)
    begun = pieces[0]["text"] if pieces else None
    if begun and begun not in _APART and "/dev/null" not in arguments:
        raise _argument("curl", "a blank or \\n first after -w, or -o /dev/null", form)
    for one, two in pairwise(pieces):
        for told, beside in ((one, two), (two, one)):
            if _TOLD.fullmatch(told["variable"] or "") and beside["text"] not in _APART:
                raise _argument("curl", f"a blank or \\n beside {told.group()}", form)


def _wget(arguments: tuple[str, ...]) -> Address:
    words, silent = iter(arguments), False
    found: list[Address] = []
    for word in words:
        if word in {"-qO-", "-O-", "--spider", "--output-document=-"}:
            silent = True
        elif word in {"-O", "-qO", "--output-document"}:
            _exactly("wget", word, words, "-")
            silent = True
        elif word in {
            "-q",
            "-S",
            "--quiet",
            "--server-response",
            "--no-verbose",
            "-nv",
            _NO_REDIRECT,
        }:
            continue
        elif word in {"-T", "--timeout"}:
            _seconds("wget", word, words)
        elif re.fullmatch(r"(?:-T|--timeout=|--tries=)[0-9]{1,3}", word):
            continue
        else:
            found.append(_url("wget", word))
    if len(found) != 1 or not silent:
        raise _argument("wget", "-qO- and one URL, so that no file is written", " ".join(arguments))
    return found[0]


_WRITE_OUT = frozenset({"-w", "--write-out"})
_CURL_SWITCHES = frozenset(
    {
        "--silent",
        "--show-error",
        "--verbose",
        "--include",
        "--head",
        "--insecure",
        "--fail",
        "--get",
    }
)
_CHECKS: dict[str, Callable[[tuple[str, ...]], Address | None]] = {
    "env": _env,
    "printenv": _printenv,
    "cat": _cat,
    "nslookup": _nslookup,
    "curl": _curl,
    "wget": _wget,
}


_HINTS: dict[str, str] = {
    "env": "exec POD -- env, or exec POD -- printenv NAME",
    "printenv": "exec POD -- env, which shows the names of all, or exec POD -- printenv NAME",
    "cat": "exec POD -- cat /etc/resolv.conf; a mounted config map: kubectl get configmap -o yaml",
    "nslookup": "exec POD -- nslookup SERVICE",
    "curl": "exec POD -- curl -s -m 5 http://SERVICE:PORT/PATH",
    "wget": "exec POD -- wget -qO- -T 5 http://SERVICE:PORT/PATH",
}


def _seconds(program: str, flag: str, words: Iterator[str]) -> None:
    value = next(words, "")
    if re.fullmatch(r"[0-9]{1,3}(?:\.[0-9])?", value) is None:
        raise _argument(program, f"seconds after {flag}", value)


def _exactly(program: str, flag: str, words: Iterator[str], wanted: str) -> None:
    value = next(words, "")
    if value != wanted:
        raise _argument(program, f"{wanted} after {flag}", value)


def _url(program: str, word: str) -> Address:
    """Refuse any address but that of a service of the cluster, or of the container itself."""
    found = _URL.fullmatch(word)
    if found is None and "?" in word:
        raise _argument(program, "a URL without a query, which may change what it asks", word)
    host = found["host"] if found else ""
    if found is None or not (host in _ITSELF or _is_service(host)):
        raise _argument(program, "http://SERVICE[.NAMESPACE.svc]:PORT/PATH of this cluster", word)
    return Address(None if host in _ITSELF else _namespace_of(host), found["path"])


def _is_service(host: str) -> bool:
    """Return whether a host is a service of the cluster, and not the API server's or a cloud's."""
    known = _HOST.fullmatch(host) is not None and not _API.match(host)
    return known and _is_internal(host) and not _NUMBER.fullmatch(host)


def _is_internal(host: str) -> bool:
    return "." not in host or (host.endswith(_CLUSTER) and "." in _within(host))


def _within(host: str) -> str:
    """Return a host without the cluster's own domain: `SERVICE.NAMESPACE`, or a name before it."""
    for domain in _CLUSTER:
        if host.endswith(domain):
            return host.removesuffix(domain)
    return host


def _namespace_of(host: str) -> str | None:
    """Return the namespace that a host names: the label before `.svc`, however many there are."""
    return _within(host).rpartition(".")[2] if "." in host else None


def _argument(program: str, expected: str, actual: str) -> Refusal:
    return Refusal(
        ReasonCode.INNER_ARGUMENT,
        f"{program} takes {expected}; got {actual[:80]!r}",
        None,
        _HINTS[program],
        about=actual,
    )
