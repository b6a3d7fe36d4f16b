// Lo que se puede hacer con una reserva según su estado, y hacerlo.

import { cerrado, Problema, sesion } from "./api.js";
import { avisar, confirmar } from "./avisos.js";
import { ordenar } from "./orden.js";
import { corta, crear, por } from "./vista.js";

/** Las transiciones que cada estado permite: son las del dominio. */
const POR_ESTADO = {
  pendiente: ["pagar", "cancelar"],
  pagada: ["aprobar", "cancelar"],
  aprobada: ["cancelar"],
  cancelada: [],
};
const ACCIONES = {
  pagar: { rotulo: "Pagar", evento: "ReservaPagada", dicho: "pagada" },
  aprobar: { rotulo: "Aprobar", evento: "ReservaAprobada", dicho: "aprobada" },
  cancelar: { rotulo: "Cancelar", evento: "ReservaCancelada", dicho: "cancelada", clase: "peligro" },
};

/** Los botones de una reserva; `alHacer` se llama después de cada orden, haya salido como haya salido. */
export function botones(reserva, alHacer) {
  const posibles = POR_ESTADO[reserva.estado].filter((accion) => accion !== "aprobar" || puedeAprobar());
  return posibles.map((accion) => {
    const { rotulo, clase } = ACCIONES[accion];
    const boton = crear(
      "button",
      {
        type: "button",
        class: `menor ${clase ?? ""}`,
        "data-accion": accion,
        "aria-label": `${rotulo} la reserva ${corta(reserva.id)}`,
      },
      rotulo,
    );
    boton.addEventListener("click", () => hacer(boton, reserva, accion, alHacer));
    return boton;
  });
}

/** En modo cerrado sólo aprueba quien administra. */
const puedeAprobar = () => !cerrado || sesion()?.administra === true;

async function hacer(boton, reserva, accion, alHacer) {
  if (boton.getAttribute("aria-disabled") === "true") return;
  const pregunta = `¿Cancelar la reserva …${corta(reserva.id)}? No se puede deshacer.`;
  if (accion === "cancelar" && !(await confirmar(pregunta, "Cancelar la reserva"))) return;
  boton.setAttribute("aria-disabled", "true");
  const { evento, dicho } = ACCIONES[accion];
  try {
    await ordenar(`/vuelos/reserva/${reserva.id}/${accion}`, { sinEsperar: por("sin-esperar").checked, evento });
    avisar(`Reserva …${corta(reserva.id)} ${dicho}.`);
  } catch (problema) {
    if (!(problema instanceof Problema)) throw problema;
    avisar(problema.message, "mal");
  } finally {
    boton.removeAttribute("aria-disabled");
    await alHacer();
  }
}
