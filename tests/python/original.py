"""Los registros del sistema original, tal como los llevan compilados sus programas."""

from pulsar.schema import Long, Record, String


class ReservaCreadaPayload(Record):
    id_reserva = String()
    id_cliente = String()
    estado = String()
    fecha_creacion = Long()


class EventoReservaCreada(Record):
    data = ReservaCreadaPayload()


class ComandoCrearReservaPayload(Record):
    id_usuario = String()


class ComandoCrearReserva(Record):
    data = ComandoCrearReservaPayload()
