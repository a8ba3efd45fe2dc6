"""Every flag that some verb takes: long name, short letter, and the form of its value.

Invariant: a value that runs has matched the pattern of its flag. Flags that no verb may ever take
stand in `NEVER`, with the reason that a model gets to read.
"""

import re
from dataclasses import dataclass

SWITCH = re.compile(r"true|false")
DNS_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?")
_NUMBER = re.compile(r"-?[0-9]{1,9}")
_COUNT = re.compile(r"[0-9]{1,9}")
_DURATION = re.compile(r"-?[0-9]{1,6}|(?:[0-9]{1,6}(?:\.[0-9]{1,3})?(?:ms|h|m|s)){1,4}")
_SELECTOR = re.compile(r"[A-Za-z0-9 ._/=!(),-]{1,512}")
_FIELDS = re.compile(r"[A-Za-z0-9 ._/=!,:-]{1,512}")
_PATH = re.compile(r"\{?[A-Za-z0-9._\[\]*'\"()@?=!<>\\/-]{1,256}\}?")
_LIST = re.compile(r"[A-Za-z0-9._/*,-]{1,256}")
_OUTPUT = re.compile(
    r"wide|yaml|json|name|(?:jsonpath|jsonpath-as-json|custom-columns)=[^\x00-\x08\x0b-\x1f]{1,1024}"
)
_QUANTITIES = re.compile(
    r"[a-z0-9./-]{1,63}=[0-9]{1,12}(?:\.[0-9]{1,6})?[A-Za-z]{0,2}"
    r"(?:,[a-z0-9./-]{1,63}=[0-9]{1,12}(?:\.[0-9]{1,6})?[A-Za-z]{0,2}){0,7}"
)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_WAIT_FOR = re.compile(
    r"delete|create|condition=[A-Za-z]{1,64}(?:=(?:true|false|unknown|True|False|Unknown))?"
    r"|jsonpath=.{1,256}"
)
_REFERENCE = re.compile(r"[A-Za-z.]{1,64}/[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?")
_PORT = re.compile(r"[0-9]{1,5}|[a-z0-9](?:[-a-z0-9]{0,13}[a-z0-9])?")
_TEXT = re.compile(r"[\s\S]{1,65536}")
_HELM_SET = re.compile(r"[A-Za-z0-9_.\[\]-]{1,256}=[^\x00-\x1f`$]{0,512}")


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag's value pattern (`SWITCH` takes none), its letter, and whether it may be repeated.

    default: what a switch is when the line does not say it; saying the default changes nothing.
    """

    value: re.Pattern[str]
    short: str = ""
    repeatable: bool = False
    default: str = "false"

    @property
    def is_switch(self) -> bool:
        """Whether the flag stands alone, without a value in the next word."""
        return self.value is SWITCH


# letters may be shared: `-p` is --patch for patch and --previous for logs
FLAGS: dict[str, Flag] = {
    "all-containers": Flag(SWITCH),
    "all-namespaces": Flag(SWITCH, "A"),
    "api-group": Flag(_FIELDS),
    "client": Flag(SWITCH),
    "container": Flag(_NAME, "c"),
    "containers": Flag(SWITCH),
    "cpu-percent": Flag(_COUNT),
    "delete-emptydir-data": Flag(SWITCH),
    "env": Flag(_TEXT, "e", repeatable=True),
    "field-selector": Flag(_FIELDS),
    "for": Flag(_WAIT_FOR),
    "force": Flag(SWITCH),
    "grace-period": Flag(_NUMBER),
    "ignore-daemonsets": Flag(SWITCH),
    "ignore-not-found": Flag(SWITCH),
    "label-columns": Flag(_LIST, "L"),
    "limit-bytes": Flag(_COUNT),
    "limits": Flag(_QUANTITIES),
    "list": Flag(SWITCH),
    "max": Flag(_COUNT),
    "max-log-requests": Flag(_COUNT),
    "min": Flag(_COUNT),
    "minify": Flag(SWITCH),
    "name": Flag(_NAME),
    "namespace": Flag(DNS_LABEL, "n"),
    "namespaced": Flag(SWITCH, default="unset"),
    "no-headers": Flag(SWITCH),
    "output": Flag(_OUTPUT, "o"),
    "overwrite": Flag(SWITCH),
    "patch": Flag(_TEXT, "p"),
    "port": Flag(_PORT),
    "prefix": Flag(SWITCH),
    "previous": Flag(SWITCH, "p"),
    "protocol": Flag(re.compile(r"TCP|UDP|SCTP")),
    "quiet": Flag(SWITCH, "q"),
    "recursive": Flag(SWITCH),
    "replicas": Flag(_COUNT),
    "requests": Flag(_QUANTITIES),
    "reuse-values": Flag(SWITCH),
    "revision": Flag(_COUNT),
    "selector": Flag(_SELECTOR, "l"),
    "set": Flag(_HELM_SET, repeatable=True),
    "show-events": Flag(SWITCH, default="true"),
    "show-kind": Flag(SWITCH),
    "show-labels": Flag(SWITCH),
    "since": Flag(_DURATION),
    "since-time": Flag(_TIME),
    "sort-by": Flag(_PATH),
    "stdin": Flag(SWITCH, "i"),
    "subresource": Flag(re.compile(r"log|exec|status|scale|eviction")),
    "sum": Flag(SWITCH),
    "tail": Flag(_NUMBER),
    "target-port": Flag(_PORT),
    "timeout": Flag(_DURATION),
    "timestamps": Flag(SWITCH),
    "to-revision": Flag(_COUNT),
    "tty": Flag(SWITCH, "t"),
    "type": Flag(re.compile(r"strategic|merge|json")),
    "types": Flag(re.compile(r"(?:Normal|Warning)(?:,(?:Normal|Warning))?")),
    "verbs": Flag(_LIST),
    "version": Flag(re.compile(r"[A-Za-z0-9.+-]{1,64}")),
    "wait": Flag(SWITCH, default="unset"),
    "watch": Flag(SWITCH, default="true"),
}

# the same name with another meaning under one verb
SPECIAL: dict[tuple[str, str], Flag] = {
    ("kubectl events", "for"): Flag(_REFERENCE),
    ("kubectl expose", "type"): Flag(re.compile(r"ClusterIP|NodePort|LoadBalancer|ExternalName")),
    ("kubectl set env", "containers"): Flag(_NAME, "c"),
    ("kubectl set resources", "containers"): Flag(_NAME, "c"),
}

_IDENTITY = "AOI chooses the cluster and the identity"
_FILE = "no file or address is read; a manifest goes into a here-document: -f - <<'EOF'"
_ENDLESS = "it does not end: use kubectl get again, or kubectl logs --tail=100 --since=10m"

# by long name; `NEVER_SHORT` gives the letters
NEVER: dict[str, str] = {
    **dict.fromkeys(
        [
            "as",
            "as-group",
            "as-uid",
            "as-user-extra",
            "token",
            "user",
            "username",
            "password",
            "kubeconfig",
            "context",
            "cluster",
            "server",
            "tls-server-name",
            "insecure-skip-tls-verify",
            "certificate-authority",
            "client-certificate",
            "client-key",
            "proxy-url",
            "kube-context",
            "kube-apiserver",
            "kube-token",
            "kube-as-user",
            "kube-as-group",
        ],
        _IDENTITY,
    ),
    **dict.fromkeys(
        ["filename", "kustomize", "patch-file", "values", "from-file", "set-file"], _FILE
    ),
    **dict.fromkeys(["follow", "watch", "watch-only"], _ENDLESS),
    "raw": "raw API paths have no type: use kubectl get KIND NAME -o yaml",
    "template": "templates are not taken: use -o jsonpath='{...}'",
    "all": "name the objects, one an act",
    "prune": "it deletes what it does not name: kubectl delete KIND NAME",
    "dry-run": "every act is dry-run by the gate before anyone approves it",
    "post-renderer": "it runs a program",
    "plugin": "it runs a program",
    "from": "it copies secrets and config maps: write KEY=VALUE",
    "show-managed-fields": "they hold nothing about the fault: leave the flag out",
    "allow-missing-template-keys": "templates are not taken: use -o jsonpath='{...}'",
}
FOLLOWING = frozenset({"kubectl logs"})  # where `-f` is --follow
NEVER_SHORT: dict[str, str] = {
    "s": "server",
    "k": "kustomize",
    "f": "filename",
    "w": "watch",
    "R": "recursive",
    "v": "v",
}


def flag_of(verb: str, name: str) -> Flag:
    """Return what the flag with this long name means under a verb such as `kubectl get`."""
    return SPECIAL.get((verb, name)) or FLAGS[name]
