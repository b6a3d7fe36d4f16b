-- Solicitudes con Idempotency-Key: una segunda vez con la misma clave repite la respuesta y no el efecto.
CREATE TABLE idempotencia (
    ambito     text        NOT NULL,
    clave      text        NOT NULL,
    huella     bytea       NOT NULL,
    recuerdo   bytea,
    id_comando uuid,
    id_recurso uuid,
    creada_en  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (ambito, clave),
    CHECK ((recuerdo IS NULL) <> (id_comando IS NULL)),
    CHECK ((id_comando IS NULL) = (id_recurso IS NULL))
);

COMMENT ON COLUMN idempotencia.ambito IS 'De quién es la clave: dos clientes pueden usar la misma sin estorbarse';
COMMENT ON COLUMN idempotencia.huella IS 'HMAC del método, la ruta y el cuerpo: dice si es la misma solicitud, y nada más';
COMMENT ON COLUMN idempotencia.recuerdo IS 'La respuesta de una solicitud ya cumplida, sin datos personales';
COMMENT ON COLUMN idempotencia.id_comando IS 'El comando de una solicitud que se cumplirá después: repetirla reenvía el mismo';

CREATE INDEX idempotencia_por_edad ON idempotencia (creada_en);
