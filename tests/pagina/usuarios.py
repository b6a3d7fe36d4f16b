"""Registrar, validar, iniciar sesión y desactivar; y el modo cerrado."""

from navegador import abierto, expect
from reservas import error_en

CLAVE = "correcta-y-larga"


def registrar(pagina, email, preguntar):
    """Registra y valida a un usuario desde la página, y devuelve su identidad."""
    forma = pagina.web.locator("#forma-registrar")
    forma.get_by_label("Nombres").fill("Ana María")
    forma.get_by_label("Apellidos").fill("Pérez")
    forma.get_by_label("Correo").fill(email)
    forma.get_by_label("Contraseña").fill(CLAVE)
    forma.get_by_role("button", name="Registrar").click()
    codigo = pagina.web.locator("#v-codigo")
    expect(codigo).to_be_focused()
    usuario = pagina.web.locator("#v-usuario").input_value()
    codigo.fill(preguntar("codigo", usuario))
    codigo.press("Enter")
    expect(pagina.web.locator("#usuario-estado")).to_have_text("Validado")
    return usuario


def entrar(pagina, email):
    forma = pagina.web.locator("#sesion")
    forma.get_by_label("Correo").fill(email)
    forma.get_by_label("Contraseña").fill(CLAVE)
    forma.get_by_role("button", name="Iniciar sesión").click()


def registrar_y_validar(url, preguntar):
    with abierto(url) as pagina:
        for negada in [(409, "/clientes/usuario"), (400, "/clientes/usuario"), (401, "/clientes/sesion")]:
            pagina.negar(*negada)
        pagina.abrir()
        usuario = registrar(pagina, "ana@ejemplo.co", preguntar)
        pagina.boton("Reservar a su nombre").click()
        expect(pagina.web.locator("#reserva-cliente")).to_have_value(usuario)
        pagina.boton("Reservar").click()
        pagina.resumen("hecho")
        assert [r["id_cliente"] for r in pagina.api("GET", "/vuelos/reserva")] == [usuario]

        forma = pagina.web.locator("#forma-registrar")
        forma.get_by_label("Una empresa").check()
        for rotulo, valor in [
            ("Nombres", "Vuelos"),
            ("Apellidos", "SAS"),
            ("Correo", "no-es"),
            ("Contraseña", "corta"),
        ]:
            forma.get_by_label(rotulo).fill(valor)
        forma.get_by_label("RUT").fill("900123456")
        forma.get_by_role("button", name="Registrar").click()
        error_en(pagina, forma.get_by_label("Correo"), "no es un correo")
        forma.get_by_label("Correo").fill("ana@ejemplo.co")
        forma.get_by_role("button", name="Registrar").click()
        error_en(pagina, forma.get_by_label("Contraseña"), "caracteres")
        forma.get_by_label("Contraseña").fill(CLAVE)
        forma.get_by_role("button", name="Registrar").click()
        expect(forma.locator("[data-error-forma]:visible, .error-campo")).to_contain_text("e-mail")
        forma.get_by_label("Correo").fill("empresa@ejemplo.co")
        forma.get_by_role("button", name="Registrar").click()
        expect(pagina.web.locator("#usuario-estado")).to_have_text("Registrado")

        empresa = pagina.web.locator("#v-usuario").input_value()
        pagina.negar(400, f"/clientes/usuario/{empresa}/validar")
        pagina.web.locator("#v-codigo").fill("AAAAAAAAAA")
        pagina.boton("Validar").click()
        expect(
            pagina.web.locator("#forma-validar [data-error-forma]:visible, #forma-validar .error-campo")
        ).to_be_visible()

        pagina.web.locator("#s-email").fill("ana@ejemplo.co")
        pagina.web.locator("#s-password").fill("otra-distinta")
        pagina.boton("Iniciar sesión").click()
        expect(pagina.web.locator("#sesion [data-error-forma]")).to_be_focused()
        entrar(pagina, "ana@ejemplo.co")
        expect(pagina.web.locator("#usuario-id")).to_have_text(usuario)
        pagina.boton("Desactivar").click()
        pagina.boton("Desactivar", "dialog[open]").click()
        expect(pagina.web.locator("#usuario-estado")).to_have_text("Desactivado")
        assert pagina.api("GET", f"/clientes/usuario/{usuario}")["estado"] == "desactivado"


def modo_cerrado(url, preguntar):
    with abierto(url) as pagina:
        pagina.abrir()
        expect(pagina.web.locator("#pide-sesion")).to_be_visible()
        assert [s.url for s in pagina.solicitudes if "/vuelos" in s.url] == [], "sin sesión no se pide nada"
        usuario = registrar(pagina, "ana@ejemplo.co", preguntar)
        pagina.negar(403, "/vuelos/reserva")
        entrar(pagina, "ana@ejemplo.co")
        expect(pagina.web.locator("#quien-nombre")).to_have_text("Ana María Pérez")
        expect(pagina.web.locator("#pide-sesion")).to_be_hidden()
        expect(pagina.web.locator("#filtros")).to_be_hidden()
        for boton in ("Reservar", "Reservar sin esperar"):
            pagina.boton(boton).click()
            pagina.resumen("hecho")
            pagina.paso("evento", "hecho")
        fila = pagina.filas(2).first
        fila.get_by_text("Pagar").click()
        expect(fila.locator(".botones button")).to_have_text(["Cancelar"])
        for solicitud in pagina.mandadas("/vuelos/reserva") + pagina.mandadas("/vuelos/reserva-comando"):
            assert solicitud.headers["authorization"].startswith("Bearer "), solicitud.url

        pagina.web.reload()
        expect(pagina.web.locator("#quien-nombre")).to_have_text("Ana María Pérez")
        pagina.filas(2)
        pagina.web.locator("#cerrar-sesion").click()
        pagina.filas(0)
        expect(pagina.web.locator("#pide-sesion")).to_be_visible()
        assert pagina.web.evaluate("Object.keys(sessionStorage)") == []

        assert preguntar("administrar", usuario) == "hecho"
        entrar(pagina, "ana@ejemplo.co")
        pagina.filas(2)
        expect(pagina.web.locator("#filtros")).to_be_visible()
        expect(pagina.web.locator("#en-vivo")).to_have_text("En vivo")
        fila = pagina.web.locator("#filas tr[data-estado=pagada]")
        fila.get_by_text("Aprobar").click()
        expect(pagina.web.locator("#filas tr[data-estado=aprobada]")).to_have_count(1)


def una_ficha_que_deja_de_valer(url, preguntar):
    with abierto(url) as pagina:
        pagina.abrir()
        usuario = registrar(pagina, "ana@ejemplo.co", preguntar)
        pagina.negar(403, "/vuelos/reserva")
        entrar(pagina, "ana@ejemplo.co")
        pagina.filas(0)
        expect(pagina.web.locator("#filtros")).to_be_hidden()
        ficha = pagina.web.evaluate("JSON.parse(sessionStorage.getItem('aeroalpes.sesion')).ficha")
        autorizada = {"Authorization": f"Bearer {ficha}"}
        pagina.api("POST", f"/clientes/usuario/{usuario}/desactivar", **autorizada)
        pagina.negar(401, "/vuelos/reserva")
        pagina.boton("Reservar").click()
        expect(pagina.web.locator("#quien")).to_be_hidden()
        expect(pagina.web.locator("#pide-sesion")).to_be_visible()
        assert pagina.resumen("mal").startswith("No se hizo: ")
