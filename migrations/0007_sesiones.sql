-- Modo cerrado: con qué se cifran las fichas de sesión, quién administra y de quién es cada comando aceptado.

-- Rotan solas: la más nueva cifra, y las demás descifran hasta que caduca lo que cifraron (docs/adr/0017).
CREATE TABLE claves_fichas (
    kid       text        PRIMARY KEY,
    valor     bytea       NOT NULL,
    creada_en timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE administradores (
    id_usuario   uuid        PRIMARY KEY REFERENCES usuarios (id) ON DELETE CASCADE,
    concedida_en timestamptz NOT NULL DEFAULT now()
);

-- Sólo los que pidió un usuario que no administra; la purga se lleva los que ya nadie puede preguntar.
CREATE TABLE comandos_de_usuarios (
    id          uuid        PRIMARY KEY,
    id_usuario  uuid        NOT NULL,
    aceptado_en timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX comandos_de_usuarios_por_fecha ON comandos_de_usuarios (aceptado_en);
