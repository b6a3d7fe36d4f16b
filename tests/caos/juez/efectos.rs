//! Cada petición tuvo los efectos que se le reconocieron, ni uno más, y con el contenido que se envió.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};
use uuid::Uuid;

use super::datos::{Datos, Mensaje};
use super::exigir;
use crate::historia::{Clase, Desenlace, Efecto, Historia, Intento, Peticion};

/// Los efectos de cada solicitud, por su correlación.
type Efectos<'a> = HashMap<&'a str, Vec<&'a Mensaje>>;
/// Cuántos eventos causó cada comando.
type Causados = HashMap<Uuid, usize>;

pub fn juzgar(historia: &Historia, datos: &Datos, peticiones: &[Peticion]) {
    let efectos = datos.por_correlacion();
    let mut causados = Causados::new();
    for causa in datos.eventos().filter_map(|evento| evento.causa) {
        *causados.entry(causa).or_default() += 1;
    }
    let juez = Juez { historia, datos, efectos: &efectos, causados: &causados };
    for peticion in peticiones {
        if peticion.clave.is_some() {
            juez.con_clave(peticion);
        } else {
            for intento in &peticion.intentos {
                juez.sin_clave(peticion, intento);
            }
        }
        for intento in &peticion.intentos {
            juez.comando(peticion, intento);
            juez.contenido(peticion, intento);
        }
    }
    juez.nadie_los_pidio(peticiones);
}

struct Juez<'a> {
    historia: &'a Historia,
    datos: &'a Datos,
    efectos: &'a Efectos<'a>,
    causados: &'a Causados,
}

impl Juez<'_> {
    fn efectos_de(&self, intento: &Intento) -> &[&Mensaje] {
        self.efectos.get(intento.correlacion.to_string().as_str()).map_or(&[], Vec::as_slice)
    }

    /// Si un comando aceptado se rechazó después.
    fn rechazado(&self, id_comando: Uuid) -> bool {
        self.datos.resultados.get(&id_comando).is_some_and(|resultado| resultado.rechazo.is_some())
    }

    /// Cuántos efectos debe y puede haber, según un desenlace.
    fn debidos(&self, desenlace: &Desenlace) -> (usize, usize) {
        match desenlace {
            Desenlace::Aceptado { id_comando, .. } if self.rechazado(*id_comando) => (0, 0),
            Desenlace::Hecho { .. } | Desenlace::Aceptado { .. } => (1, 1),
            Desenlace::Rechazado(500.., _) | Desenlace::Desconocido(_) => (0, 1),
            Desenlace::Rechazado(..) | Desenlace::SinEfecto(_) => (0, 0),
        }
    }

    fn sin_clave(&self, peticion: &Peticion, intento: &Intento) {
        let (al_menos, como_mucho) = self.debidos(&intento.desenlace);
        let hallados = self.efectos_de(intento);
        self.contar(peticion, hallados.len(), al_menos, como_mucho, &[intento]);
        self.del_tipo(peticion, hallados);
        if let Desenlace::Rechazado(500.., problema) = &intento.desenlace {
            let detalle = format!("{:?} respondió 500 ({problema})", peticion.efecto);
            self.historia.defecto(Clase::Inconsistente, detalle);
        }
    }

    /// Con clave, todos los intentos son uno: un solo efecto y una sola respuesta.
    fn con_clave(&self, peticion: &Peticion) {
        let intentos: Vec<_> = peticion.intentos.iter().collect();
        let hallados: Vec<_> = intentos.iter().flat_map(|intento| self.efectos_de(intento)).copied().collect();
        let debidos = || intentos.iter().map(|intento| self.debidos(&intento.desenlace));
        let al_menos = debidos().map(|(al_menos, _)| al_menos).max().unwrap_or_default();
        let como_mucho = debidos().map(|(_, como_mucho)| como_mucho).max().unwrap_or_default();
        self.contar(peticion, hallados.len(), al_menos, como_mucho, &intentos);
        self.del_tipo(peticion, &hallados);
        let respuestas: Vec<_> = intentos.iter().map(|intento| &intento.desenlace).filter(|d| d.reconoce()).collect();
        let distintas = respuestas.windows(2).any(|par| par[0] != par[1]);
        exigir(self.historia, !distintas, Clase::Duplicada, || {
            format!("la misma clave {:?} tuvo respuestas distintas: {respuestas:?}", peticion.clave)
        });
    }

    fn contar(&self, peticion: &Peticion, hallados: usize, al_menos: usize, como_mucho: usize, intentos: &[&Intento]) {
        let detalle = || {
            let (efecto, objetivo) = (peticion.efecto, peticion.objetivo);
            let vistos: Vec<_> = intentos.iter().map(|i| (i.correlacion, &i.desenlace)).collect();
            format!("{efecto:?} de {objetivo:?} tuvo {hallados} efectos: {vistos:?}")
        };
        exigir(self.historia, hallados >= al_menos, Clase::Perdida, detalle);
        exigir(self.historia, hallados <= como_mucho, Clase::Duplicada, detalle);
    }

    fn del_tipo(&self, peticion: &Peticion, hallados: &[&Mensaje]) {
        for evento in hallados {
            let suyo = evento.tipo == peticion.efecto.evento() && peticion.objetivo.is_none_or(|id| id == evento.clave);
            exigir(self.historia, suyo, Clase::Inconsistente, || {
                format!("{:?} de {:?} causó {} de {}", peticion.efecto, peticion.objetivo, evento.tipo, evento.clave)
            });
        }
    }

    /// Un 202 tiene exactamente un resultado, y ese resultado dice la verdad.
    fn comando(&self, peticion: &Peticion, intento: &Intento) {
        let Desenlace::Aceptado { id_comando, .. } = &intento.desenlace else { return };
        let efecto = peticion.efecto;
        let Some(resultado) = self.datos.resultados.get(id_comando) else {
            return self
                .historia
                .defecto(Clase::Perdida, format!("{efecto:?} {id_comando}, aceptado, no tiene resultado"));
        };
        exigir(self.historia, resultado.comando == efecto.comando(), Clase::Inconsistente, || {
            format!("el resultado de {efecto:?} {id_comando} es de {}", resultado.comando)
        });
        let causados = self.causados.get(id_comando).copied().unwrap_or_default();
        let Some(rechazo) = &resultado.rechazo else {
            return exigir(self.historia, causados == 1, Clase::Inconsistente, || {
                format!("{efecto:?} {id_comando}, ejecutado, causó {causados} eventos")
            });
        };
        exigir(self.historia, causados == 0, Clase::Inconsistente, || {
            format!("{efecto:?} {id_comando}, rechazado ({}), causó {causados} eventos", rechazo.0)
        });
        let motivo = rechazo["codigo"].as_str().unwrap_or_default();
        let sin_razon = ["mensaje-apartado", "comando-caducado", "valor-duplicado", "error-interno"].contains(&motivo)
            || efecto == Efecto::Crear && peticion.id_cliente.is_none();
        exigir(self.historia, !sin_razon, Clase::Perdida, || {
            format!("{efecto:?} {id_comando}, aceptado y posible, acabó rechazado: {}", rechazo.0)
        });
    }

    fn contenido(&self, peticion: &Peticion, intento: &Intento) {
        let id = match &intento.desenlace {
            Desenlace::Hecho { id } => *id,
            Desenlace::Aceptado { id_comando, id } if !self.rechazado(*id_comando) => *id,
            _ => return,
        };
        let Some(contenido) = &peticion.contenido else {
            return exigir(self.historia, peticion.objetivo == Some(id), Clase::Inconsistente, || {
                format!("{:?} de {:?} respondió por {id}", peticion.efecto, peticion.objetivo)
            });
        };
        let consta = self.consta(peticion.efecto, id);
        exigir(self.historia, consta.as_ref() == Some(&contenido.guardado), Clase::Perdida, || {
            format!("{:?} {id}: se envió {} y consta {consta:?}", peticion.efecto, contenido.guardado)
        });
    }

    fn consta(&self, efecto: Efecto, id: Uuid) -> Option<Value> {
        if efecto == Efecto::Registrar {
            let usuario = self.datos.usuarios.get(&id)?;
            return Some(json!({"nombres": usuario.nombres, "apellidos": usuario.apellidos, "email": usuario.email,
                "es_empresarial": usuario.es_empresarial}));
        }
        let reserva = self.datos.reservas.get(&id)?;
        Some(json!({"itinerarios": reserva.itinerarios.0, "id_cliente": reserva.id_cliente}))
    }

    /// Todo lo que consta lo pidió alguien.
    fn nadie_los_pidio(&self, peticiones: &[Peticion]) {
        let intentos = peticiones.iter().flat_map(|peticion| &peticion.intentos);
        let pedidas: HashSet<_> = intentos.map(|intento| intento.correlacion.to_string()).collect();
        for evento in self.datos.eventos() {
            exigir(self.historia, pedidas.contains(&evento.correlacion), Clase::Inconsistente, || {
                format!("nadie pidió {} de {}", evento.tipo, evento.clave)
            });
        }
    }
}
