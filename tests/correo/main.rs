//! Los correos, contra un servidor SMTP de verdad (aiosmtpd): qué llega, cuántas veces y qué pasa cuando no se puede.
//!
//! `AEROALPES_PYTHON` dice con qué Python; `./dev pruebas` lo prepara.

#[path = "../comun/mod.rs"]
mod comun;

mod apoyo;
mod cartas;
mod cifrado;
mod fallas;
mod una_sola_vez;
