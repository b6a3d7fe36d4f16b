"""Un programa que publica en `comandos-reserva`.

Uso: productor.py MODO BROKER [IDS…]

Registra su esquema, escribe «listo» y espera una línea en la entrada; entonces publica un mensaje por cada ID y escribe
dónde quedó cada uno: libro, entrada e índice dentro del lote.

«original»: el comando del sistema original; ID es su `id_usuario`. «con-id»: ese mismo, con ID en la envoltura y nada
más. «sueltos», «en-lote», «LZ4», «ZLib», «ZSTD» y «SNAPPY»: `CrearReserva` entero, con ID en la envoltura y por
identidad de la reserva; los cuatro últimos, comprimido así.
"""

import json
import sys
import threading
from pathlib import Path
from typing import Any

import pulsar
from pulsar.schema import AvroSchema, Record, String

import original

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "ejemplos"))
import publicar_comando  # noqa: E402

PLAZO = 30.0  # segundos


def con_id() -> type[Record]:
    class ComandoCrearReserva(Record):
        data = original.ComandoCrearReservaPayload()
        id = String(required_default=True)

    return ComandoCrearReserva


def mensaje(modo: str, registro: type[Record], id_mensaje: str) -> Record:
    match modo:
        case "original":
            return registro(data=original.ComandoCrearReservaPayload(id_usuario=id_mensaje))
        case "con-id":
            return registro(data=original.ComandoCrearReservaPayload(id_usuario=None), id=id_mensaje)
        case _:
            return publicar_comando.comando(id_mensaje, id_mensaje)


def publicar(productor: pulsar.Producer, mensajes: list[Record]) -> list[tuple[int, int, int]]:
    """Todos sin esperar a ninguno, para que un productor con lotes los junte."""
    recibos: dict[int, Any] = {}
    completo = threading.Event()

    def recibo(indice: int, resultado: pulsar.Result, id_mensaje: Any) -> None:
        recibos[indice] = (resultado, id_mensaje)
        if len(recibos) == len(mensajes):
            completo.set()

    for indice, contenido in enumerate(mensajes):
        productor.send_async(contenido, lambda resultado, donde, indice=indice: recibo(indice, resultado, donde))
    productor.flush()
    if not completo.wait(PLAZO):
        raise TimeoutError("faltan recibos")
    fallas = [resultado for resultado, _ in recibos.values() if resultado != pulsar.Result.Ok]
    if fallas:
        raise RuntimeError(f"sin recibo: {fallas}")
    lugares = (recibos[indice][1] for indice in range(len(mensajes)))
    return [(donde.ledger_id(), donde.entry_id(), donde.batch_index()) for donde in lugares]


def principal(modo: str, broker: str, *ids: str) -> None:
    propios: dict[str, type[Record]] = {"original": original.ComandoCrearReserva, "con-id": con_id()}
    registro = propios.get(modo, publicar_comando.ComandoCrearReserva)
    cliente = pulsar.Client(broker, logger=pulsar.ConsoleLogger(pulsar.LoggerLevel.Warn))
    productor = cliente.create_producer(
        publicar_comando.TOPICO,
        schema=AvroSchema(registro),
        batching_enabled=modo == "en-lote",
        batching_max_messages=1000,
        batching_max_publish_delay_ms=1000,
        compression_type=getattr(pulsar.CompressionType, modo, pulsar.CompressionType.NONE),
    )
    print("listo", flush=True)
    sys.stdin.readline()
    lugares = publicar(productor, [mensaje(modo, registro, id_mensaje) for id_mensaje in ids])
    cliente.close()
    print(json.dumps(lugares), flush=True)


if __name__ == "__main__":
    principal(*sys.argv[1:])
