"""Un servidor SMTP que recibe lo que le manden y escribe cada carta en su salida, en una línea de JSON.

Lo que hace con cada destinatario lo dice el principio de su dirección, antes del primer signo más:

- `rechazado`: 550, y repite la dirección, como hacen los de verdad.
- `ajeno`: 554 la primera vez, como quien no admite al servicio y espera al destinatario para decirlo.
- `aplazado`: 451 la primera vez.
- `colgado`: la primera vez recibe la carta y no contesta nunca.
"""

import argparse
import asyncio
import json
import ssl
from email import message_from_bytes, policy

from aiosmtpd.smtp import SMTP, AuthResult


class Sumidero:
    def __init__(self):
        self.vistos = set()

    def primera_vez(self, direccion):
        nueva = direccion not in self.vistos
        self.vistos.add(direccion)
        return nueva

    async def handle_RCPT(self, servidor, sesion, sobre, direccion, opciones):
        que = direccion.split("+")[0]
        if que == "rechazado":
            return f"550 5.1.1 <{direccion}>: no existe ese usuario"
        if que == "ajeno" and self.primera_vez(direccion):
            return "554 5.7.1 no se admiten cartas de ese servidor"
        if que == "aplazado" and self.primera_vez(direccion):
            return f"451 4.7.1 <{direccion}>: intente luego"
        sobre.rcpt_tos.append(direccion)
        return "250 OK"

    async def handle_DATA(self, servidor, sesion, sobre):
        carta = message_from_bytes(sobre.content, policy=policy.default)
        escribir(
            {
                "sobre": [sobre.mail_from, *sobre.rcpt_tos],
                "cabeceras": {nombre.lower(): str(valor) for nombre, valor in carta.items()},
                "texto": carta.get_content().replace("\r\n", "\n"),
                "crudo": sobre.content.decode("latin-1"),
                "cifrada": sesion.ssl is not None,
                "con_credenciales": bool(sesion.authenticated),
            }
        )
        if sobre.rcpt_tos[0].startswith("colgado+") and self.primera_vez(sobre.rcpt_tos[0]):
            await asyncio.Event().wait()
        return "250 OK"


def escribir(algo):
    print(json.dumps(algo), flush=True)


def opciones():
    argumentos = argparse.ArgumentParser()
    argumentos.add_argument("--puerto", type=int, default=0)
    argumentos.add_argument("--certificado")
    argumentos.add_argument("--clave")
    argumentos.add_argument("--acceso", help="usuario:contraseña")
    return argumentos.parse_args()


def autenticar(acceso):
    def comprobar(servidor, sesion, sobre, mecanismo, datos):
        bueno = f"{datos.login.decode()}:{datos.password.decode()}" == acceso
        return AuthResult(success=bueno, handled=False)

    return comprobar


async def servir(dado):
    cifrado = None
    if dado.certificado:
        cifrado = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        cifrado.load_cert_chain(dado.certificado, dado.clave)
    acceso = {"authenticator": autenticar(dado.acceso), "auth_required": True} if dado.acceso else {}
    sumidero, bucle = Sumidero(), asyncio.get_running_loop()

    def sesion():
        return SMTP(sumidero, hostname="sumidero", enable_SMTPUTF8=True, tls_context=cifrado, loop=bucle, **acceso)

    servidor = await bucle.create_server(sesion, "127.0.0.1", dado.puerto)
    escribir({"puerto": servidor.sockets[0].getsockname()[1]})
    await servidor.serve_forever()


asyncio.run(servir(opciones()))
