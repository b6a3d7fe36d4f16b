//! Lo que se cuenta según pasa, por *Server-Sent Events*: el programa de verdad sobre un PostgreSQL de verdad.

#[path = "../http/apoyo.rs"]
#[expect(dead_code, reason = "aquí se usa sólo una parte")]
mod apoyo;
#[path = "../http/cerrado.rs"]
#[expect(dead_code, reason = "aquí se usa sólo una parte")]
mod cerrado;
mod comandos;
#[path = "../comun/mod.rs"]
mod comun;
mod flujo;
mod flujos;
mod reservas;
