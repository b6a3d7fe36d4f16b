-- Lo que hace falta para contar lo que pasa según pasa: qué transacción guardó cada mensaje, y cuándo llegó un comando.

-- El orden de posicion no es el de confirmación entre claves distintas: quien lee en vivo pregunta qué transacciones no
-- se veían la vez anterior (pg_snapshot). El valor por defecto no es volátil: no se reescribe la tabla, y lo que ya
-- había queda con la transacción de esta migración.
ALTER TABLE bandeja_salida ADD COLUMN transaccion xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX bandeja_salida_por_transaccion ON bandeja_salida (transaccion);

ALTER TABLE entregas ADD COLUMN recibida_en timestamptz NOT NULL DEFAULT now();
ALTER TABLE resultados_comando ADD COLUMN recibido_en timestamptz;
COMMENT ON COLUMN resultados_comando.recibido_en IS 'Cuándo se guardó la entrega que lo traía; nulo si no se sabe';
