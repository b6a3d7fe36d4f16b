//! El PostgreSQL embebido de verdad: arranques, caídas, carpetas difíciles y binarios.

mod a_su_lado;
mod apoyo;
mod arranque;
mod binarios;
mod caidas;
mod carpetas;
