"""Reservar por los dos caminos, y la lista."""

import json

from navegador import TIEMPO, abierto, expect

VUELO = {
    "fecha_salida": "2027-01-10T13:10:00Z",
    "fecha_llegada": "2027-01-10T15:10:00Z",
    "origen": {"codigo": "BOG"},
    "destino": {"codigo": "JFK"},
}
RESERVA = {"itinerarios": [{"odos": [{"segmentos": [{"legs": [VUELO]}]}]}]}


def crear(pagina, **mas):
    return pagina.api("POST", "/vuelos/reserva", {**RESERVA, **mas})["id"]


def los_dos_caminos(url, _):
    with abierto(url) as pagina:
        pagina.abrir()
        pagina.boton("Reservar").click()
        assert pagina.resumen("hecho").startswith("Hecho en ")
        for paso in ("bus", "consumidor"):
            pagina.paso(paso, "omitido")
        for paso in ("base", "evento"):
            assert TIEMPO.search(pagina.paso(paso, "hecho")), paso
        pagina.filas(1)

        pagina.boton("Añadir la vuelta").click()
        expect(pagina.web.locator("#origen-1")).to_have_value("JFK")
        pagina.boton("Reservar sin esperar").click()
        expect(pagina.web.locator("#flujo-resumen")).to_contain_text("De pendiente a hecho en ")
        dicho = pagina.web.evaluate("window.dicho")
        assert any(texto.startswith("Pendiente") for texto in dicho), dicho
        for paso in ("bus", "consumidor", "base", "evento"):
            assert TIEMPO.search(pagina.paso(paso, "hecho")), paso
        filas = pagina.filas(2)
        reserva = pagina.api("GET", f"/vuelos/reserva/{filas.first.get_attribute('data-id')}")
        odos = reserva["itinerarios"][0]["odos"]
        ciudades = [odo["segmentos"][0]["legs"][0]["origen"]["codigo"] for odo in odos]
        assert ciudades == ["BOG", "JFK"], ciudades

        claves = [s.headers["idempotency-key"] for s in pagina.solicitudes if s.method == "POST"]
        assert len(set(claves)) == len(claves) == 2, claves


def se_repite_a_salvo(url, _):
    with abierto(url) as pagina:
        perdidas = []

        def perder_la_primera(ruta):
            if perdidas:
                return ruta.continue_()
            perdidas.append(ruta.fetch().status)
            ruta.abort()

        pagina.contexto.route("**/vuelos/reserva", perder_la_primera)
        pagina.abrir()
        # Y pulsar dos veces seguidas es pedirlo una.
        pagina.boton("Reservar").dblclick()
        pagina.resumen("hecho")
        claves = [s.headers["idempotency-key"] for s in pagina.mandadas("/vuelos/reserva")]
        assert perdidas == [200] and len(claves) == 2 and len(set(claves)) == 1, (perdidas, claves)
        pagina.filas(1)
        assert len(pagina.api("GET", "/vuelos/reserva")) == 1, "la reserva se hizo dos veces"


def filtros_y_paginas(url, _):
    with abierto(url) as pagina:
        ids = [crear(pagina) for _ in range(12)]
        for reserva in ids[:2]:
            pagina.api("POST", f"/vuelos/reserva/{reserva}/pagar")
        pagina.abrir()
        pagina.filas(10)
        pagina.boton("Siguientes").click()
        pagina.filas(2)
        expect(pagina.web.locator("#pagina-numero")).to_have_text("Página 2")
        expect(pagina.boton("Siguientes")).to_be_disabled()
        pagina.boton("Anteriores").click()
        pagina.filas(10)

        pagina.web.get_by_label("Estado", exact=True).select_option("pagada")
        pagina.filas(2)
        expect(pagina.web.locator("#filas .estado")).to_have_text(["Pagada", "Pagada"])
        pagina.web.reload()
        pagina.filas(2)
        expect(pagina.web.get_by_label("Estado", exact=True)).to_have_value("pagada")
        pagina.boton("Quitar filtros").click()
        pagina.filas(10)
        pagina.web.get_by_label("Pagada", exact=True).select_option("si")
        pagina.filas(2)
        pagina.boton("Quitar filtros").click()
        pagina.filas(10)

        pagina.negar(400, "/vuelos/reserva")
        cliente = pagina.web.locator("#filtro-cliente")
        cliente.fill("no-es-un-uuid")
        cliente.press("Enter")
        error_en(pagina, cliente, "UUID")
        cliente.fill("00000000-0000-4000-8000-000000000000")
        cliente.press("Enter")
        expect(pagina.web.get_by_text("Ninguna reserva.")).to_be_visible()
        expect(cliente).not_to_have_attribute("aria-invalid", "true")


def error_en(pagina, campo, texto):
    """El campo dice que está mal, lo describe un texto visible a su lado, y tiene el foco."""
    expect(campo).to_have_attribute("aria-invalid", "true")
    expect(campo).to_be_focused()
    descrito = (campo.get_attribute("aria-describedby") or "").split()
    assert descrito, "nada describe el error"
    error = pagina.web.locator(f"#{descrito[0]}")
    expect(error).to_be_visible()
    expect(error).to_contain_text(texto)
    assert campo.evaluate("(campo, error) => campo.parentElement.contains(error)", error.element_handle())


def cada_error_junto_a_su_campo(url, _):
    with abierto(url) as pagina:
        for estado in (400, 422):
            pagina.negar(estado, "/vuelos/reserva")
        pagina.negar(400, "/vuelos/reserva-comando")
        pagina.abrir()
        destino, cliente = pagina.web.locator("#destino-0"), pagina.web.locator("#reserva-cliente")
        destino.fill("")
        pagina.boton("Reservar").click()
        error_en(pagina, destino, "Falta este dato")
        assert not pagina.mandadas("/vuelos/reserva"), "se envió un formulario incompleto"
        destino.fill("B0")
        pagina.boton("Reservar").click()
        error_en(pagina, destino, "código")
        pagina.boton("Reservar sin esperar").click()
        error_en(pagina, destino, "código")
        # Una regla del vuelo entero nombra el vuelo: el error va en su primer campo.
        destino.fill("BOG")
        pagina.boton("Reservar").click()
        error_en(pagina, pagina.web.locator("#origen-0"), "La ruta propuesta es incorrecta")
        destino.fill("MAD")
        cliente.fill("nadie")
        pagina.boton("Reservar").click()
        error_en(pagina, cliente, "UUID")
        cliente.fill("00000000-0000-4000-8000-000000000000")
        pagina.boton("Reservar").click()
        error_en(pagina, cliente, "No existe el cliente")
        # La ayuda del campo sigue describiéndolo.
        assert cliente.get_attribute("aria-describedby").endswith("reserva-cliente-ayuda")
        pagina.boton("Reservar sin esperar").click()
        assert pagina.resumen("mal").startswith("No se hizo: "), "un comando rechazado lo dice"
        error_en(pagina, cliente, "No existe el cliente")
        cliente.fill("")
        pagina.boton("Reservar").click()
        pagina.resumen("hecho")
        expect(pagina.web.locator("[aria-invalid=true]")).to_have_count(0)
        pagina.filas(1)


def pagar_aprobar_y_cancelar(url, _):
    with abierto(url) as pagina:
        una, otra = crear(pagina), crear(pagina)
        pagina.abrir()

        def puede(reserva, acciones):
            expect(pagina.fila(reserva).locator(".botones button")).to_have_text(acciones)

        puede(una, ["Pagar", "Cancelar"])
        pagina.fila(una).get_by_text("Pagar").click()
        puede(una, ["Aprobar", "Cancelar"])
        assert TIEMPO.search(pagina.paso("evento", "hecho"))
        # La fila se dibujó otra vez, y quien la usaba sigue en ella.
        assert pagina.web.evaluate("document.activeElement.closest('tr')?.dataset.id") == una
        pagina.web.get_by_label("Pagar, aprobar y cancelar sin esperar").check()
        pagina.fila(una).get_by_text("Aprobar").click()
        puede(una, ["Cancelar"])
        expect(pagina.web.locator("#flujo-resumen")).to_contain_text("De pendiente a hecho")
        assert pagina.mandadas(f"/vuelos/reserva/{una}/aprobar")[0].headers["prefer"] == "respond-async"
        pagina.fila(una).get_by_text("Cancelar").click()
        pagina.boton("Dejarla como está", "dialog[open]").click()
        puede(una, ["Cancelar"])
        pagina.fila(una).get_by_text("Cancelar").click()
        pagina.boton("Cancelar la reserva", "dialog[open]").click()
        puede(una, [])
        puede(otra, ["Pagar", "Cancelar"])

        pagina.fila(una).get_by_role("button").first.click()
        detalle = pagina.web.locator("#detalle")
        expect(detalle).to_be_visible()
        historia = detalle.get_by_role("table", name="Historia")
        sucesos = ["ReservaCreada", "ReservaPagada", "ReservaAprobada", "ReservaCancelada"]
        expect(historia.locator("tbody th")).to_have_text(sucesos)
        expect(detalle.get_by_role("table", name="Vuelos").locator("tbody tr")).to_have_count(1)
        pagina.web.keyboard.press("Escape")
        expect(detalle).to_be_hidden()

        # Lo que otro hizo antes: el 409 se dice, y la fila se pone al día.
        pagina.web.get_by_label("Pagar, aprobar y cancelar sin esperar").uncheck()
        ruta = f"/vuelos/reserva/{otra}/pagar"
        pagina.negar(409, ruta)
        problema = {"type": "urn:aeroalpes:problema:cambio-no-permitido", "status": 409, "detail": "Ya no se puede"}
        negar = lambda r: r.fulfill(status=409, content_type="application/problem+json", body=json.dumps(problema))
        pagina.contexto.route(f"**{ruta}", negar)
        pagina.fila(otra).get_by_text("Pagar").click()
        expect(pagina.web.locator(".aviso.mal")).to_have_text("Ya no se puede")
        pagina.resumen("mal")


def lo_que_hacen_otros_se_ve_solo(url, _):
    with abierto(url) as pagina:
        pagina.abrir()
        expect(pagina.web.locator("#en-vivo")).to_have_text("En vivo")
        reserva = crear(pagina)
        expect(pagina.fila(reserva).locator(".estado")).to_have_text("Pendiente")
        pagina.fila(reserva).get_by_role("button").first.click()
        pagina.api("POST", f"/vuelos/reserva/{reserva}/pagar")
        expect(pagina.fila(reserva).locator(".estado")).to_have_text("Pagada")
        expect(pagina.web.locator("#detalle .estado")).to_have_text("Pagada")
        expect(pagina.web.locator("#sucesos .suceso")).to_have_text(["ReservaPagada", "ReservaCreada"])
