-- Lo de una clave y lo de un mensaje se buscan cada uno por su índice. Los dos empezaban por la suscripción, y con la tabla
-- vacía a PostgreSQL le daban igual: el plan que guardaba podía recorrer después todo lo pendiente.

CREATE INDEX entregas_de_una_clave ON entregas (clave, posicion);
DROP INDEX entregas_por_clave;
