//! Páginas por cursor, de lo más nuevo a lo más viejo.

use time::OffsetDateTime;
use uuid::Uuid;

/// Un lugar en una lista ordenada por fecha y por identidad: la página empieza justo después de él.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Fecha de creación del último elemento visto.
    pub fecha: OffsetDateTime,
    /// Identidad del último elemento visto.
    pub id: Uuid,
}

/// Cuántos elementos puede tener una página: de 1 a 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limite(u8);

impl Limite {
    /// Elementos por página cuando nadie dice otra cosa.
    pub const POR_DEFECTO: Self = Self(50);
    /// El mayor límite que se admite.
    pub const MAXIMO: u8 = 200;

    /// Un límite, o nada si no está entre 1 y 200.
    #[must_use]
    pub const fn nuevo(cantidad: u8) -> Option<Self> {
        if cantidad >= 1 && cantidad <= Self::MAXIMO { Some(Self(cantidad)) } else { None }
    }

    /// Elementos por página.
    #[must_use]
    pub const fn cantidad(self) -> u8 {
        self.0
    }
}

/// Qué página se pide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pedido {
    /// Después de qué elemento empieza; sin él, es la primera página.
    pub desde: Option<Cursor>,
    /// Cuántos elementos como mucho.
    pub limite: Limite,
}

/// Una página y, si quedan más elementos, dónde sigue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pagina<T> {
    /// Los elementos.
    pub elementos: Vec<T>,
    /// El cursor de la página siguiente.
    pub siguiente: Option<Cursor>,
}

impl<T> Pagina<T> {
    /// Forma la página con lo leído, que trae uno de más cuando quedan elementos.
    pub fn de(mut leidos: Vec<T>, limite: Limite, cursor: impl Fn(&T) -> Cursor) -> Self {
        let cantidad = usize::from(limite.cantidad());
        let hay_mas = leidos.len() > cantidad;
        leidos.truncate(cantidad);
        let siguiente = if hay_mas { leidos.last().map(cursor) } else { None };
        Self { elementos: leidos, siguiente }
    }
}

#[cfg(test)]
mod pruebas {
    use super::*;

    fn cursor(id: &Uuid) -> Cursor {
        Cursor { fecha: OffsetDateTime::UNIX_EPOCH, id: *id }
    }

    #[test]
    fn solo_hay_pagina_siguiente_si_se_leyo_uno_de_mas() {
        let (limite, ids) = (Limite::nuevo(2).unwrap(), [9, 8, 7].map(Uuid::from_u128));
        let justa = Pagina::de(ids[..2].to_vec(), limite, cursor);
        assert_eq!((justa.elementos, justa.siguiente), (ids[..2].to_vec(), None));
        let larga = Pagina::de(ids.to_vec(), limite, cursor);
        assert_eq!((larga.elementos, larga.siguiente), (ids[..2].to_vec(), Some(cursor(&ids[1]))));
    }

    #[test]
    fn el_limite_va_de_1_a_200() {
        assert_eq!(Limite::nuevo(0), None);
        assert_eq!(Limite::nuevo(201), None);
        assert_eq!(Limite::nuevo(200).map(Limite::cantidad), Some(200));
    }
}
