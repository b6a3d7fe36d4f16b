//! Una solicitud a las rutas de verdad, sin base de datos: el primer byte dice dónde van los demás.

#![no_main]

#[path = "../propiedades/sin_base.rs"]
mod sin_base;
#[path = "../propiedades/solicitudes.rs"]
mod solicitudes;

use libfuzzer_sys::fuzz_target;

use sin_base::SinBase;

thread_local! {
    static RUTAS: SinBase = SinBase::nueva();
}

fuzz_target!(|datos: &[u8]| {
    let Some((forma, bytes)) = datos.split_first() else { return };
    if let Some(solicitud) = solicitudes::solicitud(*forma, bytes) {
        solicitudes::comprobar(&RUTAS.with(|rutas| rutas.pedir(solicitud)));
    }
});
