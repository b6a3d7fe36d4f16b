"""Los entornos de desarrollo y los flujos de GitHub: que traigan lo que hace falta, y la misma versión de Rust."""

import json
import pathlib
import re
import unittest

import yaml

import compose

RAIZ = pathlib.Path(__file__).resolve().parents[2]


def texto(ruta):
    """El de un archivo del proyecto."""
    return (RAIZ / ruta).read_text()


class Entornos(unittest.TestCase):
    def test_una_sola_version_de_rust(self):
        rust = re.search(r'(?m)^rust-version = "(.+)"$', texto("Cargo.toml"))[1]
        for ruta in ("Dockerfile", ".devcontainer/Dockerfile"):
            self.assertRegex(texto(ruta), rf"(?m)^FROM rust:{re.escape(rust)}-bookworm", ruta)
        self.assertIn(f"rustup default {rust}\n", texto(".github/workflows/ci.yml"))

    def test_el_entorno_trae_todo_y_con_version(self):
        dockerfile = texto(".devcontainer/Dockerfile")
        self.assertEqual(list(compose.imagenes_del_dockerfile(dockerfile)), [])
        for paquete in ("chromium", "maven", "openjdk-17-jdk-headless", "prometheus", "protobuf-compiler", "python3-venv"):
            self.assertIn(f" {paquete} ", dockerfile)

    def test_los_dos_entornos_son_el_mismo_y_sirven(self):
        contenedor = json.loads(texto(".devcontainer/devcontainer.json"))
        gitpod = yaml.safe_load(texto(".gitpod.yml"))
        self.assertEqual(gitpod["image"]["file"], ".devcontainer/" + contenedor["build"]["dockerfile"])
        self.assertEqual(gitpod["tasks"][0]["init"], contenedor["postCreateCommand"])
        self.assertIn(contenedor["postAttachCommand"], gitpod["tasks"][0]["command"])
        self.assertEqual([puerto["port"] for puerto in gitpod["ports"]], contenedor["forwardPorts"])

    def test_los_flujos_tienen_los_permisos_justos(self):
        for ruta in sorted((RAIZ / ".github/workflows").glob("*.yml")):
            flujo = yaml.safe_load(ruta.read_text())
            self.assertIn(flujo["permissions"], ({}, {"contents": "read"}), ruta)
            for nombre, trabajo in flujo["jobs"].items():
                escribe = {permiso for permiso, como in trabajo.get("permissions", {}).items() if como == "write"}
                self.assertEqual(escribe, {"packages"} if nombre == "publicar" else set(), ruta)
                for paso in trabajo["steps"]:
                    self.assertRegex(paso.get("uses", "@v1"), r"@v\d", ruta)

    def test_solo_una_etiqueta_publica(self):
        # YAML 1.1 lee `on` como un sí.
        self.assertEqual(yaml.safe_load(texto(".github/workflows/imagen.yml"))[True], {"push": {"tags": ["v*.*.*"]}})
        self.assertNotIn("push: true", texto(".github/workflows/ci.yml"))


if __name__ == "__main__":
    unittest.main()
