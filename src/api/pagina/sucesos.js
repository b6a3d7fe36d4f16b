// Los últimos eventos de cualquier reserva, según llegan.

import { corta, crear, duracion, entre, hora, por } from "./vista.js";

const CUANTOS = 5;

/** Pone un evento al principio de la lista; el más viejo deja su sitio. */
export function anotar(suceso) {
  const lista = por("sucesos");
  const publicado = suceso.publicado_en
    ? ` · publicado en ${duracion(entre(suceso.ocurrido_en, suceso.publicado_en))}`
    : "";
  lista.prepend(
    crear(
      "li",
      {},
      crear("span", { class: "suceso" }, suceso.type),
      crear("span", { class: "ayuda" }, hora(suceso.ocurrido_en), ` · …${corta(suceso.id_reserva)}${publicado}`),
    ),
  );
  while (lista.children.length > CUANTOS) lista.lastChild.remove();
  por("sucesos-titulo").hidden = false;
}
