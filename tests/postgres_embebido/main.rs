//! El PostgreSQL embebido de verdad: arranques, caídas, carpetas difíciles y binarios.

mod apoyo;
mod arranque;
mod binarios;
mod caidas;
mod carpetas;
