-- Mensajería: reparto de la bandeja de salida, bus local, bandeja de entrada y resultados de los comandos.

-- El carril reparte las claves entre instancias; todos los mensajes de una clave van por el mismo.
ALTER TABLE bandeja_salida
    ADD COLUMN carril smallint GENERATED ALWAYS AS ((get_byte(uuid_send(clave), 15) & 15)::smallint) STORED;

DROP INDEX bandeja_salida_pendiente;
CREATE INDEX bandeja_salida_pendiente ON bandeja_salida (posicion) WHERE publicada_en IS NULL;
CREATE INDEX bandeja_salida_por_clave ON bandeja_salida (clave, posicion);

-- Lo que acompaña al dato en algunos mensajes: en las letras muertas, el motivo.
ALTER TABLE bandeja_salida ADD COLUMN propiedades jsonb;

-- Qué instancia atiende cada carril. Quien deja de latir lo pierde.
CREATE TABLE carriles (
    carril smallint    PRIMARY KEY,
    dueno  uuid,
    latido timestamptz NOT NULL DEFAULT now()
);
INSERT INTO carriles (carril) SELECT generate_series(0, 15);

CREATE TABLE instancias (
    id     uuid        PRIMARY KEY,
    latido timestamptz NOT NULL DEFAULT now()
);

-- Entregas por atender: una por suscripción y mensaje. Una clave espera a que termine su primera entrega.
CREATE TABLE entregas (
    posicion        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    suscripcion     text        NOT NULL,
    id_mensaje      text        NOT NULL,
    topico          text        NOT NULL,
    clave           uuid        NOT NULL,
    carril          smallint    GENERATED ALWAYS AS ((get_byte(uuid_send(clave), 15) & 15)::smallint) STORED,
    tipo            text        NOT NULL,
    datos           bytea       NOT NULL,
    correlacion     text        NOT NULL,
    traceparent     text        NOT NULL,
    publicado_en    timestamptz NOT NULL,
    ilegible        text,
    intentos        integer     NOT NULL DEFAULT 0,
    proximo_intento timestamptz NOT NULL DEFAULT now(),
    UNIQUE (suscripcion, id_mensaje)
);
COMMENT ON COLUMN entregas.ilegible IS 'Por qué no se pudo leer al recibirla; nulo si se pudo';
CREATE INDEX entregas_por_clave ON entregas (suscripcion, clave, posicion);
CREATE INDEX entregas_aplazadas ON entregas (proximo_intento);

-- Letras muertas: lo que no se pudo leer, o se rechazó para siempre, con su motivo.
CREATE TABLE letras_muertas (
    posicion    bigint      PRIMARY KEY,
    suscripcion text        NOT NULL,
    id_mensaje  text        NOT NULL,
    topico      text        NOT NULL,
    clave       uuid        NOT NULL,
    tipo        text        NOT NULL,
    datos       bytea       NOT NULL,
    motivo      text        NOT NULL,
    muerta_en   timestamptz NOT NULL DEFAULT now()
);

-- Bandeja de entrada (inbox): cada suscripción recibe cada mensaje una sola vez.
CREATE TABLE bandeja_entrada (
    suscripcion text        NOT NULL,
    id_mensaje  text        NOT NULL,
    recibida_en timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (suscripcion, id_mensaje)
);

-- Cómo terminó cada comando aceptado.
CREATE TABLE resultados_comando (
    id           uuid        PRIMARY KEY,
    comando      text        NOT NULL,
    recurso      text,
    rechazo      jsonb,
    terminado_en timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON COLUMN resultados_comando.rechazo IS 'Por qué no se cumplió; nulo si se cumplió';

-- Los brókeres que se han usado, y desde cuándo se sabe que ya no tienen nada por recibir.
CREATE TABLE buses (
    nombre   text        PRIMARY KEY,
    vacio_en timestamptz
);
