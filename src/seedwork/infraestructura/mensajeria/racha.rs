//! Contar una avería una vez, y no cada vez que se nota.

/// Si algo viene fallando.
#[derive(Default)]
pub struct Racha(bool);

impl Racha {
    /// Falló; dice si es la primera vez desde que iba bien.
    pub const fn fallo(&mut self) -> bool {
        !std::mem::replace(&mut self.0, true)
    }

    /// Fue bien; dice si venía fallando.
    pub const fn bien(&mut self) -> bool {
        std::mem::replace(&mut self.0, false)
    }
}
