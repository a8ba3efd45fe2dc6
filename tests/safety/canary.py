"""Lines that a good engineer types, by what must become of them: none may be refused.

`tests/safety/scene.yaml` has the objects that they name, so that a real kubectl can run each.
"""

READS = """
kubectl get pods
kubectl get pods -n hotel-1
kubectl get po -n hotel-1 -o wide
kubectl get pods -A
kubectl get pods --all-namespaces -o wide
kubectl get pods,svc,deploy -n hotel-1
kubectl get all
kubectl get all -n hotel-1 -o wide
kubectl get deploy/geo svc/geo
kubectl get pod geo-6b4b7c9d5f-x2x7q -o yaml
kubectl get pod geo-6b4b7c9d5f-x2x7q -ojson
kubectl get svc geo -o jsonpath='{.spec.ports[0].targetPort}'
kubectl get svc geo -o=jsonpath='{.spec.selector}'
kubectl get pods -o jsonpath='{range .items[*]}{.metadata.name}{"\\n"}{end}'
kubectl get pods -o jsonpath={.items}
kubectl get pods -o custom-columns=NAME:.metadata.name,NODE:.spec.nodeName
kubectl get pods -o 'custom-columns=N:.metadata.name,R:.status.containerStatuses[0].restartCount'
kubectl get pods -l app=geo
kubectl get pods -l 'app in (geo,rate),tier!=cache'
kubectl get pods --selector=io.kompose.service=geo --show-labels
kubectl get pods --field-selector=status.phase!=Running
kubectl get pods --no-headers -o name
kubectl get events --sort-by=.lastTimestamp
kubectl get events --sort-by='.metadata.creationTimestamp' -n hotel-1
kubectl get events --field-selector involvedObject.name=geo,type=Warning
kubectl get endpoints geo
kubectl get ep
kubectl get endpointslices
kubectl get deployments.apps geo -o yaml
kubectl get networkpolicies
kubectl get netpol -o yaml
kubectl get pvc,pv
kubectl get pv
kubectl get sc
kubectl get nodes -o wide
kubectl get node kind-worker -o yaml
kubectl get ns
kubectl get configmap mongo-geo-script -o yaml
kubectl get cm -n hotel-1
kubectl get secrets
kubectl get secret mongo-creds -o name
kubectl describe secret mongo-creds
kubectl get hpa,quota,limits
kubectl get rs -l app=geo --sort-by=.metadata.creationTimestamp
kubectl get sts,ds,jobs,cj
kubectl get rolebindings,roles
kubectl get ValidatingWebhookConfigurations
kubectl describe pod geo-6b4b7c9d5f-x2x7q
kubectl describe pods -l app=geo -n hotel-1
kubectl describe node kind-worker
kubectl describe svc/geo deploy/geo
kubectl logs geo-6b4b7c9d5f-x2x7q
kubectl logs geo-6b4b7c9d5f-x2x7q -c geo --tail=100
kubectl logs deploy/geo --tail 50 --timestamps
kubectl logs deployment/geo -n hotel-1 --since=10m
kubectl logs geo-6b4b7c9d5f-x2x7q -p
kubectl logs geo-6b4b7c9d5f-x2x7q --previous --all-containers
kubectl logs -l app=geo --prefix --tail=-1 --max-log-requests=10
kubectl logs geo-6b4b7c9d5f-x2x7q geo
kubectl top pods
kubectl top pod --containers --sort-by=cpu
kubectl top nodes
kubectl events --types=Warning
kubectl events --for pod/geo-6b4b7c9d5f-x2x7q
kubectl explain deployment.spec.strategy
kubectl version
kubectl version --client -o json
kubectl api-resources --namespaced=true -o name
kubectl cluster-info
kubectl auth can-i delete pods
kubectl auth can-i --list
kubectl auth can-i '*' '*'
kubectl config view
kubectl config view --minify
kubectl rollout status deployment/geo
kubectl rollout status deploy geo --timeout=30s --watch=false
kubectl rollout history deployment/geo
kubectl rollout history deployment geo --revision=3
kubectl -n hotel-1 get pods
kubectl rollout -n hotel-1 status deploy/geo
kubectl get -n hotel-1 pods
kubectl exec geo-6b4b7c9d5f-x2x7q -- env
kubectl exec -it geo-6b4b7c9d5f-x2x7q -c geo -- printenv JAEGER_SAMPLE_RATIO
kubectl exec deploy/geo -- cat /etc/resolv.conf
kubectl exec deploy/geo -- cat /proc/meminfo
kubectl exec deploy/geo -- nslookup mongodb-geo
kubectl exec deploy/geo -- nslookup mongodb-geo.hotel-1.svc.cluster.local
kubectl exec deploy/frontend -- curl -s http://geo:8083/
kubectl exec deploy/frontend -- curl -sS -m 5 -o /dev/null -w '%{http_code}\\n' http://geo:8083/healthz
kubectl exec deploy/frontend -- curl -v http://localhost:5000/metrics
kubectl exec deploy/frontend -- curl -s http://geo.hotel-1.svc.cluster.local:8083/
kubectl exec deploy/frontend -- wget -qO- -T 5 http://geo:8083/
kubectl exec mongodb-geo-1 -- mongosh --quiet admin --eval 'db.getUsers()'
kubectl exec mongodb-1 -- mongo -u admin -p admin --eval 'db.getSiblingDB("geo-db").getUsers()'
kubectl exec mongodb-geo-1 -- mongo --eval 'printjson(db.adminCommand({connectionStatus: 1}))'
kubectl exec mongodb-geo-1 -- mongosh --eval 'show dbs'
helm list
helm ls -n hotel-1
helm status social-network
helm history social-network --max 5
kubectl get pods -n=hotel-1
kubectl get pods -nhotel-1
kubectl get pods --namespace hotel-1
kubectl get pods --namespace=hotel-1 -o=wide
kubectl get po,ep,svc -o wide
kubectl get pods geo-6b4b7c9d5f-x2x7q rate-1
kubectl get pods -owide --show-labels
kubectl get pods -l app=geo -o jsonpath='{.items[*].status.podIP}'
kubectl get pods -o json
kubectl get pods -L app,tier
kubectl get pods -l app!=geo
kubectl get pods -l 'app notin (geo)'
kubectl get pods --field-selector=spec.nodeName=kind-worker
kubectl get pods --sort-by=.status.startTime
kubectl get pods --sort-by='.status.containerStatuses[0].restartCount'
kubectl get pod geo-6b4b7c9d5f-x2x7q -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}'
kubectl get deploy
kubectl get deployment geo
kubectl get deployment geo -o yaml
kubectl get deploy geo -o jsonpath='{.spec.template.spec.containers[0].image}'
kubectl get deploy -o custom-columns='NAME:.metadata.name,READY:.status.readyReplicas'
kubectl get deployments -A
kubectl get rs,deploy
kubectl get sts mongodb -o yaml
kubectl get svc -A
kubectl get svc geo -o yaml
kubectl get services/geo
kubectl get svc --show-kind
kubectl get endpoints -o yaml
kubectl get endpointslices -l kubernetes.io/service-name=geo -o yaml
kubectl get configmap
kubectl get cm mongo-geo-script
kubectl get cm mongo-geo-script -o jsonpath='{.data}'
kubectl get secret
kubectl get secret mongo-creds
kubectl get secrets -l app=geo
kubectl get ingress,netpol
kubectl get netpol deny-all -o yaml
kubectl get pvc -o wide
kubectl get jobs,cronjobs
kubectl get hpa geo
kubectl get pdb
kubectl get sa
kubectl get events
kubectl get events -A
kubectl get ev -o wide --no-headers
kubectl get nodes --show-labels
kubectl get namespaces hotel-1 -o yaml
kubectl get storageclass
kubectl get pod missing --ignore-not-found
kubectl describe deploy geo
kubectl describe deployment/geo -n hotel-1
kubectl describe pods
kubectl describe svc geo
kubectl describe cm mongo-geo-script
kubectl describe netpol deny-all
kubectl describe rs -l app=geo
kubectl describe pvc geo-data
kubectl describe ns hotel-1
kubectl describe pod geo-6b4b7c9d5f-x2x7q --show-events=false
kubectl logs geo-6b4b7c9d5f-x2x7q --tail=20 -n hotel-1
kubectl logs geo-6b4b7c9d5f-x2x7q --since-time=2026-11-28T09:00:00Z
kubectl logs geo-6b4b7c9d5f-x2x7q --limit-bytes=2000
kubectl logs -n hotel-1 -c geo geo-6b4b7c9d5f-x2x7q
kubectl logs deployment/geo --all-containers=true --prefix
kubectl logs svc/geo
kubectl top pods -l app=geo
kubectl top node kind-worker
kubectl events
kubectl events --types=Warning,Normal --no-headers
kubectl events -n hotel-1 -o json
kubectl explain pods
kubectl explain service.spec.ports --recursive
kubectl version -o yaml
kubectl api-resources
kubectl api-resources --api-group=apps --verbs=list,get
kubectl auth can-i get pods -n hotel-1
kubectl auth can-i patch deployments/geo
kubectl auth can-i get pods --subresource=log
kubectl config view -o json
kubectl rollout status deploy/geo --watch=false
kubectl rollout status sts/mongodb --timeout=10s --watch=false
kubectl rollout history deploy/geo --revision=1
kubectl rollout history sts/mongodb
kubectl exec geo-6b4b7c9d5f-x2x7q -- printenv
kubectl exec geo-6b4b7c9d5f-x2x7q -c geo -- cat /etc/hosts
kubectl exec geo-6b4b7c9d5f-x2x7q -- cat /etc/hosts /etc/resolv.conf
kubectl exec deploy/geo -- curl -s -m 5 http://mongodb-geo:27017/
kubectl exec deploy/geo -- wget -qO- http://rate:8084
kubectl exec deploy/geo -- wget --spider -T 2 http://rate:8084
kubectl exec deploy/geo -- nslookup rate.hotel-1
helm list -o json
""".strip().splitlines()
"""Allowed to the Probe."""

ASKED = (
    """
kubectl scale deployment geo --replicas=1
kubectl scale --replicas=3 deployment/geo
kubectl scale deploy/frontend --replicas 2
kubectl scale deploy geo --replicas=2 --timeout=30s
kubectl patch deployment geo --patch '{"spec":{"replicas":2}}'
kubectl patch deployment/geo --type=merge -p 'spec: {replicas: 2}'
kubectl patch netpol deny-all --type=json -p '[{"op":"remove","path":"/spec/ingress"}]'
kubectl set image deployment geo geo=deathstarbench/hotel-reservation:1.0
kubectl set image sts/mongodb mongodb=mongo:5.0
kubectl set env deployment/geo --env LOG_LEVEL=debug --env A=b
kubectl set env deploy/geo GREETING='hello world; $HOME'
kubectl set resources deploy/geo -c geo --limits memory=1Gi
kubectl delete netpol/deny-all -n hotel-1
kubectl delete configmap mongo-geo-old --ignore-not-found
kubectl label deploy/geo tier=edge team-
kubectl label svc geo-old tier=old
kubectl annotate deployment geo note='checked by hand' --overwrite
kubectl annotate svc geo example.com/owner=team-a
kubectl scale sts mongodb --replicas=1 -n hotel-1
kubectl patch svc geo -p '{"spec":{"ports":[{"port":8083,"targetPort":8083}]}}'
kubectl patch svc geo --type='json' -p='[{"op":"replace","path":"/spec/ports/0/port","value":90}]'
kubectl patch svc geo --type merge --patch '{"spec":{"selector":{"app":"geo"}}}'
kubectl patch svc geo -p "{\\"spec\\":{\\"selector\\":{\\"app\\":\\"geo\\"}}}"
kubectl patch deploy x --type=json -p '[{"op":"remove","path":"/spec/template/spec/nodeSelector"}]'
kubectl patch deploy geo -p '{"spec":{"template":{"spec":{"nodeSelector":null}}}}'
kubectl patch cm flagd-config --type merge -p '{"data":{"demo.flagd.json":"{}"}}'
kubectl set image deployment/geo geo=deathstarbench/hotel-reservation:latest
kubectl set image deploy geo hotel-reserv-geo=registry.io:5000/x/y@sha256:0123abcd
kubectl set env deployment/geo JAEGER_SAMPLE_RATIO=0.01 OLD-
kubectl set env deploy geo -c geo LOG_LEVEL=info
kubectl set resources deployment geo --limits=cpu=500m,memory=512Mi --requests=cpu=100m
kubectl delete pod geo-6b4b7c9d5f-x2x7q --force --grace-period=0
kubectl delete networkpolicy deny-all
kubectl delete svc geo-old
kubectl label pod geo-6b4b7c9d5f-x2x7q app=geo --overwrite
kubectl annotate deploy geo checked-
kubectl cordon kind-worker
kubectl uncordon node/kind-worker
helm rollback social-network 1
helm rollback social-network
kubectl exec mongodb-1 -- mongosh --eval 'db.getSiblingDB("g").grantRolesToUser("a", ["readWrite"])'
kubectl exec mongodb-geo-1 -- mongo --eval 'db.getSiblingDB("geo-db").createUser({user: "admin", \
pwd: _getEnv("MONGO_INITDB_ROOT_PASSWORD"), roles: [{role: "readWrite", db: "geo-db"}]})'
""".strip()
    .replace("\\\n", "")
    .splitlines()
)
"""Acts that reach an approver."""

DOCUMENTS = [
    (
        "kubectl apply -f - <<'EOF'\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\ndata:\n"
        "  script: |\n    echo $HOME\nEOF\n"
    ),
    (
        "kubectl apply -n hotel-1 -f - <<EOF\napiVersion: v1\nkind: Service\nmetadata:\n"
        "  name: geo-new\nspec:\n  selector:\n    app: geo\n  ports:\n  - port: 8083\nEOF"
    ),
    (
        'kubectl create -f - <<"END"\n{"apiVersion": "v1", "kind": "PersistentVolumeClaim", '
        '"metadata": {"name": "geo", "namespace": "hotel-1"}, "spec": {"accessModes": '
        '["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}\nEND\n'
    ),
    'kubectl patch deploy geo -p \'{\n  "spec": {\n    "replicas": 1\n  }\n}\'',
    "kubectl patch deploy geo -p '\nspec:\n  replicas: 1\n'",
]
"""Acts with a manifest or over several lines, which reach an approver."""

UNASKED = """
kubectl rollout restart deployment/geo
kubectl rollout restart deploy geo -n hotel-1
kubectl rollout undo deployment/geo
kubectl rollout undo deploy geo --to-revision=2
kubectl delete pod geo-6b4b7c9d5f-x2x7q
kubectl delete po/geo-6b4b7c9d5f-x2x7q -n hotel-1
kubectl -n hotel-1 delete pod geo-6b4b7c9d5f-x2x7q --wait=false
kubectl rollout restart deploy/geo
kubectl rollout restart sts/mongodb
kubectl rollout undo deployments.apps/geo --to-revision 1
""".strip().splitlines()
"""Acts that need nobody."""

CANARIES = [*READS, *ASKED, *DOCUMENTS, *UNASKED]
