"""La página es sólo del servicio: nada de fuera, nada en línea, y ninguna dirección absoluta."""

import re
from html.parser import HTMLParser

from navegador import abierto, expect

DIRECCIONES = ("src", "href", "action", "data", "poster", "srcset")


class Direcciones(HTMLParser):
    def __init__(self):
        super().__init__()
        self.todas, self.en_linea = [], []

    def handle_starttag(self, etiqueta, atributos):
        self.todas += [valor for nombre, valor in atributos if nombre in DIRECCIONES and valor]
        self.en_linea += [f"{etiqueta} {n}" for n, _ in atributos if n == "style" or n.startswith("on")]
        if etiqueta in ("style",) or (etiqueta == "script" and "src" not in dict(atributos)):
            self.en_linea.append(etiqueta)


def absoluta(direccion):
    return re.match(r"[a-z][a-z0-9+.-]*:|//", direccion, re.I) is not None


def nada_de_fuera(url, _):
    with abierto(url) as pagina:
        pagina.abrir()
        pagina.filas(0)
        propios = [s for s in pagina.solicitudes if "/pagina/" in s.url or s.url == f"{url}/"]
        assert len(propios) > 10, propios
        for solicitud in propios:
            respuesta = solicitud.response()
            texto, cabeceras = respuesta.text(), respuesta.headers
            politica = cabeceras["content-security-policy"]
            assert "unsafe" not in politica and "default-src 'none'" in politica, politica
            assert cabeceras["cache-control"] == "no-cache" and cabeceras["etag"], solicitud.url
            # `xmlns` y el nombre del espacio de SVG no son direcciones: no se piden.
            sin_nombres = texto.replace("http://www.w3.org/2000/svg", "")
            assert not re.search(r"https?://|url\(|@import", sin_nombres), solicitud.url
        html = Direcciones()
        html.feed(propios[0].response().text())
        assert len(html.todas) > 8 and not html.en_linea, html.en_linea
        vivas = pagina.web.eval_on_selector_all(
            "[src], [href]", "es => es.map((e) => e.getAttribute('src') ?? e.getAttribute('href'))"
        )
        for direccion in html.todas + vivas:
            assert not absoluta(direccion), f"{direccion} es absoluta"


def la_politica_no_deja_entrar_a_nadie(url, _):
    with abierto(url) as pagina:
        pagina.abrir()
        intentos = pagina.web.evaluate("""async () => {
          const vistas = [];
          addEventListener("securitypolicyviolation", (v) => vistas.push(v.effectiveDirective));
          const guion = document.createElement("script");
          guion.textContent = "window.entro = true";
          document.body.append(guion);
          document.body.setAttribute("style", "color: red");
          const imagen = new Image();
          imagen.src = "https://otra.ejemplo/x.png";
          await fetch("https://otra.ejemplo/").catch(() => {});
          await new Promise((seguir) => setTimeout(seguir));
          return { vistas, entro: window.entro === true };
        }""")
        expect(pagina.web.locator("h1")).to_be_visible()
        pagina.quejas.clear()
        assert not intentos["entro"]
        assert {"script-src-elem", "style-src-attr", "img-src", "connect-src"} <= set(intentos["vistas"]), intentos


def lo_que_se_escribe_no_se_interpreta(url, preguntar):
    with abierto(url) as pagina:
        pagina.abrir()
        malo = "<img src=x onerror=alert(1)>"
        forma = pagina.web.locator("#forma-registrar")
        valores = [
            ("Nombres", malo),
            ("Apellidos", malo),
            ("Correo", "x@ejemplo.co"),
            ("Contraseña", "correcta-y-larga"),
        ]
        for rotulo, valor in valores:
            forma.get_by_label(rotulo).fill(valor)
        forma.get_by_role("button", name="Registrar").click()
        expect(pagina.web.locator("#usuario-nombre")).to_have_text(f"{malo} {malo}")
        expect(pagina.web.locator("main img")).to_have_count(0)
