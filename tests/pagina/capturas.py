"""Las capturas de `docs/pagina/`: quien corre el caso dice dónde dejarlas."""

from pathlib import Path

from navegador import abierto, expect
from reservas import crear

MAXIMO = 200 * 1024


def capturas(url, preguntar):
    carpeta = Path(preguntar("carpeta"))
    for nombre, tema, medida in [
        ("claro", "light", (1280, 800)),
        ("oscuro", "dark", (1280, 800)),
        ("movil", "light", (360, 780)),
    ]:
        with abierto(
            url, color_scheme=tema, viewport=dict(zip(("width", "height"), medida)), reduced_motion="reduce"
        ) as pagina:
            pagina.abrir()
            expect(pagina.web.locator("#en-vivo")).to_have_text("En vivo")
            preparar(pagina)
            pagina.boton("Reservar sin esperar").click()
            pagina.paso("evento", "hecho")
            expect(pagina.web.locator("#filas .estado").first).to_have_text("Pendiente")
            pagina.web.locator("#avisos").evaluate("(avisos) => avisos.replaceChildren()")
            if nombre == "movil":
                pagina.web.locator("#flujo").evaluate("(e) => e.scrollIntoView()")
            guardar(pagina.web, carpeta / f"{nombre}.png")
            if nombre == "claro":
                guardar(pagina.web.locator("#reservas"), carpeta / "reservas.png")
    flujo_en_marcha(url, carpeta)


def preparar(pagina):
    """Lo que otros hacen mientras tanto: la página lo cuenta sola."""
    for acciones in ([], ["pagar", "aprobar"], ["cancelar"], ["pagar"]):
        reserva = crear(pagina)
        for accion in acciones:
            pagina.api("POST", f"/vuelos/reserva/{reserva}/{accion}")


def flujo_en_marcha(url, carpeta):
    """Un comando aceptado y aún pendiente: se retiene lo que el servicio cuenta de él."""
    with abierto(url, reduced_motion="reduce") as pagina:
        pagina.contexto.route("**/comandos/*/eventos", lambda ruta: None)
        pagina.abrir()
        pagina.boton("Reservar sin esperar").click()
        pagina.paso("consumidor", "activo")
        guardar(pagina.web.locator("#flujo"), carpeta / "flujo.png")


def guardar(que, archivo):
    que.screenshot(path=archivo, animations="disabled")
    assert archivo.stat().st_size < MAXIMO, f"{archivo.name} pesa demasiado"
