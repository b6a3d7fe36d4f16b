// Las llamadas al servicio: claves de idempotencia, reintentos a salvo, problemas y sesión.

const INTENTOS = 4;
const SESION = "aeroalpes.sesion";

/** Lo que el servicio negó (RFC 9457), o que no se pudo hablar con él. */
export class Problema extends Error {
  constructor(estado, datos) {
    super(datos.detail ?? datos.title ?? `El servicio respondió ${estado}`);
    Object.assign(this, { estado, codigo: (datos.type ?? "").split(":").pop(), puntero: datos.puntero });
    this.parametro = datos.parametro;
  }
}

// --- La sesión: vive mientras viva la pestaña, y no la ve ninguna otra ---

/** Avisa con «cambio» cada vez que alguien entra o sale. */
export const sesiones = new EventTarget();

/** Si hay que identificarse. */
export const cerrado = document.documentElement.dataset.modo === "cerrado";

/** Quién inició sesión, con su ficha, o nada. */
export function sesion() {
  return JSON.parse(sessionStorage.getItem(SESION) ?? "null");
}

/** Guarda quién inició sesión; sin argumento, la olvida. */
export function cambiarSesion(nueva = null) {
  if (nueva) sessionStorage.setItem(SESION, JSON.stringify(nueva));
  else sessionStorage.removeItem(SESION);
  sesiones.dispatchEvent(new Event("cambio"));
}

/** Las cabeceras con que se identifica quien inició sesión. */
export function identificacion() {
  const ficha = sesion()?.ficha;
  return ficha ? { Authorization: `Bearer ${ficha}` } : {};
}

// --- Las solicitudes ---

/** Un UUID al azar, también donde la página no llega por un canal seguro y falta `randomUUID`. */
function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** Espera esos milisegundos. */
export const esperar = (ms) => new Promise((seguir) => setTimeout(seguir, ms));

/** Lee un recurso. Devuelve `{estado, cuerpo, cabeceras, ms}`; si no se puede, lanza un `Problema`. */
export const leer = (ruta) => una("GET", ruta, {});

/**
 * Da una orden. Lleva una `Idempotency-Key` propia: si la respuesta se pierde o el servicio pide volver, se repite la
 * misma solicitud con la misma clave, y el efecto ocurre una vez.
 */
export async function mandar(ruta, { cuerpo, sinEsperar = false } = {}) {
  const cabeceras = { "Idempotency-Key": uuid() };
  if (cuerpo !== undefined) cabeceras["Content-Type"] = "application/json";
  if (sinEsperar) cabeceras.Prefer = "respond-async";
  const solicitud = { cabeceras, cuerpo: cuerpo === undefined ? undefined : JSON.stringify(cuerpo) };
  for (let intento = 1; ; intento += 1) {
    try {
      return await una("POST", ruta, solicitud);
    } catch (problema) {
      if (intento === INTENTOS || !valeRepetir(problema)) throw problema;
      await esperar(problema.repetirEn ?? 300 * 2 ** intento);
    }
  }
}

/** Se perdió la respuesta (0), está ocupado (409 con `Retry-After`) o no disponible (503). */
function valeRepetir({ estado, repetirEn }) {
  return estado === 0 || estado === 503 || (estado === 409 && repetirEn !== undefined);
}

async function una(metodo, ruta, { cabeceras, cuerpo }) {
  const inicio = performance.now();
  let respuesta;
  let texto;
  try {
    const opciones = { method: metodo, headers: { ...cabeceras, ...identificacion() }, body: cuerpo };
    respuesta = await fetch(ruta, opciones);
    texto = await respuesta.text();
  } catch {
    throw new Problema(0, { detail: "No se pudo hablar con el servicio: ¿sigue en marcha?" });
  }
  const ms = performance.now() - inicio;
  const datos = interpretar(texto);
  if (respuesta.ok) return { estado: respuesta.status, cuerpo: datos, cabeceras: respuesta.headers, ms };
  const problema = new Problema(respuesta.status, datos ?? {});
  const segundos = Number(respuesta.headers.get("Retry-After") ?? Number.NaN);
  if (Number.isFinite(segundos)) problema.repetirEn = segundos * 1000;
  // La ficha caducó o se revocó: quedarse con ella sólo repetiría el 401.
  if (respuesta.status === 401 && sesion() && ruta !== "/clientes/sesion") cambiarSesion();
  throw problema;
}

function interpretar(texto) {
  try {
    return texto ? JSON.parse(texto) : null;
  } catch {
    return null;
  }
}

/** La dirección de la página siguiente de una lista, si la hay (RFC 8288). */
export function siguiente(cabeceras) {
  return /<([^>]+)>;\s*rel="next"/.exec(cabeceras.get("Link") ?? "")?.[1] ?? null;
}
