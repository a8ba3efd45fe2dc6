"""The commands whose answers are recorded: reads first, then writes, each on the state before it.

Invariant: a line holds only literal words and the placeholders of `scene.placeholders`, other
braces are doubled; a write that needs a manifest carries it.
"""

# ruff: noqa: E501 - a command is one line

from __future__ import annotations

from dataclasses import dataclass

_KINDS = [
    "pods",
    "deployments",
    "replicasets",
    "services",
    "endpoints",
    "configmaps",
    "secrets",
    "serviceaccounts",
    "persistentvolumeclaims",
    "persistentvolumes",
    "storageclasses",
    "networkpolicies",
    "horizontalpodautoscalers",
    "jobs",
    "cronjobs",
    "statefulsets",
    "daemonsets",
    "ingresses",
    "nodes",
    "namespaces",
    "events",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One command line of a group; `user` is whose rights it has, `stdin` its manifest."""

    group: str
    text: str
    stdin: str | None = None
    user: str = "admin"


def reads() -> list[Line]:
    """Return the lines that change nothing."""
    found = [Line(group="get", text=f"kubectl get {kind}") for kind in _KINDS]
    found += [Line(group="get wide", text=f"kubectl get {kind} -o wide") for kind in _KINDS]
    for group, block in _READS.items():
        user = "reader" if group == "auth can-i" else "admin"
        found += [
            Line(group=group, text=f"kubectl {line}", user=user)
            for line in block.strip().splitlines()
        ]
    return found


def writes() -> list[Line]:
    """Return the lines that change objects or are refused to, in the order of their recording."""
    found = []
    for group, block in _WRITES.items():
        found += [Line(group=group, text=f"kubectl {line}") for line in block.strip().splitlines()]
    found += [
        Line(group=verb, text=f"kubectl {verb} -f -", stdin=text.strip("\n") + "\n")
        for verb, text in _MANIFESTS
    ]
    return found + [
        Line(group="delete", text=f"kubectl {line}") for line in _DELETES.strip().splitlines()
    ]


_READS = {
    "get selected": r"""
get all
get all -n {other}
get pods -n {other}
get pods -A
get pods -A -o wide
get svc -A
get deploy -A
get deploy,rs -A
get pods,svc
get deploy,svc,cm
get deployments,replicasets -l app=plain
get pod pair
get pod/pair
get po pair crasher
get pods pair crasher -o wide
get pod/pair svc/open
get deploy/plain deploy/stuck
get svc/open deploy/plain pod/pair
get deployment frontend
get deployments.apps frontend
get service frontend bridge
get cm settings nothing
get secret token
get sa robot
get sc slow
get pv spare
get pvc waiting
get netpol guarded
get node {node0}
get ns {main}
get pods -l app=bridge
get pods -l app=bridge -o name
get pods -l 'app in (pair,crasher)'
get pods -l 'app notin (pair,crasher),app'
get pods -l app!=pair
get pods -l '!app'
get pods -l tier
get pods -l app=pair,tier=edge
get pods -l app==pair
get pods -l app=nobody
get svc -l tier=edge
get pods --selector=tier=edge
get pods --field-selector=status.phase=Running
get pods --field-selector=status.phase!=Running
get pods --field-selector status.phase=Pending,spec.nodeName=
get pods --field-selector=metadata.name=pair
get pods --field-selector=spec.nodeName={node3}
get svc --field-selector metadata.name=open
get svc --field-selector spec.type=NodePort
get pods --field-selector=spec.restartPolicy=Never
get events --field-selector=type=Warning
get events --field-selector=involvedObject.name=unpulled
get events --field-selector=involvedObject.kind=Pod,reason=BackOff
get events --field-selector=reason=FailedScheduling
get jobs -n {other}
get pods -n empty
get nodes -l kubernetes.io/hostname={node0}
get pods --show-labels
get pods pair --show-labels
get deploy --show-labels
get svc --show-labels
get nodes --show-labels
get ns --show-labels
get pods -L app
get pods -L app,tier
get deploy -L app --show-labels
get pods --no-headers
get pods --no-headers -o wide
get svc --no-headers
get pods -A --no-headers
get pods --show-kind
get pod pair --show-kind
get deploy --show-kind
get pods,svc --no-headers
get pods --ignore-not-found
get pod nothing --ignore-not-found
get pods --sort-by=.metadata.name
get pods --sort-by=.metadata.creationTimestamp
get pods --sort-by=.status.phase
get pods --sort-by='{.spec.nodeName}'
get pods --sort-by='.status.containerStatuses[0].restartCount'
get svc --sort-by=.spec.type
get events --sort-by=.metadata.name
get events --sort-by=.lastTimestamp
get events --sort-by=.metadata.creationTimestamp
get pv --sort-by=.spec.capacity.storage
get deploy --sort-by=.spec.replicas
""",
    "output": r"""
get pod pair -o yaml
get pod pair -o json
get pod unpulled -o yaml
get pod misplaced -o yaml
get deploy plain -o yaml
get deploy plain -o json
get deploy stuck -o yaml
get deploy frontend -o yaml
get rs {rs:frontend} -o yaml
get svc open -o yaml
get svc headless -o yaml
get svc balanced -o json
get cm settings -o yaml
get cm settings -o json
get cm nothing -o yaml
get cm alert-rules -o yaml
get sa robot -o yaml
get sc slow -o yaml
get pv spare -o yaml
get pvc waiting -o yaml
get pvc lodge-postgres-data -o yaml
get netpol guarded -o yaml
get netpol guarded -o json
get hpa bridge -o yaml
get job migrate -o yaml
get node {node0} -o yaml
get ns {main} -o yaml
get endpoints frontend -o yaml
get endpoints selects-nothing -o yaml
get svc frontend bridge -o yaml
get cm -o yaml
get svc/open cm/settings -o yaml
get netpol -o json
get pods -l app=nobody -o yaml
get pods -l app=nobody -o json
get pods -o name
get deploy,svc -o name
get all -o name
get nodes -o name
get netpol,pvc,hpa -o name
get pod pair -o name
get pods -l app=nobody -o name
get pods -o jsonpath='{{.items[*].metadata.name}}'
get pods -o jsonpath='{{.items[0].metadata.name}}'
get pods -o jsonpath='{{.items[-1:].metadata.name}}'
get pods -o jsonpath='{{range .items[*]}}{{.metadata.name}}{{"\t"}}{{.status.phase}}{{"\n"}}{{end}}'
get pods -o jsonpath='{{range .items[*]}}{{.metadata.name}} {{.spec.containers[*].image}}{{"\n"}}{{end}}'
get pod pair -o jsonpath='{{.status.phase}}'
get pod pair -o jsonpath='{{.spec.initContainers[*].name}}'
get pod pair -o jsonpath='{{.spec.containers[0].resources}}'
get pod pair -o jsonpath='{{.spec.containers[1]}}'
get pod pair -o jsonpath='{{.metadata.labels}}'
get pod pair -o jsonpath='{{.metadata.labels.app}}'
get pod pair -o jsonpath='{{.metadata.annotations.team\.example/owner}}'
get pod pair -o jsonpath="{{.metadata.annotations['team\.example/note']}}"
get pod pair -o jsonpath='{{.spec.containers[0].ports[*].containerPort}}'
get pod pair -o jsonpath='{{.spec.containers[?(@.name=="main")].image}}'
get pod pair -o jsonpath='{{.spec.containers[?(@.name!="main")].image}}'
get pod pair -o jsonpath='{{.status.conditions[?(@.type=="Ready")].status}}'
get pod pair -o jsonpath='{{.spec.containers[0:2].name}}'
get pod pair -o jsonpath='{{.spec.nothing}}'
get pod pair -o jsonpath='{{.spec.containers[0].name}}:{{.spec.containers[1].name}}'
get pod pair -o jsonpath='{{.metadata.name}}{{"\n"}}{{.kind}}'
get pod pair -o jsonpath='{{.spec.containers[0].livenessProbe.exec.command}}'
get pod pair -o jsonpath='{{.status.containerStatuses[*].ready}}'
get pods -o jsonpath='{{.items[?(@.status.phase=="Pending")].metadata.name}}'
get pods -o jsonpath='{{.items[?(@.spec.containers[0].image=="nginx:1.27")].metadata.name}}'
get deploy plain -o jsonpath='{{.spec.replicas}} {{.spec.strategy}}'
get deploy -o jsonpath='{{range .items[*]}}{{.metadata.name}}={{.spec.replicas}};{{end}}'
get svc open -o jsonpath='{{.spec.ports[?(@.port==80)].nodePort}}'
get svc open -o jsonpath='{{.spec.ports[?(@.port>60)].name}}'
get cm settings -o jsonpath='{{.data.level}}'
get cm settings -o jsonpath='{{.data}}'
get cm settings -o jsonpath='{{.data.json}}'
get pod pair -o jsonpath='{{.spec.containers[*].name'
get pod pair -o jsonpath='{{.spec.containers[}}'
get pod pair -o jsonpath='{{.spec.containers[a]}}'
get pod pair -o jsonpath='{{range .spec.containers[*]}}{{.name}}'
get pod pair -o jsonpath='{{.spec.containers[?(@.name=="main"].image}}'
get pod pair -o jsonpath-as-json='{{.spec.containers[*].name}}'
get pod pair -o jsonpath-as-json='{{.metadata.labels}}'
get pods -o custom-columns=NAME:.metadata.name
get pods -o custom-columns=NAME:.metadata.name,PHASE:.status.phase,NODE:.spec.nodeName
get pods -o custom-columns='NAME:.metadata.name,IMAGES:.spec.containers[*].image'
get pods -o custom-columns='NAME:.metadata.name,REASON:.status.containerStatuses[*].state.waiting.reason'
get pods -o custom-columns=NAME:metadata.name,APP:.metadata.labels.app --no-headers
get svc -o custom-columns='NAME:.metadata.name,PORTS:.spec.ports[*].port,SELECTOR:.spec.selector'
get deploy -o custom-columns='NAME:{{.metadata.name}},REPLICAS:{{.spec.replicas}}'
get pods -o custom-columns=NAME
get pods -o custom-columns=NAME:
get pods -A -o custom-columns=NS:.metadata.namespace,NAME:.metadata.name
get pods -l app=nobody -o custom-columns=NAME:.metadata.name
""",
    "describe": r"""
describe pod pair
describe pod crasher
describe pod eater
describe pod unpulled
describe pod unset
describe pod creating
describe pod misplaced
describe pod starved
describe pod unclaimed
describe pod {pod:bridge}
describe pod {pod:frontend}
describe pod {pod:journal-scout}
describe pod {pod:lodge-postgres}
describe pod {pod:migrate}
describe pod {pod:stuck}
describe pod/pair --show-events=false
describe pods pair crasher
describe pods -l app=bridge
describe pods stu
describe deployment frontend
describe deployment plain
describe deployment stuck
describe deployment asleep
describe deployment bridge
describe deployment journal-scout
describe deploy/plain --show-events=false
describe rs {rs:frontend}
describe rs {rs:stuck}
describe rs {rs:asleep}
describe svc open
describe svc outside
describe svc balanced
describe svc selects-nothing
describe svc frontend
describe svc journal-scout
describe endpoints frontend
describe endpoints bridge
describe endpoints selects-nothing
describe endpoints journal-scout
describe cm settings
describe cm nothing
describe cm alert-rules
describe secret token
describe secrets
describe sa robot
describe sa default
describe sc slow
describe sc
describe pv spare
describe pv {volume}
describe pvc waiting
describe pvc lodge-postgres-data
describe pvc -n {other}
describe netpol guarded
describe netpol deny-all
describe netpol outward
describe netpol open-ingress
describe netpol
describe hpa bridge
describe job migrate
describe ingress edge
describe node {node0}
describe node {node3}
describe ns {main}
describe statefulset ledger
describe daemonset agent
describe deploy,svc -l app=plain
""",
    "events": r"""
events
events --for pod/unpulled
events --for pod/nothing
events --for deployment/stuck
events --types=Warning
events --types=Normal,Warning --for pod/crasher
events --no-headers --for pod/crasher
events -n empty
""",
    "logs": r"""
logs nothing
logs deployment/nothing
logs misplaced
logs starved --tail=5
logs pair -c absent
logs {pod:bridge} -c absent
logs -l app=nobody
logs job/nothing
logs service/selects-nothing
""",
    "rollout": r"""
rollout status deployment/frontend
rollout status deployment/plain
rollout status deployment/asleep
rollout status deployment/stuck
rollout status deployment stuck --watch=false
rollout status deployment/nothing
rollout status deployment/journal-scout --timeout=1s
rollout history deployment/plain
rollout history deployment/frontend
rollout history deployment plain --revision=1
rollout history deployment/plain --revision=2
rollout history deployment/plain --revision=3
rollout history deployment/plain --revision=99
rollout history deployment/nothing
""",
    "wait": r"""
wait --for=condition=Ready pod/pair --timeout=1s
wait --for=condition=ready pod pair --timeout=1s
wait --for=condition=Available deployment/plain --timeout=1s
wait --for=condition=Available deployment/stuck --timeout=1s
wait --for=condition=Ready pod/misplaced --timeout=1s
wait --for=condition=Ready pod/nothing --timeout=1s
wait --for=condition=Ready pod -l app=bridge --timeout=1s
wait --for=condition=Ready pod -l app=nobody --timeout=1s
wait --for=jsonpath='{{.status.phase}}'=Running pod/pair --timeout=1s
wait --for=delete pod/nothing --timeout=1s
wait --for=delete pod/pair --timeout=1s
wait --for=create pod/pair --timeout=1s
wait --for=create pod/nothing --timeout=1s
wait --for=condition=Ready pod/nothing pod/nobody --timeout=1s
wait --for=jsonpath='{{.status.phase}}'=Failed pod/pair --timeout=1s
wait --for=condition=Complete job/migrate --timeout=1s
""",
    "auth can-i": r"""
auth can-i get pods
auth can-i list deployments.apps
auth can-i create pods
auth can-i delete deployments
auth can-i get secrets
auth can-i get nodes
auth can-i list pods -A
auth can-i get pods/log
auth can-i get pods --subresource=log
auth can-i get pods/pair
auth can-i get frobs
auth can-i get storageclasses
auth can-i watch events
auth can-i patch deployments
""",
    "information": r"""
version
version --client
api-resources
api-resources --namespaced=false
api-resources --namespaced=true
api-resources --api-group=apps
api-resources --api-group=batch
api-resources --api-group=apps --no-headers
api-resources --api-group=networking.k8s.io
api-resources --api-group=storage.k8s.io
""",
    "errors": r"""
get pod nothing
get pods nothing nobody
get pods pair nothing
get deploy nothing
get rs nothing
get svc nothing
get cm nothing-here
get secret nothing
get pvc nothing
get pv nothing
get netpol nothing
get hpa nothing
get job nothing
get node nothing
get ns nothing
get ingress nothing
get pod/nothing svc/open
get widgets
get widget thing
get pods,widgets
get deploy,pods,frobs
describe widgets
describe widget thing
get widgets.example.com
get pods pair -l app=pair
describe pod pair -l app=pair
get pods pair -A
get pods -o table
get pods -o xml
get pods -l 'a b'
get pods -l '=a'
get pods -l 'app in pair'
get pods -l 'app=a b'
get pods -l 'app in ()'
get pods -l app=-x
get pods --field-selector=status
get pods --field-selector=a.b=c
get deploy --field-selector=status.phase=Running
get pods --sort-by='.spec['
get pods --sort-by=.metadata.nothing
describe pod nothing
describe deploy nothing
describe svc nothing
describe node nothing
describe cm nothing-here
describe pods nobody nothing
describe pods -l app=nobody
describe jobs -n {other}
describe pods -n empty
""",
}

_WRITES = {
    "scale": r"""
scale deployment/bridge --replicas=3
scale deployment bridge --replicas=3
scale deployment/asleep --replicas=1
scale deploy/bridge deploy/asleep --replicas=2
scale deployment/nothing --replicas=1
scale rs/{rs:plain} --replicas=0
scale statefulset/ledger --replicas=1
""",
    "set image": r"""
set image deployment/lodge server=example/lodge:next
set image deployment/lodge server=example/lodge:next
set image deployment/stuck stuck=example/stuck:3 side=example/side:3
set image deployment/stuck '*=example/one:4'
set image deployment/lodge absent=example/lodge:1
set image deployment/nothing a=b:1
set image deploy lodge server=example/lodge:third
""",
    "set env": r"""
set env deployment/plain MODE=fastest EXTRA=1
set env deployment/plain EXTRA-
set env deployment/plain EXTRA-
set env deployment/plain MODE=fastest
set env deployment/stuck -c side DEBUG=true
set env deployment/stuck DEBUG=false
set env deployment/stuck -c absent DEBUG=1
set env deployment/nothing A=b
set env deployment/plain LEVEL=info
""",
    "set resources": r"""
set resources deployment/plain --limits=cpu=200m,memory=512Mi --requests=cpu=100m,memory=256Mi
set resources deployment/plain --limits=cpu=300m
set resources deployment/stuck -c side --requests=cpu=5m
set resources deployment/plain --requests=cpu=9
set resources deployment/nothing --limits=cpu=1
set resources deployment/plain -c absent --limits=cpu=1
set resources deployment/plain --limits=cpu=300m
""",
    "set selector": r"""
set selector service/selects-nothing app=pair,tier=edge
set selector service/nothing app=a
""",
    "rollout": r"""
rollout restart deployment/bridge
rollout restart deployment bridge
rollout restart deployment/nothing
rollout undo deployment/frontend
rollout undo deployment/plain --to-revision=1
rollout undo deployment/plain --to-revision=77
rollout undo deployment/greeting
rollout undo deployment/nothing
rollout undo deployment/frontend --to-revision=1
rollout status deployment/bridge --timeout=1s
rollout status deployment/bridge --watch=false
""",
    "patch": r"""
patch deployment greeting -p '{{"spec":{{"replicas":2}}}}'
patch deployment greeting -p '{{"spec":{{"replicas":2}}}}'
patch deployment greeting --type=merge -p '{{"spec":{{"minReadySeconds":5}}}}'
patch deployment greeting --type=merge -p '{{"spec":{{"minReadySeconds":null}}}}'
patch deployment greeting --type=json -p '[{{"op":"replace","path":"/spec/replicas","value":3}}]'
patch deployment greeting --type=json -p '[{{"op":"add","path":"/metadata/labels/extra","value":"yes"}}]'
patch deployment greeting --type=json -p '[{{"op":"remove","path":"/metadata/labels/extra"}}]'
patch deployment greeting --type=json -p '[{{"op":"remove","path":"/metadata/labels/extra"}}]'
patch deployment greeting --type=json -p '[{{"op":"test","path":"/spec/replicas","value":9}}]'
patch deployment greeting --type=json -p '[{{"op":"replace","path":"/spec/absent/x","value":1}}]'
patch deployment greeting --type=json -p '{{"spec":{{"replicas":2}}}}'
patch deployment stuck -p '{{"spec":{{"template":{{"spec":{{"containers":[{{"name":"side","image":"example/side:9"}}]}}}}}}}}'
patch deployment stuck -p '{{"spec":{{"template":{{"spec":{{"containers":[{{"name":"side","env":[{{"name":"A","value":"b"}}]}}]}}}}}}}}'
patch deployment stuck -p '{{"spec":{{"template":{{"spec":{{"containers":[{{"name":"side","$patch":"delete"}}]}}}}}}}}'
patch deployment stuck -p '{{"spec":{{"template":{{"spec":{{"nodeSelector":{{"disk":"ssd"}}}}}}}}}}'
patch deployment stuck -p '{{"spec":{{"template":{{"spec":{{"nodeSelector":null}}}}}}}}'
patch deployment stuck -p '{{"spec":{{"strategy":{{"type":"Recreate","rollingUpdate":null}}}}}}'
patch deployment plain -p '{{"spec":{{"strategy":{{"rollingUpdate":{{"maxSurge":1}}}}}}}}'
patch deployment greeting -p '{{"spec":{{"replicas":"two"}}}}'
patch deployment greeting -p '{{"spec":{{"replicas":-1}}}}'
patch deployment greeting -p '{{"spec":{{"selector":{{"matchLabels":{{"app":"other"}}}}}}}}'
patch deployment greeting --type=merge -p '{{"spec":{{"template":{{"metadata":{{"labels":{{"app":"other"}}}}}}}}}}'
patch deployment greeting -p '{{"spec":{{"template":{{"spec":{{"containers":[{{"name":"server","image":""}}]}}}}}}}}'
patch deployment greeting -p '{{"spec":{{"template":{{"spec":{{"containers":[{{"name":"second"}}]}}}}}}}}'
patch deployment greeting -p '{{"spec":{{"template":{{"spec":{{"containers":[{{"name":"server","imagePullPolicy":"Sometimes"}}]}}}}}}}}'
patch deployment greeting -p '{{"spec":{{"template":{{"spec":{{"containers":[{{"name":"server","resources":{{"limits":{{"cpu":"lots"}}}}}}]}}}}}}}}'
patch deployment greeting -p '{{"spec":{{"strategy":{{"type":"Sideways"}}}}}}'
patch deployment greeting -p '{{"metadata":{{"name":"other"}}}}'
patch deployment greeting -p '{{"spec":'
patch deployment nothing -p '{{"spec":{{"replicas":2}}}}'
patch deployment greeting -p '{{"spec":{{"template":{{"spec":{{"containers":[{{"name":"server","image":5}}]}}}}}}}}'
patch deployment greeting -p '{{"spec":{{"template":{{"spec":{{"containers":[{{"name":"server","env":[{{"name":"A","value":true}}]}}]}}}}}}}}'
patch deployment greeting -p '{{"spec":{{"template":{{"spec":{{"containers":[{{"name":"server","env":[{{"name":"A","value":1}}]}}]}}}}}}}}'
patch deployment greeting -p '{{"spec":{{"template":{{"spec":{{"containers":[{{"name":"server","ports":[{{"containerPort":"x"}}]}}]}}}}}}}}'
patch deployment greeting -p '{{"spec":{{"template":{{"spec":{{"containers":"x"}}}}}}}}'
patch deployment greeting -p '{{"spec":{{"paused":"x"}}}}'
patch deployment greeting -p '{{"spec":{{"replicas":1.5}}}}'
patch deployment greeting -p '{{"spec":7}}'
patch deployment greeting -p '7'
patch deployment greeting -p 'nonsense'
patch deployment greeting -p '[]'
patch deployment greeting --type=merge -p '[]'
patch deployment greeting -p '{{a: b'
patch deployment greeting -p '{{"spec":{{"replicas":2}}}} }'
patch deployment greeting --type=json -p '[{{"op":"repace","path":"/spec/replicas","value":2}}]'
patch deployment greeting --type=json -p '[{{"op":"replace","path":"/spec/template/spec/containers/5/image","value":"x"}}]'
patch deployment plain -p '{{"spec":{{"template":{{"spec":{{"containers":[{{"name":"plain","readinessProbe":{{"exec":{{"command":["x"]}},"tcpSocket":{{"port":1}}}}}}]}}}}}}}}'
patch deployment plain -p '{{"spec":{{"template":{{"spec":{{"containers":[{{"name":"plain","readinessProbe":{{"periodSeconds":5}}}}]}}}}}}}}'
patch deployment plain -p '{{"spec":{{"template":{{"spec":{{"containers":[{{"name":"plain","readinessProbe":{{"httpGet":{{"path":"/x","port":8080}}}}}}]}}}}}}}}'
patch deployment plain -p '{{"spec":{{"template":{{"spec":{{"containers":[{{"name":"plain","volumeMounts":[{{"name":"x","mountPath":"/x"}}]}}]}}}}}}}}'
patch deployment plain -p '{{"spec":{{"template":{{"spec":{{"containers":[{{"name":"plain","env":[{{"name":"","value":"x"}}]}}]}}}}}}}}'
patch deployment plain -p '{{"spec":{{"template":{{"spec":{{"containers":[]}}}}}}}}'
patch deployment plain --type=merge -p '{{"spec":{{"template":{{"spec":{{"containers":[]}}}}}}}}'
patch deployment plain --type=merge -p '{{"spec":{{"template":{{"spec":{{"containers":[{{"name":"A_b","image":"x"}}]}}}}}}}}'
patch deployment plain -p '{{"spec":{{"template":{{"spec":{{"containers":[{{"name":"plain","resources":{{"requests":{{"cpu":"9"}}}}}}]}}}}}}}}'
patch deployment bridge --type=merge -p '{{"spec":{{"strategy":{{"type":"RollingUpdate","rollingUpdate":{{"maxSurge":0,"maxUnavailable":0}}}}}}}}'
patch deployment bridge --type=merge -p '{{"spec":{{"strategy":{{"type":"RollingUpdate","rollingUpdate":{{"maxSurge":"x"}}}}}}}}'
patch svc frontend -p '{{"spec":{{"selector":{{"app":"frontend","tier":"a"}}}}}}'
patch svc frontend -p '{{"spec":{{"selector":{{"tier":null}}}}}}'
patch svc frontend -p '{{"spec":{{"ports":[{{"port":3000,"targetPort":8080}}]}}}}'
patch svc frontend --type=json -p '[{{"op":"replace","path":"/spec/ports/0/targetPort","value":3000}}]'
patch svc frontend -p '{{"spec":{{"ports":[{{"port":0}}]}}}}'
patch svc frontend --type=merge -p '{{"spec":{{"ports":[{{"port":80,"targetPort":70000}}]}}}}'
patch svc frontend --type=merge -p '{{"spec":{{"ports":[]}}}}'
patch svc frontend --type=merge -p '{{"spec":{{"ports":[{{"port":80}},{{"port":81}}]}}}}'
patch svc frontend -p '{{"spec":{{"clusterIP":"10.96.99.99"}}}}'
patch svc frontend -p '{{"spec":{{"clusterIP":null}}}}'
patch svc frontend --type=merge -p '{{"spec":{{"ports":null}}}}'
patch svc frontend --type=merge -p '{{"spec":{{"ports":[{{"name":"a","port":80}},{{"name":"b","port":80}}]}}}}'
patch svc frontend --type=merge -p '{{"spec":{{"ports":[{{"name":"a","port":80}},{{"name":"a","port":81}}]}}}}'
patch svc frontend -p '{{"spec":{{"selector":{{"a":1}}}}}}'
patch svc frontend -p '{{"spec":{{"type":"Sometimes"}}}}'
patch svc frontend -p '{{"spec":{{"sessionAffinity":"ClientIP"}}}}'
patch cm settings -p '{{"data":{{"level":"info"}}}}'
patch cm settings --type=merge -p '{{"data":{{"level":null,"fresh":"x"}}}}'
patch cm settings -p '{{"data":{{"level":7}}}}'
patch netpol deny-all -p '{{"spec":{{"podSelector":{{"matchLabels":{{"app":"pair"}}}}}}}}'
patch netpol open-ingress --type=json -p '[{{"op":"replace","path":"/spec/ingress","value":[]}}]'
patch hpa bridge -p '{{"spec":{{"maxReplicas":7}}}}'
patch hpa bridge -p '{{"spec":{{"maxReplicas":1}}}}'
patch node {node0} -p '{{"spec":{{"unschedulable":true}}}}'
patch node {node0} -p '{{"spec":{{"unschedulable":null}}}}'
patch node {node0} -p '{{"spec":{{"taints":[{{"key":"a","value":"b","effect":"NoSchedule"}}]}}}}'
patch node {node0} --type=json -p '[{{"op":"remove","path":"/spec/taints"}}]'
patch pod pair -p '{{"metadata":{{"labels":{{"extra":"x"}}}}}}'
""",
    "label": r"""
label pod pair extra=y
label pod pair extra=y --overwrite
label pod pair extra=z --overwrite
label pod pair extra-
label pod pair extra-
label pod pair one=1 two=2
label deployment/bridge team=a
label deployment/bridge team=a
label deployment/bridge team=b
label node {node0} disk=ssd
label node {node0} disk-
label svc nothing a=b
label ns {main} owner=me
label pod pair one- two- three=3
""",
    "annotate": r"""
annotate deployment/bridge note='hello there'
annotate deployment/bridge note='hello there'
annotate deployment/bridge note=again
annotate deployment/bridge note=again --overwrite
annotate deployment/bridge note-
annotate deployment/bridge note-
annotate pod pair a=b c=d
annotate svc nothing a=b
""",
    "cordon": r"""
cordon {node1}
cordon {node1}
uncordon {node1}
uncordon {node1}
cordon nothing
cordon {node1} {node2}
uncordon {node1} {node2}
drain nothing
""",
    "autoscale": r"""
autoscale deployment greeting --min=2 --max=5 --cpu-percent=80
autoscale deployment greeting --min=2 --max=5
autoscale deployment/statsd --max=3 --name=watched
autoscale deployment greeting --max=5 --cpu-percent=50
autoscale deployment nothing --max=3
autoscale deployment lodge --min=9 --max=3
""",
    "expose": r"""
expose deployment plain --port=80 --target-port=8080
expose deployment plain --port=80 --target-port=8080
expose deployment stuck --port=443 --name=stuck-public --type=NodePort --protocol=TCP
expose pod pair --port=90 --name=pair-service
expose service open --port=81 --name=open-again --target-port=http
expose service open --port=82
expose deployment nothing --port=80
""",
}

_DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: fresh
spec:
  replicas: 1
  selector:
    matchLabels: {app: fresh}
  template:
    metadata:
      labels: {app: fresh}
    spec:
      containers:
      - name: fresh
        image: example/fresh:IMAGE
        ports:
        - containerPort: 8080
        readinessProbe:
          httpGet: {path: /ready, port: 8080}
"""

_MANIFESTS: tuple[tuple[str, str], ...] = (
    ("create", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: made\ndata:\n  a: b\n"),
    ("create", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: made\ndata:\n  a: b\n"),
    ("apply", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: made\ndata:\n  a: c\n"),
    ("apply", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: made\ndata:\n  a: c\n"),
    ("apply", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: made\ndata:\n  d: e\n"),
    ("apply", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: applied\ndata:\n  a: b\n"),
    ("apply", _DEPLOYMENT.replace("IMAGE", "1")),
    ("apply", _DEPLOYMENT.replace("IMAGE", "1")),
    ("apply", _DEPLOYMENT.replace("IMAGE", "2")),
    ("create", _DEPLOYMENT.replace("IMAGE", "2")),
    (
        "create",
        _DEPLOYMENT.replace("name: fresh\nspec", "name: second\nspec").replace("IMAGE", "latest"),
    ),
    ("apply", _DEPLOYMENT.replace("labels: {app: fresh}", "labels: {app: other}")),
    ("create", _DEPLOYMENT.replace("name: fresh\nspec", "name: Bad_Name\nspec")),
    (
        "create",
        _DEPLOYMENT.replace("replicas: 1", "replicas: many").replace(
            "name: fresh\nspec", "name: x\nspec"
        ),
    ),
    (
        "create",
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: made\nspec:\n  selector:\n    app: fresh\n  ports:\n  - port: 80\n    targetPort: 8080\n",
    ),
    (
        "create",
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: portless\nspec:\n  selector:\n    app: fresh\n",
    ),
    (
        "create",
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: made\nstringData:\n  key: value\ndata:\n  other: AAEC\n",
    ),
    (
        "create",
        "apiVersion: v1\nkind: PersistentVolume\nmetadata:\n  name: made\nspec:\n  capacity:\n    storage: 2Gi\n  accessModes: [ReadWriteOnce]\n  storageClassName: slow\n  hostPath:\n    path: /srv/made\n",
    ),
    (
        "create",
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: gate\nspec:\n  type: LoadBalancer\n  selector:\n    app: fresh\n  ports:\n  - port: 80\n    name: http\n",
    ),
    (
        "create",
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: bare\nspec:\n  clusterIP: None\n  selector:\n    app: fresh\n  ports:\n  - port: 80\n",
    ),
    ("create", "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: made\n"),
    (
        "create",
        "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: made\nspec:\n  accessModes: [ReadWriteOnce]\n  storageClassName: slow\n  resources:\n    requests:\n      storage: 1Gi\n",
    ),
    (
        "create",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: made\nspec:\n  podSelector: {}\n  ingress:\n  - from:\n    - podSelector:\n        matchLabels:\n          app: a\n",
    ),
    (
        "create",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: astray\n  namespace: nowhere\n",
    ),
    ("create", "apiVersion: v1\nkind: ConfigMap\ndata:\n  a: b\n"),
    ("apply", "apiVersion: v1\nmetadata:\n  name: kindless\n"),
    ("apply", "kind: ConfigMap\nmetadata:\n  name: versionless\n"),
    ("apply", "apiVersion: v1\nkind: Widget\nmetadata:\n  name: w\n"),
    ("apply", "apiVersion: apps/v9\nkind: Deployment\nmetadata:\n  name: w\n"),
)

_DELETES = r"""
delete cm made
delete cm made
delete cm made --ignore-not-found
delete svc/made cm/applied
delete service stuck-public pair-service
delete netpol made
delete pvc made --wait=false
delete sa made
delete hpa watched
delete deployment fresh
delete deployment nothing
delete secret made
delete svc gate bare
delete pod nothing
delete pod creating --force --grace-period=0
delete pods nothing nobody
delete secret token
delete job migrate
delete pod crasher --wait=false
delete cm -l tier=edge
delete cm -l tier=nothing
delete svc open nothing
"""
