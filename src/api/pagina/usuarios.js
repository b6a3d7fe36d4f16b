// Los usuarios: registrar, validar, iniciar sesión y desactivar.

import { cambiarSesion, cerrado, mandar, Problema, sesion, sesiones } from "./api.js";
import { avisar, confirmar } from "./avisos.js";
import { comprobar, limpiar, mostrar } from "./errores.js";
import { ponerCliente } from "./reservar.js";
import { mayuscula, por } from "./vista.js";

/** Con qué se identifica cada quién: el rótulo, el dato y su puntero. */
const IDENTIFICACION = {
  persona: { numero: ["Cédula", "cedula"], fecha: ["Nacimiento", "fecha_nacimiento"] },
  empresa: { numero: ["RUT", "rut"], fecha: ["Constitución", "fecha_constitucion"] },
};

/** El usuario de la última respuesta: el que se muestra. */
let visto = null;

/** Prepara los formularios de los usuarios. */
export function prepararUsuarios() {
  const registrar = por("forma-registrar");
  registrar.addEventListener("change", () => rotular(registrar.elements.tipo.value));
  alEnviar(registrar, async () => {
    const { cuerpo } = await mandar("/clientes/usuario", { cuerpo: datosDe(registrar) });
    registrar.reset();
    rotular("persona");
    ver(cuerpo);
    por("v-usuario").value = cuerpo.id;
    por("v-codigo").focus();
    avisar("Usuario registrado. Su código de validación está en la consola del servicio, o en su correo.");
  });
  alEnviar(por("forma-validar"), async () => {
    const cuerpo = { codigo: por("v-codigo").value.trim() };
    ver((await mandar(`/clientes/usuario/${elDeValidar()}/validar`, { cuerpo })).cuerpo);
    por("v-codigo").value = "";
    avisar("Usuario validado.");
  });
  por("otro-codigo").addEventListener("click", () =>
    intentar(por("forma-validar"), async () => {
      await mandar(`/clientes/usuario/${elDeValidar()}/codigo`);
      avisar("Va otro código; los anteriores ya no valen.");
    }),
  );
  prepararSesion();
  por("usuario-reservar").addEventListener("click", () => {
    ponerCliente(visto.id);
    por("reserva-cliente").focus();
  });
  por("usuario-desactivar").addEventListener("click", desactivar);
}

const elDeValidar = () => encodeURIComponent(por("v-usuario").value.trim());

function prepararSesion() {
  const forma = por("sesion");
  if (cerrado) por("sesion-ayuda").textContent = "La ficha se guarda sólo en esta pestaña y caduca sola.";
  alEnviar(forma, async () => {
    const cuerpo = { email: por("s-email").value.trim(), password: por("s-password").value };
    const { cuerpo: usuario } = await mandar("/clientes/sesion", { cuerpo });
    forma.reset();
    ver(usuario);
    if (usuario.ficha) {
      cambiarSesion({ id: usuario.id, nombre: `${usuario.nombres} ${usuario.apellidos}`, ficha: usuario.ficha });
      por("reservas").focus();
    }
    avisar(usuario.ficha ? `Sesión de ${usuario.nombres} iniciada.` : `Las credenciales son de ${usuario.nombres}.`);
  });
  por("cerrar-sesion").addEventListener("click", () => {
    cambiarSesion();
    avisar("Sesión cerrada en esta pestaña.");
    por("contenido").focus();
  });
  sesiones.addEventListener("cambio", mostrarSesion);
  mostrarSesion();
}

function mostrarSesion() {
  const quien = sesion();
  por("quien").hidden = !quien;
  por("quien-nombre").textContent = quien?.nombre ?? "";
  por("pide-sesion").hidden = !cerrado || quien !== null;
  if (!quien && cerrado) por("usuario").hidden = true;
}

/** Al enviar el formulario, si lo que el navegador puede comprobar está bien, hace eso. */
function alEnviar(forma, hacer) {
  forma.addEventListener("submit", (suceso) => {
    suceso.preventDefault();
    if (comprobar(forma)) intentar(forma, hacer);
  });
}

/** Lo hace una vez aunque se pida dos, y muestra en el formulario lo que salga mal. */
async function intentar(forma, hacer) {
  if (forma.dataset.ocupada) return;
  forma.dataset.ocupada = "si";
  try {
    limpiar(forma);
    await hacer();
  } catch (problema) {
    if (!(problema instanceof Problema)) throw problema;
    mostrar(forma, problema);
  } finally {
    delete forma.dataset.ocupada;
  }
}

function rotular(tipo) {
  const { numero, fecha } = IDENTIFICACION[tipo];
  for (const [id, [rotulo, dato]] of [
    ["r-numero", numero],
    ["r-fecha", fecha],
  ]) {
    por(`${id}-rotulo`).textContent = rotulo;
    por(id).dataset.puntero = `/${dato}`;
  }
}

function datosDe(forma) {
  const tipo = forma.elements.tipo.value;
  const { numero, fecha } = IDENTIFICACION[tipo];
  const { nombres, apellidos, email, password } = Object.fromEntries(new FormData(forma));
  const opcionales = [
    [numero[1], por("r-numero").value.trim()],
    [fecha[1], por("r-fecha").value],
  ];
  return {
    nombres,
    apellidos,
    email: email.trim(),
    password,
    es_empresarial: tipo === "empresa",
    ...Object.fromEntries(opcionales.filter(([, valor]) => valor !== "")),
  };
}

function ver(usuario) {
  visto = usuario;
  por("usuario").hidden = false;
  por("usuario-nombre").textContent = `${usuario.nombres} ${usuario.apellidos}`;
  por("usuario-id").textContent = usuario.id;
  por("usuario-estado").textContent = mayuscula(usuario.estado);
  por("usuario-estado").dataset.estado = usuario.estado;
  por("usuario-desactivar").hidden = usuario.estado === "desactivado";
}

async function desactivar() {
  const pregunta = `¿Desactivar a ${visto.nombres}? No se puede deshacer, y ya no podrá reservar.`;
  if (!(await confirmar(pregunta, "Desactivar"))) return;
  try {
    ver((await mandar(`/clientes/usuario/${visto.id}/desactivar`)).cuerpo);
    avisar("Usuario desactivado.");
    por("usuario-reservar").focus();
    if (sesion()?.id === visto.id) cambiarSesion();
  } catch (problema) {
    if (!(problema instanceof Problema)) throw problema;
    avisar(problema.message, "mal");
  }
}
