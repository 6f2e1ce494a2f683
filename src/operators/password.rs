//! Passwords: what may be one (NIST SP 800-63B, 5.1.1), and how one is made by the machine.
//!
//! Long, not equal to what attackers try first, not the person's own name; nothing is asked about capitals, digits or signs.
//!
//! **INVARIANT** The text leaves this module only towards the hash: it is in no error, no `Debug`, and its memory is cleared.

use std::fmt;

use aws_lc_rs::rand;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroize;
use zeroize::Zeroizing;

use super::account::AccountName;
use super::error::OperatorsError;

/// Fewest characters.
const FEWEST: usize = 12;
/// Most characters.
const MOST: usize = 256;
/// Fewer different characters than these are a pattern, not a secret.
const DIFFERENT: usize = 5;
/// A shorter name may well stand in a good password by chance.
const NAME_THAT_TELLS: usize = 3;
/// What passwords are made of by the machine: 32 signs that cannot be taken for one another.
const SIGNS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Groups of a made password, and signs in each: 125 bits.
const GROUPS: (usize, usize) = (5, 5);
/// Long passwords that are tried first, lower case, one a line.
const COMMON: &str = include_str!("common_passwords.txt");

/// A password as it was typed, in NFKC; cleared when it is dropped.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

/// The rule that a password breaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PasswordError {
    /// Many people have it, or it is a pattern.
    #[error(
        "the password is one of the first that are tried; take a few words that do not belong together"
    )]
    Common,
    /// The account's name is in it.
    #[error("the password contains the name of the operator; leave the name out")]
    HasName,
    /// More than 256 characters.
    #[error("the password is longer than 256 characters")]
    TooLong,
    /// Fewer than 12 characters.
    #[error("the password is shorter than 12 characters; take a few words")]
    TooShort,
}

impl Password {
    /// Takes a text over and clears it.
    pub fn new(mut text: String) -> Self {
        let password = Self(Zeroizing::new(text.nfkc().collect()));
        text.zeroize();
        password
    }

    /// A new one: five groups of five signs, 125 bits of the system's randomness.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn generate() -> Result<Self, OperatorsError> {
        let (groups, signs) = GROUPS;
        let mut bytes = Zeroizing::new([0_u8; GROUPS.0 * GROUPS.1]);
        rand::fill(bytes.as_mut_slice()).map_err(|_| OperatorsError::NoHash)?;
        let mut text = String::with_capacity(groups.saturating_mul(signs.saturating_add(1)));
        for group in bytes.chunks(signs) {
            if !text.is_empty() {
                text.push('-');
            }
            // 256 is a multiple of 32: every sign is as likely as the others.
            let sign = |byte: &u8| SIGNS.get(usize::from(byte % 32)).copied().map(char::from);
            text.extend(group.iter().filter_map(sign));
        }
        Ok(Self(Zeroizing::new(text)))
    }

    /// Holds it to the rules.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn check(&self, name: &AccountName) -> Result<(), PasswordError> {
        let chars = self.0.chars().count();
        if chars < FEWEST {
            return Err(PasswordError::TooShort);
        }
        if chars > MOST {
            return Err(PasswordError::TooLong);
        }
        let lower = Zeroizing::new(self.0.to_lowercase());
        if name.as_str().len() >= NAME_THAT_TELLS && lower.contains(name.as_str()) {
            return Err(PasswordError::HasName);
        }
        let mut different = Zeroizing::new(lower.chars().collect::<Vec<_>>());
        different.sort_unstable();
        different.dedup();
        if different.len() < DIFFERENT || COMMON.lines().any(|common| common == lower.as_str()) {
            return Err(PasswordError::Common);
        }
        Ok(())
    }

    /// The bytes to hash, or to show once to whoever had it made.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Tells nothing, not even the length.
impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn check(text: &str, name: &str) -> Result<(), PasswordError> {
        Password::new(text.to_owned()).check(&name.parse().unwrap())
    }

    #[test]
    fn length_counts_and_composition_does_not() {
        for good in ["tin lamp orbit", "thequickfoxx", "ünïcödé-größe", &"ab cdef".repeat(36)]
        {
            assert_eq!(check(good, "anna"), Ok(()), "{good}");
        }
        assert_eq!(check("tin lamp or", "anna"), Err(PasswordError::TooShort));
        assert_eq!(check(&"ab cd efg".repeat(29), "anna"), Err(PasswordError::TooLong));
        assert_eq!(check("ööööäääüüüß", "anna"), Err(PasswordError::TooShort), "11 characters");
    }

    #[test]
    fn the_name_of_the_account_is_no_part_of_a_password() {
        for bad in ["anna likes tin lamps", "tin-ANNA-lamp-orbit", "annaannaanna1"] {
            assert_eq!(check(bad, "anna"), Err(PasswordError::HasName), "{bad}");
        }
        assert_eq!(check("tin lamp orbit a", "a"), Ok(()), "one letter is in everything");
    }

    #[test]
    fn what_is_tried_first_is_refused_in_whatever_case_and_width() {
        let wide = "ｐａｓｓｗｏｒｄ１２３４";
        for bad in ["password1234", "Password1234", wide, "aaaaaaaaaaaaaa", "121212121212"] {
            assert_eq!(check(bad, "anna"), Err(PasswordError::Common), "{bad}");
        }
        let lines: Vec<_> = COMMON.lines().collect();
        assert_eq!(lines.iter().collect::<BTreeSet<_>>().len(), lines.len(), "none twice");
        for line in &lines {
            assert!(line.chars().count() >= FEWEST && line.to_lowercase() == *line, "{line}");
        }
    }

    #[test]
    fn two_spellings_of_a_character_are_one_password() {
        let (composed, decomposed) = ("gr\u{f6}\u{df}e tin lamp", "gro\u{308}\u{df}e tin lamp");
        let text = |text: &str| Password::new(text.to_owned()).expose().to_owned();
        assert_eq!(text(composed), text(decomposed));
    }

    #[test]
    fn a_made_password_is_five_groups_never_twice_the_same_and_keeps_the_rules() {
        let mut made = BTreeSet::new();
        for _ in 0..200 {
            let password = Password::generate().unwrap();
            password.check(&"administrator".parse().unwrap()).unwrap();
            let groups: Vec<_> = password.expose().split('-').collect();
            assert!(groups.len() == 5 && groups.iter().all(|group| group.len() == 5));
            assert!(made.insert(password.expose().to_owned()));
        }
        let signs: BTreeSet<_> = made.iter().flat_map(|text| text.bytes()).collect();
        assert_eq!(signs.len(), 33, "every sign comes up, and the dash");
    }

    #[test]
    fn debug_tells_nothing() {
        assert_eq!(format!("{:?}", Password::new("tin lamp orbit".to_owned())), "Password(..)");
    }
}
