//! Single rules of PROTOCOL.md, packet by packet, the same under both controllers.

use super::super::{Ecn, MIN_DATAGRAM, Moved};
use super::sender::{Counting, Sender};
use super::watched::least_window;
use crate::config::Congestion;
use crate::time::Duration;

const BOTH: [Congestion; 2] = [Congestion::Bbr, Congestion::Cubic];
const RTT: Duration = Duration::from_millis(20);
/// Of a path whose round trip never varies: that, the least variation, and the other side's delay.
const PTO: Duration = Duration::from_millis(20 + 1 + 25);
const GRAIN: Duration = Duration::from_micros(1);
const SMALL: usize = 100;
const UNMARKED: Counting = Counting::Marked(0);

/// Every packet so far took one round trip. BBR is still in Startup, as it was never the limit.
fn settled(congestion: Congestion) -> Sender {
    let mut sender = Sender::new(congestion);
    for _ in 0..30 {
        let first = sender.next();
        for _ in 0..4 {
            sender.recovery.on_app_limited();
            assert!(sender.send(usize::MAX, 1));
        }
        acknowledge(&mut sender, first, UNMARKED);
    }
    assert_eq!(sender.recovery.probe_timeout(), PTO);
    sender
}

/// All from `first` on arrive after a round trip.
fn acknowledge(sender: &mut Sender, first: u64, counting: Counting) {
    sender.now += RTT;
    sender.ack(&[(first, sender.next() - 1)], 0, counting);
}

/// Two packets so far apart get lost, with none or one acknowledged in between, when a fourth one after
/// the second is acknowledged. Gives the window before and after.
fn lost_apart(sender: &mut Sender, apart: Duration, is_heard_of: bool) -> (u64, u64) {
    let (before, start, first) = (sender.recovery.window(), sender.now, sender.next());
    assert!(sender.send(SMALL, 1));
    sender.now = start + apart / 2;
    if is_heard_of {
        assert!(sender.send(SMALL, 1));
    }
    sender.now = start + apart;
    for _ in 0..4 {
        assert!(sender.send(SMALL, 1));
    }
    sender.now += RTT;
    let last = sender.next() - 1;
    let heard_of = is_heard_of.then_some((first + 1, first + 1));
    let ranges: Vec<_> = [(last, last)].into_iter().chain(heard_of).collect();
    sender.ack(&ranges, 0, UNMARKED);
    assert_eq!(sender.recovery.datagrams_lost, 2);
    (before, sender.recovery.window())
}

/// What an ordinary reduction leaves; BBR makes none for two packets.
fn reduced(congestion: Congestion, window: u64) -> u64 {
    match congestion {
        Congestion::Bbr => window,
        Congestion::Cubic => window * 7 / 10,
    }
}

/// [W-60]
#[test]
fn losses_more_than_three_pto_apart_leave_the_least_window() {
    for congestion in BOTH {
        let mut sender = settled(congestion);
        let least = least_window(congestion) * MIN_DATAGRAM as u64;
        let (before, after) = lost_apart(&mut sender, PTO * 3 + GRAIN, false);
        assert!(before > 2 * least, "{congestion:?}: {before}");
        // By the same ACK BBR's window grows again.
        let grown = least + SMALL as u64;
        assert!((least..=grown).contains(&after), "{congestion:?}: {after} from {before}");
    }
}

/// [W-60]
#[test]
fn losses_three_pto_apart_are_no_persistent_congestion() {
    for congestion in BOTH {
        let (before, after) = lost_apart(&mut settled(congestion), PTO * 3, false);
        assert!(after >= reduced(congestion, before), "{congestion:?}: {after} from {before}");
    }
}

/// [W-60]
#[test]
fn losses_around_one_that_arrived_are_no_persistent_congestion() {
    for congestion in BOTH {
        let (before, after) = lost_apart(&mut settled(congestion), PTO * 6, true);
        assert!(after >= reduced(congestion, before), "{congestion:?}: {after} from {before}");
    }
}

/// [W-60]
#[test]
fn losses_before_the_first_round_trip_are_no_persistent_congestion() {
    for congestion in BOTH {
        let mut sender = Sender::new(congestion);
        let (before, after) = lost_apart(&mut sender, Duration::from_secs(20), false);
        assert!(after >= reduced(congestion, before), "{congestion:?}: {after} from {before}");
    }
}

/// Under CUBIC two of twenty packets are overtaken by all others, of which routers mark some. (For so
/// few losses BBR makes no reduction: `connection/tests/flows.rs`.) Gives the window before, and those
/// after the losses, the first late arrival and the second.
fn overtaken(marked: u64) -> (u64, [u64; 3]) {
    let mut sender = settled(Congestion::Cubic);
    let (before, first) = (sender.recovery.window(), sender.next());
    for _ in 0..20 {
        assert!(sender.send(SMALL, 1));
    }
    sender.now += RTT;
    let others = [(first + 9, first + 19), (first + 4, first + 7), (first, first + 2)];
    let after = [&others[..], &[(first + 3, first + 3)], &[(first + 8, first + 8)]].map(|ranges| {
        sender.ack(ranges, 0, Counting::Marked(marked));
        sender.recovery.window()
    });
    assert_eq!((sender.recovery.datagrams_lost, sender.recovery.spurious_losses), (2, 2));
    (before, after)
}

/// [W-63] One late arrival is not enough when two packets were lost.
#[test]
fn a_reduction_is_undone_once_each_of_its_losses_has_arrived() {
    let (before, after) = overtaken(0);
    assert_eq!(after, [before * 7 / 10, before * 7 / 10, before]);
}

/// [W-64] One reduction for both, and it stays.
#[test]
fn a_reduction_is_not_undone_when_others_of_the_round_trip_were_marked() {
    let (before, after) = overtaken(1);
    assert_eq!(after, [before * 7 / 10; 3]);
}

/// The ECN bits of so many packets, sent one after another.
fn bits(sender: &mut Sender, count: usize) -> Vec<Ecn> {
    let mut bits = Vec::new();
    for _ in 0..count {
        bits.push(sender.recovery.codepoint());
        assert!(sender.send(SMALL, 1));
    }
    bits
}

/// [W-64]
#[test]
fn ten_packets_of_a_path_are_marked_and_then_all_or_none() {
    let on_trial = [[Ecn::Ect0; 10], [Ecn::NotCapable; 10]].concat();
    for congestion in BOTH {
        for (answer, then) in [
            (UNMARKED, Ecn::Ect0),
            (Counting::Marked(3), Ecn::Ect0),
            (Counting::Absent, Ecn::NotCapable),
            (Counting::Wrong, Ecn::NotCapable),
        ] {
            let mut sender = Sender::new(congestion);
            assert_eq!(bits(&mut sender, 20), on_trial);
            // Once it is none, what follows does not mend it.
            sender.now += RTT;
            sender.ack(&[(0, 4)], 0, answer);
            sender.ack(&[(0, 19)], 0, UNMARKED);
            assert_eq!(bits(&mut sender, 20), [then; 20], "{congestion:?} {answer:?}");
            sender.on_moved(Moved::Elsewhere { rtt: Some(RTT) });
            assert_eq!(bits(&mut sender, 20), on_trial, "{congestion:?}: another path");
        }
    }
}
