-- Módulo vuelos: una reserva es una fila, un bloqueo y una versión (docs/adr/0005).

CREATE TABLE reservas (
    id                  uuid        PRIMARY KEY,
    id_cliente          uuid,
    estado              text        NOT NULL CHECK (estado IN ('pendiente', 'pagada', 'aprobada', 'cancelada')),
    itinerarios         jsonb       NOT NULL,
    fecha_creacion      timestamptz NOT NULL,
    fecha_actualizacion timestamptz NOT NULL,
    version             bigint      NOT NULL
) WITH (fillfactor = 90);

CREATE INDEX reservas_recientes ON reservas (fecha_creacion DESC, id DESC);
CREATE INDEX reservas_por_cliente ON reservas (id_cliente, fecha_creacion DESC, id DESC) WHERE id_cliente IS NOT NULL;
CREATE INDEX reservas_por_estado ON reservas (estado, fecha_creacion DESC, id DESC);
