"""Los manifiestos de k8s/ cumplen sus reglas, y cada regla muerde.

Los sueltos se miran siempre; el conjunto, si alguien lo compuso en el archivo que dice AEROALPES_K8S.
"""

import os
import pathlib
import unittest

import yaml

import kubernetes

RAIZ = pathlib.Path(__file__).resolve().parents[2]
K8S = RAIZ / "k8s"
COMPUESTO = pathlib.Path(os.environ.get("AEROALPES_K8S") or os.devnull).read_text()


def documentos(texto):
    """Los de un texto en YAML."""
    return [documento for documento in yaml.safe_load_all(texto) if documento]


class Sueltos(unittest.TestCase):
    def test_cumplen_las_reglas(self):
        manifiestos = [a for a in K8S.rglob("*.yaml") if a.name != "kustomization.yaml"]
        sueltos = [d for archivo in manifiestos for d in documentos(archivo.read_text()) if "spec" in d]
        self.assertGreater(len(sueltos), 5)
        self.assertEqual([p for d in sueltos for p in kubernetes.problemas_de_uno(d)], [])

    def test_kustomize_nombra_todos_los_que_hay(self):
        nombrados = set()
        for archivo in K8S.rglob("kustomization.yaml"):
            for recurso in documentos(archivo.read_text())[0]["resources"]:
                destino = (archivo.parent / recurso).resolve()
                nombrados.add(destino / "kustomization.yaml" if destino.is_dir() else destino)
        compuestos = {a for a in K8S.glob("overlays/*/kustomization.yaml")}
        self.assertEqual(nombrados | compuestos, set(K8S.rglob("*.yaml")))

    def test_los_secretos_dicen_que_son_de_ejemplo(self):
        texto = (K8S / "overlays/ejemplo/kustomization.yaml").read_text()
        antes, _, _ = texto.partition("secretGenerator:")
        self.assertIn("# EJEMPLO: secretos de muestra", antes.splitlines()[-2])


@unittest.skipUnless(COMPUESTO, "nadie compuso los manifiestos (AEROALPES_K8S)")
class Compuestos(unittest.TestCase):
    def setUp(self):
        self.documentos = documentos(COMPUESTO)

    def uno(self, tipo, nombre="aeroalpes-api"):
        """Un documento del conjunto."""
        encontrados = [d for d in kubernetes.de_tipo(self.documentos, tipo) if d["metadata"]["name"].startswith(nombre)]
        self.assertEqual(len(encontrados), 1, f"{tipo} {nombre}")
        return encontrados[0]

    def pod(self):
        """El de la API."""
        return kubernetes.plantilla(self.uno("Deployment"))

    def muerde(self, esperado):
        self.assertIn(esperado, "\n".join(kubernetes.problemas_de_todos(self.documentos)))

    def test_cumplen_las_reglas(self):
        self.assertEqual(list(kubernetes.problemas_de_todos(self.documentos)), [])

    def test_el_servicio_conoce_cada_variable(self):
        readme = (RAIZ / "README.md").read_text()
        self.assertEqual([v for v in set(kubernetes.variables(self.documentos)) if f"`{v}`" not in readme], [])

    def test_cada_parte_recibe_su_papel(self):
        roles = [v for v in self.pod()["containers"][0]["env"] if v["name"] == "AEROALPES_ROLES"]
        campo = "metadata.labels['app.kubernetes.io/component']"
        self.assertEqual([rol["valueFrom"]["fieldRef"]["fieldPath"] for rol in roles], [campo])

    def test_muerde_un_pod_con_privilegios(self):
        self.pod()["securityContext"]["runAsNonRoot"] = False
        self.muerde("Deployment aeroalpes-api: puede ser root")
        del self.pod()["securityContext"]["seccompProfile"]
        self.muerde("sin el perfil de seccomp")
        del self.pod()["automountServiceAccountToken"]
        self.muerde("recibe una ficha de Kubernetes")
        del self.pod()["enableServiceLinks"]
        self.muerde("recibe una variable por cada Service")

    def test_muerde_un_contenedor_con_privilegios(self):
        seguridad = self.pod()["containers"][0]["securityContext"]
        seguridad["readOnlyRootFilesystem"] = False
        self.muerde("puede escribir en su raíz")
        del seguridad["allowPrivilegeEscalation"]
        self.muerde("puede ganar privilegios")
        seguridad["capabilities"]["add"] = ["NET_ADMIN"]
        self.muerde("conserva capacidades")

    def test_muerde_el_job_con_privilegios(self):
        job = kubernetes.plantilla(self.uno("Job", "aeroalpes-migrar"))
        del job["containers"][0]["securityContext"]
        self.muerde("Job aeroalpes-migrar: puede escribir en su raíz")

    def test_muerde_un_contenedor_sin_limites(self):
        del self.pod()["containers"][0]["resources"]["limits"]["memory"]
        self.muerde("sin limits de CPU y memoria")

    def test_muerde_una_imagen_sin_version(self):
        self.pod()["containers"][0]["image"] = "ghcr.io/ejemplo/aeroalpes:latest"
        self.muerde("la imagen ghcr.io/ejemplo/aeroalpes:latest no dice su versión")

    def test_muerde_una_sonda_mal_escrita(self):
        contenedor = self.pod()["containers"][0]
        contenedor["readinesProbe"] = contenedor.pop("readinessProbe")
        self.muerde("readinessProbe no pregunta por /health/ready")
        contenedor["livenessProbe"]["httpGet"]["port"] = "htp"
        self.muerde("livenessProbe no pregunta por /health/live")

    def test_muerde_un_cierre_sin_tiempo(self):
        self.pod()["terminationGracePeriodSeconds"] = 30
        self.muerde("no le da tiempo a cerrar")

    def test_muerde_un_secreto_que_no_esta(self):
        self.uno("Secret", "aeroalpes")["data"].pop("clave-servicio")
        self.muerde("AEROALPES_CLAVE_SERVICIO_ARCHIVO nombra un archivo que no está")
        self.pod()["volumes"][0]["secret"]["secretName"] = "otro"
        self.muerde("no existe el Secret otro")
        self.pod()["containers"][0]["env"].pop()
        self.muerde("no recibe ['AEROALPES_CLAVE_SERVICIO_ARCHIVO']")

    def test_muerde_una_configuracion_que_no_esta(self):
        self.pod()["containers"][0]["envFrom"][0]["configMapRef"]["name"] = "otra"
        self.muerde("no existe el ConfigMap otra")
        self.uno("ConfigMap", "aeroalpes")["data"]["AEROALPES_MODO"] = "abierto"
        self.muerde("el modo no es el cerrado")

    def test_muerde_una_seleccion_equivocada(self):
        self.uno("Service")["spec"]["selector"].pop("app.kubernetes.io/component")
        self.muerde("Service aeroalpes-api: selecciona [")
        self.uno("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] = {"app": "otra"}
        self.muerde("PodDisruptionBudget aeroalpes-api: selecciona []")

    def test_muerde_una_entrada_que_no_llega(self):
        self.uno("Service")["metadata"]["name"] = "otro"
        self.muerde("Ingress aeroalpes-api: no existe el Service")
        self.uno("Ingress")["spec"]["tls"][0]["hosts"] = []
        self.muerde("va sin TLS")

    def test_muerde_una_escala_que_no_es(self):
        self.uno("Deployment")["spec"]["replicas"] = 2
        self.muerde("su Deployment también dice cuántas réplicas")
        self.uno("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"] = "otro"
        self.muerde("no escala a nadie")

    def test_muerde_una_parte_que_falta(self):
        self.documentos.remove(self.uno("Deployment", "aeroalpes-relevo"))
        self.muerde("las partes son ['api', 'consumidor']")


if __name__ == "__main__":
    unittest.main()
