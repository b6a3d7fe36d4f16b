// La lista de reservas: filtros, páginas y lo que se puede hacer con cada una. Se pone al día sola.

import { botones } from "./acciones.js";
import { cambiarSesion, cerrado, leer, Problema, sesion, siguiente } from "./api.js";
import { abrirDetalle } from "./detalle.js";
import { limpiar, mostrar } from "./errores.js";
import { corta, crear, fecha, identidad, mayuscula, por } from "./vista.js";

const POR_PAGINA = 10;
/** Cuánto se juntan los cambios que llegan seguidos, en milisegundos: una ráfaga es una sola lectura. */
const JUNTAR = 150;

const forma = por("filtros");
const filas = por("filas");
/** Las direcciones de las páginas vistas hasta ésta; la última es la que se ve. */
let camino = [];
let proxima = null;
let lectura = 0;
let junta = null;

/** Prepara la lista con los filtros que diga la dirección de la página, y la lee. */
export function prepararReservas() {
  for (const [nombre, valor] of new URLSearchParams(location.search)) {
    if (forma.elements[nombre]) forma.elements[nombre].value = valor;
  }
  forma.addEventListener("submit", (suceso) => {
    suceso.preventDefault();
    filtrar();
  });
  forma.addEventListener("change", filtrar);
  forma.addEventListener("reset", () => setTimeout(filtrar));
  por("pagina-siguiente").addEventListener("click", () => {
    camino.push(proxima);
    actualizar();
  });
  por("pagina-anterior").addEventListener("click", () => {
    camino.pop();
    actualizar();
  });
  filtrar();
}

/** Vuelve a la primera página con los filtros que hay puestos. */
export function filtrar() {
  const parametros = new URLSearchParams([...new FormData(forma)].filter(([, valor]) => valor.trim() !== ""));
  history.replaceState(null, "", parametros.size > 0 ? `/?${parametros}${location.hash}` : `/${location.hash}`);
  parametros.set("limite", POR_PAGINA);
  camino = [`${base()}?${parametros}`];
  return actualizar();
}

/** Quien no administra sólo puede listar lo suyo, y sin filtros. */
function base() {
  const quien = sesion();
  const suyas = cerrado && quien && quien.administra === false;
  forma.hidden = suyas;
  return suyas ? `/clientes/usuario/${quien.id}/reservas` : "/vuelos/reserva";
}

/** Pone la lista al día dentro de un momento: algo cambió. */
export function actualizarPronto() {
  junta ??= setTimeout(() => {
    junta = null;
    actualizar();
  }, JUNTAR);
}

/** Lee otra vez la página que se ve. */
export async function actualizar() {
  if (cerrado && !sesion()) return pintar([], null);
  const esta = (lectura += 1);
  try {
    const { cuerpo, cabeceras } = await leer(camino.at(-1));
    if (cerrado && sesion().administra === undefined) cambiarSesion({ ...sesion(), administra: true });
    limpiar(forma);
    // Mientras se leía pudo pedirse otra página: manda la última que se pidió.
    if (esta === lectura) pintar(cuerpo, siguiente(cabeceras));
  } catch (problema) {
    if (!(problema instanceof Problema)) throw problema;
    if (problema.estado === 403 && sesion()) return cambiarSesion({ ...sesion(), administra: false });
    if (problema.estado === 401) return pintar([], null);
    if (problema.parametro) mostrar(forma, problema);
    else por("lista-cuenta").textContent = problema.message;
  }
}

function pintar(reservas, otra) {
  proxima = otra;
  const enfocada = document.activeElement?.closest?.("#filas tr")?.dataset.id;
  const accion = document.activeElement?.dataset.accion;
  const antes = new Map([...filas.children].map((fila) => [fila.dataset.id, fila]));
  const nuevas = reservas.map((reserva) => {
    const previa = antes.get(reserva.id);
    if (previa?.dataset.estado === reserva.estado) return previa;
    return fila(reserva, previa !== undefined);
  });
  filas.replaceChildren(...nuevas);
  if (enfocada) conservarFoco(enfocada, accion);
  const pagina = camino.length || 1;
  por("pagina-numero").textContent = `Página ${pagina}`;
  por("pagina-anterior").disabled = pagina === 1;
  por("pagina-siguiente").disabled = !proxima;
  por("tabla-reservas").hidden = reservas.length === 0;
  const cuantas = reservas.length === 1 ? "1 reserva" : `${reservas.length} reservas`;
  contar(reservas.length === 0 ? "Ninguna reserva." : `${cuantas} en esta página.`);
}

/** Un lector de pantalla lo dice cada vez que se escribe: sólo se escribe si cambió. */
function contar(texto) {
  if (por("lista-cuenta").textContent !== texto) por("lista-cuenta").textContent = texto;
}

/** Quien estaba en una fila que se volvió a dibujar sigue en ella. */
function conservarFoco(id, accion) {
  const fila = filas.querySelector(`[data-id="${id}"]`);
  const boton = fila?.querySelector(`[data-accion="${accion}"]`) ?? fila?.querySelector("[data-accion=ver]");
  boton?.focus();
}

function fila(reserva, cambiada) {
  const celda = (rotulo, ...dentro) => crear("td", { role: "cell", "data-rotulo": rotulo }, ...dentro);
  const posibles = botones(reserva, actualizar);
  const ver = crear(
    "button",
    {
      type: "button",
      class: "enlace",
      "data-accion": "ver",
      "aria-label": `Ver la reserva ${corta(reserva.id)}`,
      "al-click": () => abrirDetalle(reserva.id, actualizar),
    },
    identidad(reserva.id),
  );
  return crear(
    "tr",
    { role: "row", "data-id": reserva.id, "data-estado": reserva.estado, class: cambiada ? "cambiada" : null },
    crear("th", { role: "rowheader", scope: "row", "data-rotulo": "Reserva" }, ver),
    celda("Estado", crear("span", { class: "estado", "data-estado": reserva.estado }, mayuscula(reserva.estado))),
    celda("Cliente", reserva.id_cliente ? identidad(reserva.id_cliente) : "—"),
    celda("Creada", fecha(reserva.fecha_creacion)),
    celda("Qué hacer", posibles.length > 0 ? crear("span", { class: "botones" }, ...posibles) : "—"),
  );
}
