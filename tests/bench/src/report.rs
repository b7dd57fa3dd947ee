//! What one end of a run says of itself: one line of JSON when it is over.

use std::io::{Read as _, stdin};
use std::process::exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
}

impl Report {
    fn now(bytes: u64, since: Option<Instant>) -> Self {
        Self {
            bytes,
            seconds: since.map_or(0.0, |since| since.elapsed().as_secs_f64()),
            cpu: cpu_seconds(UsageWho::RUSAGE_SELF),
            peak: peak_kib("self"),
        }
    }

    fn print_and_exit(self) -> ! {
        println!("{}", serde_json::to_string(&self).expect("numbers"));
        exit(0)
    }
}

/// A receiver's run: its clock, and what has arrived.
pub struct Run {
    started: Instant,
    taken: Arc<AtomicU64>,
}

impl Run {
    /// Starts the clock. A run that is not over after `limit` is cut off there and reported with
    /// what had arrived, whatever it was waiting for.
    pub fn start(limit: Duration) -> Self {
        let run = Self { started: Instant::now(), taken: Arc::default() };
        let (started, taken) = (run.started, Arc::clone(&run.taken));
        thread::spawn(move || {
            thread::sleep(limit);
            Report::now(taken.load(Ordering::Relaxed), Some(started)).print_and_exit();
        });
        run
    }

    /// Where to count what has arrived.
    pub fn taken(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.taken)
    }

    /// Everything has arrived.
    pub fn finish(&self) -> ! {
        Report::now(self.taken.load(Ordering::Relaxed), Some(self.started)).print_and_exit()
    }
}

/// The sender serves until its standard input ends; then it reports.
pub fn report_at_end_of_input() {
    thread::spawn(|| {
        let _ = stdin().read_to_end(&mut Vec::new());
        Report::now(0, None).print_and_exit();
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
