//! What a report can say of the ledger's proof.

/// Whether what the report counts was verified, and by what.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ProofStatus {
    /// The verification found a defect: the report counts what cannot be relied on.
    Failed {
        /// What is wrong, and where.
        reason: String,
    },
    /// Nobody looked.
    NotVerified,
    /// Every record was verified under a signed checkpoint.
    Verified {
        /// Id of the key that signed, as in the verifier key.
        key: String,
        /// The root of the tree, in base64.
        root: String,
        /// Records that the checkpoint covers.
        size: u64,
        /// Records after it, which it does not yet cover.
        unpublished: u64,
    },
}
