//! What a crash may leave at the end of a ledger.

/// Bytes at the end of the last segment that are no whole record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TornTail {
    /// File name of the segment.
    pub segment: String,
    /// Where the last whole record ends.
    pub offset: u64,
    /// Bytes from there to the end of the file.
    pub bytes: u64,
    /// Whether a later whole record stands among them: then this is not a torn write only, but lost pages or a damaged file.
    pub followed: bool,
}
