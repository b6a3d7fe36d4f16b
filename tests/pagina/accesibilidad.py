"""axe-core en los dos temas, en escritorio y en un móvil: ninguna violación seria."""

from importlib.resources import files

from navegador import abierto, expect
from reservas import crear, error_en

AXE = (files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8")
REGLAS = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
MOVIL = {"width": 360, "height": 740}


def sin_violaciones(pagina, donde):
    # Sin la política de la página, que no dejaría entrar a quien la examina: se evalúa desde fuera.
    pagina.web.evaluate(AXE)
    examen = pagina.web.evaluate("(reglas) => axe.run(document, reglas)", REGLAS)
    assert len(examen["passes"]) > 20, f"axe apenas miró nada: {len(examen['passes'])}"
    serias = [
        f"{v['id']} ({v['impact']}): {v['help']}\n  " + "\n  ".join(n["html"][:200] for n in v["nodes"])
        for v in examen["violations"]
        if v["impact"] in ("serious", "critical")
    ]
    assert not serias, f"{donde}:\n" + "\n".join(serias)


def examinar(url, tema, medida):
    with abierto(url, color_scheme=tema, viewport=medida, reduced_motion="reduce") as pagina:
        for estado in (200, 400):
            pagina.negar(estado, "/vuelos/reserva")
        reserva = crear(pagina)
        pagina.api("POST", f"/vuelos/reserva/{reserva}/pagar")
        crear(pagina)
        pagina.abrir()
        pagina.filas(2)
        sin_violaciones(pagina, f"recién abierta, {tema}")
        pagina.boton("Reservar").click()
        pagina.paso("evento", "hecho")
        expect(pagina.web.locator(".aviso")).to_be_visible()
        sin_violaciones(pagina, f"con una reserva hecha, {tema}")
        pagina.web.locator("#destino-0").fill("B0")
        pagina.boton("Reservar").click()
        error_en(pagina, pagina.web.locator("#destino-0"), "código")
        sin_violaciones(pagina, f"con un error, {tema}")
        pagina.fila(reserva).get_by_role("button").first.click()
        expect(pagina.web.locator("#detalle")).to_be_visible()
        sin_violaciones(pagina, f"con un detalle abierto, {tema}")
        ancho = pagina.web.evaluate("document.documentElement.scrollWidth")
        assert ancho <= medida["width"], f"la página se sale por un lado: {ancho} px"


def axe_en_claro(url, _):
    examinar(url, "light", {"width": 1280, "height": 900})


def axe_en_oscuro(url, _):
    examinar(url, "dark", {"width": 1280, "height": 900})


def axe_en_un_movil_claro(url, _):
    examinar(url, "light", MOVIL)


def axe_en_un_movil_oscuro(url, _):
    examinar(url, "dark", MOVIL)


def el_tema_se_elige_y_se_recuerda(url, _):
    with abierto(url, color_scheme="light") as pagina:
        pagina.abrir()
        fondo = lambda: pagina.web.evaluate("getComputedStyle(document.body).backgroundColor")
        claro = fondo()
        boton = pagina.web.locator("#tema")
        boton.click()
        expect(boton).to_have_text("Tema: claro")
        assert fondo() == claro
        boton.click()
        expect(boton).to_have_text("Tema: oscuro")
        oscuro = fondo()
        assert oscuro != claro
        pagina.web.reload()
        expect(boton).to_have_text("Tema: oscuro")
        assert fondo() == oscuro
        sin_violaciones(pagina, "oscuro, elegido")
