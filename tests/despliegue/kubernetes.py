"""Las reglas de k8s/ que el esquema de Kubernetes no conoce: cada problema, en una línea."""

from compose import con_version

# Con lo que se espera a las órdenes en curso (AEROALPES_CIERRE_MS, si no se dice otra cosa), en segundos.
CIERRE = 25
PARTES = {"api", "consumidor", "relevo"}
# De dónde viene cada secreto: la variable que nombra el archivo, y para quién.
ARCHIVOS = {"Deployment": {"DATABASE_URL_ARCHIVO", "AEROALPES_CLAVE_SERVICIO_ARCHIVO"}, "Job": {"DATABASE_URL_ARCHIVO"}}


def problemas_de_uno(documento):
    """Los que se ven en un manifiesto suelto."""
    tipo, nombre = documento["kind"], documento["metadata"]["name"]
    if "template" in documento["spec"]:
        yield from (f"{tipo} {nombre}: {causa}" for causa in de_los_pods(documento))


def problemas_de_todos(documentos):
    """Los que se ven en el conjunto, ya compuesto."""
    for documento in documentos:
        if "spec" in documento:
            yield from problemas_de_uno(documento)
        donde = f"{documento['kind']} {documento['metadata']['name']}"
        yield from (f"{donde}: {causa}" for causa in referencias(documento, documentos))
    partes = [etiquetas(d)["app.kubernetes.io/component"] for d in de_tipo(documentos, "Deployment")]
    if sorted(partes) != sorted(PARTES):
        yield f"las partes son {partes}"
    if [c["data"].get("AEROALPES_MODO") for c in de_tipo(documentos, "ConfigMap")] != ["cerrado"]:
        yield "el modo no es el cerrado"


def de_tipo(documentos, tipo):
    """Los de un tipo."""
    return [d for d in documentos if d["kind"] == tipo]


def plantilla(documento):
    """El pod de un Deployment o de un Job."""
    return documento["spec"]["template"]["spec"]


def etiquetas(documento):
    """Las de sus pods."""
    return documento["spec"]["template"]["metadata"]["labels"]


def de_los_pods(documento):
    """Un pod sin privilegios, sin nada que no use, con límites y con las sondas que le tocan."""
    pod, tipo = plantilla(documento), documento["kind"]
    seguridad = pod.get("securityContext", {})
    if seguridad.get("runAsNonRoot") is not True or not seguridad.get("runAsUser"):
        yield "puede ser root"
    if seguridad.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "sin el perfil de seccomp"
    if pod.get("automountServiceAccountToken") is not False:
        yield "recibe una ficha de Kubernetes"
    if pod.get("enableServiceLinks") is not False:
        yield "recibe una variable por cada Service"
    for contenedor in pod["containers"]:
        yield from de_un_contenedor(contenedor)
        if faltan := ARCHIVOS[tipo] - {v["name"] for v in contenedor["env"]}:
            yield f"no recibe {sorted(faltan)}"
        if tipo == "Deployment":
            yield from sondas(contenedor)
            if pod["terminationGracePeriodSeconds"] <= CIERRE + contenedor["lifecycle"]["preStop"]["sleep"]["seconds"]:
                yield "no le da tiempo a cerrar"


def de_un_contenedor(contenedor):
    """Lo que se le exige haga lo que haga."""
    if not con_version(contenedor["image"]):
        yield f"la imagen {contenedor['image']} no dice su versión"
    seguridad = contenedor.get("securityContext", {})
    if seguridad.get("readOnlyRootFilesystem") is not True:
        yield "puede escribir en su raíz"
    if seguridad.get("allowPrivilegeEscalation") is not False:
        yield "puede ganar privilegios"
    if seguridad.get("capabilities") != {"drop": ["ALL"]}:
        yield "conserva capacidades"
    for clase in ("requests", "limits"):
        if set(contenedor.get("resources", {}).get(clase, {})) != {"cpu", "memory"}:
            yield f"sin {clase} de CPU y memoria"


def sondas(contenedor):
    """Cada una pregunta lo suyo, en un puerto que existe."""
    puertos = {puerto["name"] for puerto in contenedor["ports"]}
    esperadas = {"startupProbe": "/health/live", "livenessProbe": "/health/live", "readinessProbe": "/health/ready"}
    for sonda, ruta in esperadas.items():
        http = contenedor.get(sonda, {}).get("httpGet", {})
        if http.get("path") != ruta or http.get("port") not in puertos:
            yield f"{sonda} no pregunta por {ruta}"


def referencias(documento, documentos):
    """Lo que un documento nombra de otro existe."""
    tipo, spec = documento["kind"], documento.get("spec", {})
    desplegados = {d["metadata"]["name"]: d for d in de_tipo(documentos, "Deployment")}
    if tipo in ("Deployment", "Job"):
        yield from configuracion(plantilla(documento), documentos)
    if tipo in ("Service", "PodDisruptionBudget"):
        seleccion = spec["selector"] if tipo == "Service" else spec["selector"]["matchLabels"]
        elegidos = [n for n, d in desplegados.items() if seleccion.items() <= etiquetas(d).items()]
        if len(elegidos) != 1:
            yield f"selecciona {elegidos}, y tiene que ser uno"
    if tipo == "Service":
        puertos = {p["name"] for d in desplegados.values() for c in plantilla(d)["containers"] for p in c["ports"]}
        yield from (f"no hay un puerto {p['targetPort']}" for p in spec["ports"] if p["targetPort"] not in puertos)
    if tipo == "HorizontalPodAutoscaler":
        destino = desplegados.get(spec["scaleTargetRef"]["name"])
        if destino is None:
            yield "no escala a nadie"
        elif "replicas" in destino["spec"]:
            yield "su Deployment también dice cuántas réplicas"
    if tipo == "Ingress":
        yield from entradas(spec, {s["metadata"]["name"]: s for s in de_tipo(documentos, "Service")})


def entradas(spec, servicios):
    """Lo que entra llega a un puerto de un Service, y cifrado."""
    cifrados = {host for tls in spec.get("tls", []) for host in tls["hosts"]}
    for regla in spec["rules"]:
        if regla["host"] not in cifrados:
            yield f"{regla['host']} va sin TLS"
        for camino in regla["http"]["paths"]:
            destino = camino["backend"]["service"]
            puertos = {p["name"] for p in servicios.get(destino["name"], {"spec": {"ports": []}})["spec"]["ports"]}
            if destino["port"]["name"] not in puertos:
                yield f"no existe el Service {destino}"


def configuracion(pod, documentos):
    """El ConfigMap y el Secret de un pod, y la clave de cada archivo que se le nombra."""
    mapas = {d["metadata"]["name"] for d in de_tipo(documentos, "ConfigMap")}
    secretos = {d["metadata"]["name"]: set(d.get("data", {})) for d in de_tipo(documentos, "Secret")}
    montados = set()
    for volumen in pod["volumes"]:
        nombre = volumen["secret"]["secretName"]
        if nombre not in secretos:
            yield f"no existe el Secret {nombre}"
        montados |= {clave["key"] for clave in volumen["secret"].get("items", [])} or secretos.get(nombre, set())
    for contenedor in pod["containers"]:
        for origen in contenedor.get("envFrom", []):
            if origen["configMapRef"]["name"] not in mapas:
                yield f"no existe el ConfigMap {origen['configMapRef']['name']}"
        carpetas = [montaje["mountPath"] for montaje in contenedor["volumeMounts"]]
        for variable in contenedor["env"]:
            carpeta, _, archivo = variable.get("value", "").rpartition("/")
            if variable["name"].endswith("_ARCHIVO") and (carpeta not in carpetas or archivo not in montados):
                yield f"{variable['name']} nombra un archivo que no está"


def variables(documentos):
    """Las que se le dan al servicio."""
    for documento in documentos:
        if documento["kind"] == "ConfigMap":
            yield from documento["data"]
        elif "template" in documento.get("spec", {}):
            yield from (v["name"] for c in plantilla(documento)["containers"] for v in c["env"])
