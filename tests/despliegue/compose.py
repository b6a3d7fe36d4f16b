"""Las reglas de docker-compose.yml que ningún esquema conoce: cada problema, en una línea."""

import re
from collections import Counter
from urllib.parse import urlsplit

# Qué perfiles hay activos en cada una de las dos formas de levantarlo; en la primera, los que diga .env.
PEQUENO, CLUSTER = "docker compose up", "docker compose --profile pulsar up"
# El que responde por el bróker, como lo llaman los contenedores.
BROKER = "broker"
# Dónde lo encuentra quien está en la máquina anfitriona.
DESDE_FUERA = "pulsar://127.0.0.1:6650"


def problemas(compose, entorno, dockerfile):
    """Los de un docker-compose.yml ya interpretado, con las variables de su .env y el texto del Dockerfile."""
    servicios = compose["services"]
    opciones = {
        PEQUENO: activos(servicios, set(entorno.get("COMPOSE_PROFILES", "").split(","))),
        CLUSTER: activos(servicios, {"pulsar"}),
    }
    yield from imagenes_del_dockerfile(dockerfile)
    yield from volumenes(compose)
    yield from variables(compose, entorno)
    for nombre, servicio in servicios.items():
        yield from (f"{nombre}: {causa}" for causa in de_uno(servicio, dockerfile, terminan(servicios, nombre)))
    for opcion, presentes in opciones.items():
        yield from (f"{opcion}: {causa}" for causa in de_una_opcion(presentes, servicios))


def activos(servicios, perfiles):
    """Los que se levantan con esos perfiles."""
    return {n: s for n, s in servicios.items() if not s.get("profiles") or perfiles & set(s["profiles"])}


def terminan(servicios, nombre):
    """Si los demás lo esperan hasta que termina bien: entonces no tiene salud."""
    condiciones = [s["depends_on"][nombre]["condition"] for s in servicios.values() if nombre in s.get("depends_on", {})]
    return bool(condiciones) and set(condiciones) == {"service_completed_successfully"}


def con_version(imagen):
    """Si la imagen dice cuál es: una etiqueta que no sea `latest`, o un resumen."""
    etiqueta = imagen.rpartition("/")[2].partition(":")[2]
    return "@sha256:" in imagen or etiqueta not in ("", "latest")


def imagenes_del_dockerfile(dockerfile):
    """Las de las que parte la nuestra."""
    etapas = set(re.findall(r"^FROM .* AS (\S+)$", dockerfile, re.M))
    for imagen in re.findall(r"^FROM (\S+)", dockerfile, re.M):
        if imagen not in etapas and not con_version(imagen):
            yield f"Dockerfile: la imagen {imagen} no dice su versión"


def volumenes(compose):
    """Todos con nombre, declarados y usados."""
    usados = Counter()
    for nombre, servicio in compose["services"].items():
        for volumen in servicio.get("volumes", []):
            origen = volumen.partition(":")[0]
            usados[origen] += 1
            if not re.fullmatch(r"[a-z0-9-]+", origen):
                yield f"{nombre}: el volumen {volumen} no tiene nombre"
    declarados = set(compose.get("volumes", {}))
    yield from (f"el volumen {v} no está declarado" for v in set(usados) - declarados)
    yield from (f"el volumen {v} no lo usa nadie" for v in declarados - set(usados))
    yield from (f"el volumen {v} es de dos servicios" for v, veces in usados.items() if veces > 1)


def variables(compose, entorno):
    """Toda variable está en .env, y ninguna contraseña está escrita en otro sitio."""
    for variable in set(re.findall(r"\$\{(\w+)", str(compose))):
        if variable not in entorno:
            yield f"la variable {variable} no está en .env"
    for nombre, servicio in compose["services"].items():
        for variable, valor in servicio.get("environment", {}).items():
            if "PASSWORD" in variable and not str(valor).startswith("${"):
                yield f"{nombre}: {variable} no viene de .env"


def de_uno(servicio, dockerfile, es_de_una_vez):
    """Lo que se exige a cada servicio por separado."""
    if not con_version(servicio["image"]):
        yield f"la imagen {servicio['image']} no dice su versión"
    tiene_salud = "healthcheck" in servicio or ("build" in servicio and "\nHEALTHCHECK " in dockerfile)
    if es_de_una_vez:
        if servicio["restart"] != "no":
            yield "termina bien y se volvería a arrancar"
    elif not tiene_salud:
        yield "no tiene salud"
    elif servicio.get("restart") != "unless-stopped":
        yield "si muere, nadie lo vuelve a arrancar"
    for puerto in servicio.get("ports", []):
        if not re.fullmatch(r"127\.0\.0\.1:\d+:\d+", str(puerto)):
            yield f"el puerto {puerto} no se publica sólo en 127.0.0.1"


def de_una_opcion(presentes, servicios):
    """Lo que se exige a los que se levantan juntos."""
    puertos = Counter(p.rpartition(":")[0] for s in presentes.values() for p in s.get("ports", []))
    yield from (f"el puerto {puerto} se publica {veces} veces" for puerto, veces in puertos.items() if veces > 1)
    for nombre, servicio in presentes.items():
        yield from (f"{nombre}: {causa}" for causa in dependencias(servicio, presentes, servicios))
    brokers = [n for n, s in presentes.items() if BROKER in (n, *alias(s))]
    if len(brokers) != 1:
        yield f"responden por {BROKER}: {brokers}, y tiene que ser uno"
        return
    aeroalpes = presentes["aeroalpes"]
    if urlsplit(aeroalpes["environment"]["PULSAR_URL"]).netloc != f"{BROKER}:6650":
        yield f"el servicio no va a {BROKER}:6650"
    if brokers[0] not in aeroalpes["depends_on"]:
        yield f"el servicio no espera a {brokers[0]}"
    yield from (f"{brokers[0]}: {causa}" for causa in direcciones(presentes[brokers[0]]))


def alias(servicio):
    """Los otros nombres que tiene en la red del proyecto."""
    return servicio.get("networks", {}).get("default", {}).get("aliases", [])


def dependencias(servicio, presentes, servicios):
    """El orden de arranque: siempre por salud, y sólo de quienes están."""
    for otro, como in servicio.get("depends_on", {}).items():
        esperada = "service_completed_successfully" if terminan(servicios, otro) else "service_healthy"
        if otro not in servicios:
            yield f"depende de {otro}, que no existe"
        elif como["condition"] != esperada:
            yield f"no espera a la salud de {otro}"
        elif otro not in presentes and como.get("required", True):
            yield f"depende de {otro}, que no se levanta"


def direcciones(broker):
    """Que el bróker se anuncie a los contenedores y a la máquina, a cada uno con una dirección que le sirve."""
    entorno = {clave.removeprefix("PULSAR_PREFIX_"): valor for clave, valor in broker["environment"].items()}
    anunciadas = dict(a.split(":", 1) for a in entorno["advertisedListeners"].split(","))
    interna = entorno["internalListenerName"]
    if anunciadas.get(interna) != f"pulsar://{BROKER}:6650":
        yield f"a los contenedores no les dice {BROKER}:6650"
    externas = [nombre for nombre, direccion in anunciadas.items() if direccion == DESDE_FUERA]
    publicados = dict(reversed(p.removeprefix("127.0.0.1:").split(":")) for p in broker["ports"])
    en = entorno.get("bindAddresses", "").split(":")
    if externas != en[:1] or publicados.get(en[-1]) != "6650":
        yield f"quien entra por el puerto 6650 de la máquina no recibe {DESDE_FUERA}"
