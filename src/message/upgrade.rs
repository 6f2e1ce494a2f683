//! The WebSocket handshake (RFC 6455 4, RFC 9110 7.8): what a client asks for, and whether a server has agreed.
//!
//! Only this one upgrade is known. Everything else that `Upgrade` can name is for one hop and ends at the gateway; a
//! handshake that is asked for in two ways is no handshake.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// RFC 6455 1.3: what a server joins to the key, and nobody who does not speak the protocol would.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The one version that there is.
pub const WEBSOCKET_VERSION: &str = "13";

/// What a request asks of its connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Upgrade<'a> {
    /// Nothing that is passed on: the request is an ordinary one.
    Absent,
    /// A WebSocket, by a handshake that is not the protocol's.
    Malformed,
    /// A WebSocket of a version that is not spoken.
    OtherVersion,
    /// A WebSocket, with this key.
    WebSocket(&'a str),
}

impl<'a> Upgrade<'a> {
    /// Reads the values of `Upgrade`, `Connection`, `Sec-WebSocket-Version` and `Sec-WebSocket-Key`. `is_plain_get` says that
    /// the request is a `GET` without a body.
    pub fn of(
        upgrade: impl Iterator<Item = &'a [u8]>,
        connection: impl Iterator<Item = &'a [u8]>,
        version: impl Iterator<Item = &'a [u8]>,
        key: impl Iterator<Item = &'a [u8]>,
        is_plain_get: bool,
    ) -> Self {
        if !is_websocket(upgrade) || !names(connection, b"upgrade") {
            return Self::Absent;
        }
        let Some(version) = single(version) else { return Self::Malformed };
        if version != WEBSOCKET_VERSION.as_bytes() {
            return Self::OtherVersion;
        }
        let key = single(key).and_then(|key| std::str::from_utf8(key).ok());
        match key.filter(|key| is_plain_get && is_key(key)) {
            Some(key) => Self::WebSocket(key),
            None => Self::Malformed,
        }
    }
}

/// True if an answer agrees to the WebSocket that was asked for with `key`: its values of `Upgrade`, `Connection` and
/// `Sec-WebSocket-Accept`.
pub fn agrees_to_websocket<'a>(
    key: &str,
    upgrade: impl Iterator<Item = &'a [u8]>,
    connection: impl Iterator<Item = &'a [u8]>,
    accept: impl Iterator<Item = &'a [u8]>,
) -> bool {
    is_websocket(upgrade)
        && names(connection, b"upgrade")
        && single(accept).is_some_and(|accept| accept == websocket_accept(key).as_bytes())
}

/// What a server that speaks the protocol answers to `key`.
pub fn websocket_accept(key: &str) -> String {
    let mut context = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    context.update(key.as_bytes());
    context.update(GUID.as_bytes());
    STANDARD.encode(context.finish())
}

/// One value, one protocol.
fn is_websocket<'a>(upgrade: impl Iterator<Item = &'a [u8]>) -> bool {
    single(upgrade).is_some_and(|value| value.eq_ignore_ascii_case(b"websocket"))
}

fn is_key(key: &str) -> bool {
    STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == 16)
}

fn single<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
    let value = values.next()?.trim_ascii();
    values.next().is_none().then_some(value)
}

fn names<'a>(mut values: impl Iterator<Item = &'a [u8]>, option: &[u8]) -> bool {
    values.any(|value| {
        value.split(|byte| *byte == b',').any(|o| o.trim_ascii().eq_ignore_ascii_case(option))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn values<'a>(values: &'a [&'a str]) -> impl Iterator<Item = &'a [u8]> {
        values.iter().map(|value| value.as_bytes())
    }

    fn asked<'a>(
        upgrade: &'a [&'a str],
        connection: &'a [&'a str],
        version: &'a [&'a str],
        key: &'a [&'a str],
    ) -> Upgrade<'a> {
        Upgrade::of(values(upgrade), values(connection), values(version), values(key), true)
    }

    #[test]
    fn the_sample_of_the_rfc_is_accepted() {
        assert_eq!(websocket_accept(KEY), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_handshake_is_read_whatever_the_case_and_the_other_options() {
        for (upgrade, connection) in [
            ("websocket", "Upgrade"),
            ("WebSocket", "keep-alive, UPGRADE"),
            (" websocket ", "upgrade"),
        ] {
            let (upgrade, connection) = (&[upgrade], &[connection]);
            let asked = asked(upgrade, connection, &["13"], &[KEY]);
            assert_eq!(asked, Upgrade::WebSocket(KEY), "{upgrade:?} {connection:?}");
        }
    }

    #[test]
    fn another_upgrade_a_mixed_one_or_one_that_connection_does_not_name_is_none() {
        let up: &[&str] = &["Upgrade"];
        for (upgrade, connection) in [
            (&["h2c"][..], up),
            (&["websocket, h2c"], up),
            (&["websocket", "h2c"], up),
            (&["websocket/13"], up),
            (&[], up),
            (&["websocket"], &["close"]),
            (&["websocket"], &[]),
        ] {
            assert_eq!(asked(upgrade, connection, &["13"], &[KEY]), Upgrade::Absent, "{upgrade:?}");
        }
    }

    #[test]
    fn a_handshake_that_is_not_whole_is_malformed_and_another_version_is_told_apart() {
        let asked = |version: &'static [&'static str], key: &'static [&'static str]| {
            asked(&["websocket"], &["Upgrade"], version, key)
        };
        assert_eq!(asked(&["8"], &[KEY]), Upgrade::OtherVersion);
        assert_eq!(asked(&[], &[KEY]), Upgrade::Malformed);
        assert_eq!(asked(&["13", "13"], &[KEY]), Upgrade::Malformed);
        for key in [&[][..], &["short"], &["AAAA"], &[KEY, KEY], &["dGhlIHNhbXBsZSBub25jZQ"]] {
            assert_eq!(asked(&["13"], key), Upgrade::Malformed, "{key:?}");
        }
        let body = Upgrade::of(
            values(&["websocket"]),
            values(&["upgrade"]),
            values(&["13"]),
            values(&[KEY]),
            false,
        );
        assert_eq!(body, Upgrade::Malformed);
    }

    #[test]
    fn an_answer_agrees_only_with_all_three_fields_right() {
        let accept = websocket_accept(KEY);
        let agrees = |upgrade: &[&str], connection: &[&str], accept: &[&str]| {
            agrees_to_websocket(KEY, values(upgrade), values(connection), values(accept))
        };
        assert!(agrees(&["WebSocket"], &["Upgrade"], &[&accept]));
        assert!(!agrees(&["h2c"], &["Upgrade"], &[&accept]));
        assert!(!agrees(&["websocket"], &["close"], &[&accept]));
        assert!(!agrees(&["websocket"], &["Upgrade"], &[]));
        assert!(!agrees(&["websocket"], &["Upgrade"], &[&accept.to_lowercase()]));
        assert!(!agrees(&["websocket"], &["Upgrade"], &[&accept, &accept]));
    }
}
