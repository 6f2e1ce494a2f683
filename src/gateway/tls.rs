//! Server certificates: read from PEM files, checked before use, replaced without a restart (RFC 8446; rustls).

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::ClientHello;
use rustls::server::ResolvesServerCert;
use rustls::server::WebPkiClientVerifier;
use rustls::sign::CertifiedKey;

use crate::settings::ClientCertificate;
use crate::settings::Tls;

/// Why a listener cannot speak TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A certificate and key that do not fit, or that rustls refuses.
    #[error("`{}`: {reason}", file.display())]
    Certificate {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file that is no PEM of that kind.
    #[error("cannot read `{}`: {reason}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
}

/// A listener's certificate, of which the next connection always sees the newest.
#[derive(Debug)]
pub struct Certificates {
    current: ArcSwap<CertifiedKey>,
    files: Tls,
}

impl Certificates {
    /// Reads the files.
    ///
    /// # Errors
    /// When a file cannot be read, or certificate and key do not fit.
    pub fn load(files: Tls) -> Result<Self, TlsError> {
        let key = certified_key(&files)?;
        Ok(Self { current: ArcSwap::from_pointee(key), files })
    }

    /// Reads the files again; on an error the last good certificate stays in use.
    ///
    /// # Errors
    /// As for [`Certificates::load`].
    pub fn reload(&self) -> Result<(), TlsError> {
        self.current.store(Arc::new(certified_key(&self.files)?));
        Ok(())
    }

    /// What a listener needs.
    ///
    /// # Errors
    /// When the authorities of client certificates cannot be read.
    pub fn server_config(self: &Arc<Self>) -> Result<ServerConfig, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let fault =
            |file: &Path, reason: String| TlsError::Certificate { file: file.to_owned(), reason };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| fault(&self.files.certificate, error.to_string()))?;
        let builder = match &self.files.client_ca {
            None => builder.with_no_client_auth(),
            Some(file) => {
                let mut roots = RootCertStore::empty();
                for authority in certificates(file)? {
                    roots.add(authority).map_err(|error| fault(file, error.to_string()))?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = match self.files.client_certificate {
                    ClientCertificate::Optional => verifier.allow_unauthenticated(),
                    ClientCertificate::Required => verifier,
                };
                let verifier = verifier.build().map_err(|error| fault(file, error.to_string()))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let resolver: Arc<dyn ResolvesServerCert> = Arc::clone(self) as Arc<dyn ResolvesServerCert>;
        let mut config = builder.with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = |reason: String| TlsError::Unreadable { file: file.to_owned(), reason };
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file)
        .map_err(|error| unreadable(error.to_string()))?
        .collect();
    let found = found.map_err(|error| unreadable(error.to_string()))?;
    if found.is_empty() { Err(unreadable("it holds no certificate".to_owned())) } else { Ok(found) }
}

fn certified_key(files: &Tls) -> Result<CertifiedKey, TlsError> {
    let chain = certificates(&files.certificate)?;
    let unreadable = |reason: String| TlsError::Unreadable { file: files.key.clone(), reason };
    let key =
        PrivateKeyDer::from_pem_file(&files.key).map_err(|error| unreadable(error.to_string()))?;
    let provider = aws_lc_rs::default_provider();
    CertifiedKey::from_der(chain, key, &provider).map_err(|error| TlsError::Certificate {
        file: files.certificate.clone(),
        reason: error.to_string(),
    })
}
