-- Borrar a una persona, y códigos de validación que caducan y se agotan (docs/adr/0020).

-- Con el usuario se va su lista de reservas, sepa o no quien lo borre que existe; las reservas mismas quedan.
ALTER TABLE usuarios_reservas
    DROP CONSTRAINT usuarios_reservas_id_usuario_fkey,
    ADD CONSTRAINT usuarios_reservas_id_usuario_fkey FOREIGN KEY (id_usuario) REFERENCES usuarios (id) ON DELETE CASCADE;

ALTER TABLE usuarios
    ADD COLUMN codigo_emitido_en timestamptz,
    ADD COLUMN codigo_fallos     bigint NOT NULL DEFAULT 0 CHECK (codigo_fallos >= 0);

COMMENT ON COLUMN usuarios.codigo_emitido_en IS 'Cuándo se emitió el código de validación que vale; nulo si es el del registro';
COMMENT ON COLUMN usuarios.codigo_fallos IS 'Cuántas veces se falló el código que vale';
