//! Checkpoints (C2SP tlog-checkpoint) in signed notes (C2SP signed-note), with cosignatures (C2SP tlog-cosignature).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::error::DefectKind;
use super::hash::Hash;
use super::key::{VerifierKey, is_name};

/// A checkpoint whose text has its form. Nothing in it is to be believed before [`Checkpoint::verify`].
#[derive(Clone, Debug)]
pub(super) struct Checkpoint {
    pub(super) origin: String,
    pub(super) size: u64,
    pub(super) root: Hash,
    /// What is signed: the lines up to the empty one.
    text: String,
    signatures: Vec<Signature>,
}

#[derive(Clone, Debug)]
struct Signature {
    name: String,
    id: [u8; 4],
    bytes: Vec<u8>,
}

impl Checkpoint {
    pub(super) fn read(note: &[u8]) -> Result<Self, DefectKind> {
        let fault = |reason| DefectKind::Note { reason };
        let note = std::str::from_utf8(note).map_err(|_| fault("it is not UTF-8"))?;
        if note.contains(|c: char| c < ' ' && c != '\n') {
            return Err(fault("it has control characters"));
        }
        let (text, signatures) =
            note.rsplit_once("\n\n").ok_or(fault("it has no signatures after an empty line"))?;
        let signatures =
            signatures.strip_suffix('\n').ok_or(fault("its last line does not end"))?;
        let signatures: Option<Vec<_>> = signatures.split('\n').map(signature).collect();
        let signatures = signatures.ok_or(fault("a signature line has not its form"))?;
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(fault("its text has not three lines"));
        };
        if origin.is_empty() {
            return Err(fault("its origin is empty"));
        }
        let size = decimal(size).ok_or(fault("its size is no number"))?;
        let root = Hash::from_base64(root.as_bytes()).ok_or(fault("its root is no hash"))?;
        Ok(Self { origin: origin.to_owned(), size, root, text: format!("{text}\n"), signatures })
    }

    /// Checks that the log's key signed it. Signatures of other keys are not looked at.
    pub(super) fn verify(&self, key: &VerifierKey) -> Result<(), DefectKind> {
        let mut own = self.of(key).peekable();
        if own.peek().is_none() {
            return Err(DefectKind::WrongKey { key: key.to_string() });
        }
        if !own.all(|signature| key.verifies(self.text.as_bytes(), &signature.bytes)) {
            return Err(DefectKind::Signature { by: key.name().to_owned() });
        }
        if self.origin != key.name() {
            return Err(DefectKind::Note { reason: "its origin is not the name of the key" });
        }
        Ok(())
    }

    /// When that witness cosigned it, in seconds since 1970-01-01T00:00:00Z; `None` if it did not.
    pub(super) fn cosigned(&self, witness: &VerifierKey) -> Result<Option<u64>, DefectKind> {
        let mut cosigned = None;
        for signature in self.of(witness) {
            let fault = || DefectKind::Signature { by: witness.name().to_owned() };
            let (time, signature) = signature.bytes.split_first_chunk().ok_or_else(fault)?;
            let time = u64::from_be_bytes(*time);
            let message = format!("cosignature/v1\ntime {time}\n{}", self.text);
            if i64::try_from(time).is_err() || !witness.verifies(message.as_bytes(), signature) {
                return Err(fault());
            }
            cosigned = cosigned.max(Some(time));
        }
        Ok(cosigned)
    }

    fn of(&self, key: &VerifierKey) -> impl Iterator<Item = &Signature> {
        self.signatures.iter().filter(|signature| key.is(&signature.name, signature.id))
    }
}

/// Reads `— <name> <base64 of key id and signature>`.
fn signature(line: &str) -> Option<Signature> {
    let (name, bytes) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
    let bytes = STANDARD.decode(bytes).ok()?;
    let (id, bytes) = bytes.split_first_chunk()?;
    is_name(name).then(|| Signature { name: name.to_owned(), id: *id, bytes: bytes.to_vec() })
}

/// ASCII digits without a leading zero.
pub(super) fn decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let leading = text.len() > 1 && text.starts_with('0');
    text.parse().ok().filter(|_| plain && !leading)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From C2SP tlog-cosignature; the specification does not give the keys.
    const EXAMPLE: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
        — witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

    #[test]
    fn the_example_of_the_specification_is_read() {
        let checkpoint = Checkpoint::read(EXAMPLE.as_bytes()).unwrap();
        assert_eq!(checkpoint.origin, "example.com/behind-the-sofa");
        assert_eq!(checkpoint.size, 20_852_163);
        let lengths: Vec<_> = checkpoint.signatures.iter().map(|one| one.bytes.len()).collect();
        assert_eq!(lengths, [64, 72]);
        let stranger = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
        let stranger = VerifierKey::log(stranger).unwrap();
        assert!(matches!(checkpoint.verify(&stranger), Err(DefectKind::WrongKey { .. })));
        assert_eq!(checkpoint.cosigned(&stranger), Ok(None));
    }

    #[test]
    fn text_that_is_not_exactly_a_checkpoint_is_refused() {
        for (from, to) in [
            ("20852163", "020852163"),
            ("20852163", "+20852163"),
            ("20852163", "18446744073709551616"),
            ("20852163", ""),
            ("example.com/behind-the-sofa\n2", "\n2"),
            ("q2I=\n\n", "q2I=\nextension\n\n"),
            ("q2I=", "q2J="),
            ("q2I=\n\n", "q2I=\n"),
            ("\u{2014} witness", "- witness"),
            ("\u{2014} witness", "\u{2014}  witness"),
            ("/w1 jW", "/w1+jW"),
            ("nA==\n", "nA=="),
            ("nA==\n", "nA==\n\n"),
            ("nA==\n", "nA==\r\n"),
        ] {
            let text = EXAMPLE.replacen(from, to, 1);
            assert_ne!(text, EXAMPLE);
            assert!(Checkpoint::read(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Checkpoint::read(b"").is_err());
        assert!(Checkpoint::read(b"\n\n").is_err());
    }
}
