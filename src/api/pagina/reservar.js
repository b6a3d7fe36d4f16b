// El formulario de una reserva: uno o varios trayectos, y los dos caminos.

import { Problema } from "./api.js";
import { avisar } from "./avisos.js";
import { comprobar, limpiar, mostrar } from "./errores.js";
import { ordenar } from "./orden.js";
import { corta, crear, por } from "./vista.js";

/** Los que la página propone; se puede escribir cualquier otro código. */
const AEROPUERTOS = new Map([
  ["BOG", "El Dorado, Bogotá"],
  ["MDE", "José María Córdova, Medellín"],
  ["CTG", "Rafael Núñez, Cartagena"],
  ["CLO", "Alfonso Bonilla Aragón, Cali"],
  ["UIO", "Mariscal Sucre, Quito"],
  ["LIM", "Jorge Chávez, Lima"],
  ["SCL", "Arturo Merino Benítez, Santiago"],
  ["EZE", "Ezeiza, Buenos Aires"],
  ["MEX", "Benito Juárez, Ciudad de México"],
  ["MIA", "Miami"],
  ["JFK", "John F. Kennedy, Nueva York"],
  ["MAD", "Adolfo Suárez Madrid-Barajas"],
]);

const CAMPOS = [
  ["origen", "Origen", "origen/codigo"],
  ["destino", "Destino", "destino/codigo"],
  ["salida", "Salida", "fecha_salida"],
  ["llegada", "Llegada", "fecha_llegada"],
];
const DIA = 24 * 60 * 60 * 1000;

const forma = por("forma-reservar");
const trayectos = por("trayectos");

/** Prepara el formulario. `alReservar` recibe la dirección de cada reserva creada. */
export function prepararReservar(alReservar) {
  por("aeropuertos").append(
    ...[...AEROPUERTOS].map(([codigo, nombre]) => crear("option", { value: codigo, label: nombre })),
  );
  anadir({ origen: "BOG", destino: "JFK", salida: aLas(1, 8), llegada: aLas(1, 14) });
  por("otro-trayecto").addEventListener("click", () => {
    const ultimo = valores(trayectos.lastElementChild);
    const vuelta = ultimo.llegada ? aLocal(new Date(new Date(ultimo.llegada).getTime() + 5 * DIA)) : "";
    const llegada = vuelta ? aLocal(new Date(new Date(vuelta).getTime() + DIA / 4)) : "";
    anadir({ origen: ultimo.destino, destino: ultimo.origen, salida: vuelta, llegada }).querySelector("input").focus();
  });
  forma.addEventListener("submit", (suceso) => {
    suceso.preventDefault();
    if (comprobar(forma)) reservar(suceso.submitter?.value === "asincrono", alReservar);
  });
}

/** Deja puesto el cliente de la próxima reserva. */
export function ponerCliente(id) {
  por("reserva-cliente").value = id;
}

async function reservar(sinEsperar, alReservar) {
  const ruta = sinEsperar ? "/vuelos/reserva-comando" : "/vuelos/reserva";
  const botones = [...forma.querySelectorAll("button[type=submit]")];
  // Pulsar dos veces seguidas no son dos reservas; lo que ya se aceptó no impide pedir otra.
  if (botones[0].hasAttribute("aria-disabled")) return;
  for (const boton of botones) boton.setAttribute("aria-disabled", "true");
  const alContestar = () => botones.forEach((boton) => boton.removeAttribute("aria-disabled"));
  try {
    const recurso = await ordenar(ruta, { cuerpo: cuerpo(), sinEsperar, evento: "ReservaCreada", alContestar });
    limpiar(forma);
    // Sin dirección: quedó aceptada, y ya no se puede saber desde aquí cómo termina.
    avisar(recurso ? `Reserva …${corta(recurso)} creada.` : "La reserva quedó aceptada.");
    if (recurso) alReservar(recurso);
  } catch (problema) {
    if (!(problema instanceof Problema)) throw problema;
    mostrar(forma, problema);
  }
}

/** La reserva: un viaje, con un odo por trayecto y un vuelo en cada uno. */
function cuerpo() {
  const odos = [...trayectos.children].map((trayecto) => {
    const { origen, destino, salida, llegada } = valores(trayecto);
    const leg = {
      fecha_salida: new Date(salida).toISOString(),
      fecha_llegada: new Date(llegada).toISOString(),
      origen: aeropuerto(origen),
      destino: aeropuerto(destino),
    };
    return { segmentos: [{ legs: [leg] }] };
  });
  const cliente = por("reserva-cliente").value.trim();
  return { ...(cliente && { id_cliente: cliente }), itinerarios: [{ odos }] };
}

function aeropuerto(texto) {
  const codigo = texto.trim().toUpperCase();
  return { codigo, ...(AEROPUERTOS.has(codigo) && { nombre: AEROPUERTOS.get(codigo) }) };
}

const valores = (trayecto) =>
  Object.fromEntries(CAMPOS.map(([nombre]) => [nombre, trayecto.querySelector(`[data-nombre=${nombre}]`).value]));

function anadir(inicial) {
  const campos = CAMPOS.map(([nombre, rotulo]) => {
    const deAeropuerto = nombre === "origen" || nombre === "destino";
    const propios = deAeropuerto
      ? { list: "aeropuertos", maxlength: 4, class: "codigo", spellcheck: "false" }
      : { type: "datetime-local" };
    const campo = crear("input", {
      ...propios,
      "data-nombre": nombre,
      autocomplete: "off",
      required: true,
      value: inicial[nombre],
    });
    return crear("div", { class: "campo" }, crear("label", {}, rotulo), campo);
  });
  const quitar = crear(
    "button",
    { type: "button", class: "menor quitar", "al-click": () => quitarTrayecto(trayecto) },
    "Quitar",
  );
  const trayecto = crear("fieldset", { class: "trayecto" }, crear("legend"), ...campos, quitar);
  trayectos.append(trayecto);
  numerar();
  return trayecto;
}

function quitarTrayecto(trayecto) {
  trayecto.remove();
  numerar();
  por("otro-trayecto").focus();
}

/** Cada campo sabe qué dato es: el mismo puntero que dará el servicio si no le sirve. */
function numerar() {
  [...trayectos.children].forEach((trayecto, i) => {
    trayecto.querySelector("legend").textContent = `Trayecto ${i + 1}`;
    trayecto.querySelector(".quitar").hidden = trayectos.children.length === 1;
    trayecto.querySelector(".quitar").setAttribute("aria-label", `Quitar el trayecto ${i + 1}`);
    for (const [nombre, , puntero] of CAMPOS) {
      const campo = trayecto.querySelector(`[data-nombre=${nombre}]`);
      campo.id = `${nombre}-${i}`;
      campo.dataset.puntero = `/itinerarios/0/odos/${i}/segmentos/0/legs/0/${puntero}`;
      campo.closest(".campo").querySelector("label").htmlFor = campo.id;
    }
  });
  por("otro-trayecto").textContent = trayectos.children.length === 1 ? "Añadir la vuelta" : "Añadir otro trayecto";
}

/** Dentro de tantos días, a esa hora, como lo escribe un campo `datetime-local`. */
function aLas(dias, horas) {
  const dia = new Date(Date.now() + dias * DIA);
  dia.setHours(horas, 0, 0, 0);
  return aLocal(dia);
}

const aLocal = (momento) =>
  new Date(momento.getTime() - momento.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
