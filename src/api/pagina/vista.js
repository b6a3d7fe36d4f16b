// Lo que comparten las demás partes para escribir en la página.

/** El elemento de esa identidad. */
export const por = (id) => document.getElementById(id);

/** Un elemento nuevo. El texto va siempre como texto: nunca se interpreta como HTML. */
export function crear(nombre, atributos = {}, ...hijos) {
  const elemento = document.createElement(nombre);
  for (const [clave, valor] of Object.entries(atributos)) {
    if (clave.startsWith("al-")) elemento.addEventListener(clave.slice(3), valor);
    else if (valor === true) elemento.setAttribute(clave, "");
    else if (valor !== false && valor !== null && valor !== undefined) elemento.setAttribute(clave, valor);
  }
  elemento.append(...hijos.filter((hijo) => hijo !== null && hijo !== undefined));
  return elemento;
}

const FECHA = new Intl.DateTimeFormat("es", { dateStyle: "medium", timeStyle: "short" });
const HORA = new Intl.DateTimeFormat("es", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
});

/** Una fecha para leer, en la hora de quien mira. */
export const fecha = (texto) => crear("time", { datetime: texto }, FECHA.format(new Date(texto)));

/** Una hora con milésimas, o una raya si aún no llega. */
export const hora = (texto) => (texto ? crear("time", { datetime: texto }, HORA.format(new Date(texto))) : "—");

/** Una duración en milisegundos, para leer. */
export function duracion(ms) {
  if (ms < 1) return "menos de 1\u00a0ms";
  return ms < 10_000 ? `${Math.round(ms)}\u00a0ms` : `${(ms / 1000).toFixed(1).replace(".", ",")}\u00a0s`;
}

/** Lo que va de un momento a otro, en milisegundos, si se conocen los dos. */
export function entre(desde, hasta) {
  return desde && hasta ? Math.max(0, Date.parse(hasta) - Date.parse(desde)) : null;
}

/** El final de una identidad: en las que da el servicio, lo que más cambia. */
export const corta = (id) => id.slice(-8);

/** Una identidad abreviada; entera, al señalarla y para un lector de pantalla. */
export const identidad = (id) => crear("code", { title: id }, `…${corta(id)}`);

/** La palabra con su primera letra en mayúscula. */
export const mayuscula = (texto) => texto.charAt(0).toUpperCase() + texto.slice(1);
