"""What a read may take out of an object: no value without its name, none glued to other letters."""

from time import perf_counter

import pytest

from agents.policy.glue import BESIDE, is_glued
from agents.policy.redact import redact
from tests.safety.judge import ALLOW, DENY, ruled, runs
from tests.safety.planted import BY_FORM

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
    "-o jsonpath='.spec.template.spec.containers[0].args'",
    "-o custom-columns=value:.metadata.name,TOKEN:.spec.automountServiceAccountToken",
    "-o custom-columns='NAME:.metadata.name,COMMAND:.spec.template.spec.containers[0].command'",
    "--sort-by='.status.containerStatuses[0].restartCount'",
    "-o jsonpath='{range .items[*]}{.metadata.namespace}/{.metadata.name}{\"\\n\"}{end}'",
    "-o jsonpath='{.status.readyReplicas}/{.spec.replicas} of {.metadata.name}-x'",
    "-o jsonpath='{range .spec.ports[*]}{.port}/{.protocol}{end}{.metadata.name}'",
    "-o jsonpath='{range .items[*]}{.metadata.name}{end}'",
    "-o jsonpath='{range .items[*]}{.metadata.name}|{.status.phase} ({.spec.image}),{end}'",
    "-o jsonpath='{range .items[*]}{range .spec.containers[*]}{.image}{\" \"}{end}{end}'",
    "-o jsonpath='{range .items[*]}{\"\\n\"}{.a}{end}'",
    "-o jsonpath='{range .items[*]}\"{.reason}\"{end}'",
    "-o jsonpath='{.spec.containers[0].resources.limits.cpu}/{.a.resources.requests.memory}'",
    "-o jsonpath=\"{.spec.containers[*]['name','image']}\"",
    "-o jsonpath=\"{.spec.containers[?(@.name=='geo')]['name', 'image']}\"",
    "-o jsonpath='{.spec.template.spec.volumes[?(@.secret)].name}'",
    "-o jsonpath='{.items[?(@.metadata.labels.app!=\"geo\")].metadata.name}'",
    "-o jsonpath='{.items[?(@.metadata.creationTimestamp>=\"2026-01-01\")].kind}'",
    "-o jsonpath='{.items[?(@.data.app)].metadata.name} {.items[?(@.spec.replicas<=1)].kind}'",
    "-L app,app.kubernetes.io/name -l 'app in (token),tier!=password,!secret,token'",
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
    "{.data['x','password']}",
    "{.data['password','x']}",
    "{.data['x',*]}",
    "{.data['x',]}",
    "{.spec['x','y'][0]}",
    "{.data['volumes','secret']}",
    "{..env[0]['name','value']}",
    "{.data['password'][0]}",
    "{.spec.containers[0].env[0]['*']}",
    "{..env[0]['value']}",
    "{.items[?(@.data['password']=='h')].metadata.name}",
    "{.items[?(@['a']=='x)].data.password..[?(y')]}",
]
COMPARED = [
    'data.DATABASE_URL<"postgres://app:i"',
    'data.DATABASE_URL=="postgres://app:i"',
    'metadata.annotations.x!="a"',
    "Data.x>5",
    'spec.image>"a"',
    'spec.image<="a"',
    'creationTimestamp.x<"2"',
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
    *(f"-o jsonpath='{{.data.{name}}}'" for name in ("tokens", "secrets", "pass")),
    *(f"-o custom-columns=A:.data.{name}" for name in ("tokens", "secrets", "pass")),
    "--sort-by=.data.pass",
    "-o jsonpath='{.items[?(@.data.pass)].kind}'",
    "-o jsonpath='{.items[?(@.secret)].kind}'",
    "-L password",
    "-L app,team.example/pass",
    "-L password,app",
    "-o jsonpath='{range\t.items[*]}{.kind} {end}'",
    "-o jsonpath='{range .items[*]} {.kind} {\tend} '",
    "-l password=hunter2",
    "-l 'app=geo,team.example/token in (a,b)'",
    "-l 'tokens notin (a)'",
    *(f"-o jsonpath='{{.items[?(@.{path})].kind}}'" for path in COMPARED),
    *(f"-o custom-columns='A:.items[?(@.{path})].kind'" for path in COMPARED),
    "-o jsonpath='{.data[?(@.x==1)]}'",
    "-o jsonpath='{.metadata.annotations[?(@.x==1)].y}'",
]
GLUED = [
    "x{.v}",
    "{'x'}{.v}",
    "{.v}x",
    "x{range .a[*]}{.v}{end}",
    '{"x"}{.v}',
    '{"\\x41"}{.v}',
    "{.a}{.v}",
    *(f"{mark}{{.data.aws}}" for mark in "_/-.+@#%"),
    *(f"{{.data.aws}}{mark}" for mark in "_/-.+@#%"),
    "{range .items[*]}{.data.aws}{end}",
    "{range .items[*]}{.data.aws} {.data.aws}{end}",
    '{range .items[*]}{"_ "}{.data.aws}{end}',
    "{range .items[*]}{range .a[*]}{end}{.data.aws}{end}",
    "{range .items[*]}{range .a[*]}{.data.aws}{end}{end}",
    "{range .items[*]}x {.data.aws}{end}",
    "{.data.aws}{range .none[*]},{end}{.data.aws}",
    "{.data.aws}{range .items[*]}{range .none[*]},{end}{end}x",
    "{range .items[*]}{.data.aws}",
    "{range .items[*]} {.data.aws}{end}x",
    "{range .items[*]} {range .spec.containers[*]}{.image}{end} {end}",
    "x{.data.aws} {.kind}",
    "x{.data.aws} {range .items[*]}{.kind} {end}",
    "{.metadata.name}{.data.aws}",
    "{.data.name}/x",
    "{.metadata.labels.name}/x",
    "{..name}/x",
    "{.metadata..name}/x",
    "{.metadata.name}/{.data.aws}",
    "{range .metadata.labels}{.name}/x{end}",
    "{range .spec}{$.replicas}/x{end}",
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


@pytest.mark.parametrize("mark", sorted(BESIDE))
def test_beside_what_may_stand_there_a_secret_is_found(mark: str) -> None:
    for text, secret in BY_FORM.values():
        for glued in (f"{mark}{text}", f"{text}{mark}", f"{mark}{text}{mark}"):
            assert secret not in redact(glued).text, glued
    for secret in ("abcdef.0123456789abcdef", "4111111111111111", "DE89370400440532013000"):
        assert secret not in redact(f"{mark}{secret}{mark}").text


def test_a_template_of_many_ranges_is_judged_in_time() -> None:
    begun = perf_counter()
    is_glued("{range .a}{.b} " * 60 + "{end}" * 30)
    is_glued("{range .a} {.b}{end}" * 50)
    assert perf_counter() - begun < 2


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
    assert ruled(f"{curl} -w 'time=%{{time_total}}s %{{http_code}}_' -o /dev/null")[0] is ALLOW
    for form in ("_%{http_code}", "-", ".x", "\\n%{redirect_url}_", "\\n%{json}%{certs}"):
        assert ruled(f"{curl} -w '{form}'") == (DENY, "inner_argument")
    assert ruled(f"{curl} -o /dev/null -w 'to_%{{url_effective}}'") == (DENY, "inner_argument")
    assert runs(f"{curl} -w '%{{http_code}}'").inner[-1] == "\\n%{http_code}"
    assert runs(f"{curl} -w '%{{http_code}}' -o /dev/null").inner[-3] == "%{http_code}"
    for form in ("", "%{http_code}", "\\ntime=%{time_total}", " x"):
        assert ruled(f"{curl} -w '{form}'")[0] is ALLOW
