//! Who vouched, as it stands in a record.

use serde::Serialize;

use crate::settings::CertificateName;
use crate::settings::Route;

use super::principal::Principal;
use super::principal::recorded_name;
use super::secrets::account_without_secrets;
use super::secrets::without_secrets;

/// Who vouched: never the token or the certificate itself.
#[derive(Serialize)]
pub(super) struct PrincipalRecord<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<CertificateRecord<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<std::borrow::Cow<'a, str>>,
}

/// The name of a certificate that was used; of an e-mail address the domain, as elsewhere.
#[derive(Default, Serialize)]
struct CertificateRecord<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    common_name: Option<std::borrow::Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dns: Option<std::borrow::Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_domain: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<std::borrow::Cow<'a, str>>,
}

impl<'a> PrincipalRecord<'a> {
    /// The record of a principal, as the route uses it.
    pub(super) fn of(principal: &'a Principal, route: Option<&Route>) -> Self {
        let name = principal.certificate.as_ref().and_then(|found| recorded_name(found, route));
        let certificate = name.map(|(kind, name)| {
            let mut certificate = CertificateRecord::default();
            let plain = Some(account_without_secrets(name));
            match kind {
                CertificateName::CommonName => certificate.common_name = plain,
                CertificateName::Dns => certificate.dns = plain,
                CertificateName::Email => {
                    certificate.email_domain = name.rsplit_once('@').map(|(_, domain)| domain);
                }
                CertificateName::Uri => certificate.uri = plain,
            }
            certificate
        });
        let token = principal.token.as_ref();
        Self {
            certificate,
            issuer: token.map(|token| &*token.issuer),
            subject: token.and_then(|token| token.subject.as_deref()).map(without_secrets),
        }
    }
}
