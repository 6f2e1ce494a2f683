//! TLS to the servers: rustls with aws-lc-rs, the server's name always verified.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::settings::Server;
use crate::settings::UpstreamTls;

use super::error::SetupError;

/// The connector for an upstream's `https` servers. Reads the files now; later changes need a new upstream.
///
/// # Errors
/// A file that cannot be read, an empty set of authorities, or an identity that does not fit together.
pub(super) fn connector(settings: &UpstreamTls) -> Result<TlsConnector, SetupError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| tls_error(&error))?
        .with_root_certificates(authorities(settings)?);
    let mut config = match &settings.client {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            let private =
                PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, &error))?;
            builder
                .with_client_auth_cert(certificates(chain)?, private)
                .map_err(|error| tls_error(&error))?
        }
    };
    // Only HTTP/1.1 is spoken here; say so, lest a server choose HTTP/2.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The name to ask for and to verify.
///
/// # Errors
/// A name no certificate can bear.
pub(super) fn server_name(
    settings: &UpstreamTls,
    host: Option<&str>,
    address: &Server,
) -> Result<ServerName<'static>, SetupError> {
    let name = match (&settings.server_name, host) {
        (Some(name), _) => name.clone(),
        (None, Some(host)) => host
            .parse::<http::uri::Authority>()
            .map_or_else(|_| host.to_owned(), |authority| authority.host().to_owned()),
        (None, None) => address.host.clone(),
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']').to_owned();
    ServerName::try_from(bare).map_err(|_| SetupError::ServerName { name })
}

fn authorities(settings: &UpstreamTls) -> Result<RootCertStore, SetupError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = &settings.ca {
        for certificate in certificates(path)? {
            roots.add(certificate).map_err(|error| unreadable(path, &error))?;
        }
    } else {
        // Some systems carry a broken certificate or two; what can be read is trusted, none at all is an error.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(SetupError::Tls {
                what: "the operating system names no certificate authorities".to_owned(),
            });
        }
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let found: Vec<_> = CertificateDer::pem_reader_iter(BufReader::new(file))
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable(path, &error))?;
    if found.is_empty() {
        return Err(unreadable(path, &"holds no certificate"));
    }
    Ok(found)
}

fn unreadable(path: &Path, what: &dyn std::fmt::Display) -> SetupError {
    SetupError::Certificates { path: path.to_owned(), what: what.to_string() }
}

fn tls_error(error: &rustls::Error) -> SetupError {
    SetupError::Tls { what: error.to_string() }
}
