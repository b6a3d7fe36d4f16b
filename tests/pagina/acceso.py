"""Sólo con el teclado."""

from navegador import abierto, expect
from reservas import crear

QUE_SE_ENFOCA = "a[href], button:not([disabled]), input, select"
# Quién tiene el foco, dicho de forma que dos elementos distintos no se confundan; y si se ve que lo tiene.
ENFOCADO = """() => {
  const e = document.activeElement;
  if (e === document.body) return null;
  const todos = [...document.querySelectorAll("*")];
  return { cual: todos.indexOf(e), visible: getComputedStyle(e).outlineStyle !== "none", nombre: e.outerHTML.slice(0, 80) };
}"""
ALCANZABLES = """(que) => {
  const todos = [...document.querySelectorAll("*")];
  const vistos = [...document.querySelectorAll(que)].filter((e) => e.checkVisibility() && e.tabIndex >= 0);
  // De un grupo de opciones, el tabulador sólo se detiene en la elegida: entre ellas se va con las flechas.
  return vistos.filter((e) => e.type !== "radio" || e.checked).map((e) => todos.indexOf(e));
}"""


def solo_teclado(url, _):
    with abierto(url) as pagina:
        crear(pagina)
        pagina.abrir()
        pagina.filas(1)
        teclado = pagina.web.keyboard
        teclado.press("Tab")
        expect(pagina.web.get_by_role("link", name="Saltar al contenido")).to_be_focused()
        teclado.press("Enter")
        expect(pagina.web.locator("#contenido")).to_be_focused()

        # Del contenido al botón, sin tocar el ratón: BOG y JFK ya están escritos.
        avanzar_hasta(pagina, "#destino-0")
        teclado.type("MAD")
        avanzar_hasta(pagina, "#forma-reservar button.principal")
        teclado.press("Enter")
        pagina.resumen("hecho")
        pagina.filas(2)
        expect(pagina.web.locator("#forma-reservar button.principal")).to_be_focused()

        avanzar_hasta(pagina, "#filas [data-accion=ver]")
        teclado.press("Enter")
        expect(pagina.web.locator("#detalle")).to_be_visible()
        for _ in range(8):
            teclado.press("Tab")
            dentro = "(document.activeElement.closest('dialog') ?? document.activeElement) !== document.activeElement"
            enfocado = pagina.web.evaluate(f"document.activeElement === document.body || {dentro}")
            assert enfocado, "el foco salió del diálogo"
        teclado.press("Escape")
        expect(pagina.web.locator("#detalle")).to_be_hidden()
        expect(pagina.web.locator("#filas [data-accion=ver]").first).to_be_focused()
        teclado.press("Tab")
        teclado.press("Enter")
        expect(pagina.web.locator("#filas .estado").first).to_have_text("Pagada")


def todo_se_alcanza_y_nada_atrapa(url, _):
    with abierto(url) as pagina:
        crear(pagina)
        pagina.abrir()
        pagina.filas(1)
        faltan = set(pagina.web.evaluate(ALCANZABLES, QUE_SE_ENFOCA))
        # Una fecha tiene varias partes: se dan pasos de sobra, y basta con volver a empezar.
        for _ in range(len(faltan) * 4):
            pagina.web.keyboard.press("Tab")
            enfocado = pagina.web.evaluate(ENFOCADO)
            if enfocado:
                assert enfocado["visible"], f"no se ve el foco en {enfocado['nombre']}"
                faltan.discard(enfocado["cual"])
            if not faltan:
                break
        nombres = [
            pagina.web.evaluate("(i) => document.querySelectorAll('*')[i].outerHTML.slice(0, 80)", i) for i in faltan
        ]
        assert not faltan, f"el tabulador no llega a {nombres}"


def avanzar_hasta(pagina, donde):
    destino = pagina.web.locator(donde).first
    for _ in range(80):
        if destino.evaluate("(e) => e === document.activeElement"):
            return
        pagina.web.keyboard.press("Tab")
    raise AssertionError(f"el tabulador no llega a {donde}")
