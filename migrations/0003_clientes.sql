-- Módulo clientes. Los datos personales viven sólo en la tabla usuarios.

CREATE TABLE usuarios (
    id                  uuid        PRIMARY KEY,
    nombres             text        NOT NULL,
    apellidos           text        NOT NULL,
    email               text        NOT NULL,
    email_clave         text        NOT NULL CONSTRAINT usuarios_email_unico UNIQUE,
    contrasena          text        NOT NULL,
    es_empresarial      boolean     NOT NULL,
    identificacion      text,
    fecha_origen        date,
    estado              text        NOT NULL CHECK (estado IN ('registrado', 'validado', 'desactivado')),
    fecha_creacion      timestamptz NOT NULL,
    fecha_actualizacion timestamptz NOT NULL,
    version             bigint      NOT NULL
);

COMMENT ON COLUMN usuarios.email_clave IS 'El e-mail en minúsculas: dos que sólo difieren en ellas son el mismo';
COMMENT ON COLUMN usuarios.identificacion IS 'Cédula de una persona o RUT de una empresa';
COMMENT ON COLUMN usuarios.fecha_origen IS 'Nacimiento de una persona o constitución de una empresa';
COMMENT ON COLUMN usuarios.contrasena IS 'Argon2id en formato PHC, nunca la contraseña';

CREATE INDEX usuarios_recientes ON usuarios (fecha_creacion DESC, id DESC);
CREATE INDEX usuarios_por_estado ON usuarios (estado, fecha_creacion DESC, id DESC);

-- Las reservas que cada usuario tiene, anotadas por la reacción a ReservaCreada.
CREATE TABLE usuarios_reservas (
    id_usuario     uuid        NOT NULL REFERENCES usuarios (id),
    id_reserva     uuid        NOT NULL,
    fecha_creacion timestamptz NOT NULL,
    PRIMARY KEY (id_reserva)
);

CREATE INDEX usuarios_reservas_recientes ON usuarios_reservas (id_usuario, fecha_creacion DESC, id_reserva DESC);
