"""What a read may take out of an object: no value without its name, none glued to other letters."""

import pytest

from tests.safety.judge import ALLOW, DENY, ruled

GET = "kubectl get deploy geo"
TAKEN = [
    '-o jsonpath=\'{range .items[*]}{.metadata.name}{"\\t"}{.status.phase}{"\\n"}{end}\'',
    "-o jsonpath='{range .items[*]}{.metadata.name}={.spec.replicas};{end}'",
    "-o jsonpath='{range .items[*]}name: {.metadata.name} has value{\"\\n\"}{end}'",
    "-o jsonpath='{.spec.containers[0].name}:{.spec.containers[1].name}'",
    "-o jsonpath='{.metadata.annotations.team\\.example/owner}'",
    "-o jsonpath='{.spec.containers[0].livenessProbe.exec.command}'",
    "-o jsonpath='{.status.conditions[?(@.type==\"Ready\")].status}'",
    "-o jsonpath='{.spec.template.spec.containers[0].env}'",
    "-o jsonpath='{.spec.template.spec.containers[*].args}'",
    "-o jsonpath='{.spec.template.spec.volumes[*].secret.secretName}'",
    "-o jsonpath='{.spec.template.spec.volumes[*].secret}'",
    "-o jsonpath='{range ..env[*]}{.name}={.value}{\"\\n\"}{end}'",
    '-o jsonpath=\'{range ..env[*]}{.name}{"="}{.value}{"\\n"}{end}\'',
    "-o jsonpath='{..env[*].name}'",
    "-o jsonpath='{..env[*].valueFrom}'",
    "-o jsonpath='{.spec.template.spec.imagePullSecrets[*].name}'",
    "-o jsonpath='{.spec.template.spec.volumes[0].projected.sources[*].serviceAccountToken}'",
    "-o jsonpath='{.secrets[*].name} {.items[*].secrets}'",
    "-o jsonpath='{..imagePullSecrets}'",
    "-o jsonpath='{..env[*].valueFrom.secretKeyRef.name}'",
    "-o jsonpath='{.data}'",
    "-o jsonpath='{ .data }'",
    "-o jsonpath='{$.data}'",
    "-o jsonpath='{@}'",
    "-o jsonpath={.items}",
    "-o jsonpath='{range.items[*]}{@.metadata.name}{end}'",
    "-o jsonpath='{.spec.containers[0:2].name} {.spec.containers[-1:].name} {.a[0:4:2].b}'",
    "-o jsonpath='{.spec.containers[0, 1].name} {.spec.containers[:2].name}'",
    "-o jsonpath='{.spec.containers[?(@.name)].image} {.a[?(@.b.c[0] != true)].d}'",
    "-o jsonpath='{.spec.ports[?(@.port>=60)].name} {.spec.ports[?(@.port < -1.5)].name}'",
    "-o jsonpath=\"{.metadata['labels']['app']} {.items[?(@['kind']=='a b')].kind}\"",
    "-o jsonpath=\"{.metadata.annotations['team\\.example/note']}\"",
    "-o 'custom-columns=A:{.metadata.name},B:metadata.name,C:{metadata.name},D:..image'",
    "--sort-by='{.spec.nodeName}'",
    "--sort-by=metadata.name",
    "-o jsonpath=.spec.replicas",
    "-o custom-columns=value:.metadata.name,TOKEN:.spec.automountServiceAccountToken",
    "-o custom-columns='NAME:.metadata.name,COMMAND:.spec.template.spec.containers[0].command'",
    "--sort-by='.status.containerStatuses[0].restartCount'",
]
UNREAD = [
    "{.data.password@}",
    "{.data.password$}",
    "{@.data.password@}",
    "{.data.password..}",
    "{.data..}",
    "{.data..@}",
    "{.spec..}",
    "{..}",
    "{..env..}",
    "{.spec.containers[0].args..}",
    "{.data .password}",
    "{.data. password}",
    "{.data.pass\\word}",
    "{.data.*}",
    "{.data..*}",
    "{..[0]}",
    "{[0]}",
    "{@[*]}",
    "{@[?(@)]}",
    "{.data.password[?(@)]}",
    "{.data.password[?(@.x)]}",
    "{.data.password[0]}",
    "{.data.password[0:1]}",
    "{.data.password[0,1]}",
    "{.data.password[*]}",
    "{.data.x[?(@)]}",
    "{.data.x[?(.a)]}",
    '{.data.x[?(@.a=~".")]}',
    "{.data.x[?(@.a==@.b)]}",
    '{.data.x[?(@.a=="b)].password[?(@.c")]}',
    "{.data.x[?(@..a)]}",
    "{.data.x[?(@.a)][0]}",
    "{.data.x[0][?(@)]}",
    "{.data.x[a]}",
    "{.data.x[]}",
    "{.data.x[-:1]}",
    "{.data.x[\u0661]}",
    "{.data.\u00e4}",
    "{$@.data.x}",
    "{$$.data.x}",
    "{.data.x,.data.y}",
    "{}",
]
"""Forms that kubectl takes for more than they seem, or refuses with the value in its words."""
QUOTED = [
    "{.data['*']}",
    "{.data['password@']}",
    "{.data['password..']}",
    "{.data['x.password']}",
    "{.data['']}",
    "{.data['x','y']}",
    "{.data['password'][0]}",
    "{.spec.containers[0].env[0]['*']}",
    "{..env[0]['value']}",
    "{.items[?(@.data['password']=='h')].metadata.name}",
    "{.items[?(@['a']=='x)].data.password..[?(y')]}",
]
BARE = [
    "-o jsonpath='{..env[?(@.name==\"DB_PASSWORD\")].value}'",
    "-o jsonpath='{..env[?(@.value>\"h\")].name}'",
    "-o jsonpath-as-json='{..env[*].value}'",
    "-o jsonpath=\"{..env[*]['value']}\"",
    "-o jsonpath='{..env[*].val\\ue}'",
    "-o jsonpath='{..env[0].*}'",
    "-o jsonpath='{..env[0][*]}'",
    "-o jsonpath='{..args[1]}'",
    "-o jsonpath='{..command[?(@)]}'",
    "-o jsonpath='{range ..args[*]}{@}{\" -- \"}{end}'",
    '-o jsonpath=\'{"\\""}{.a.value}{"\\""}\'',
    "-o 'custom-columns=V:.spec.template.spec.containers[0].env[0].value'",
    "-o 'custom-columns=V:.spec.template.spec.containers[*].env[*].value'",
    "--sort-by='.spec.template.spec.containers[0].env[0].value'",
    "-o jsonpath='{.data.DB_PASSWORD}'",
    "-o jsonpath=\"{.data['db-password']}\"",
    *(f"-o jsonpath='{path}'" for path in UNREAD),
    *(f"-o jsonpath-as-json='{path}'" for path in UNREAD),
    *(f"-o jsonpath='{{range {path[1:-1]}}}{{@}}{{end}}'" for path in UNREAD),
    *(f"-o custom-columns='A:{path}'" for path in UNREAD),
    *(f"-o custom-columns='B:.kind,A:{path[1:-1]}'" for path in UNREAD),
    *(f'-o jsonpath="{path}"' for path in QUOTED),
    *(f'-o "custom-columns=A:{path[1:-1]}"' for path in QUOTED),
    *(f'--sort-by="{path}"' for path in QUOTED if "," not in path),
    "--sort-by=.data.password@",
    "--sort-by='{.data.password..}'",
    "--sort-by='.spec.template.spec.containers[0].args[1]'",
    "--sort-by=..command",
    "-o custom-columns='A:.spec.template.spec.containers[0].args[*]'",
    "-o jsonpath='{.data.password}{'",
    "-o jsonpath='{\"x\"}{.data.password@'",
    "-o jsonpath='{\"x\".data..}'",
    "-o jsonpath='{.data}{\"{\"}{.data.password@}'",
    "-o jsonpath='data.password'",
    "-o jsonpath='.data.password@'",
    "-o jsonpath='{range .data.password}{@}{end}'",
    "-o jsonpath='{.metadata.labels[?(@.token==\"h\")]}'",
    "-o jsonpath='{.items[?(@.data.password>\"h\")].metadata.name}'",
    "-o jsonpath='{.items[?(@.command[0]==\"h\")].metadata.name}'",
    "-o jsonpath='{.data.secret}'",
    "-o jsonpath='{..secret}'",
    "-o jsonpath='{.Env[0].Value}'",
]
GLUED = [
    "x{.v}",
    "{'x'}{.v}",
    "{.v}x",
    "x{range .a[*]}{.v}{end}",
    '{"x"}{.v}',
    '{"\\x41"}{.v}',
    "{.a}{.v}",
]


@pytest.mark.parametrize("form", TAKEN)
def test_an_ordinary_projection_is_taken(form: str) -> None:
    assert ruled(f"{GET} {form}")[0] is ALLOW


@pytest.mark.parametrize("form", BARE)
def test_no_value_leaves_without_what_tells_that_it_is_secret(form: str) -> None:
    assert ruled(f"{GET} {form}") == (DENY, "secret_values")


@pytest.mark.parametrize("template", GLUED)
def test_nothing_is_glued_to_a_value(template: str) -> None:
    assert ruled(f"kubectl get cm notes -o jsonpath='{template}'") == (DENY, "secret_values")


@pytest.mark.parametrize("form", ["-o json", "-o yaml", "-o json --revision=2"])
def test_a_release_is_told_as_a_table_alone(form: str) -> None:
    assert ruled(f"helm status social-network {form}") == (DENY, "secret_values")
    assert ruled("helm status social-network --revision=2")[0] is ALLOW


@pytest.mark.parametrize("several", ["-l app=geo", "geo-1 --all-containers"])
def test_the_logs_of_several_containers_are_not_cut_in_the_middle(several: str) -> None:
    line = f"kubectl logs {several} --limit-bytes=2000"
    assert ruled(line) == (DENY, "output_too_wide")
    assert ruled(line.replace("limit-bytes", "tail"))[0] is ALLOW


@pytest.mark.parametrize(
    "names",
    [
        *("DB_PASSWORD", "A SECRET_KEY_BASE", "REDIS_AUTH", "PGPASS", "PASS", "AUTH", "SALT"),
        *("TOKENS", "APIKEYS", "PASSWORDS", "DB_PWDS", "Db_Password_Main", "password_value_1"),
        "MYSQL_PASSWORD_X_Y_Z_A_B",
    ],
)
def test_a_variable_that_says_it_is_secret_is_not_printed_bare(names: str) -> None:
    assert ruled(f"kubectl exec geo-1 -- printenv {names}") == (DENY, "inner_argument")
    assert ruled("kubectl exec geo-1 -- printenv TOKEN_URL SECRET_NAME LOG_LEVEL")[0] is ALLOW


def test_what_curl_writes_out_is_not_glued_to_the_body() -> None:
    curl = "kubectl exec geo-1 -- curl -s http://rate:8084/"
    assert ruled(f"{curl} -w x%{{http_code}}") == (DENY, "inner_argument")
    assert ruled(f"{curl} -w x -o /dev/null")[0] is ALLOW
    assert ruled(f"{curl} -w ' Code: %{{http_code}}'")[0] is ALLOW
    for form in ("%{http_code}", "\\ntime=%{time_total}", " x"):
        assert ruled(f"{curl} -w '{form}'")[0] is ALLOW
