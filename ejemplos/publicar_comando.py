#!/usr/bin/env python3
"""Publica el comando `CrearReserva` en Apache Pulsar y cuenta cómo terminó.

Uso: publicar_comando.py [URL_DEL_BROKER] [URL_DEL_API]

Los registros de abajo son los que AeroAlpes lee, con los nombres y el orden de `docs/asyncapi.json`. Cada miembro que
puede faltar se declara `required_default=True`: así el esquema dice `"default": null`, y el bróker (compatibilidad
FULL) lo admite, registre quien registre primero.
"""

import json
import sys
import time
import urllib.error
import urllib.request
import uuid
from datetime import datetime, timezone
from typing import Any

import pulsar
from pulsar.schema import Array, AvroSchema, Long, Record, String

TOPICO = "persistent://public/default/comandos-reserva"
PLAZO = 30.0  # segundos que se espera el resultado
PAUSA = 0.1  # segundos entre dos preguntas


# --- El mensaje: la carga (`data`) y la envoltura ---


class AeropuertoPayload(Record):
    codigo = String(required=True)
    nombre = String(required_default=True)


class LegPayload(Record):
    fecha_salida = Long(required=True)  # milisegundos desde 1970, UTC
    fecha_llegada = Long(required=True)
    origen = AeropuertoPayload(required=True)
    destino = AeropuertoPayload(required=True)


class SegmentoPayload(Record):
    legs = Array(LegPayload(), required=True)


class OdoPayload(Record):
    segmentos = Array(SegmentoPayload(), required=True)


class ItinerarioPayload(Record):
    odos = Array(OdoPayload(), required=True)


class ComandoCrearReservaPayload(Record):
    id_usuario = String()  # el cliente; el único que el sistema original declara, sin valor por defecto
    id_reserva = String(required_default=True)  # la identidad de la reserva; si falta, la elige el servicio
    itinerarios = Array(ItinerarioPayload(), required_default=True)


class ComandoCrearReserva(Record):
    data = ComandoCrearReservaPayload()
    id = String(required_default=True)
    time = Long(required_default=True)
    ingestion = Long(required_default=True)
    specversion = String(required_default=True)
    type = String(required_default=True)  # qué comando es
    datacontenttype = String(required_default=True)
    service_name = String(required_default=True)


def milisegundos(momento: datetime) -> int:
    return int(momento.timestamp() * 1000)


def particion(mensaje: pulsar.Message, cuantas: int) -> int:
    """La que elige AeroAlpes para esa clave (`String.hashCode` de Java); sólo importa si el tópico tiene particiones."""
    resumen = 0
    for caracter in mensaje.partition_key():
        resumen = (31 * resumen + ord(caracter)) & 0xFFFFFFFF
    return (resumen & 0x7FFFFFFF) % cuantas


def comando(id_comando: str, id_reserva: str) -> ComandoCrearReserva:
    """Un vuelo de Bogotá a Nueva York. La identidad del comando es de quien lo envía: con ella pregunta después."""
    ahora = milisegundos(datetime.now(timezone.utc))
    leg = LegPayload(
        fecha_salida=milisegundos(datetime(2022, 11, 22, 13, 10, tzinfo=timezone.utc)),
        fecha_llegada=milisegundos(datetime(2022, 11, 22, 15, 10, tzinfo=timezone.utc)),
        origen=AeropuertoPayload(codigo="BOG", nombre="El Dorado - Bogotá International Airport (BOG)"),
        destino=AeropuertoPayload(codigo="JFK", nombre="John F. Kennedy International Airport"),
    )
    itinerario = ItinerarioPayload(odos=[OdoPayload(segmentos=[SegmentoPayload(legs=[leg])])])
    return ComandoCrearReserva(
        data=ComandoCrearReservaPayload(id_reserva=id_reserva, itinerarios=[itinerario]),
        id=id_comando,
        time=ahora,
        ingestion=ahora,
        specversion="v1",
        type="CrearReserva",
        datacontenttype="AVRO",
        service_name="ejemplo-python",
    )


# --- El envío y la pregunta ---


def publicar(broker: str, mensaje: ComandoCrearReserva) -> None:
    cliente = pulsar.Client(broker, logger=pulsar.ConsoleLogger(pulsar.LoggerLevel.Error))
    try:
        productor = cliente.create_producer(
            TOPICO,
            schema=AvroSchema(ComandoCrearReserva),
            message_routing_mode=pulsar.PartitionsRoutingMode.CustomPartition,
            message_router=particion,
        )
        # La clave ordena: los comandos de una misma reserva se cumplen en el orden en que salen.
        productor.send(mensaje, partition_key=mensaje.data.id_reserva, event_timestamp=mensaje.time)
    finally:
        cliente.close()


def pedir(url: str) -> Any | None:
    """Lo que responde el API, o nada si responde 404."""
    try:
        with urllib.request.urlopen(url, timeout=10) as respuesta:
            return json.load(respuesta)
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise


def esperar_resultado(api: str, id_comando: str) -> Any:
    """El servicio no conoce este comando (404) hasta que guarda su resultado (200)."""
    limite = time.monotonic() + PLAZO
    while (resultado := pedir(f"{api}/comandos/{id_comando}")) is None:
        if time.monotonic() > limite:
            raise TimeoutError(f"el comando {id_comando} sigue sin resultado")
        time.sleep(PAUSA)
    return resultado


def principal(broker: str = "pulsar://localhost:6650", api: str = "http://localhost:5000") -> int:
    id_comando, id_reserva = str(uuid.uuid4()), str(uuid.uuid4())
    publicar(broker, comando(id_comando, id_reserva))
    print(f"Publicado el comando {id_comando}", file=sys.stderr)

    resultado = esperar_resultado(api, id_comando)
    print(json.dumps(resultado, ensure_ascii=False))
    if resultado["estado"] != "ejecutado":
        return 1
    print(json.dumps(pedir(api + resultado["recurso"]), ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(principal(*sys.argv[1:3]))
