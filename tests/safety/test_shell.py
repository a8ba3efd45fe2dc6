"""Attack table, row Shell: no line that a shell would read otherwise ever becomes a command."""

import pytest

from agents.policy.parse import parse
from agents.policy.refusal import Refusal
from agents.policy.shell import MAX_DOCUMENT, MAX_LINE, split

GET = "kubectl get pods"

ATTACKS: dict[str, list[str]] = {
    "several_commands": [
        f"{GET}; rm -rf /",
        f"{GET} ;rm -rf /",
        f"{GET};kubectl delete ns hotel-1",
        f"{GET}\nkubectl delete ns hotel-1",
        f"{GET}\n\nid",
        f"{GET} && id",
        f"{GET}&&id",
        f"{GET} || id",
        f"{GET}||id",
        f"{GET} ;; id",
    ],
    "background": [f"{GET} &", f"{GET}&", f"{GET} & id", f"{GET} &id"],
    "pipeline": [
        f"{GET} | sh",
        f"{GET}|sh",
        f"{GET} |& sh",
        f"{GET}|&sh",
        "cat <<EOF | kubectl apply -f -\na: b\nEOF",
        "echo x | kubectl apply -f -",
    ],
    "substitution": [
        "kubectl get $(id)",
        'kubectl get "$(id)"',
        "kubectl get pods-$(id)",
        "kubectl get `id`",
        'kubectl get "`id`"',
        "kubectl get pods -n`id`",
        "kubectl get <(id)",
        "kubectl get >(id)",
        "kubectl apply -f <(id)",
    ],
    "redirection": [
        f"{GET} > /etc/passwd",
        f"{GET} >/etc/passwd",
        f"{GET}>/etc/passwd",
        f"{GET} >> /x",
        f"{GET} 2> /x",
        f"{GET} 2>&1",
        f"{GET} &> /x",
        f"{GET} >| /x",
        f"{GET} < /etc/passwd",
        f"{GET} <> /x",
        "kubectl apply -f - <<< 'a: b'",
        "kubectl apply -f - <<<x",
        "> /x kubectl get pods",
    ],
    "here_document": [
        "kubectl apply -f - <<-EOF\na: b\nEOF",
        "kubectl apply -f - <<EOF\na: b",
        "kubectl apply -f - <<EOF\na: b\nEOF\nkubectl delete ns x\nEOF",
        "kubectl apply -f - <<EOF\na: b\nEOF x",
        "kubectl apply -f - <<EOF",
        f"{GET} <<EOF\na: b\nEOF",
        "kubectl apply -f - <<EOF <<EOG\na\nEOF\nb\nEOG",
    ],
    "assignment": [
        "KUBECONFIG=/x kubectl get pods",
        "A=b kubectl get pods",
        "PATH=. kubectl get pods",
        "A=b",
        "A+=b kubectl get pods",
    ],
    "expansion": [
        "kubectl get $VERB",
        "kubectl get ${VERB}",
        "kubectl${IFS}get pods",
        'kubectl get "$VERB"',
        'kubectl get "${VERB:-pods}"',
        "kubectl get pods -n $NS",
        "$KUBECTL get pods",
        "kubectl get $((1+1))",
        "kubectl get $[1+1]",
        "kubectl get {pods,secrets}",
        "kubectl get pod-{1..9}",
        "kubectl get ~",
        "kubectl get ~root/x",
        "kubectl get $*",
        "kubectl get $?",
        "kubectl apply -f - <<EOF\na: $(id)\nEOF",
        "kubectl apply -f - <<EOF\na: $HOME\nEOF",
        "kubectl apply -f - <<EOF\na: `id`\nEOF",
    ],
    "glob": ["kubectl get *", "kubectl get pod-?", "kubectl get [a-z]", "kubectl get x*"],
    "escape": [
        "kubectl get $'\\x73ecrets'",
        "kubectl get $'secrets'",
        "k\\ubectl get pods",
        "kubectl get \\pods",
        "kubectl get pods \\\n -A",
        "kubectl get a\\ b",
    ],
    "comment": [f"{GET} # x", f"{GET} #", "# kubectl get pods", "kubectl get#pods"],
    "compound": [
        "(kubectl get pods)",
        "{ kubectl get pods; }",
        "f() { kubectl get pods; }",
        "function f { kubectl get pods; }",
        "for i in a b; do kubectl get pods; done",
        "while true; do kubectl get pods; done",
        "if kubectl get pods; then id; fi",
        "case x in x) kubectl get pods;; esac",
        "[[ -f /x ]]",
        "((1+1))",
    ],
    "unterminated_quote": [f"{GET} '", f'{GET} "', f"{GET} 'a\nb", f'{GET} "a\\"', "'kubectl get"],
    "control_character": [
        f"{GET}\x00-A",
        f"{GET}\r\nid",
        f"{GET}\rid",
        f"{GET}\x0bid",
        f"{GET}\x1b[2J",
        f"{GET} 'a\x07b'",
        f"{GET}\x7f",
        f"{GET}\u200b",
        "kubectl get 'po\u200bds'",
        "kubectl get 'po\u202eds'",
        "kubectl get 'po\ufeffds'",
        "kubectl get 'a\u2028b'",
        "kubectl get 'a\u0085b'",
        "kubectl get pods\u2060",
    ],
    "lookalike_character": [
        "kubectl g\u0435t pods",
        "kubect\u04cf get pods",
        "kubectl get pods \uff0dA",
        "kubectl get pods \u2013A",
        "kubectl get pods \u2014all-namespaces",
        "kubectl\u00a0get pods",
        "kubectl get \u201cpods\u201d",
        "kubectl get pods \uff1b id",
    ],
    "too_long": ["kubectl get " + "a" * 100_000, f"{GET} -l '{'a' * MAX_LINE}'"],
    "empty": ["", " ", "\n", "\t \n"],
    "unknown_program": [
        "eval kubectl get pods",
        "exec kubectl get pods",
        "command kubectl get pods",
        "builtin kubectl get pods",
        "time kubectl get pods",
        "coproc kubectl get pods",
        "sudo kubectl get pods",
        "env kubectl get pods",
        "xargs kubectl get pods",
        "sh -c 'kubectl get pods'",
        "bash -c 'kubectl get pods'",
        ". kubectl",
        "source kubectl",
        "./kubectl get pods",
        "/usr/bin/kubectl get pods",
        "kubectl- get pods",
        "kubectl.exe get pods",
        "Kubectl get pods",
        "kubect1 get pods",
        "'kubectl get pods'",
        "kubectl-debug pods",
        "oc get pods",
        "docker ps",
    ],
}
ROWS = [(code, line) for code, lines in ATTACKS.items() for line in lines]


@pytest.mark.parametrize(("code", "line"), ROWS, ids=lambda value: repr(value)[:60])
def test_a_line_with_shell_in_it_is_refused_by_name(code: str, line: str) -> None:
    with pytest.raises(Refusal) as caught:
        parse(line, "hotel-1")
    assert caught.value.code == code


@pytest.mark.parametrize("line", ["! kubectl get pods", "{ kubectl get pods", "[ -f x ]"])
def test_a_line_that_only_looks_simple_is_refused(line: str) -> None:
    with pytest.raises(Refusal):
        parse(line, "hotel-1")


@pytest.mark.parametrize("keyword", ["if", "then", "else", "for", "do", "done", "while", "{", "!"])
def test_a_keyword_of_the_shell_never_starts_a_command(keyword: str) -> None:
    with pytest.raises(Refusal):
        parse(f"{keyword} kubectl get pods", "hotel-1")


def test_an_argument_keeps_every_character_that_quotes_protect() -> None:
    line = split('kubectl \'a|b;c&d$e`f\' "x>y<z*" \'it\'"\'"\'s\' "\\"q\\""')
    assert [word.text for word in line.words] == [
        "kubectl",
        "a|b;c&d$e`f",
        "x>y<z*",
        "it's",
        '"q"',
    ]


def test_a_here_document_is_taken_literally_when_its_tag_is_quoted() -> None:
    line = split("kubectl apply -f - <<'EOF'\na: $HOME `id`\nEOF\n")
    assert line.document == "a: $HOME `id`\n"


def test_a_here_document_has_an_end() -> None:
    body = "a: b\n" * (MAX_DOCUMENT // 5 + 1)
    with pytest.raises(Refusal) as caught:
        split(f"kubectl apply -f - <<'EOF'\n{body}EOF\n")
    assert caught.value.code == "too_long"


def test_a_refusal_says_where_and_what_instead() -> None:
    with pytest.raises(Refusal) as caught:
        split("kubectl get pods | grep geo")
    assert caught.value.position == 17
    assert "-l" in (caught.value.hint or "")
