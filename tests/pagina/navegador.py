"""Un Chromium de verdad que no deja salir nada del servicio y recuerda todo lo que pasó."""

import os
import re
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import expect, sync_playwright

BANDERAS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PLAZO_MS = 30_000
expect.set_options(timeout=PLAZO_MS)
TIEMPO = re.compile(r"(\d+\sms|\d+,\d\ss)$")
# Todo lo que el lector de pantalla oiría del resumen de una orden, también lo que dura milésimas.
ANOTAR_RESUMEN = """addEventListener("DOMContentLoaded", () => {
  window.dicho = [];
  const resumen = document.getElementById("flujo-resumen");
  if (resumen) new MutationObserver(() => window.dicho.push(resumen.textContent))
    .observe(resumen, { childList: true, characterData: true, subtree: true });
});"""


class Pagina:
    """Una pestaña, lo que pidió y lo que se quejó."""

    def __init__(self, contexto, url):
        self.url, self.contexto = url, contexto
        self.solicitudes, self.negadas, self.quejas, self.ajenas = [], [], [], []
        self.esperadas = set()
        contexto.set_default_timeout(PLAZO_MS)
        contexto.route(lambda direccion: not self._es_nuestra(direccion), self._cortar)
        self.web = contexto.new_page()
        self.web.add_init_script(ANOTAR_RESUMEN)
        self.web.on("request", lambda solicitud: self.solicitudes.append(solicitud))
        self.web.on("response", self._anotar_negada)
        self.web.on("console", self._anotar_queja)
        self.web.on("pageerror", lambda error: self.quejas.append(str(error)))

    def _es_nuestra(self, direccion):
        return "{0.scheme}://{0.netloc}".format(urlsplit(direccion)) == self.url

    def _cortar(self, ruta):
        self.ajenas.append(ruta.request.url)
        ruta.abort()

    def _anotar_negada(self, respuesta):
        if respuesta.status >= 400:
            self.negadas.append((respuesta.status, urlsplit(respuesta.url).path))

    def _anotar_queja(self, mensaje):
        # Que una respuesta sea un error ya se cuenta aparte.
        if mensaje.type in ("error", "warning") and not mensaje.text.startswith("Failed to load resource"):
            self.quejas.append(mensaje.text)

    def abrir(self, ruta="/"):
        self.web.goto(self.url + ruta)
        expect(self.web.locator("#pasos > li")).to_have_count(5)

    def boton(self, nombre, dentro="main"):
        return self.web.locator(dentro).get_by_role("button", name=nombre, exact=True)

    def resumen(self, estado):
        expect(self.web.locator("#flujo-resumen")).to_have_attribute("data-estado", estado)
        return self.web.locator("#flujo-resumen").inner_text()

    def paso(self, paso, estado):
        """Espera a que un paso del dibujo llegue a ese estado, y devuelve cuánto se tardó en llegar a él."""
        elemento = self.web.locator(f"[data-paso={paso}]")
        expect(elemento).to_have_attribute("data-estado", estado)
        return elemento.locator(".salto").inner_text()

    def fila(self, reserva):
        return self.web.locator(f'#filas tr[data-id="{reserva}"]')

    def filas(self, cuantas):
        expect(self.web.locator("#filas tr")).to_have_count(cuantas)
        return self.web.locator("#filas tr")

    def negar(self, estado, ruta):
        """Dice que el servicio va a negar algo, y que así tiene que ser."""
        self.esperadas.add((estado, ruta))

    def mandadas(self, ruta):
        """Las órdenes que la página envió a esa ruta."""
        return [s for s in self.solicitudes if s.method == "POST" and urlsplit(s.url).path == ruta]

    def api(self, metodo, ruta, cuerpo=None, **cabeceras):
        """Una llamada por fuera de la página, como la de cualquier otro cliente."""
        respuesta = self.contexto.request.fetch(self.url + ruta, method=metodo, data=cuerpo, headers=cabeceras)
        assert respuesta.ok, f"{metodo} {ruta}: {respuesta.status} {respuesta.text()}"
        return respuesta.json()

    def comprobar_que_todo_fue_limpio(self):
        assert not self.ajenas, f"la página pidió algo a otro: {self.ajenas}"
        assert not self.quejas, f"la página se quejó: {self.quejas}"
        sobran = [negada for negada in self.negadas if negada not in self.esperadas]
        assert not sobran, f"el servicio negó lo que nadie esperaba: {sobran}"


@contextmanager
def abierto(url, **opciones):
    """Una página abierta en un navegador recién arrancado; al terminar comprueba que todo fue limpio."""
    propias = {
        "locale": "es-CO",
        "timezone_id": "America/Bogota",
        "viewport": {"width": 1280, "height": 900},
        **opciones,
    }
    with sync_playwright() as playwright:
        navegador = playwright.chromium.launch(executable_path=os.environ["AEROALPES_CHROMIUM"], args=BANDERAS)
        try:
            pagina = Pagina(navegador.new_context(**propias), url)
            yield pagina
            pagina.comprobar_que_todo_fue_limpio()
        finally:
            navegador.close()
