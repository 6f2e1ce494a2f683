//! Who is signed in: short sessions in memory, each known by the hash of a token that was given out once.
//!
//! A session ends when it was idle for half an hour, after eight hours, when its person signs out, and at the first look after the
//! account's password, roles or standing changed. Every sign-in makes a new token, whatever the client brought along. Each session has a
//! secret of its own, from which comes what forms must bring back (OWASP, HMAC-based token pattern).
//!
//! **INVARIANT** No token is kept, logged or shown: only its SHA-256.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use sha2::Digest;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::account::Account;
use super::account::AccountName;
use super::account::Standing;
use super::error::OperatorsError;

/// Most sessions of an account; one more ends the oldest of them.
const MOST_OF_ONE: usize = 20;
/// Most sessions in all; one more ends the oldest.
const MOST: usize = 10_000;
/// What the secret of a session signs.
const FORM: &[u8] = b"interdict form 1";

/// How long sessions last.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lifetimes {
    /// Without a request.
    pub idle: Duration,
    /// In all.
    pub whole: Duration,
}

/// The sessions; clones are the same. A restart ends them all.
#[derive(Clone, Debug)]
pub struct Sessions(Arc<Inner>);

/// What the browser keeps: 256 random bits, base64url.
#[derive(Clone)]
pub struct Token(Zeroizing<String>);

/// A session that was just begun.
#[derive(Debug)]
pub struct Opened {
    /// The session.
    pub session: Session,
    /// Its token, which nobody will ever tell again.
    pub token: Token,
}

/// A session that holds.
#[derive(Clone)]
pub struct Session {
    /// Whose it is, as the account stands now.
    pub account: Account,
    /// When it ends, whatever is done meanwhile.
    pub ends: Timestamp,
    /// When it began.
    pub opened: Timestamp,
    secret: hmac::Key,
}

#[derive(Debug)]
struct Inner {
    lifetimes: Lifetimes,
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    kept: HashMap<[u8; 32], Kept>,
    next: u64,
}

#[derive(Debug)]
struct Kept {
    generation: u64,
    name: AccountName,
    /// Later sessions have greater numbers.
    number: u64,
    opened: Timestamp,
    secret: hmac::Key,
    used: Timestamp,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self { idle: Duration::from_secs(30 * 60), whole: Duration::from_secs(8 * 60 * 60) }
    }
}

impl Sessions {
    /// With nobody signed in.
    pub fn new(lifetimes: Lifetimes) -> Self {
        Self::of_at_most(MOST, lifetimes)
    }

    pub(super) fn of_at_most(most: usize, lifetimes: Lifetimes) -> Self {
        Self(Arc::new(Inner { lifetimes, most, state: Mutex::default() }))
    }

    /// Begins a session of an account whose password was just right.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn open(&self, account: Account, now: Timestamp) -> Result<Opened, OperatorsError> {
        let (token, secret) = (random()?, random()?);
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.as_slice());
        let token = Token(Zeroizing::new(URL_SAFE_NO_PAD.encode(token.as_slice())));
        let mut state = self.state();
        let kept = Kept {
            generation: account.generation,
            name: account.name.clone(),
            number: state.next,
            opened: now,
            secret,
            used: now,
        };
        state.next = state.next.saturating_add(1);
        let session = self.session(account, &kept);
        state.kept.retain(|_, other| {
            let void = other.name == kept.name && other.generation != kept.generation;
            !void && self.holds(other, now)
        });
        state.make_room(MOST_OF_ONE, |other| other.name == kept.name);
        state.make_room(self.0.most, |_| true);
        state.kept.insert(digest(token.as_str()), kept);
        Ok(Opened { session, token })
    }

    /// The session of a token, if it holds; it is no longer idle then. `find` tells the account of a name as it stands now: a session of
    /// one that is gone, disabled or changed ends.
    ///
    /// # Errors
    /// Whatever `find` says; the session is left as it is.
    pub fn resume<E>(
        &self,
        token: &str,
        now: Timestamp,
        find: impl FnOnce(&str) -> Result<Option<Account>, E>,
    ) -> Result<Option<Session>, E> {
        let digest = digest(token);
        let mut state = self.state();
        let Some(kept) = state.kept.get_mut(&digest) else { return Ok(None) };
        if self.holds(kept, now) {
            let account = find(kept.name.as_str())?.filter(|account| {
                account.name == kept.name
                    && account.generation == kept.generation
                    && account.standing == Standing::Enabled
            });
            if let Some(account) = account {
                kept.used = kept.used.max(now);
                return Ok(Some(self.session(account, kept)));
            }
        }
        state.kept.remove(&digest);
        Ok(None)
    }

    /// Whether a token's session holds, which this does not make any longer: whoever only listens is idle. `find` is as above.
    ///
    /// # Errors
    /// Whatever `find` says.
    pub fn is_open<E>(
        &self,
        token: &str,
        now: Timestamp,
        find: impl FnOnce(&str) -> Result<Option<Account>, E>,
    ) -> Result<bool, E> {
        let state = self.state();
        let Some(kept) = state.kept.get(&digest(token)) else { return Ok(false) };
        if !self.holds(kept, now) {
            return Ok(false);
        }
        let account = find(kept.name.as_str())?;
        Ok(account.is_some_and(|account| {
            account.generation == kept.generation && account.standing == Standing::Enabled
        }))
    }

    /// Ends the session of a token; false if there was none.
    pub fn sign_out(&self, token: &str) -> bool {
        self.state().kept.remove(&digest(token)).is_some()
    }

    /// Ends every session of an account, and says how many there were.
    pub fn sign_out_everywhere(&self, name: &AccountName) -> usize {
        let mut state = self.state();
        let before = state.kept.len();
        state.kept.retain(|_, kept| kept.name != *name);
        before.saturating_sub(state.kept.len())
    }

    /// How many sessions an account has that have not run out.
    pub fn of_account(&self, name: &AccountName, now: Timestamp) -> usize {
        let state = self.state();
        state.kept.values().filter(|kept| kept.name == *name && self.holds(kept, now)).count()
    }

    fn holds(&self, kept: &Kept, now: Timestamp) -> bool {
        let Lifetimes { idle, whole } = self.0.lifetimes;
        // A clock that was set back adds no time.
        let since = |at: Timestamp| Duration::try_from(now.duration_since(at)).unwrap_or_default();
        since(kept.used) < idle && since(kept.opened) < whole
    }

    fn session(&self, account: Account, kept: &Kept) -> Session {
        let ends = kept.opened.checked_add(self.0.lifetimes.whole).unwrap_or(Timestamp::MAX);
        Session { account, ends, opened: kept.opened, secret: kept.secret.clone() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Ends the oldest of some sessions until one more of them may be.
    fn make_room(&mut self, most: usize, of: impl Fn(&Kept) -> bool) {
        let some = self.kept.iter().filter(|(_, kept)| of(kept));
        let mut some: Vec<_> = some.map(|(digest, kept)| (kept.number, *digest)).collect();
        some.sort_unstable();
        let excess = some.len().saturating_add(1).saturating_sub(most);
        for (_, digest) in some.into_iter().take(excess) {
            self.kept.remove(&digest);
        }
    }
}

impl Token {
    /// For the cookie.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Session {
    /// What every form of the session brings back.
    pub fn form_token(&self) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.secret, FORM))
    }

    /// True for the session's own form token; compared in constant time.
    pub fn accepts(&self, form_token: &str) -> bool {
        let tag = URL_SAFE_NO_PAD.decode(form_token);
        tag.is_ok_and(|tag| hmac::verify(&self.secret, FORM, &tag).is_ok())
    }
}

/// Tells nothing.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Tells nothing of the secret.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("account", &self.account.name)
            .field("opened", &self.opened)
            .finish_non_exhaustive()
    }
}

fn random() -> Result<Zeroizing<[u8; 32]>, OperatorsError> {
    let mut bytes = Zeroizing::new([0; 32]);
    rand::fill(bytes.as_mut_slice()).map_err(|_| OperatorsError::NoHash)?;
    Ok(bytes)
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
