//! When the next request is sent.

use std::time::{Duration, Instant};

/// Closed loop: a client sends when it has its answer, so a slow server is asked less. It measures capacity.
///
/// Open loop: requests are due at fixed times whatever the server does, and what a request waited for a free connection
/// is part of its latency. A generator that starts its clock only when it gets to send leaves out the very requests that
/// a stall held up: "coordinated omission" (Gil Tene, How NOT to Measure Latency, 2013; wrk2).
pub(crate) enum Pace {
    Closed { end: Instant },
    Open { start: Instant, interval: Duration, count: u64, sent: u64 },
}

/// What to do with a free connection.
pub(crate) enum Next {
    /// Send now; the latency counts from this moment.
    Send(Instant),
    /// Nothing is due until then.
    At(Instant),
    /// All was sent.
    Over,
}

impl Pace {
    pub(crate) fn closed(start: Instant, lasting: Duration) -> Self {
        Self::Closed { end: start + lasting }
    }

    pub(crate) fn open(start: Instant, lasting: Duration, per_second: f64) -> Self {
        let count = (lasting.as_secs_f64() * per_second).round() as u64;
        Self::Open { start, interval: Duration::from_secs_f64(1.0 / per_second), count, sent: 0 }
    }

    /// Asked whenever a connection is free; [`Next::Send`] counts as sent.
    pub(crate) fn next(&mut self) -> Next {
        let now = Instant::now();
        match self {
            Self::Closed { end } if now >= *end => Next::Over,
            Self::Closed { .. } => Next::Send(now),
            Self::Open { count, sent, .. } if sent == count => Next::Over,
            Self::Open { start, interval, sent, .. } => {
                let due = *start + interval.mul_f64(*sent as f64);
                if due > now {
                    return Next::At(due);
                }
                *sent += 1;
                Next::Send(due)
            }
        }
    }
}
