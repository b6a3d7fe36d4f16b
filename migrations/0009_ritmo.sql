-- Reintentos: las esperas por una dependencia no se cuentan como defectos, y salen al paso de todas las instancias.

ALTER TABLE entregas ADD COLUMN esperas integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN entregas.intentos IS 'Cuántas veces falló por un defecto: a la novena se aparta';
COMMENT ON COLUMN entregas.esperas IS 'Cuántas veces esperó a una dependencia o a quien ocupaba sus datos; nunca la aparta';

-- Las que ya fallaron alguna vez, pocas entre muchas: se buscan aparte de las nuevas, y apartan de ellas a su clave.
CREATE INDEX entregas_repetidas ON entregas (posicion) WHERE intentos > 0 OR esperas > 0;

-- El último hueco que se dio. Quien tiene que esperar toma el siguiente, así que no vuelven todos a la vez.
CREATE TABLE ritmo (
    nombre text        PRIMARY KEY,
    ultimo timestamptz NOT NULL
);
INSERT INTO ritmo (nombre, ultimo) VALUES ('entregas', now());
