"""Un lector de `eventos-reserva` como los del sistema original: muere con el primer mensaje que no entiende.

Uso: consumidor.py notificacion|interfaz BROKER ADMINISTRACION

«notificacion» lleva compilado el registro; «interfaz» toma el esquema del registro del bróker. Escribe «listo» cuando
está suscrito y después cada evento, en una línea de JSON.
"""

import json
import sys
import urllib.request
from typing import Any

import fastavro
import pulsar
from pulsar.schema import AvroSchema

import original

TOPICO = "public/default/eventos-reserva"
PLAZO = 60_000  # milisegundos sin nada que leer


def suscribir(cliente: pulsar.Client, suscripcion: str, esquema: AvroSchema) -> pulsar.Consumer:
    return cliente.subscribe(
        f"persistent://{TOPICO}", suscripcion, consumer_type=pulsar.ConsumerType.Shared, schema=esquema
    )


def de_notificacion(evento: original.EventoReservaCreada) -> dict[str, Any]:
    datos = evento.data
    return {
        "id_reserva": datos.id_reserva,
        "id_cliente": datos.id_cliente,
        "estado": datos.estado,
        "fecha_creacion": datos.fecha_creacion,
    }


def esquema_del_registro(administracion: str) -> AvroSchema:
    with urllib.request.urlopen(f"{administracion}/admin/v2/schemas/{TOPICO}/schema", timeout=10) as respuesta:
        definicion = json.loads(json.load(respuesta)["data"])
    # Analizado dos veces, como hace la interfaz del sistema original.
    return AvroSchema(None, schema_definition=fastavro.parse_schema(definicion))


def principal(modo: str, broker: str, administracion: str) -> None:
    cliente = pulsar.Client(broker, logger=pulsar.ConsoleLogger(pulsar.LoggerLevel.Warn))
    if modo == "notificacion":
        consumidor = suscribir(cliente, "sub-notificacion-eventos-reservas", AvroSchema(original.EventoReservaCreada))
    else:
        consumidor = suscribir(cliente, "aeroalpes-bff", esquema_del_registro(administracion))
    print("listo", flush=True)
    while True:
        mensaje = consumidor.receive(timeout_millis=PLAZO)
        valor = mensaje.value()
        print(json.dumps(de_notificacion(valor) if modo == "notificacion" else valor), flush=True)
        consumidor.acknowledge(mensaje)


if __name__ == "__main__":
    principal(*sys.argv[1:])
