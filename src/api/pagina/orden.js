// Dar una orden y seguirla hasta el final, por cualquiera de los dos caminos.

import { leer, mandar, Problema, esperar } from "./api.js";
import { oir } from "./oir.js";
import { Recorrido } from "./recorrido.js";
import { duracion, entre } from "./vista.js";

const ENTRE_PREGUNTAS = 250;
/** Cuánto se espera a que el evento salga y vuelva: sin bróker puede tardar lo que el bróker. */
const PACIENCIA = 30_000;

/**
 * Manda una orden y dibuja su camino. Devuelve la dirección de lo que creó o cambió, ya hecho; nada, si se aceptó y ya no
 * se puede seguir.
 *
 * @param {string} ruta
 * @param {{cuerpo?: any, sinEsperar?: boolean, evento: string, alContestar?: () => void}} opciones `evento`: el que causa,
 * como `ReservaCreada`; `alContestar` se llama en cuanto el servicio contesta, aunque lo pedido siga pendiente.
 */
export async function ordenar(ruta, { cuerpo, sinEsperar = false, evento, alContestar = () => {} }) {
  const recorrido = new Recorrido(`POST ${ruta}`, sinEsperar);
  try {
    const respuesta = await mandar(ruta, { cuerpo, sinEsperar }).finally(alContestar);
    if (respuesta.estado === 202) return await seguirComando(recorrido, respuesta, evento);
    recorrido.marcar("http", "hecho", { que: `${respuesta.estado}` });
    recorrido.marcar("base", "hecho", { salto: respuesta.ms, que: "confirmada" });
    recorrido.resumir(`Hecho en ${duracion(respuesta.ms)}.`, "hecho");
    const recurso = `/vuelos/reserva/${respuesta.cuerpo.id}`;
    seguirEvento(recorrido, recurso, evento, null);
    return recurso;
  } catch (problema) {
    if (!(problema instanceof Problema)) throw problema;
    if (!problema.rechazado) recorrido.marcar("http", "mal", { que: `${problema.estado || "sin respuesta"}` });
    recorrido.resumir(`No se hizo: ${problema.message}`, "mal");
    throw problema;
  }
}

/** Aceptado (202): lo que le pasa al comando llega según ocurre, y lo último es cómo terminó. */
async function seguirComando(recorrido, { ms, cuerpo }, evento) {
  recorrido.marcar("http", "hecho", { que: "202" });
  recorrido.marcar("bus", "hecho", { salto: ms, que: "aceptado" });
  recorrido.marcar("consumidor", "activo");
  recorrido.resumir("Pendiente: aceptado, y aún por cumplir.", "activo");
  let comando = null;
  try {
    await oir(`/comandos/${cuerpo.id_comando}/eventos`, ({ datos }) => {
      comando = datos;
      dibujarComando(recorrido, datos);
      return datos.estado !== "pendiente";
    });
  } catch (problema) {
    // Aceptado está, y se cumplirá: decir que no se hizo invitaría a pedirlo otra vez.
    recorrido.resumir(`Aceptado, pero ya no se puede seguir: ${problema.message}`, "activo");
    return null;
  }
  if (comando.estado === "rechazado") {
    const { problema } = comando;
    recorrido.marcar("base", "mal", { que: "rechazado" });
    throw Object.assign(new Problema(problema.status, problema), { rechazado: true });
  }
  recorrido.resumir(`De pendiente a hecho en ${duracion(recorrido.transcurrido())}.`, "hecho");
  seguirEvento(recorrido, comando.recurso, evento, comando.tiempos.cumplido_en);
  return comando.recurso;
}

function dibujarComando(recorrido, { estado, tiempos }) {
  const { aceptado_en: aceptado, recibido_en: recibido, cumplido_en: cumplido } = tiempos;
  if (recibido) {
    recorrido.marcar("consumidor", "hecho", { salto: entre(aceptado, recibido), que: "recibido" });
    recorrido.marcar("base", "activo");
  }
  if (estado === "ejecutado") {
    recorrido.marcar("base", "hecho", { salto: entre(recibido ?? aceptado, cumplido), que: "confirmada" });
  }
}

/** El evento sale por el bus después de confirmar, y vuelve a este servicio como a cualquier otro. */
async function seguirEvento(recorrido, recurso, tipo, confirmadoEn) {
  recorrido.marcar("evento", "activo", { que: tipo });
  const limite = performance.now() + PACIENCIA;
  while (performance.now() < limite) {
    const { cuerpo: historia } = await leer(`${recurso}/historia`).catch(() => ({ cuerpo: [] }));
    const suceso = historia.findLast((uno) => uno.type === tipo);
    if (suceso?.recibido_en) {
      const vuelta = duracion(entre(suceso.publicado_en, suceso.recibido_en));
      const salto = entre(confirmadoEn ?? suceso.ocurrido_en, suceso.publicado_en);
      recorrido.marcar("evento", "hecho", { salto, que: `${tipo}, de vuelta en ${vuelta}` });
      return;
    }
    await esperar(ENTRE_PREGUNTAS);
  }
  recorrido.marcar("evento", "espera", { que: `${tipo}: aún sin salir` });
}
