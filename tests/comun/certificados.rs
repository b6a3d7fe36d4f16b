//! Una autoridad de certificación de juguete y lo que firma, en archivos PEM que se borran con ella.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

/// Una autoridad.
pub struct Autoridad {
    emisor: CertifiedIssuer<'static, KeyPair>,
    carpeta: TempDir,
}

/// Un certificado y su clave privada.
pub struct Identidad {
    pub certificado: String,
    pub clave: String,
}

impl Autoridad {
    pub fn nueva() -> Self {
        let mut parametros = CertificateParams::default();
        parametros.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let emisor = CertifiedIssuer::self_signed(parametros, KeyPair::generate().unwrap()).unwrap();
        // Como root, los servidores corren bajo otro usuario y también tienen que llegar.
        let permisos = PermissionsExt::from_mode(0o755);
        let carpeta = tempfile::Builder::new().permissions(permisos).tempdir().unwrap();
        std::fs::write(carpeta.path().join("autoridad.pem"), emisor.pem()).unwrap();
        Self { emisor, carpeta }
    }

    /// Su certificado.
    pub fn archivo(&self) -> String {
        self.ruta("autoridad.pem")
    }

    /// Firma una identidad para ese nombre o esa dirección; también es su nombre común, el que mira PostgreSQL.
    pub fn emitir(&self, nombre: &str) -> Identidad {
        let clave = KeyPair::generate().unwrap();
        let mut parametros = CertificateParams::new([nombre.to_owned()]).unwrap();
        parametros.distinguished_name.push(DnType::CommonName, nombre);
        let certificado = parametros.signed_by(&clave, &self.emisor).unwrap();
        self.escribir(&format!("{nombre}.pem"), &certificado.pem());
        self.escribir(&format!("{nombre}.clave.pem"), &clave.serialize_pem());
        Identidad { certificado: self.ruta(&format!("{nombre}.pem")), clave: self.ruta(&format!("{nombre}.clave.pem")) }
    }

    /// Deja un archivo al lado de los suyos y da su ruta.
    pub fn escribir(&self, nombre: &str, texto: &str) -> String {
        let ruta = self.ruta(nombre);
        std::fs::write(&ruta, texto).unwrap();
        ruta
    }

    fn ruta(&self, nombre: &str) -> String {
        let ruta: PathBuf = Path::join(self.carpeta.path(), nombre);
        ruta.to_str().unwrap().to_owned()
    }
}
