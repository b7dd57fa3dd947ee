//! What one end of a run says of itself: one line of JSON when it is over.

use std::io::{Read as _, stdin};
use std::process::exit;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde::{Deserialize, Serialize};

/// One end of a run.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// Payload that arrived; 0 at the sender.
    pub bytes: u64,
    /// From before the first packet of the handshake until the last byte; 0 at the sender.
    pub seconds: f64,
    /// User and system time of this process.
    pub cpu: f64,
    /// The most memory that it ever held, in KiB.
    pub peak: u64,
    /// What went there and back beside it, if anything did.
    pub trips: Option<Trips>,
}

/// Round trips, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trips {
    pub least: f64,
    pub median: f64,
    /// 99 of 100 are not longer.
    pub most: f64,
}

/// Round trips as they are measured.
#[derive(Clone, Default)]
pub struct RoundTrips(Arc<Mutex<Vec<Duration>>>);

impl RoundTrips {
    /// One more.
    pub fn add(&self, trip: Duration) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(trip);
    }

    fn summary(&self) -> Option<Trips> {
        let mut trips = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        trips.sort();
        let at = |percent: usize| {
            Some(trips.get(trips.len().checked_sub(1)? * percent / 100)?.as_secs_f64() * 1e3)
        };
        Some(Trips { least: at(0)?, median: at(50)?, most: at(99)? })
    }
}

impl Report {
    fn now() -> Self {
        Self { cpu: cpu_seconds(UsageWho::RUSAGE_SELF), peak: peak_kib("self"), ..Self::default() }
    }

    fn print_and_exit(self) -> ! {
        println!("{}", serde_json::to_string(&self).expect("numbers"));
        exit(0)
    }
}

/// A receiver's run: its clock, and what has arrived.
#[derive(Clone)]
pub struct Run {
    started: Instant,
    taken: Arc<AtomicU64>,
    trips: RoundTrips,
}

impl Run {
    /// Starts the clock. A run that is not over after `limit` is cut off there and reported with
    /// what had arrived, whatever it was waiting for.
    pub fn start(limit: Duration) -> Self {
        let trips = RoundTrips::default();
        let run = Self { started: Instant::now(), taken: Arc::default(), trips };
        let same = run.clone();
        thread::spawn(move || {
            thread::sleep(limit);
            same.finish();
        });
        run
    }

    /// Where to count what has arrived.
    pub fn taken(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.taken)
    }

    /// Where to count what went there and back.
    pub fn trips(&self) -> &RoundTrips {
        &self.trips
    }

    /// Everything has arrived, or the time is up.
    pub fn finish(&self) -> ! {
        let report = Report {
            bytes: self.taken.load(Ordering::Relaxed),
            seconds: self.started.elapsed().as_secs_f64(),
            trips: self.trips.summary(),
            ..Report::now()
        };
        report.print_and_exit()
    }
}

/// The sender serves until its standard input ends; then it reports.
pub fn report_at_end_of_input() {
    thread::spawn(|| {
        let _ = stdin().read_to_end(&mut Vec::new());
        Report::now().print_and_exit();
    });
}

/// User and system time.
pub fn cpu_seconds(who: UsageWho) -> f64 {
    let Ok(usage) = getrusage(who) else { return 0.0 };
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    micros as f64 / 1e6
}

/// The most memory that process `pid` ever held, in KiB.
pub fn peak_kib(pid: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_are_told_by_their_ranks() {
        let trips = RoundTrips::default();
        assert_eq!(trips.summary(), None);
        for millis in (1..=201).rev() {
            trips.add(Duration::from_millis(millis));
        }
        assert_eq!(trips.summary(), Some(Trips { least: 1.0, median: 101.0, most: 199.0 }));
    }
}
