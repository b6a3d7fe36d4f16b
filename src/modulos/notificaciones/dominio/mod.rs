//! Lo que se sabe de un correo antes de escribirlo, y cuánto se insiste en entregarlo.

pub mod correo;
