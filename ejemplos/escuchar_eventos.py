#!/usr/bin/env python3
"""Se suscribe a `eventos-reserva` e imprime cada evento, en una línea de JSON.

Uso: escuchar_eventos.py [URL_DEL_BROKER] [URL_DE_ADMINISTRACION] [CUANTOS]

No lleva compilado ningún esquema: lo toma del registro del bróker, donde AeroAlpes lo deja al arrancar. Termina
después de CUANTOS eventos; sin ese argumento, cuando se le interrumpe.
"""

import json
import sys
import urllib.request
from typing import Any

import pulsar
from pulsar.schema import AvroSchema

TOPICO = "public/default/eventos-reserva"
# Propia de este programa: con la de otro se repartirían los eventos con él.
SUSCRIPCION = "ejemplo-escuchar-eventos"


def esquema_del_registro(administracion: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{administracion}/admin/v2/schemas/{TOPICO}/schema", timeout=10) as respuesta:
        return json.loads(json.load(respuesta)["data"])


def principal(
    broker: str = "pulsar://localhost:6650", administracion: str = "http://localhost:8080", cuantos: str = ""
) -> int:
    esquema = AvroSchema(None, schema_definition=esquema_del_registro(administracion))
    faltan = int(cuantos) if cuantos else None
    cliente = pulsar.Client(broker, logger=pulsar.ConsoleLogger(pulsar.LoggerLevel.Error))
    try:
        consumidor = cliente.subscribe(
            f"persistent://{TOPICO}",
            SUSCRIPCION,
            consumer_type=pulsar.ConsumerType.Shared,
            schema=esquema,
        )
        print("Escuchando", file=sys.stderr, flush=True)
        while faltan is None or faltan > 0:
            mensaje = consumidor.receive()
            # `value()` lee con el esquema con que se escribió cada mensaje, que puede ser más nuevo que este.
            print(json.dumps(mensaje.value(), ensure_ascii=False), flush=True)
            # Se confirma después de usarlo: si este programa muere antes, lo recibirá otra vez.
            consumidor.acknowledge(mensaje)
            faltan = faltan - 1 if faltan is not None else None
    except KeyboardInterrupt:
        pass
    finally:
        cliente.close()
    return 0


if __name__ == "__main__":
    sys.exit(principal(*sys.argv[1:4]))
