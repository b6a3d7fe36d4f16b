-- Letras muertas que se pueden reintentar o descartar, y lo que hace falta para borrar por edad sin recorrer tablas.

-- Lo que se necesita para volver a intentar; nulo en lo que apartó un binario anterior.
ALTER TABLE letras_muertas
    ADD COLUMN correlacion       text,
    ADD COLUMN traceparent       text,
    ADD COLUMN publicado_en      timestamptz,
    ADD COLUMN ilegible          text,
    ADD COLUMN intentos          integer,
    ADD COLUMN reintentada_en    timestamptz,
    ADD COLUMN descartada_en     timestamptz,
    ADD COLUMN descartada_por    text,
    ADD COLUMN descartada_porque text;
COMMENT ON COLUMN letras_muertas.reintentada_en IS 'Cuándo se reintentó por última vez, si después volvió a morir';

ALTER TABLE entregas ADD COLUMN reintentada_en timestamptz;
COMMENT ON COLUMN entregas.reintentada_en IS 'Cuándo la sacó alguien de las letras muertas: su plazo cuenta desde ahí';

CREATE INDEX letras_muertas_por_mensaje ON letras_muertas (suscripcion, id_mensaje);
CREATE INDEX letras_muertas_por_edad ON letras_muertas (descartada_en) WHERE descartada_en IS NOT NULL;
CREATE INDEX bandeja_entrada_por_edad ON bandeja_entrada (suscripcion, recibida_en);
CREATE INDEX resultados_comando_por_edad ON resultados_comando (terminado_en);

-- Los eventos se guardan mucho más que lo demás: cada parte tiene su índice, y ninguna se recorre por la otra.
CREATE INDEX bandeja_salida_eventos_por_edad ON bandeja_salida (publicada_en)
    WHERE publicada_en IS NOT NULL AND topico LIKE 'eventos-%' AND topico NOT LIKE '%-dlq';
CREATE INDEX bandeja_salida_resto_por_edad ON bandeja_salida (publicada_en)
    WHERE publicada_en IS NOT NULL AND (topico NOT LIKE 'eventos-%' OR topico LIKE '%-dlq');
