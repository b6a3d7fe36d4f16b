-- Correos por enviar y ya terminados: sólo identidades. A quién, qué dice y el código se averiguan al enviar (docs/adr/0025).
CREATE TABLE correos (
    id             uuid        PRIMARY KEY,
    asunto         text        NOT NULL CHECK (asunto IN ('codigo', 'reserva')),
    id_recurso     uuid        NOT NULL,
    anotado_en     timestamptz NOT NULL DEFAULT clock_timestamp(),
    intentos       integer     NOT NULL DEFAULT 0,
    proximo_intento timestamptz NOT NULL DEFAULT clock_timestamp(),
    terminado_en   timestamptz,
    desenlace      text        CHECK (desenlace IN ('enviado', 'descartado', 'no-entregable')),
    respuesta_smtp smallint,
    CHECK ((terminado_en IS NULL) = (desenlace IS NULL))
);

COMMENT ON COLUMN correos.id IS 'La identidad del evento que lo causó: de ella sale su Message-ID';
COMMENT ON COLUMN correos.id_recurso IS 'El usuario de un código, o la reserva';
COMMENT ON COLUMN correos.proximo_intento IS 'Desde cuándo lo puede tomar una instancia; al tomarlo se aplaza lo que dura el arriendo';
COMMENT ON COLUMN correos.respuesta_smtp IS 'El código con que el servidor se negó (RFC 5321), si se negó';

CREATE INDEX correos_por_enviar ON correos (proximo_intento) WHERE terminado_en IS NULL;
CREATE INDEX correos_no_entregables ON correos (id) WHERE desenlace = 'no-entregable';
CREATE INDEX correos_por_edad ON correos (terminado_en) WHERE terminado_en IS NOT NULL;
