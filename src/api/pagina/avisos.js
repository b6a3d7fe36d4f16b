// Los avisos: lo que acaba de pasar, para quien mira y para quien oye.

import { crear, por } from "./vista.js";

const VIDA = 8_000;
const MAXIMO = 3;

/** Avisa de algo que salió bien o, con `clase` «mal», de algo que no. */
export function avisar(texto, clase = "bien") {
  const aviso = crear("p", { class: `aviso ${clase}` }, texto);
  const avisos = por("avisos");
  avisos.append(aviso);
  while (avisos.children.length > MAXIMO) avisos.firstChild.remove();
  setTimeout(() => aviso.remove(), VIDA);
}

/** Pregunta antes de algo que no se puede deshacer. */
export function confirmar(pregunta, accion) {
  const dialogo = crear(
    "dialog",
    { class: "pregunta", "aria-labelledby": "pregunta" },
    crear(
      "form",
      { method: "dialog" },
      crear("p", { id: "pregunta" }, pregunta),
      crear(
        "div",
        { class: "botones" },
        crear("button", { value: "no" }, "Dejarla como está"),
        crear("button", { value: "si", class: "peligro" }, accion),
      ),
    ),
  );
  document.body.append(dialogo);
  dialogo.showModal();
  return new Promise((responder) =>
    dialogo.addEventListener("close", () => {
      responder(dialogo.returnValue === "si");
      dialogo.remove();
    }),
  );
}
