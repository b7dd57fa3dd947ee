//! How often a transfer that goes on is told of.

use std::collections::BTreeMap;

use wire::time::{Duration, Instant};

use super::units;
use crate::output::{FileLine, is_over};
use crate::work::Direction;

/// Between two updates of a line that is overwritten.
const REDRAW: Duration = Duration::from_millis(250);
/// Between two lines that stay, unless a tenth of the file is done.
const REPEAT: Duration = Duration::from_secs(5);

/// States in which a transfer goes on by itself.
const MOVING: [&str; 3] = ["hashing", "checking", "running"];

/// What was last told of each transfer.
#[derive(Debug, Default)]
pub struct Progress {
    told: BTreeMap<u64, Told>,
    drawn: Option<Instant>,
}

#[derive(Debug)]
struct Told {
    at: Instant,
    tenth: u64,
    line: FileLine,
}

impl Progress {
    /// Whether `file` is worth a line that stays: its state or who pauses it changed, another
    /// tenth is done, or the last line is some seconds old. A transfer that is over is forgotten.
    pub fn is_news(&mut self, now: Instant, file: &FileLine) -> bool {
        let is_moving = MOVING.contains(&file.state);
        let tenth = file.percent().unwrap_or(0) / 10;
        let is_news = self.told.get(&file.id).is_none_or(|told| {
            told.line.state != file.state
                || told.line.paused_by != file.paused_by
                || told.line.reason != file.reason
                || (is_moving && (told.tenth != tenth || now - told.at >= REPEAT))
        });
        if is_over(file.state) {
            self.told.remove(&file.id);
        } else if is_news {
            self.told.insert(file.id, Told { at: now, tenth, line: file.clone() });
        }
        is_news
    }

    /// The same for a screen on which one line is overwritten: whether `file` changed its state.
    pub fn is_other_state(&mut self, now: Instant, file: &FileLine) -> bool {
        let is_other = self.told.get(&file.id).is_none_or(|told| {
            told.line.state != file.state
                || told.line.paused_by != file.paused_by
                || told.line.reason != file.reason
        });
        if is_over(file.state) {
            self.told.remove(&file.id);
        } else {
            self.told.insert(file.id, Told { at: now, tenth: 0, line: file.clone() });
        }
        is_other
    }

    /// One line about everything that goes on, when it is time to draw it again.
    pub fn draw(&mut self, now: Instant) -> Option<String> {
        if self.drawn.is_some_and(|at| now - at < REDRAW) {
            return None;
        }
        let moving = self.told.values().filter(|told| MOVING.contains(&told.line.state));
        let parts: Vec<String> = moving.map(|told| short(&told.line)).collect();
        if parts.is_empty() {
            return None;
        }
        self.drawn = Some(now);
        Some(format!("# {}", parts.join(" · ")))
    }
}

/// `3 ↓ bob 45 % 8.10 MB/s 12 s`.
fn short(file: &FileLine) -> String {
    let arrow = match file.direction {
        Direction::Sending => '↑',
        Direction::Receiving => '↓',
    };
    let how_far = units::progress(file);
    let mut line = format!("{} {arrow} {} {how_far}", file.id, file.with);
    if file.state == "running" {
        line.push_str(&format!(" {}/s", units::bytes(file.rate)));
        if let Some(eta) = file.eta {
            line.push_str(&format!(" {}", units::seconds(eta)));
        }
    } else {
        line.push_str(&format!(" ({})", file.state));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::samples;

    fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1000)
    }

    fn file(state: &'static str, done: u64) -> FileLine {
        FileLine { state, done, size: Some(1000), ..samples::file_line() }
    }

    #[test]
    fn lines_that_stay_come_by_tenths_and_by_seconds() {
        let mut progress = Progress::default();
        assert!(progress.is_news(at(0), &file("running", 10)));
        assert!(!progress.is_news(at(1), &file("running", 99)));
        assert!(progress.is_news(at(2), &file("running", 100)), "a tenth");
        assert!(!progress.is_news(at(5001), &file("running", 101)));
        assert!(progress.is_news(at(5002), &file("running", 101)), "five seconds");
        assert!(progress.is_news(at(5003), &file("paused", 101)));
        assert!(!progress.is_news(at(50_000), &file("paused", 101)), "nothing moves");
        assert!(progress.is_news(at(50_001), &file("complete", 1000)));
        assert!(progress.told.is_empty());
    }

    #[test]
    fn the_drawn_line_joins_what_moves_and_is_not_drawn_too_often() {
        let mut progress = Progress::default();
        assert_eq!(progress.draw(at(0)), None);
        assert!(progress.is_other_state(at(0), &file("running", 450)));
        assert!(!progress.is_other_state(at(0), &file("running", 451)));
        let other = FileLine { id: 9, direction: Direction::Sending, ..file("hashing", 0) };
        assert!(progress.is_other_state(at(0), &other));
        let line = progress.draw(at(1)).unwrap();
        assert_eq!(line, "# 3 ↓ bob 45 % 8.10 MB/s 12 s · 9 ↑ bob 0 % (hashing)");
        assert_eq!(progress.draw(at(100)), None);
        assert!(progress.draw(at(251)).is_some());
    }
}
