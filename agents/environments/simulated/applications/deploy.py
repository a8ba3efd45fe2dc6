"""From a graph to the objects that a team would have applied.

Invariant: every object of an application is made here, and none of them knows of any fault.
"""

from dataclasses import replace

from agents.environments.simulated.applications.graph import (
    Application,
    Component,
    Program,
    Variable,
)
from agents.environments.simulated.dice import draw
from agents.environments.simulated.objects import manifest
from agents.environments.simulated.objects.kinds import Manifest

Programs = dict[str, dict[str, Program]]
"""image -> (command or component name) -> what runs."""


def programs_of(application: Application) -> Programs:
    """Return what every image of the application runs; only these images can be pulled."""
    table: Programs = {}
    for component in application.components:
        _enter(table, component.image, component, component.program)
    for image, name in application.spare_images:
        component = application.component(name)
        _enter(table, image, component, component.program)
    for image, name, crash in application.broken_images:
        component = application.component(name)
        _enter(table, image, component, replace(component.program, crash=crash))
    return table


def _enter(table: Programs, image: str, component: Component, program: Program) -> None:
    listed = table.setdefault(image, {})
    listed[component.name] = program
    if component.command:
        listed[component.command[0].rsplit("/", 1)[-1]] = program


def accounts_of(application: Application) -> dict[str, dict[str, tuple[tuple[str, str], ...]]]:
    """Return the users of every store that keeps users: component -> user -> (role, database)."""
    return {
        component.name: {user.name: user.roles for user in component.program.users}
        for component in application.components
        if component.program.users
    }


def labels_of(application: Application, component: Component) -> dict[str, str]:
    """Return the labels of everything that belongs to a component."""
    labels = {application.label: component.name}
    if application.part_of:
        labels["app.kubernetes.io/part-of"] = application.part_of
    return labels | _filled(application.labels, component)


def _filled(labels: tuple[tuple[str, str], ...], component: Component) -> dict[str, str]:
    return {key: value.format(name=component.name) for key, value in labels}


def _environment(variable: Variable) -> Manifest:
    if variable.config_map:
        source = {"configMapKeyRef": {"key": variable.key, "name": variable.config_map}}
        return {"name": variable.name, "valueFrom": source}
    if variable.secret:
        source = {"secretKeyRef": {"key": variable.key, "name": variable.secret}}
        return {"name": variable.name, "valueFrom": source}
    return {"name": variable.name, "value": variable.value or ""}


def _container(component: Component) -> Manifest:
    cpu, memory = component.limits
    request_cpu, request_memory = component.requests
    resources = {
        "limits": {"cpu": cpu, "memory": memory},
        "requests": {"cpu": request_cpu, "memory": request_memory},
    }
    port = component.program.port
    body = manifest.container(
        component.container,
        component.image,
        [(component.port_name, port), *component.ports],
        [_environment(variable) for variable in component.variables],
        resources,
    )
    if component.command:
        body["command"] = list(component.command)
    if component.arguments:
        body["args"] = list(component.arguments)
    delay = component.program.start + 1
    if component.readiness:
        body["readinessProbe"] = manifest.probe(component.readiness, port, delay=delay)
    if component.liveness:
        body["livenessProbe"] = manifest.probe(component.liveness, port, delay=delay + 7)
    if component.volume:
        name, path = component.mount
        body["volumeMounts"] = [{"mountPath": path, "name": name}]
    return body


def deployment_of(application: Application, component: Component) -> Manifest:
    """Return the Deployment of a component."""
    account = application.accounts[0] if application.accounts else "default"
    spec = manifest.pod_spec([_container(component)], account=account)
    if component.volume:
        spec["volumes"] = [
            {"name": component.mount[0], "persistentVolumeClaim": {"claimName": component.volume}}
        ]
    if component.node_selector:
        spec["nodeSelector"] = dict(component.node_selector)
    body = manifest.deployment(
        component.name,
        application.namespace,
        labels_of(application, component),
        {application.label: component.name},
        spec,
        replicas=component.replicas,
        strategy=application.strategy,
    )
    if application.pod_labels:
        body["spec"]["template"]["metadata"]["labels"] = {
            application.label: component.name,
            **_filled(application.pod_labels, component),
        }
    return body


def _service_of(application: Application, component: Component, index: int) -> Manifest:
    number = draw(application.namespace, "service", index)
    return manifest.service(
        component.name,
        application.namespace,
        labels_of(application, component),
        {application.label: component.name},
        [
            (component.port_name, component.service_port, component.program.port),
            *((name, number, number) for name, number in component.ports),
        ],
        address=f"10.96.{number % 250 + 1}.{index + 10}",
    )


def objects_of(application: Application) -> list[tuple[str, Manifest]]:
    """Return (kind, object) of everything in the application's namespace, in apply order."""
    namespace = application.namespace
    found: list[tuple[str, Manifest]] = []
    found += [
        ("serviceaccounts", manifest.bare("serviceaccounts", account, namespace))
        for account in ("default", *application.accounts)
    ]
    for name, pairs in application.configs:
        body = manifest.bare("configmaps", name, namespace)
        body["data"] = dict(pairs)
        found.append(("configmaps", body))
    for name, keys in application.secrets:
        body = manifest.bare("secrets", name, namespace)
        body["data"] = dict.fromkeys(keys, "c2VjcmV0")
        body["type"] = "Opaque"
        found.append(("secrets", body))
    for component in application.components:
        if component.volume:
            kind = component.storage_class or application.storage_class
            storage = manifest.claim(component.volume, namespace, kind, "1Gi")
            found.append(("persistentvolumeclaims", storage))
    for index, component in enumerate(application.components):
        if component.exposed:
            found.append(("services", _service_of(application, component, index)))
        found.append(("deployments", deployment_of(application, component)))
    return found


def cluster_objects(application: Application) -> list[tuple[str, Manifest]]:
    """Return namespaces, nodes, the storage class and the volumes made by hand."""
    found: list[tuple[str, Manifest]] = []
    for name in ("default", "kube-system", application.namespace):
        body = manifest.bare("namespaces", name, labels={"kubernetes.io/metadata.name": name})
        body["spec"] = {"finalizers": ["kubernetes"]}
        body["status"] = {"phase": "Active"}
        found.append(("namespaces", body))
    for index, name in enumerate(application.nodes):
        found.append(("nodes", manifest.node(name, 8, 32, f"172.18.0.{index + 2}")))
    storage = manifest.bare("storageclasses", application.storage_class)
    storage["metadata"]["annotations"] = {"storageclass.kubernetes.io/is-default-class": "true"}
    storage |= {
        "provisioner": "rancher.io/local-path",
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
    }
    found.append(("storageclasses", storage))
    if application.static_volumes:
        found += [
            ("persistentvolumes", volume_of(application, component))
            for component in application.components
            if component.volume
        ]
    return found


def volume_of(application: Application, component: Component) -> Manifest:
    """Return the volume on a node's disk that was made by hand for a component's claim."""
    name = f"{(component.volume or component.name).removesuffix('-pvc')}-pv"
    body = manifest.bare("persistentvolumes", name)
    body["spec"] = {
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "1Gi"},
        "hostPath": {"path": f"/data/volumes/{name}", "type": "DirectoryOrCreate"},
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": component.storage_class or application.storage_class,
        "volumeMode": "Filesystem",
    }
    body["status"] = {"phase": "Available"}
    return body
