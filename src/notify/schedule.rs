//! When a message is sent again, and when it is given up.

use std::time::Duration;

/// The first pause; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(250);
/// The longest pause: a receiver that is back is told within half a minute.
const LONGEST: Duration = Duration::from_secs(30);
/// A message that the receiver refuses so often is given up.
const REFUSALS: u32 = 6;

/// What came of one try.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// A status came.
    Answered(u16),
    /// None came.
    Unanswered,
}

/// What follows a try.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// The receiver has it.
    Delivered,
    /// It is given up: counted, logged, and still in the ledger.
    GiveUp,
    /// It is sent again after this pause.
    Retry(Duration),
}

/// What follows the try number `tries` (from 1), of which `refusals` (this one included) were refusals of the message itself;
/// `chance` spreads many gateways.
///
/// 2xx is delivered. What speaks of the receiver (no answer, 5xx, 3xx, and of 4xx: 401, 403, 404, 405, 407, 408, 410, 425, 429) is
/// tried until it ends: were it given up, a wrong secret would lose every hold. Other 4xx speak of the message.
pub fn after(outcome: Outcome, tries: u32, refusals: u32, chance: u32) -> Step {
    match outcome {
        Outcome::Answered(200..=299) => Step::Delivered,
        Outcome::Answered(status) if is_refusal(status) && refusals >= REFUSALS => Step::GiveUp,
        Outcome::Answered(_) | Outcome::Unanswered => Step::Retry(pause(tries, chance)),
    }
}

/// True for a status that speaks of the message rather than of the receiver.
pub(super) const fn is_refusal(status: u16) -> bool {
    matches!(status, 400..=499)
        && !matches!(status, 401 | 403 | 404 | 405 | 407 | 408 | 410 | 425 | 429)
}

impl Outcome {
    /// True where the receiver refused the message itself.
    pub const fn is_refusal(self) -> bool {
        match self {
            Self::Answered(status) => is_refusal(status),
            Self::Unanswered => false,
        }
    }
}

/// Between half and the whole of the doubled pause.
fn pause(tries: u32, chance: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(tries.saturating_sub(1).min(16));
    let half = FIRST.saturating_mul(doubled).min(LONGEST).checked_div(2).unwrap_or(FIRST);
    let share = f64::from(chance) / f64::from(u32::MAX);
    half.saturating_add(half.mul_f64(share))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_are_spread_and_have_an_end() {
        for (tries, least, most) in
            [(1, 125, 250), (2, 250, 500), (5, 2_000, 4_000), (99, 15_000, 30_000)]
        {
            for (chance, expect) in [(0, least), (u32::MAX, most)] {
                let step = after(Outcome::Unanswered, tries, 0, chance);
                assert_eq!(step, Step::Retry(Duration::from_millis(expect)), "{tries}");
            }
        }
    }

    #[test]
    fn only_refusals_of_the_message_are_ever_given_up() {
        for status in 200..300 {
            assert_eq!(after(Outcome::Answered(status), 1, 0, 0), Step::Delivered);
        }
        for status in [301, 401, 403, 404, 405, 407, 408, 410, 425, 429, 500, 503, 599] {
            let outcome = Outcome::Answered(status);
            assert!(
                !outcome.is_refusal() && after(outcome, 1_000, 0, 0) != Step::GiveUp,
                "{status}"
            );
        }
        for status in [400, 409, 413, 415, 422] {
            let outcome = Outcome::Answered(status);
            assert!(outcome.is_refusal());
            assert!(matches!(after(outcome, 5, 5, 0), Step::Retry(_)), "{status}");
            assert_eq!(after(outcome, 6, 6, 0), Step::GiveUp, "{status}");
        }
        // A receiver that was away before it refused has had its tries all the same.
        assert!(matches!(after(Outcome::Answered(400), 1_000, 1, 0), Step::Retry(_)));
    }
}
