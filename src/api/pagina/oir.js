// Oír lo que el servicio cuenta según ocurre (Server-Sent Events), con `fetch`: `EventSource` no puede llevar la ficha.

import { esperar, identificacion, Problema } from "./api.js";

const ESPERA_INICIAL = 500;
const ESPERA_MAXIMA = 10_000;

/**
 * Oye una ruta hasta que `alLlegar` devuelva `true`, hasta que se aborte `senal`, o hasta que el servicio diga que no
 * (un 4xx, que se lanza como `Problema`). Si la conexión se corta, la retoma donde iba con `Last-Event-ID`.
 *
 * @param {string} ruta
 * @param {(evento: {tipo: string, id: string, datos: any}) => boolean | void} alLlegar
 * @param {{senal?: AbortSignal, alCambiar?: (conectado: boolean) => void}} opciones
 */
export async function oir(ruta, alLlegar, { senal, alCambiar = () => {} } = {}) {
  const estado = { ultimo: "", espera: ESPERA_INICIAL };
  while (!senal?.aborted) {
    try {
      const cabeceras = { Accept: "text/event-stream", ...identificacion() };
      if (estado.ultimo) cabeceras["Last-Event-ID"] = estado.ultimo;
      const respuesta = await fetch(ruta, { headers: cabeceras, signal: senal, cache: "no-store" });
      if (respuesta.status === 400 && estado.ultimo) {
        // Desde donde iba ya no se puede seguir (otra base de datos): se sigue desde ahora.
        estado.ultimo = "";
        continue;
      }
      if (respuesta.status >= 400 && respuesta.status < 500 && respuesta.status !== 429) {
        throw new Problema(respuesta.status, await respuesta.json().catch(() => ({})));
      }
      if (respuesta.ok) {
        alCambiar(true);
        if (await leerEventos(respuesta.body, estado, alLlegar)) return;
      }
    } catch (error) {
      if (error instanceof Problema) throw error;
    }
    if (senal?.aborted) return;
    alCambiar(false);
    await esperar(estado.espera);
    estado.espera = Math.min(estado.espera * 2, ESPERA_MAXIMA);
  }
}

/** Lee eventos hasta que se acaben o `alLlegar` diga que basta; entonces devuelve `true`. */
async function leerEventos(flujo, estado, alLlegar) {
  const lector = flujo.pipeThrough(new TextDecoderStream()).getReader();
  let pendiente = "";
  for (;;) {
    const { value, done } = await lector.read();
    if (done) return false;
    estado.espera = ESPERA_INICIAL;
    const bloques = (pendiente + value.replaceAll("\r", "")).split("\n\n");
    pendiente = bloques.pop();
    for (const bloque of bloques) {
      const evento = interpretar(bloque, estado);
      if (evento && alLlegar(evento) === true) {
        await lector.cancel();
        return true;
      }
    }
  }
}

/** Un bloque del flujo: sus campos (WHATWG HTML, sección 9.2.6). Lo que sólo son latidos no es un evento. */
function interpretar(bloque, estado) {
  let tipo = "message";
  const datos = [];
  for (const linea of bloque.split("\n")) {
    const [, campo, valor] = /^([^:]*)(?:: ?(.*))?$/.exec(linea);
    if (campo === "event") tipo = valor;
    else if (campo === "data") datos.push(valor ?? "");
    else if (campo === "id") estado.ultimo = valor ?? "";
    else if (campo === "retry" && /^\d+$/.test(valor)) estado.espera = Number(valor);
  }
  return datos.length > 0 ? { tipo, id: estado.ultimo, datos: JSON.parse(datos.join("\n")) } : null;
}
