"""docker-compose.yml cumple sus reglas, y cada regla muerde: se le estropea una copia y tiene que decirlo."""

import copy
import pathlib
import unittest

import yaml

import compose

RAIZ = pathlib.Path(__file__).resolve().parents[2]


def leer_entorno(texto):
    """Las variables de un .env."""
    return dict(linea.split("=", 1) for linea in texto.splitlines() if "=" in linea and not linea.startswith("#"))


class Compose(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.compose = yaml.safe_load((RAIZ / "docker-compose.yml").read_text())
        # Una copia de cada servicio: lo que comparten por anclas de YAML es un mismo objeto.
        self.compose["services"] = {n: copy.deepcopy(s) for n, s in self.compose["services"].items()}
        self.servicios = self.compose["services"]
        self.env = (RAIZ / ".env").read_text()
        self.entorno = leer_entorno(self.env)
        self.dockerfile = (RAIZ / "Dockerfile").read_text()

    def problemas(self):
        return list(compose.problemas(self.compose, self.entorno, self.dockerfile))

    def muerde(self, esperado):
        self.assertIn(esperado, "\n".join(self.problemas()))

    def test_cumple_las_reglas(self):
        self.assertEqual(self.problemas(), [])

    def test_las_dos_formas_de_levantarlo(self):
        perfiles = {self.entorno["COMPOSE_PROFILES"]}
        self.assertEqual(set(compose.activos(self.servicios, perfiles)), {"aeroalpes", "postgres", "pulsar"})
        cluster = {"aeroalpes", "postgres", "zookeeper", "pulsar-init", "bookie", "broker"}
        self.assertEqual(set(compose.activos(self.servicios, {"pulsar"})), cluster)
        # Los demás perfiles de la semilla no añaden nada ni estorban.
        self.assertEqual(set(compose.activos(self.servicios, {"pulsar", "aeroalpes", "monolito"})), cluster)

    def test_el_env_dice_que_es_un_ejemplo(self):
        self.assertTrue(self.env.startswith("# EJEMPLO"))

    def test_muerde_un_puerto_en_toda_la_red(self):
        self.servicios["postgres"]["ports"] = ["0.0.0.0:5432:5432"]
        self.muerde("postgres: el puerto 0.0.0.0:5432:5432 no se publica sólo en 127.0.0.1")

    def test_muerde_un_puerto_sin_direccion(self):
        self.servicios["postgres"]["ports"] = ["5432:5432"]
        self.muerde("no se publica sólo en 127.0.0.1")

    def test_muerde_un_puerto_repetido(self):
        self.servicios["bookie"]["ports"] = ["127.0.0.1:8080:8000"]
        self.muerde("docker compose --profile pulsar up: el puerto 127.0.0.1:8080 se publica 2 veces")

    def test_muerde_una_imagen_sin_version(self):
        for imagen in ("apachepulsar/pulsar:latest", "apachepulsar/pulsar", "registro:5000/pulsar"):
            self.servicios["bookie"]["image"] = imagen
            self.muerde(f"bookie: la imagen {imagen} no dice su versión")

    def test_muerde_la_imagen_base_sin_version(self):
        self.dockerfile = self.dockerfile.replace("debian:bookworm-slim", "debian:latest")
        self.muerde("Dockerfile: la imagen debian:latest no dice su versión")

    def test_muerde_un_servicio_sin_salud(self):
        del self.servicios["zookeeper"]["healthcheck"]
        self.muerde("zookeeper: no tiene salud")

    def test_muerde_la_imagen_propia_sin_salud(self):
        self.dockerfile = self.dockerfile.replace("\nHEALTHCHECK", "\n# HEALTHCHECK")
        self.muerde("aeroalpes: no tiene salud")

    def test_muerde_un_arranque_sin_esperar_la_salud(self):
        self.servicios["broker"]["depends_on"]["bookie"]["condition"] = "service_started"
        self.muerde("broker: no espera a la salud de bookie")

    def test_muerde_una_inicializacion_que_se_repite(self):
        self.servicios["pulsar-init"]["restart"] = "unless-stopped"
        self.muerde("pulsar-init: termina bien y se volvería a arrancar")

    def test_muerde_depender_de_quien_no_esta(self):
        del self.servicios["aeroalpes"]["depends_on"]["broker"]["required"]
        self.muerde("docker compose up: aeroalpes: depende de broker, que no se levanta")

    def test_muerde_no_esperar_al_broker(self):
        del self.servicios["aeroalpes"]["depends_on"]["broker"]
        self.muerde("docker compose --profile pulsar up: el servicio no espera a broker")

    def test_muerden_dos_pulsar_a_la_vez(self):
        self.entorno["COMPOSE_PROFILES"] = "standalone,pulsar"
        self.muerde("responden por broker: ['pulsar', 'broker'], y tiene que ser uno")

    def test_muerde_ningun_pulsar(self):
        del self.entorno["COMPOSE_PROFILES"]
        self.muerde("docker compose up: responden por broker: []")

    def test_muerde_un_volumen_sin_nombre(self):
        self.servicios["bookie"]["volumes"] = ["./data/bookkeeper:/pulsar/data"]
        self.muerde("bookie: el volumen ./data/bookkeeper:/pulsar/data no tiene nombre")

    def test_muerde_un_volumen_compartido_o_sin_declarar(self):
        self.servicios["bookie"]["volumes"] = ["zookeeper-datos:/pulsar/data", "otro:/otro"]
        self.muerde("el volumen zookeeper-datos es de dos servicios")
        self.muerde("el volumen otro no está declarado")
        self.muerde("el volumen bookie-datos no lo usa nadie")

    def test_muerde_una_contrasena_fuera_del_env(self):
        self.servicios["postgres"]["environment"]["POSTGRES_PASSWORD"] = "secreta"
        self.muerde("postgres: POSTGRES_PASSWORD no viene de .env")
        del self.entorno["POSTGRES_PASSWORD"]
        self.muerde("la variable POSTGRES_PASSWORD no está en .env")

    def test_muerde_un_broker_que_solo_sirve_a_los_contenedores(self):
        for perdido in ("bindAddresses", "advertisedListeners"):
            with self.subTest(perdido):
                self.setUp()
                entorno = self.servicios["broker"]["environment"]
                entorno["PULSAR_PREFIX_" + perdido] = "internal:pulsar://broker:6650"
                self.muerde("broker: quien entra por el puerto 6650 de la máquina no recibe pulsar://127.0.0.1:6650")

    def test_muerde_un_broker_que_solo_sirve_a_la_maquina(self):
        self.servicios["pulsar"]["environment"]["PULSAR_PREFIX_internalListenerName"] = "external"
        self.muerde("pulsar: a los contenedores no les dice broker:6650")


if __name__ == "__main__":
    unittest.main()
