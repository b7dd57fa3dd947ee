//! Whether others keep a queue standing, and how ours keeps its share beside them.
//!
//! Who makes room whenever round trips grow starves beside somebody who does not. When no round trip
//! comes near the shortest for long, although nothing is probed, others fill the queue, and making
//! room only lets them have it. Then the window is what it would be without a model, CUBIC's, which
//! comes down when something is lost. TCP's BBR, version 1, does not even do that and takes at once
//! what others give up: where this is seen, ours insists as it does.
//!
//! What must not happen is that our own flows keep each other in this state. So little is done
//! without a loss (the window grows no further than the others' queue was long, nor beyond about half
//! of what the path delivers), and every few seconds the shortest round trip is looked for, at the
//! same time by all who share the queue: when it is found, nobody else was there.

use super::super::cubic::Cubic;
use super::super::{AckSample, Controller, Signal};
use crate::connection::rtt::Rtt;
use crate::time::{Duration, Instant};

/// Rounds that are looked at together.
const PERIOD: u64 = 8;
/// So many periods in a row without a short round trip show that others queue; as many with one that
/// they do no more.
const PERIODS: u32 = 3;
/// A round trip is short when it is no longer than the shortest by this part of it, or by this.
const NEAR_DIVISOR: u32 = 4;
const NEAR: Duration = Duration::from_millis(2);
/// What is aimed at, of the rate that was delivered while nobody queued...
const AIM: f64 = 0.55;
/// ...which is forgotten by so much a round in which it could be measured.
const FADING: f64 = 0.997;
/// What of its rate a flow holds, while others make the queue longer than it was.
const HELD: f64 = 0.95;
/// Losses up to so many rounds after a reduction are those that led to it.
const SAME: u64 = 3;
/// When the queue is so full again as this before so many rounds have passed, it was of no use...
const REFILLED: f64 = 0.85;
const SOON: u64 = 14;
/// ...and after so many of these none follows.
const USELESS: u32 = 2;
/// How much faster than a window per round trip CUBIC's datagrams leave (RFC 9002 section 7.7).
const PACE: f64 = 1.25;
/// BBR version 1: what it paces by in turn, for one of the shortest round trips each; and how many
/// bandwidth-delay products it keeps in flight.
const GAINS: [f64; 8] = [1.25, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
const WINDOW: f64 = 2.0;
/// How much the aim counts beside the present rate.
const LEANING: f64 = 0.25;
/// The shortest round trip is looked for after so much time: a little more than BBR
/// version 1 takes, so that one of these shows it first...
const LOOK: Duration = Duration::from_secs(11);
/// ...but sooner when the queue is longer than any of these makes it.
const LOOK_DEEP: Duration = Duration::from_secs(4);

/// A round that has ended, and what is known then.
pub(super) struct LastRound {
    pub(super) now: Instant,
    pub(super) number: u64,
    /// Of its round trips.
    pub(super) median: Duration,
    pub(super) min_rtt: Duration,
    /// Delivered in it.
    pub(super) rate: f64,
    /// More was lost than the link loses.
    pub(super) is_lossy: bool,
    /// The application was the limit.
    pub(super) is_light: bool,
    pub(super) in_flight: f64,
    pub(super) datagram: f64,
}

/// What is known about others.
#[derive(Clone, Debug, Default)]
pub(super) struct Competition {
    first_round: u64,
    /// The shortest round trip of this period, and the longest median.
    lowest: Option<Duration>,
    longest: Duration,
    /// Periods in a row that ask for a change.
    streak: u32,
    /// The median and the rate of the last round.
    median: Duration,
    rate: f64,
    /// The highest rate of late while nobody queued.
    alone: Option<f64>,
    contest: Option<Contest>,
}

/// Others keep a queue.
#[derive(Clone, Debug)]
struct Contest {
    manner: Manner,
    phase: Phase,
    /// The shortest round trip, when it began.
    empty: Duration,
    /// The longest one that others have made, or at which something was lost.
    longest: Duration,
    /// The longest at which something was lost.
    full: Option<Duration>,
    /// When the shortest round trip was last looked for, by us or somebody else; the shortest since
    /// we did, and what we found.
    looked_at: Instant,
    lowest: Duration,
    found: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The queue is so long that it is to be looked for the shortest round trip first: whoever does
    /// not know it, having come late, sees it then too.
    New,
    /// It was; others may yield now.
    Waiting,
    On,
}

/// How the window is found.
#[derive(Clone, Debug)]
enum Manner {
    /// By losses, as TCP does.
    Yields { cubic: Box<Cubic>, reduced: Option<Reduction>, useless: u32 },
    /// By the rate alone.
    Insists { since: Instant, gain: f64 },
}

/// When the window was last reduced.
#[derive(Clone, Copy, Debug)]
struct Reduction {
    round: u64,
    /// A round trip that shows that others took what was given up.
    refilled: Duration,
}

impl Competition {
    /// Whether a share is to be kept.
    pub(super) fn is_on(&self) -> bool {
        self.contest.as_ref().is_some_and(|contest| contest.phase == Phase::On)
    }

    /// An acknowledgement measured this.
    pub(super) fn on_rtt(&mut self, rtt: Duration) {
        self.lowest = Some(self.lowest.map_or(rtt, |lowest| lowest.min(rtt)));
    }

    /// An acknowledgement came while a share is kept.
    pub(super) fn on_ack(&mut self, sample: &AckSample, min_rtt: Duration, rtt: &Rtt) {
        let has_enough = self.aim().is_some_and(|aim| self.rate > aim);
        let Some(contest) = &mut self.contest else { return };
        let is_low = |rtt: &Duration| *rtt < contest.lowest || *rtt <= near(contest.empty);
        if let Some(rtt) = sample.rtt.filter(is_low) {
            // Somebody looks for the shortest: next time all do it at once.
            contest.lowest = contest.lowest.min(rtt);
            contest.looked_at = sample.now;
        }
        let may_grow = !has_enough && rtt.smoothed() <= contest.growth_bound();
        match &mut contest.manner {
            Manner::Yields { cubic, .. } => {
                let growth = if may_grow { sample.growth } else { 0 };
                cubic.on_ack(&AckSample { growth, ..sample.clone() }, rtt);
            }
            Manner::Insists { since, gain } => {
                let turn = (sample.now - *since).as_micros() / min_rtt.as_micros().max(1);
                *gain = GAINS[turn as usize % GAINS.len()];
            }
        }
    }

    /// A round has ended.
    pub(super) fn on_round(&mut self, round: &LastRound) {
        self.median = round.median;
        self.rate = round.rate;
        let empty = self.contest.as_ref().map_or(round.min_rtt, |contest| contest.empty);
        if round.median <= near(empty) {
            let before = self.alone.unwrap_or_default() * FADING;
            self.alone = Some(before.max(round.rate));
        }
        if self.contest.is_some() {
            self.judge(round);
            if round.is_lossy {
                self.on_loss(round);
            }
        } else {
            self.longest = self.longest.max(round.median);
        }
        if round.number >= self.first_round + PERIOD {
            self.first_round = round.number;
            self.end_period(round, empty);
        }
    }

    fn end_period(&mut self, round: &LastRound, empty: Duration) {
        let longest = core::mem::take(&mut self.longest);
        let is_short = self.lowest.take().is_none_or(|lowest| lowest <= near(empty));
        if round.is_light {
            self.streak = 0;
        } else if is_short == self.contest.is_some() {
            self.streak += 1;
        } else {
            self.streak = 0;
            if let Some(contest) = &mut self.contest {
                contest.phase = Phase::On;
            }
        }
        if self.streak == PERIODS {
            self.streak = 0;
            self.contest = match self.contest {
                Some(_) => None,
                None => Some(self.begin(round, empty, longest)),
            };
            tracing::trace!(now = %round.now, others = self.contest.is_some(), "BBR");
        }
    }

    fn begin(&self, round: &LastRound, empty: Duration, longest: Duration) -> Contest {
        let rtt = round.median.min(2 * empty);
        let window = self.aim().unwrap_or_default() * rtt.as_secs_f64();
        let cubic = Cubic::with_window(round.datagram as usize, window.max(round.in_flight));
        let is_deep = round.median > deep(empty);
        Contest {
            manner: Manner::Yields { cubic: Box::new(cubic), reduced: None, useless: 0 },
            phase: if is_deep { Phase::New } else { Phase::On },
            empty,
            longest,
            full: None,
            looked_at: round.now,
            lowest: Duration::MAX,
            found: None,
        }
    }

    /// More was lost than the link loses.
    fn on_loss(&mut self, round: &LastRound) {
        let window = self.cubic_window();
        let Some(contest) = &mut self.contest else { return };
        contest.longest = contest.longest.max(round.median);
        contest.full = contest.full.max(Some(round.median));
        let Manner::Yields { cubic, reduced, .. } = &mut contest.manner else { return };
        if reduced.is_some_and(|last| round.number - last.round <= SAME) {
            return;
        }
        let queue = round.median.saturating_sub(contest.empty);
        let refilled = contest.empty + queue.mul_f64(REFILLED);
        *reduced = Some(Reduction { round: round.number, refilled });
        if let Some(window) = window.filter(|window| *window as u64 > cubic.window()) {
            **cubic = Cubic::with_window(round.datagram as usize, window);
        }
        cubic.on_congestion(round.now, Signal::Loss);
    }

    /// Whether the last reduction was of use.
    fn judge(&mut self, round: &LastRound) {
        let Some(Contest { manner, .. }) = &mut self.contest else { return };
        let Manner::Yields { reduced, useless, .. } = manner else { return };
        let Some(last) = *reduced else { return };
        let since = round.number - last.round;
        if since > SAME && round.median >= last.refilled {
            *reduced = None;
            *useless += 1;
        } else if since > SOON {
            *reduced = None;
            *useless = 0;
        }
        if *useless >= USELESS {
            *manner = Manner::Insists { since: round.now, gain: 1.0 };
        }
    }

    /// Whether the shortest round trip is to be looked for before anything else is done.
    pub(super) fn looks_first(&mut self) -> bool {
        let Some(contest) = &mut self.contest else { return false };
        let is_new = contest.phase == Phase::New;
        if is_new {
            contest.phase = Phase::Waiting;
        }
        is_new
    }

    /// Whether it is looked for with next to nothing in flight, so that others see it too.
    pub(super) const fn looks_deep(&self) -> bool {
        self.contest.is_some()
    }

    /// Whether it is to be looked for again.
    pub(super) fn looks_again(&self, now: Instant) -> bool {
        self.contest.as_ref().is_some_and(|contest| {
            let is_first = contest.found.is_none();
            let longest = if is_first { deep(contest.empty) } else { contest.empty * 5 / 2 };
            let patience = if self.median > longest { LOOK_DEEP } else { LOOK };
            now - contest.looked_at >= patience
        })
    }

    /// It was looked for; `rate` was delivered before.
    pub(super) fn on_found(&mut self, now: Instant, found: Duration, rate: f64, datagram: f64) {
        self.streak = 0;
        let Some(contest) = &mut self.contest else { return };
        let is_gone = found <= near(contest.empty);
        // Queues of others differ from one time to the next.
        let is_longer_path = contest.found.is_some_and(|before| before.abs_diff(found) <= NEAR);
        if is_gone || is_longer_path {
            self.contest = None;
            return;
        }
        contest.found = Some(found);
        contest.lowest = found;
        contest.looked_at = now;
        if matches!(contest.manner, Manner::Insists { .. }) && found > 2 * contest.empty {
            // Nobody who insists keeps so much: whoever does may yield.
            let cubic = Cubic::with_window(datagram as usize, rate * found.as_secs_f64());
            let (cubic, useless) = (Box::new(cubic), USELESS - 1);
            contest.manner = Manner::Yields { cubic, reduced: None, useless };
        }
    }

    /// About half of what the path delivers, if that was ever seen.
    fn aim(&self) -> Option<f64> {
        self.alone.map(|rate| AIM * rate)
    }

    /// CUBIC's window; and more when others make the queue longer than it was, to hold the rate.
    fn cubic_window(&self) -> Option<f64> {
        let Contest { manner, longest, .. } = self.contest.as_ref()?;
        let Manner::Yields { cubic, .. } = manner else { return None };
        let stretch = HELD * self.median.as_secs_f64() / longest.as_secs_f64();
        Some(cubic.window() as f64 * stretch.max(1.0))
    }

    /// Bytes in flight that keep the share, at this rate.
    pub(super) fn window(&self, rate: f64, min_rtt: Duration) -> f64 {
        self.cubic_window().unwrap_or_else(|| {
            let aim = self.aim().unwrap_or(rate);
            WINDOW * (rate + LEANING * (aim - rate)) * min_rtt.as_secs_f64()
        })
    }

    /// Bytes a second.
    pub(super) fn pace(&self, window: f64, rate: f64, rtt: &Rtt) -> f64 {
        match self.contest.as_ref().map(|contest| &contest.manner) {
            Some(Manner::Insists { gain, .. }) => gain * rate,
            _ => PACE * window / rtt.smoothed().as_secs_f64(),
        }
    }
}

impl Contest {
    /// CUBIC's window grows while round trips are no longer than this.
    fn growth_bound(&self) -> Duration {
        self.longest.min(self.full.unwrap_or_else(|| deep(self.empty)))
    }
}

fn near(empty: Duration) -> Duration {
    empty + NEAR.max(empty / NEAR_DIVISOR)
}

/// More than those keep who keep twice the bandwidth-delay product in flight, whatever is lost.
fn deep(empty: Duration) -> Duration {
    2 * empty + empty / 8
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Rounds of 100 ms over a path of 50 ms that delivered a megabyte a second.
    struct Rounds {
        competition: Competition,
        number: u64,
        rate: f64,
        is_light: bool,
    }

    impl Rounds {
        fn new() -> Self {
            let competition = Competition::default();
            let mut rounds = Self { competition, number: 0, rate: 1e6, is_light: false };
            rounds.pass(PERIOD, 50, 50);
            rounds.rate = 2e5;
            rounds
        }

        fn now(&self) -> Instant {
            Instant::ZERO + ms(100) * self.number as u32
        }

        fn pass_one(&mut self, lowest: u64, median: u64, is_lossy: bool) {
            self.number += 1;
            self.competition.on_rtt(ms(lowest));
            self.competition.on_round(&LastRound {
                now: self.now(),
                number: self.number,
                median: ms(median),
                min_rtt: ms(50),
                rate: self.rate,
                is_lossy,
                is_light: self.is_light,
                in_flight: 20_000.0,
                datagram: 1000.0,
            });
        }

        fn pass(&mut self, count: u64, lowest: u64, median: u64) {
            for _ in 0..count {
                self.pass_one(lowest, median, false);
            }
        }

        fn window(&self) -> f64 {
            self.competition.window(self.rate, ms(50))
        }
    }

    const LONG: u64 = PERIOD * PERIODS as u64;

    #[test]
    fn others_queue_when_no_round_trip_is_short_for_long() {
        let mut rounds = Rounds::new();
        rounds.pass(LONG - 1, 70, 90);
        assert!(!rounds.competition.is_on());
        rounds.pass(1, 70, 90);
        assert!(rounds.competition.is_on());
        // About half of what there was alone, and the others' queue.
        assert!((48_000.0..50_000.0).contains(&rounds.window()), "{}", rounds.window());
        rounds.pass(LONG - 1, 60, 60);
        assert!(rounds.competition.is_on());
        rounds.pass(1, 60, 60);
        assert!(!rounds.competition.is_on());
    }

    #[test]
    fn one_short_round_trip_in_each_period_or_a_chat_show_nobody() {
        let mut rounds = Rounds::new();
        for _ in 0..20 {
            rounds.pass(PERIOD - 1, 70, 90);
            rounds.pass(1, 60, 90);
        }
        rounds.is_light = true;
        rounds.pass(5 * LONG, 70, 90);
        assert!(!rounds.competition.is_on());
    }

    #[test]
    fn the_window_comes_down_with_a_loss_unless_that_is_of_no_use() {
        let mut rounds = Rounds::new();
        rounds.pass(LONG, 70, 90);
        for part in [0.7, 0.49] {
            rounds.pass_one(70, 94, true);
            let expected = 49_500.0 * part;
            assert!((rounds.window() - expected).abs() < 1000.0, "{part}: {}", rounds.window());
            rounds.pass(SAME, 70, 80);
            // The queue is full again.
            rounds.pass(1, 70, 95);
        }
        // Now by the rate alone: twice the bandwidth-delay product, and a little towards the aim.
        let insisting = rounds.window();
        assert!((20_000.0..40_000.0).contains(&insisting), "{insisting}");
        rounds.pass_one(70, 94, true);
        assert_eq!(rounds.window(), insisting);
    }

    #[test]
    fn a_queue_that_stays_short_for_long_was_not_given_up_in_vain() {
        let mut rounds = Rounds::new();
        rounds.pass(LONG, 70, 90);
        for _ in 0..3 {
            let before = rounds.window();
            rounds.pass_one(70, 94, true);
            rounds.pass(SOON + 1, 70, 80);
            rounds.pass(PERIOD, 70, 95);
            assert!(rounds.window() <= before * 0.71, "{before} {}", rounds.window());
        }
    }

    #[test]
    fn others_hold_the_rate_down_no_further_when_they_queue_more() {
        let mut rounds = Rounds::new();
        rounds.pass(LONG, 70, 90);
        let before = rounds.window();
        rounds.pass(1, 170, 180);
        let held = rounds.window() / before;
        assert!((1.8..2.0).contains(&held), "{held}");
    }

    #[test]
    fn what_is_found_twice_is_the_path() {
        let mut rounds = Rounds::new();
        rounds.pass(LONG, 150, 190);
        assert!(!rounds.competition.is_on() && rounds.competition.looks_first());
        rounds.competition.on_found(rounds.now(), ms(120), 1e6, 1000.0);
        rounds.pass(PERIOD, 150, 190);
        assert!(rounds.competition.is_on() && !rounds.competition.looks_first());
        assert!(!rounds.competition.looks_again(rounds.now()));
        assert!(rounds.competition.looks_again(rounds.now() + LOOK_DEEP));
        rounds.competition.on_found(rounds.now(), ms(130), 1e6, 1000.0);
        assert!(rounds.competition.is_on());
        rounds.competition.on_found(rounds.now(), ms(131), 1e6, 1000.0);
        assert!(!rounds.competition.is_on());
    }

    #[test]
    fn when_the_shortest_is_found_nobody_else_was_there() {
        let mut rounds = Rounds::new();
        rounds.pass(LONG, 70, 90);
        rounds.competition.on_found(rounds.now(), ms(55), 1e6, 1000.0);
        assert!(!rounds.competition.is_on());
        rounds.pass(LONG - 1, 70, 90);
        assert!(!rounds.competition.is_on());
    }
}
