// El detalle de una reserva: sus vuelos, su historia y lo que se puede hacer con ella.

import { botones } from "./acciones.js";
import { leer, Problema } from "./api.js";
import { avisar } from "./avisos.js";
import { crear, duracion, entre, fecha, hora, mayuscula, por } from "./vista.js";

const dialogo = por("detalle");
/** La reserva que se ve y a quién avisar si cambia. */
let abierta = null;

/** Prepara el diálogo. */
export function prepararDetalle() {
  por("detalle-cerrar").addEventListener("click", () => dialogo.close());
  dialogo.addEventListener("close", () => {
    abierta = null;
  });
}

/** Muestra una reserva; `alCambiar` se llama si se hace algo con ella. */
export async function abrirDetalle(id, alCambiar) {
  abierta = { id, alCambiar };
  if (await escribir()) dialogo.showModal();
}

/** Vuelve a leer la reserva que se ve, si es ésa. */
export function actualizarDetalle(id) {
  if (abierta?.id === id && dialogo.open) escribir();
}

async function escribir() {
  const { id, alCambiar } = abierta;
  try {
    const [reserva, historia] = await Promise.all([
      leer(`/vuelos/reserva/${id}`),
      leer(`/vuelos/reserva/${id}/historia`),
    ]);
    if (abierta?.id !== id) return false;
    const acciones = botones(reserva.cuerpo, async () => {
      await alCambiar();
      actualizarDetalle(id);
    });
    // Un botón que se vuelve a dibujar no debe dejar sin foco a quien lo pulsó.
    const dentro = por("detalle-cuerpo").contains(document.activeElement);
    por("detalle-cuerpo").replaceChildren(...cuerpo(reserva.cuerpo, historia.cuerpo, acciones));
    if (dentro) por("detalle-cerrar").focus();
    return true;
  } catch (problema) {
    if (!(problema instanceof Problema)) throw problema;
    avisar(problema.message, "mal");
    return false;
  }
}

function cuerpo(reserva, historia, acciones) {
  const vuelos = reserva.itinerarios.flatMap(({ odos }) =>
    odos.flatMap(({ segmentos }) => segmentos.flatMap(({ legs }) => legs)),
  );
  return [
    crear(
      "dl",
      { class: "datos" },
      crear("dt", {}, "Identidad"),
      crear("dd", {}, crear("code", {}, reserva.id)),
      crear("dt", {}, "Estado"),
      crear("dd", {}, crear("span", { class: "estado", "data-estado": reserva.estado }, mayuscula(reserva.estado))),
      crear("dt", {}, "Cliente"),
      crear("dd", {}, reserva.id_cliente ? crear("code", {}, reserva.id_cliente) : "—"),
      crear("dt", {}, "Creada"),
      crear("dd", {}, fecha(reserva.fecha_creacion)),
      crear("dt", {}, "Actualizada"),
      crear("dd", {}, fecha(reserva.fecha_actualizacion)),
    ),
    tabla(
      "Vuelos",
      ["De", "A", "Sale", "Llega"],
      vuelos.map(({ origen, destino, fecha_salida: sale, fecha_llegada: llega }) => [
        aeropuerto(origen),
        aeropuerto(destino),
        fecha(sale),
        fecha(llega),
      ]),
    ),
    tabla(
      "Historia",
      ["Evento", "Ocurrió", "Publicado", "Recibido", "En total"],
      historia.map((suceso) => [
        suceso.type,
        hora(suceso.ocurrido_en),
        hora(suceso.publicado_en),
        hora(suceso.recibido_en),
        suceso.recibido_en ? duracion(entre(suceso.ocurrido_en, suceso.recibido_en)) : "—",
      ]),
    ),
    crear("div", { class: "botones" }, ...acciones),
  ];
}

const aeropuerto = ({ codigo, nombre }) => (nombre ? `${codigo}, ${nombre}` : codigo);

function tabla(titulo, columnas, filas) {
  const celda = (dato, i) =>
    crear(
      i === 0 ? "th" : "td",
      {
        role: i === 0 ? "rowheader" : "cell",
        scope: i === 0 ? "row" : null,
        "data-rotulo": columnas[i],
      },
      dato,
    );
  return crear(
    "table",
    { role: "table" },
    crear("caption", {}, titulo),
    crear(
      "thead",
      { role: "rowgroup" },
      crear(
        "tr",
        { role: "row" },
        ...columnas.map((columna) => crear("th", { role: "columnheader", scope: "col" }, columna)),
      ),
    ),
    crear("tbody", { role: "rowgroup" }, ...filas.map((datos) => crear("tr", { role: "row" }, ...datos.map(celda)))),
  );
}
