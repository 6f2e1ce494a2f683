use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsAcceptor;

use super::support::{TestServer, content, get, read_head, run, settings};
use crate::gateway::upstream::{SetupError, Upstream, UpstreamError};
use crate::settings::Scheme;
use crate::settings::Server;
use crate::settings::UpstreamTls;

/// An authority of our own and a server for `name`.
struct Site {
    folder: TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
    server: TestServer,
}

impl Site {
    async fn start(name: &str, asks_for_identity: bool) -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()])
            .unwrap()
            .signed_by(&key, &authority)
            .unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if asks_for_identity {
            let mut roots = RootCertStore::empty();
            roots.add(authority.der().clone()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = builder.with_single_cert(vec![certificate.der().clone()], private).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let mut server = TestServer::start(move |stream, _| {
            let acceptor = acceptor.clone();
            async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                while let Some(head) = read_head(&mut stream).await {
                    if head.starts_with("get /cut ") {
                        let part = b"HTTP/1.1 200 OK\r\n\r\npart";
                        stream.write_all(part).await.unwrap();
                        stream.flush().await.unwrap();
                        return;
                    }
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
                    stream.write_all(answer).await.unwrap();
                    stream.flush().await.unwrap();
                }
            }
        })
        .await;
        server.address.scheme = Scheme::Https;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        Self { folder, authority, server }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn trusting(&self) -> UpstreamTls {
        UpstreamTls { ca: Some(self.path("ca.pem")), ..UpstreamTls::default() }
    }

    fn upstream(&self, tls: UpstreamTls, host: Option<&str>) -> Upstream {
        let mut settings = settings(vec![self.server.address.clone()]);
        settings.tls = tls;
        settings.host = host.map(str::to_owned);
        Upstream::new(&settings).unwrap()
    }
}

async fn answer(upstream: &Upstream, target: &str) -> Result<Vec<u8>, UpstreamError> {
    content(upstream.client().send(get(target)).await?).await
}

#[test]
fn a_server_whose_name_an_authority_of_ours_vouches_for_is_spoken_to_over_one_connection() {
    run(async {
        let site = Site::start("shop.example", false).await;
        let client = site.upstream(site.trusting(), Some("shop.example:8443")).client();
        for _ in 0..3 {
            assert_eq!(content(client.send(get("/")).await.unwrap()).await.unwrap(), b"hello");
        }
        assert_eq!(site.server.accepted(), 1);
        let tls = UpstreamTls { server_name: Some("shop.example".to_owned()), ..site.trusting() };
        assert_eq!(answer(&site.upstream(tls, None), "/").await.unwrap(), b"hello");
    });
}

#[test]
fn a_server_with_another_name_or_an_unknown_authority_gets_no_request() {
    run(async {
        let site = Site::start("shop.example", false).await;
        let other = Site::start("shop.example", false).await;
        for upstream in [
            site.upstream(site.trusting(), Some("bank.example")),
            site.upstream(site.trusting(), None),
            site.upstream(other.trusting(), Some("shop.example")),
        ] {
            let error = answer(&upstream, "/").await.unwrap_err();
            assert!(matches!(error, UpstreamError::Connect { .. }), "{error}");
        }
    });
}

#[test]
fn a_server_that_asks_who_we_are_is_told() {
    run(async {
        let site = Site::start("shop.example", true).await;
        assert!(answer(&site.upstream(site.trusting(), Some("shop.example")), "/").await.is_err());
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["gateway.example".to_owned()])
            .unwrap()
            .signed_by(&key, &site.authority)
            .unwrap();
        std::fs::write(site.path("me.pem"), certificate.pem()).unwrap();
        std::fs::write(site.path("me.key"), key.serialize_pem()).unwrap();
        let tls = UpstreamTls {
            client: Some((site.path("me.pem"), site.path("me.key"))),
            ..site.trusting()
        };
        let upstream = site.upstream(tls, Some("shop.example"));
        assert_eq!(answer(&upstream, "/").await.unwrap(), b"hello");
    });
}

#[test]
fn a_body_without_length_that_tls_did_not_end_is_cut_not_whole() {
    run(async {
        let site = Site::start("shop.example", false).await;
        let upstream = site.upstream(site.trusting(), Some("shop.example"));
        let error = answer(&upstream, "/cut").await.unwrap_err();
        assert!(matches!(error, UpstreamError::Closed { .. }), "{error}");
    });
}

#[test]
fn settings_that_cannot_work_are_refused_at_once() {
    let address = Server::parse("https://[::1]:8443").unwrap();
    let mut missing = settings(vec![address]);
    missing.tls.ca = Some(PathBuf::from("/nonexistent/ca.pem"));
    assert!(matches!(Upstream::new(&missing), Err(SetupError::Certificates { .. })));
    assert!(matches!(Upstream::new(&settings(Vec::new())), Err(SetupError::NoServers { .. })));
}
