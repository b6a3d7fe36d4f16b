// Los errores de un formulario: cada uno al lado del campo que lo causó, y el foco en el primero.

import { crear } from "./vista.js";

/** Quita los errores de un formulario. */
export function limpiar(forma) {
  for (const campo of forma.querySelectorAll("[aria-invalid]")) {
    const id = `${campo.id}-error`;
    campo.removeAttribute("aria-invalid");
    const descrito = (campo.getAttribute("aria-describedby") ?? "").split(" ").filter((otro) => otro && otro !== id);
    if (descrito.length > 0) campo.setAttribute("aria-describedby", descrito.join(" "));
    else campo.removeAttribute("aria-describedby");
  }
  for (const error of forma.querySelectorAll(".error-campo")) error.remove();
  const general = forma.querySelector("[data-error-forma]");
  if (general) general.hidden = true;
}

/** Comprueba lo que el navegador puede comprobar. Devuelve si todo está bien. */
export function comprobar(forma) {
  limpiar(forma);
  const malos = [...forma.querySelectorAll("input, select")].filter((campo) => !campo.validity.valid);
  for (const campo of malos) senalar(campo, mensaje(campo));
  malos[0]?.focus();
  return malos.length === 0;
}

function mensaje({ validity, type }) {
  if (validity.valueMissing || validity.badInput) return "Falta este dato.";
  return type === "email" ? "Esto no es un correo, como ana@ejemplo.co." : "Este dato no sirve.";
}

/** Muestra un problema en el campo que nombra o, si no nombra ninguno, al principio del formulario. */
export function mostrar(forma, problema) {
  limpiar(forma);
  const campo = elCampo(forma, problema);
  if (campo) {
    senalar(campo, problema.message);
    campo.focus();
    return;
  }
  const general = forma.querySelector("[data-error-forma]");
  general.textContent = problema.message;
  general.hidden = false;
  general.tabIndex = -1;
  general.focus();
}

/** El campo de ese puntero (RFC 6901) o, si el puntero nombra algo que contiene campos, el primero de ellos. */
function elCampo(forma, { puntero, parametro }) {
  if (parametro) return forma.querySelector(`[data-parametro="${CSS.escape(parametro)}"]`);
  if (!puntero) return null;
  const campos = [...forma.querySelectorAll("[data-puntero]")];
  const es = (campo, texto) => campo.dataset.puntero === texto;
  return (
    campos.find((campo) => es(campo, puntero)) ??
    campos.find((campo) => campo.dataset.puntero.startsWith(`${puntero}/`)) ??
    null
  );
}

function senalar(campo, texto) {
  const error = crear("p", { class: "error-campo", id: `${campo.id}-error` }, texto);
  campo.setAttribute("aria-invalid", "true");
  const antes = campo.getAttribute("aria-describedby");
  campo.setAttribute("aria-describedby", antes ? `${error.id} ${antes}` : error.id);
  campo.after(error);
}
