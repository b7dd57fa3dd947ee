//! What holds a transfer up: told from what the link and the transfer have waited for in the last seconds, never
//! from the rate alone.

use wire::SendLimit;
use wire::time::Duration;

use crate::face::units;
use crate::output::FileLine;
use crate::transfer::{Hold, MAX_WINDOW};
use crate::work::Direction;

/// What holds a transfer up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limiter {
    Disk,
    Limit,
    Path,
    Receiver,
    Window,
    Relay,
    Growth,
    OtherSide,
    PausedHere,
    PausedThere,
    PausedByBoth,
}

/// What is seen of a transfer that runs.
pub(super) struct Seen {
    pub(super) sends: bool,
    /// How long the link was kept from sending by what, by the numbers of [`SendLimit`].
    pub(super) link: [Duration; SendLimit::ALL.len()],
    /// What it has waited for in this program.
    pub(super) hold: Option<Hold>,
    /// Bytes a second of all transfers with this user.
    pub(super) rate: u64,
    /// Bytes a second that the server carries, if it goes there.
    pub(super) relay_rate: Option<u64>,
    pub(super) rtt: Duration,
}

impl Seen {
    pub(super) fn limiter(&self) -> Limiter {
        // Headers and what is sent again count too.
        let is_relay = self.relay_rate.is_some_and(|most| self.rate >= most / 3 * 2);
        match self.hold {
            Some(Hold::Limit) => return Limiter::Limit,
            Some(Hold::Disk | Hold::Growth | Hold::Link | Hold::OtherSide) | None => {}
        }
        if self.sends
            && let Some(by) = self.link_limiter()
        {
            return if by == Limiter::Path && is_relay { Limiter::Relay } else { by };
        }
        match self.hold {
            Some(Hold::Disk) => Limiter::Disk,
            Some(Hold::Limit) => Limiter::Limit,
            Some(Hold::Growth) => Limiter::Growth,
            Some(Hold::Link) => Limiter::Path,
            Some(Hold::OtherSide) | None if is_relay => Limiter::Relay,
            Some(Hold::OtherSide) | None if !self.sends && self.is_window_full() => Limiter::Window,
            Some(Hold::OtherSide) | None => Limiter::OtherSide,
        }
    }

    /// What keeps the link from sending; `None` when it mostly has nothing to send.
    fn link_limiter(&self) -> Option<Limiter> {
        let [idle, congestion, pacing, flow] = self.link;
        let path = congestion + pacing;
        if idle >= path.max(flow) {
            None
        } else if flow > path {
            Some(Limiter::Receiver)
        } else {
            Some(Limiter::Path)
        }
    }

    /// Whether in a round trip about as much comes as is asked for at once.
    fn is_window_full(&self) -> bool {
        let in_flight = u128::from(self.rate) * self.rtt.as_micros() / 1_000_000;
        in_flight >= u128::from(MAX_WINDOW) / 4 * 3
    }
}

impl Limiter {
    /// For programs.
    pub(super) fn word(self, file: &FileLine) -> &'static str {
        match (self, file.direction) {
            (Self::Disk, Direction::Sending) => "sender-disk",
            (Self::Disk, Direction::Receiving) => "receiver-disk",
            (Self::Limit, _) => "limit",
            (Self::Path, _) => "path",
            (Self::Receiver, _) => "receiver",
            (Self::Window, _) => "window",
            (Self::Relay, _) => "relay",
            (Self::Growth, _) => "growth",
            (Self::OtherSide, _) => "other-side",
            (Self::PausedHere, _) => "paused-by-you",
            (Self::PausedThere, _) => "paused-by-them",
            (Self::PausedByBoth, _) => "paused-by-both",
        }
    }

    /// For people: what it is, and what would help.
    pub(super) fn text(self, direction: Direction, who: &str, relay_rate: Option<u64>) -> String {
        match (self, direction) {
            (Self::Disk, Direction::Sending) => {
                "Reading from the disk here holds it up: a faster drive, or fewer programs that use it, helps."
                    .to_owned()
            }
            (Self::Disk, Direction::Receiving) => {
                "Writing to the disk here holds it up: a faster drive, or fewer programs that use it, helps."
                    .to_owned()
            }
            (Self::Limit, Direction::Sending) => {
                "That limit holds it up: '/limit up off' lifts it.".to_owned()
            }
            (Self::Limit, Direction::Receiving) => {
                "That limit holds it up: '/limit down off' lifts it.".to_owned()
            }
            (Self::Path, _) => {
                "The path takes no more: less other traffic on it, or a cable in the place of Wi-Fi, helps."
                    .to_owned()
            }
            (Self::Receiver, _) => format!(
                "The program of {who} has not read what it has: the disk or the machine there holds it up."
            ),
            (Self::Window, _) => format!(
                "As much is on its way as is asked for at once ({}), since a round trip takes long: a second \
                 file beside it goes as fast.",
                units::bytes(MAX_WINDOW)
            ),
            (Self::Relay, _) => {
                let rate = relay_rate.map(units::bytes).unwrap_or_default();
                format!(
                    "The server carries {rate}/s for each user, and that holds it up: a direct path helps, or \
                     the server's operator (--relay-rate)."
                )
            }
            (Self::Growth, _) => "It goes as fast as the file grows.".to_owned(),
            (Self::OtherSide, Direction::Sending) => format!(
                "{who} asks for no more at a time: the disk there, '/limit down' or a long way holds it up, and \
                 '/why' there tells which."
            ),
            (Self::OtherSide, Direction::Receiving) => format!(
                "What {who} was asked for has not come: the disk there, '/limit up' or the path holds it up, \
                 and '/why' there tells which."
            ),
            // Said with the state.
            (Self::PausedHere | Self::PausedThere | Self::PausedByBoth, _) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// A link that has mostly nothing to send, and a transfer that waits for this.
    fn seen(sends: bool, hold: Hold) -> Seen {
        Seen {
            sends,
            link: [seconds(7), seconds(1), seconds(0), seconds(0)],
            hold: Some(hold),
            rate: 3_000_000,
            relay_rate: None,
            rtt: Duration::from_millis(20),
        }
    }

    #[test]
    fn the_sender_is_told_what_his_link_and_his_program_wait_for() {
        let limiter = |link, hold| Seen { link, ..seen(true, hold) }.limiter();
        let idle = [seconds(7), seconds(1), seconds(0), seconds(0)];
        let congested = [seconds(1), seconds(4), seconds(3), seconds(0)];
        let paced = [seconds(1), seconds(0), seconds(7), seconds(0)];
        let barred = [seconds(1), seconds(1), seconds(0), seconds(6)];
        for (link, hold, by) in [
            (idle, Hold::Disk, Limiter::Disk),
            (idle, Hold::Limit, Limiter::Limit),
            (idle, Hold::OtherSide, Limiter::OtherSide),
            (idle, Hold::Growth, Limiter::Growth),
            (congested, Hold::Link, Limiter::Path),
            (congested, Hold::OtherSide, Limiter::Path),
            (paced, Hold::Link, Limiter::Path),
            (barred, Hold::Link, Limiter::Receiver),
            // Another file may keep the link busy.
            (congested, Hold::Limit, Limiter::Limit),
        ] {
            assert_eq!(limiter(link, hold), by, "{link:?} {hold:?}");
        }
    }

    #[test]
    fn the_servers_rate_is_the_limit_when_it_is_reached() {
        let relayed = |sends, rate| {
            let link = [seconds(1), seconds(7), seconds(0), seconds(0)];
            Seen { link, rate, relay_rate: Some(2_000_000), ..seen(sends, Hold::OtherSide) }
        };
        assert_eq!(relayed(true, 1_900_000).limiter(), Limiter::Relay);
        assert_eq!(relayed(false, 1_900_000).limiter(), Limiter::Relay);
        assert_eq!(
            relayed(true, 500_000).limiter(),
            Limiter::Path,
            "slower than the server allows"
        );
        assert_eq!(relayed(false, 500_000).limiter(), Limiter::OtherSide);
        let text = Limiter::Relay.text(Direction::Sending, "bob", Some(2_000_000));
        assert!(text.contains("2.00 MB/s") && text.contains("--relay-rate"), "{text}");
    }

    #[test]
    fn a_receiver_far_away_asks_for_too_little_at_once() {
        let far = |rate, rtt| Seen { rate, rtt, ..seen(false, Hold::OtherSide) }.limiter();
        assert_eq!(far(MAX_WINDOW, seconds(1)), Limiter::Window);
        assert_eq!(far(MAX_WINDOW / 4, seconds(1)), Limiter::OtherSide);
        assert_eq!(
            Seen { rtt: seconds(9), ..seen(true, Hold::OtherSide) }.limiter(),
            Limiter::OtherSide
        );
        assert_eq!(seen(false, Hold::Disk).limiter(), Limiter::Disk);
    }
}
