// Lo primero que corre: prepara cada parte y se queda oyendo lo que pasa con las reservas.

import { cerrado, Problema, sesion, sesiones } from "./api.js";
import { actualizarDetalle, prepararDetalle } from "./detalle.js";
import { oir } from "./oir.js";
import { preparar } from "./recorrido.js";
import { prepararReservar } from "./reservar.js";
import { actualizar, actualizarPronto, filtrar, prepararReservas } from "./reservas.js";
import { anotar } from "./sucesos.js";
import { prepararUsuarios } from "./usuarios.js";
import { por } from "./vista.js";

const TEMA = "aeroalpes.tema";
const TEMAS = ["sistema", "claro", "oscuro"];

function prepararTema() {
  const poner = (tema) => {
    if (tema === "sistema") delete document.documentElement.dataset.tema;
    else document.documentElement.dataset.tema = tema;
    por("tema").textContent = `Tema: ${tema}`;
    localStorage.setItem(TEMA, tema);
  };
  const guardado = localStorage.getItem(TEMA);
  let tema = TEMAS.includes(guardado) ? guardado : "sistema";
  poner(tema);
  por("tema").addEventListener("click", () => {
    tema = TEMAS[(TEMAS.indexOf(tema) + 1) % TEMAS.length];
    poner(tema);
  });
}

/** Lo que se oye ahora; al cambiar de sesión se deja y se empieza otra vez. */
let oyendo = null;

async function seguirReservas() {
  oyendo?.abort();
  oyendo = new AbortController();
  mostrarEnVivo(false);
  // En modo cerrado sólo oye los de todos quien administra.
  if (cerrado && !sesion()?.administra) return;
  const alLlegar = ({ tipo, datos }) => {
    if (tipo === "posicion") return;
    anotar(datos);
    actualizarPronto();
    actualizarDetalle(datos.id_reserva);
  };
  try {
    await oir("/vuelos/reserva/eventos", alLlegar, { senal: oyendo.signal, alCambiar: mostrarEnVivo });
  } catch (problema) {
    if (!(problema instanceof Problema)) throw problema;
    mostrarEnVivo(false);
  }
}

function mostrarEnVivo(conectado) {
  por("en-vivo").dataset.estado = conectado ? "si" : "no";
  por("en-vivo").textContent = conectado ? "En vivo" : "Sin conexión en vivo";
}

prepararTema();
preparar();
prepararDetalle();
prepararReservar(actualizar);
prepararUsuarios();
prepararReservas();
seguirReservas();

sesiones.addEventListener("cambio", () => {
  filtrar();
  seguirReservas();
});
