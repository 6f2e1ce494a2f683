//! AES-256-GCM: a random nonce of 12 bytes in front, the text of the record's id as additional data.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;

/// Nonce and ciphertext; none if the system gives no random bytes.
pub(super) fn encrypt(key: &[u8; 32], id: &str, clear: &[&[u8]]) -> Option<Vec<u8>> {
    let mut nonce = [0; NONCE_LEN];
    rand::fill(&mut nonce).ok()?;
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?);
    let mut text = clear.concat();
    let sealing = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(sealing, Aad::from(id.as_bytes()), &mut text).ok()?;
    Some([nonce.as_slice(), &text].concat())
}

/// What was encrypted; none if the key or the id is another, or a bit has changed.
pub(super) fn decrypt(key: &[u8; 32], id: &str, part: &[u8]) -> Option<Vec<u8>> {
    let (nonce, text) = part.split_first_chunk::<NONCE_LEN>()?;
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?);
    let mut text = text.to_vec();
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let length = key.open_in_place(nonce, Aad::from(id.as_bytes()), &mut text).ok()?.len();
    text.truncate(length);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_key_and_id_together_open_a_part_and_any_changed_bit_closes_it() {
        let part = encrypt(&[7; 32], "an id", &[b"salt", b"{}"]).unwrap();
        assert_eq!(part.len(), 12 + 6 + 16);
        assert_eq!(decrypt(&[7; 32], "an id", &part).unwrap(), b"salt{}");
        assert_eq!(decrypt(&[8; 32], "an id", &part), None);
        assert_eq!(decrypt(&[7; 32], "another", &part), None);
        for at in 0..part.len() {
            let mut changed = part.clone();
            changed[at] ^= 1;
            assert_eq!(decrypt(&[7; 32], "an id", &changed), None, "{at}");
        }
        assert_ne!(encrypt(&[7; 32], "an id", &[b"salt", b"{}"]).unwrap(), part);
    }
}
