-- Lo que comparten los módulos.

-- Bandeja de salida (outbox): los mensajes se guardan en la transacción que los causa y se publican después.
CREATE TABLE bandeja_salida (
    posicion     bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id           uuid        NOT NULL,
    topico       text        NOT NULL,
    clave        uuid        NOT NULL,
    tipo         text        NOT NULL,
    datos        bytea       NOT NULL,
    ocurrido_en  timestamptz NOT NULL,
    correlacion  text        NOT NULL,
    causa        uuid,
    traceparent  text        NOT NULL,
    publicada_en timestamptz
);

COMMENT ON COLUMN bandeja_salida.datos IS 'Dato de Avro sin cabecera, con el esquema del tópico';
COMMENT ON COLUMN bandeja_salida.publicada_en IS 'Cuándo confirmó el bróker que la recibió; nulo mientras espera';

-- El orden de posicion es el de confirmación sólo entre mensajes de la misma clave: su fila los serializa.
CREATE INDEX bandeja_salida_pendiente ON bandeja_salida (clave, posicion) WHERE publicada_en IS NULL;

-- Claves secretas de las instancias, creadas al azar en el primer arranque.
CREATE TABLE claves (
    nombre text  PRIMARY KEY,
    valor  bytea NOT NULL
);
