//! `/console/stream`: decisions as they are made, as server-sent events (WHATWG HTML, 9.2).
//!
//! One task makes the bytes of each tick, whoever listens gets the same: ten consoles cost as one. It runs while somebody listens. What it
//! sends is of no person; a stream ends with the session that opened it.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::http::header;
use actix_web::web;
use actix_web::web::Bytes;
use futures_util::stream;
use jiff::SignedDuration;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;
use tokio::time::Interval;
use tokio::time::MissedTickBehavior;

use crate::admin::access::VIEWERS;
use crate::admin::api::Problem;
use crate::admin::mount::Mount;
use crate::admin::server::AdminPlane;
use crate::telemetry::Activity;
use crate::telemetry::Shown;

use super::overview::Counts;
use super::overview::today;

/// Consoles that may listen at a time.
const STREAMS: usize = 32;
/// How often there is a tick.
const TICK: Duration = Duration::from_millis(400);
/// Ticks after which the day's counts are read again.
const COUNTED_AFTER: u32 = 5;
/// Without a tick, how often a comment tells that the connection holds.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How often it is looked whether the session still holds.
const LOOK: Duration = Duration::from_secs(2);
/// How long a stream by a bearer token may last; its client connects again.
const BEARER: SignedDuration = SignedDuration::from_mins(5);
/// Ticks that may wait for a slow reader, who then misses some.
const WAITING: usize = 16;
/// Decisions that whoever begins to listen is shown at once.
const FIRST: usize = 30;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount.get("/console/stream", VIEWERS, listen);
}

/// What all streams share.
#[derive(Debug)]
pub(in crate::admin) struct Hub {
    room: Arc<Semaphore>,
    sender: broadcast::Sender<Bytes>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    counts: Counts,
    is_running: bool,
    /// Up to which decision those who listen were told.
    seen: u64,
}

/// A tick, as scripts read it.
#[derive(Serialize)]
struct Tick<'a> {
    rate: u64,
    seq: u64,
    shown: &'a [Arc<Shown>],
    totals: Counts,
}

/// Somebody who listens.
struct Listener {
    first: Option<Bytes>,
    heartbeat: Interval,
    look: Interval,
    /// The day's end of a bearer's stream.
    until: Option<Timestamp>,
    plane: web::Data<AdminPlane>,
    receiver: broadcast::Receiver<Bytes>,
    /// Of the session; none for bearers.
    token: Option<String>,
    _room: OwnedSemaphorePermit,
}

impl Default for Hub {
    fn default() -> Self {
        let (sender, _) = broadcast::channel(WAITING);
        Self { room: Arc::new(Semaphore::new(STREAMS)), sender, state: Mutex::default() }
    }
}

impl Hub {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to listen: what was last shown, and what comes from now on.
    fn join(
        self: &Arc<Self>,
        plane: &web::Data<AdminPlane>,
    ) -> (Bytes, broadcast::Receiver<Bytes>) {
        let (activity, now) = (plane.gate.metrics().activity(), plane.gate.now());
        let mut state = self.state();
        let receiver = self.sender.subscribe();
        let recent = activity.since(0, now);
        let begins = !std::mem::replace(&mut state.is_running, true);
        if begins {
            state.seen = recent.next;
            state.counts = today(activity, now);
        }
        // What the next tick brings to all is not told before.
        let coming = usize::try_from(recent.next.saturating_sub(state.seen)).unwrap_or(0);
        let told = recent.shown.len().saturating_sub(coming);
        let told = recent.shown.get(..told).unwrap_or_default();
        let last = told.get(told.len().saturating_sub(FIRST)..).unwrap_or_default();
        let tick =
            Tick { rate: recent.per_second, seq: state.seen, shown: last, totals: state.counts };
        let first = event(&tick);
        drop(state);
        if begins {
            let (hub, plane) = (Arc::clone(self), plane.clone());
            drop(actix_web::rt::spawn(async move { hub.run(&plane).await }));
        }
        (first, receiver)
    }

    /// Makes ticks until nobody listens.
    async fn run(&self, plane: &AdminPlane) {
        let mut interval = tokio::time::interval(TICK);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut turn = 0_u32;
        loop {
            interval.tick().await;
            turn = turn.wrapping_add(1);
            if turn.is_multiple_of(COUNTED_AFTER) {
                let (activity, now) =
                    (Arc::clone(plane.gate.metrics().activity()), plane.gate.now());
                // Counting may take a while, and others wait on this thread.
                if let Ok(counts) = web::block(move || today(&activity, now)).await {
                    self.state().counts = counts;
                }
            }
            let mut state = self.state();
            if self.sender.receiver_count() == 0 {
                state.is_running = false;
                return;
            }
            let activity: &Activity = plane.gate.metrics().activity();
            let recent = activity.since(state.seen, plane.gate.now());
            state.seen = recent.next;
            let tick = Tick {
                rate: recent.per_second,
                seq: recent.next,
                shown: &recent.shown,
                totals: state.counts,
            };
            // Sent under the lock, so that whoever joins misses nothing and gets nothing twice.
            self.sender.send(event(&tick)).ok();
            drop(state);
        }
    }
}

fn event(tick: &Tick<'_>) -> Bytes {
    // JSON has no line breaks outside of texts, and those are escaped: one line of data.
    let data = serde_json::to_string(tick).unwrap_or_else(|_| "{}".to_owned());
    Bytes::from(format!("event: tick\ndata: {data}\n\n"))
}

/// The live stream.
async fn listen(
    plane: web::Data<AdminPlane>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut answer = HttpResponse::Ok();
    answer
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        // A proxy that buffers would show nothing.
        .insert_header(("x-accel-buffering", "no"));
    if request.method() == Method::HEAD {
        return Ok(answer.finish());
    }
    let room = plane.hub.room.clone().try_acquire_owned().map_err(|_| {
        Problem::unavailable("as many consoles listen as may: close one that nobody looks at")
            .later(30)
    })?;
    let by_session = !request.headers().contains_key(header::AUTHORIZATION);
    let token = by_session.then(|| plane.access.token_of(&request)).flatten();
    let until = match token {
        Some(_) => None,
        None => plane.gate.now().checked_add(BEARER).ok(),
    };
    let (first, receiver) = plane.hub.join(&plane);
    let from = Instant::now();
    let every = |period: Duration| {
        let mut interval =
            tokio::time::interval_at(from.checked_add(period).unwrap_or(from), period);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        interval
    };
    let listener = Listener {
        first: Some(first),
        heartbeat: every(HEARTBEAT),
        look: every(LOOK),
        plane,
        receiver,
        token,
        until,
        _room: room,
    };
    Ok(answer.streaming(stream::unfold(listener, |mut listener| async move {
        listener.next().await.map(|bytes| (Ok::<_, Infallible>(bytes), listener))
    })))
}

impl Listener {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            tokio::select! {
                // Looked at before anything is told.
                biased;
                _ = self.look.tick() => {
                    if !self.holds() {
                        return None;
                    }
                }
                told = self.receiver.recv() => match told {
                    Ok(bytes) => {
                        self.heartbeat.reset();
                        return Some(bytes);
                    }
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                },
                _ = self.heartbeat.tick() => return Some(Bytes::from_static(b": here\n\n")),
            }
        }
    }

    /// Whether whoever opened it may still listen.
    fn holds(&self) -> bool {
        let (access, now) = (&self.plane.access, self.plane.gate.now());
        match (&self.token, self.until) {
            (Some(token), _) => access
                .sessions
                .is_open(token, now, |name| access.operators.find(name))
                .unwrap_or(false),
            (None, until) => until.is_some_and(|until| now < until),
        }
    }
}
