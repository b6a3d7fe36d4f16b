-- Atender y relevar se reparten por separado: una instancia puede hacer sólo una de las dos cosas (`--roles`).
-- `carriles` e `instancias` siguen siendo las de quien atiende. Una versión anterior releva con esas; si las dos
-- relevan a la vez, un mensaje puede salir dos veces, con la misma identidad y en el mismo orden.

CREATE TABLE carriles_relevo (
    carril smallint    PRIMARY KEY,
    dueno  uuid,
    latido timestamptz NOT NULL DEFAULT now()
);
INSERT INTO carriles_relevo (carril) SELECT generate_series(0, 15);

CREATE TABLE instancias_relevo (
    id     uuid        PRIMARY KEY,
    latido timestamptz NOT NULL DEFAULT now()
);
