//! Numbers in C2SP texts: ASCII decimals with one spelling each.

/// A decimal without sign and leading zeros; `0` is zero.
pub(super) fn decimal(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = digits && (text == "0" || !text.starts_with('0'));
    if canonical { text.parse().ok() } else { None }
}
