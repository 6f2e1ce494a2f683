//! argon2id (RFC 9106): the one function that passwords go through, and a count of how often it ran.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use argon2::Argon2;
use argon2::CustomizedPasswordHasher as _;
use argon2::Params;
use argon2::PasswordHasher as _;
use argon2::password_hash::phc::PasswordHash as Phc;
use aws_lc_rs::rand;
use serde::Deserialize;
use serde::Serialize;

use super::error::OperatorsError;
use super::password::Password;

/// The only function.
const ALGORITHM: &str = "argon2id";
/// Memory (KiB) that a hash of the file may ask for: from OWASP's least to what a small machine still has.
const MEMORY: std::ops::RangeInclusive<u32> = Params::DEFAULT_M_COST..=1 << 18;
/// Most passes, and most lanes, that a hash of the file may ask for.
const PASSES: u32 = 16;
/// Bytes of a salt.
const SALT: usize = 16;
/// A hash, under the parameters of every other, that no password is known for: it is worked on where there is no account.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$RgGYJ/Z2YLTEnUCAmx45tQ$6IioJRHPhq+ovcrmnDf4yfuweCGnqMCcwqN3BcY2A+0";

/// The hash of a password, as a PHC string.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String")]
pub(super) struct Hash(String);

/// Runs the function.
#[derive(Debug, Default)]
pub(super) struct Hasher {
    checks: AtomicU64,
}

impl Hasher {
    /// The hash of a password, with a salt of its own.
    pub(super) fn hash(&self, password: &Password) -> Result<Hash, OperatorsError> {
        let mut salt = [0_u8; SALT];
        rand::fill(&mut salt).map_err(|_| OperatorsError::NoHash)?;
        // The default is argon2id, version 19, with OWASP's parameters: 19 MiB, two passes, one lane.
        let hash = Argon2::default().hash_password_with_salt(password.expose().as_bytes(), &salt);
        hash.map(|hash| Hash(hash.to_string())).map_err(|_| OperatorsError::NoHash)
    }

    /// True if `hash` is of that password. Without a hash the same work is done, and it is false.
    pub(super) fn check(
        &self,
        password: &Password,
        hash: Option<&Hash>,
    ) -> Result<bool, OperatorsError> {
        self.checks.fetch_add(1, Ordering::Relaxed);
        let text = hash.map_or(NOBODY, |hash| hash.0.as_str());
        let fault = |_| OperatorsError::NoHash;
        let phc = Phc::new(text).map_err(|_| OperatorsError::NoHash)?;
        let (Some(salt), Some(output)) = (&phc.salt, &phc.hash) else {
            return Err(OperatorsError::NoHash);
        };
        let params = Params::try_from(&phc).map_err(fault)?;
        let worked = Argon2::default().hash_password_customized(
            password.expose().as_bytes(),
            salt,
            Some(phc.algorithm.as_str()),
            phc.version,
            params,
        );
        // Outputs are compared in constant time.
        let same = worked.map_err(fault)?.hash.as_ref() == Some(output);
        Ok(same && hash.is_some())
    }

    /// How often a password was checked.
    #[cfg(test)]
    pub(super) fn checks(&self) -> u64 {
        self.checks.load(Ordering::Relaxed)
    }
}

impl Hash {
    /// The PHC string, to tell one hash from another.
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Out of the file: only what this program would have written, and nothing that would eat the machine.
impl TryFrom<String> for Hash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let phc = Phc::new(&text).map_err(|_| "no hash of a password")?;
        if phc.algorithm.as_str() != ALGORITHM || phc.salt.is_none() || phc.hash.is_none() {
            return Err("no hash of a password by argon2id");
        }
        let params = Params::try_from(&phc).map_err(|_| "a hash with unknown parameters")?;
        let lanes = params.p_cost();
        let fits = (2..=PASSES).contains(&params.t_cost()) && (1..=PASSES).contains(&lanes);
        match fits && MEMORY.contains(&params.m_cost()) {
            true => Ok(Self(text)),
            false => Err("a hash with parameters that are too weak or too costly"),
        }
    }
}

/// Tells nothing.
impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::new(text.to_owned())
    }

    #[test]
    fn a_hash_is_argon2id_with_a_salt_of_its_own_and_fits_its_password_alone() {
        let hasher = Hasher::default();
        let (one, two) =
            (hasher.hash(&password("tin lamp")).unwrap(), hasher.hash(&password("tin lamp")));
        assert!(one.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", one.0);
        assert_ne!(one, two.unwrap());
        assert!(hasher.check(&password("tin lamp"), Some(&one)).unwrap());
        assert!(!hasher.check(&password("tin lamq"), Some(&one)).unwrap());
    }

    #[test]
    fn a_hash_is_that_of_the_reference_implementation() {
        // echo -n password | argon2 somesalt -id -t 2 -k 65536 -p 1 -e, from the test suite of the reference implementation.
        let text = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let hash = Hash::try_from(text.to_owned()).unwrap();
        assert!(Hasher::default().check(&password("password"), Some(&hash)).unwrap());
    }

    #[test]
    fn nobodys_hash_costs_what_every_other_costs_and_fits_no_password() {
        let nobody = Hash::try_from(NOBODY.to_owned()).unwrap();
        let made = Hasher::default().hash(&password("tin lamp")).unwrap();
        let until_salt = |hash: &Hash| hash.0.split('$').take(4).collect::<Vec<_>>().join("$");
        assert_eq!(until_salt(&nobody), until_salt(&made));
        assert_eq!(nobody.0.len(), made.0.len());
        assert!(!Hasher::default().check(&password("tin lamp"), None).unwrap());
    }

    #[test]
    fn a_hash_that_is_weak_costly_or_none_is_not_read() {
        let salted = "$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        for head in [
            "$argon2i$v=19$m=19456,t=2,p=1",
            "$argon2id$v=19$m=19455,t=2,p=1",
            "$argon2id$v=19$m=19456,t=1,p=1",
            "$argon2id$v=19$m=4194304,t=2,p=1",
            "$argon2id$v=19$m=19456,t=1000,p=1",
        ] {
            assert!(Hash::try_from(format!("{head}{salted}")).is_err(), "{head}");
        }
        for text in [
            "",
            "tin lamp",
            "$argon2id$v=19$m=19456,t=2,p=1",
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ",
        ] {
            assert!(Hash::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn debug_tells_nothing() {
        assert_eq!(format!("{:?}", Hash(NOBODY.to_owned())), "Hash(..)");
    }
}
