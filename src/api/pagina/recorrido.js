// El camino de una orden, dibujado según ocurre: HTTP → bus → consumidor → base de datos → evento.

import { crear, duracion, por } from "./vista.js";

const SVG = "http://www.w3.org/2000/svg";
const BUS = document.documentElement.dataset.bus === "Pulsar" ? "Pulsar" : "Bus local";

/** Los pasos, en orden, con el dibujo de cada uno (trazos en una caja de 24 por 24). */
const PASOS = [
  ["http", "HTTP", "M3 5h18v14H3zM3 9h18M6 7h.01M9 7h.01"],
  ["bus", BUS, "M3 7h13l-3-3M21 17H8l3 3M3 12h18"],
  [
    "consumidor",
    "Consumidor",
    "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v4M12 18v4M2 12h4M18 12h4M5 5l2.6 2.6M16.4 16.4 19 19M19 5l-2.6 2.6M7.6 16.4 5 19",
  ],
  ["base", "Base de datos", "M4 6c0-4 16-4 16 0v12c0 4-16 4-16 0zM4 6c0 4 16 4 16 0M4 12c0 4 16 4 16 0"],
  ["evento", "Evento", "M12 20v-8M8 16a5.7 5.7 0 1 1 8 0M5 19a10 10 0 1 1 14 0"],
];

const EN_PALABRAS = { espera: "aún no", activo: "en curso", hecho: "hecho", omitido: "no pasa por aquí", mal: "falló" };

function dibujo(trazos) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const trazo = document.createElementNS(SVG, "path");
  trazo.setAttribute("d", trazos);
  svg.append(trazo);
  return svg;
}

/** Pone los cinco pasos, todos por recorrer. */
export function preparar() {
  const pasos = PASOS.map(([paso, nombre, trazos]) =>
    crear(
      "li",
      { class: "paso", "data-paso": paso },
      crear("span", { class: "salto" }),
      crear("span", { class: "bola" }, dibujo(trazos)),
      crear(
        "span",
        { class: "letrero" },
        crear("span", { class: "nombre" }, nombre),
        crear("span", { class: "que" }),
        crear("span", { class: "solo-lector palabra" }),
      ),
    ),
  );
  por("pasos").replaceChildren(...pasos);
  for (const [paso] of PASOS) marcar(paso, "espera");
}

/**
 * Pone un paso en ese estado; `salto` es lo que se tardó en llegar a él, en milisegundos, y `que`, lo que pasó ahí.
 * Lo que no se da, queda como estaba.
 */
function marcar(paso, estado, { salto, que } = {}) {
  const elemento = por("pasos").querySelector(`[data-paso="${paso}"]`);
  elemento.dataset.estado = estado;
  const tramo = elemento.querySelector(".salto");
  if (typeof salto === "number") {
    tramo.replaceChildren(crear("span", { class: "solo-lector" }, "Llegó en "), duracion(salto));
  }
  if (que !== undefined) elemento.querySelector(".que").textContent = que;
  elemento.querySelector(".palabra").textContent = ` (${EN_PALABRAS[estado]})`;
}

/** El dibujo de una orden. Si después empieza otra, lo que le quede por contar a esta ya no se dibuja. */
export class Recorrido {
  static #actual = null;
  #inicio = performance.now();

  constructor(titulo, asincrono) {
    Recorrido.#actual = this;
    preparar();
    por("flujo-orden").replaceChildren(crear("code", {}, titulo));
    this.resumir(asincrono ? "Pidiendo…" : "Esperando la respuesta…", "activo");
    this.marcar("http", "activo");
    if (!asincrono) {
      this.marcar("bus", "omitido", { que: "sin mensaje" });
      this.marcar("consumidor", "omitido", { que: "sin mensaje" });
    }
  }

  marcar(paso, estado, datos) {
    if (Recorrido.#actual === this) marcar(paso, estado, datos);
  }

  resumir(texto, estado) {
    if (Recorrido.#actual !== this) return;
    por("flujo-resumen").textContent = texto;
    por("flujo-resumen").dataset.estado = estado;
  }

  /** Cuánto va desde que se pidió, en milisegundos, por el reloj de este navegador. */
  transcurrido() {
    return performance.now() - this.#inicio;
  }
}
