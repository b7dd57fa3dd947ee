//! Data over links of every kind: order, recovery, throughput.

use super::*;
use crate::endpoint::SendLimit;

const MIB: u64 = 1 << 20;

/// 100 Mbit/s, 50 ms round trip, a queue of one bandwidth-delay product.
fn hundred_megabit() -> Link {
    Link { bottleneck: Some((12_500_000, 625_000)), ..Link::clean(ms(25)) }
}

fn cubic() -> TransportConfig {
    TransportConfig { congestion: Congestion::Cubic, ..TransportConfig::default() }
}

/// Payload bytes a second over the rate of the link.
fn share(len: u64, time: Duration) -> f64 {
    len as f64 / time.as_secs_f64() / 12_500_000.0
}

#[test]
fn a_file_crosses_a_clean_link_in_few_round_trips_and_nothing_is_sent_twice() {
    let mut pair = Pair::new(Link::clean(ms(25)));
    let time = pair.transfer(MIB, secs(5));
    assert!(time < secs(1), "{time:?}");
    pair.settle();
    let stats = pair.sides[A].stats();
    assert_eq!((stats.datagrams_lost, stats.retransmitted_bytes), (0, 0));
    assert_eq!(stats.stream_bytes_sent, MIB);
    let rtt = stats.smoothed_rtt.unwrap();
    assert!(rtt >= ms(50) && rtt < ms(60), "{stats:?}");
}

/// [W-55] What was lost is sent again, as frames in new packets.
#[test]
fn data_arrives_in_order_whatever_the_link_does() {
    for (loss, duplicate, reorder) in [(5, 0, 0), (0, 20, 0), (0, 0, 20), (20, 5, 10), (40, 0, 0)] {
        let link = Link { loss, duplicate, reorder, late: ms(30), ..Link::clean(ms(10)) };
        let mut pair = Pair::new(link);
        pair.transfer(MIB / 4, secs(600));
        pair.send_file(B, Class::Chat, 100);
        pair.transfer(MIB / 8, secs(600));
        pair.link = Link::clean(ms(10));
        pair.settle();
    }
}

/// Depth 1000 and delay 750 ms (E08).
#[test]
fn a_long_path_with_deep_reordering_completes() {
    let link = Link { reorder: 30, late: ms(300), duplicate: 10, ..Link::clean(ms(375)) };
    let mut pair = Pair::new(link);
    pair.transfer(4 * MIB, secs(200));
    assert!(pair.closed(A).is_none() && pair.closed(B).is_none());
}

/// [W-62] [W-65] The aim: 0.8 of the link with CUBIC, start included.
#[test]
fn cubic_fills_a_clean_hundred_megabit_link() {
    let mut pair = Pair::with(hundred_megabit(), &cubic());
    let time = pair.transfer(32 * MIB, secs(30));
    let share = share(32 * MIB, time);
    assert!(share >= 0.8, "{share:.3} {:?}", pair.sides[A].stats());
    assert!(pair.largest_burst >= 5, "{}", pair.largest_burst);
}

/// [W-47] The model needs no loss to find the rate, and keeps it when a link loses much.
#[test]
fn losses_of_the_link_cost_bbr_little_more_than_themselves() {
    for (loss, least) in [(0, 0.85), (1, 0.83), (5, 0.75), (20, 0.5)] {
        let mut pair = Pair::new(Link { loss, ..hundred_megabit() });
        let time = pair.transfer(32 * MIB, secs(60));
        let share = share(32 * MIB, time);
        assert!(share >= least, "{share:.3} at {loss} %: {:?}", pair.sides[A].stats());
    }
}

/// [W-47] [W-56] Nor do packets that overtake each other by half a round trip.
#[test]
fn overtaking_costs_bbr_little() {
    let mut pair = Pair::new(Link { reorder: 5, late: ms(25), ..hundred_megabit() });
    let time = pair.transfer(32 * MIB, secs(30));
    let share = share(32 * MIB, time);
    assert!(share >= 0.75, "{share:.3} {:?}", pair.sides[A].stats());
}

/// [W-47] A queue eight times as long as the path is left empty but for a fraction of a round
/// trip.
#[test]
fn a_deep_queue_stays_empty() {
    let deep = Link { bottleneck: Some((12_500_000, 5_000_000)), ..Link::clean(ms(25)) };
    let mut pair = Pair::new(deep);
    pair.send_file(A, Class::Bulk, 256 * MIB);
    pair.run_for(secs(2));
    for _ in 0..100 {
        pair.run_for(ms(37));
        let rtt = pair.sides[A].stats().smoothed_rtt.unwrap();
        assert!(rtt < ms(80), "{rtt:?}");
    }
}

/// [W-79].
#[test]
fn without_a_bottleneck_bursts_become_long() {
    let mut pair = Pair::new(Link::clean(Duration::from_micros(100)));
    pair.transfer(16 * MIB, secs(10));
    assert!(pair.largest_burst >= 32, "{}", pair.largest_burst);
}

/// [W-57] [W-58] [W-63] Packets that overtake each other cost CUBIC little, because the first
/// loss that was none is undone and not repeated.
#[test]
fn reordering_costs_little() {
    let mut pair = Pair::with(Link { reorder: 5, late: ms(25), ..hundred_megabit() }, &cubic());
    let time = pair.transfer(32 * MIB, secs(60));
    let share = share(32 * MIB, time);
    let stats = pair.sides[A].stats();
    assert!(share >= 0.7, "{share:.3} {stats:?}");
    assert!((1..20).contains(&stats.spurious_losses), "{stats:?}");
}

/// A flight of which one datagram is overtaken by all others; the last of these get `mark` from a
/// router, if any. Gives the window before and after.
fn overtaken(mark: Option<Ecn>) -> (u64, u64) {
    let mut pair = Pair::with(Link::clean(ms(20)), &cubic());
    pair.transfer(MIB, secs(5));
    pair.settle();
    let before = pair.sides[A].stats().congestion_window;
    let mut count = 0;
    let held = std::rc::Rc::new(std::cell::RefCell::new(None));
    let keep = std::rc::Rc::clone(&held);
    pair.tamper = Box::new(move |mut datagram| {
        count += u32::from(datagram.to == B);
        if count == 3 && datagram.to == B {
            *keep.borrow_mut() = Some(datagram);
            count += 1;
            return None;
        }
        if datagram.to == B && count > 20 {
            datagram.ecn = mark.unwrap_or(datagram.ecn);
        }
        Some(datagram)
    });
    let id = pair.send_file(A, Class::Bulk, 40_000);
    while pair.sides[A].stats().datagrams_lost == 0 {
        assert!(pair.step(pair.now + secs(1)));
    }
    let reduced = pair.sides[A].stats().congestion_window;
    assert!(reduced < before, "{reduced} < {before}");
    pair.run_for(ms(60));
    let late = held.borrow_mut().take().unwrap();
    pair.put_on_link(late);
    pair.run_until_read(B, id, secs(5));
    pair.settle();
    let stats = pair.sides[A].stats();
    assert_eq!(stats.spurious_losses, 1);
    (before, stats.congestion_window)
}

/// [W-63]
#[test]
fn a_reduction_is_undone_when_the_loss_was_none() {
    let (before, after) = overtaken(None);
    assert!(after >= before, "{after} from {before}");
}

/// [W-64] Marks that came with such a loss remain true.
#[test]
fn a_reduction_is_not_undone_when_routers_marked_the_same_flight() {
    let (before, after) = overtaken(Some(Ecn::Ce));
    assert!(after < before, "{after} from {before}");
}

/// What becomes of packets that are overtaken.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Overtaken {
    GetLost,
    ArriveLate,
    /// And routers mark some of the others.
    ArriveLateBesideMarks,
}

/// BBR does nothing for one loss, nor for many while it probes: a moment at which every fourth of 400
/// datagrams reduces the window when they get lost, and it stays so.
fn moment_of_losses() -> Duration {
    let stays_reduced = |at: &Duration| {
        many_overtaken_at(*at, Overtaken::GetLost)
            .is_some_and(|(before, after)| after < before * 2 / 3)
    };
    (3000..4000).step_by(50).map(ms).find(stays_reduced).expect("a moment without a probe")
}

/// Every fourth of 400 datagrams is overtaken by all others. Gives the window before, and when it is known
/// which of them were lost, if it was reduced meanwhile.
fn many_overtaken_at(at: Duration, fate: Overtaken) -> Option<(u64, u64)> {
    let mut pair = Pair::new(hundred_megabit());
    pair.send_file(A, Class::Bulk, 256 * MIB);
    pair.run_for(at);
    let before = pair.sides[A].stats().congestion_window;
    let mut count = 0;
    let held = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let keep = std::rc::Rc::clone(&held);
    pair.tamper = Box::new(move |mut datagram| {
        count += u32::from(datagram.to == B);
        if datagram.to != B || count > 400 {
            return Some(datagram);
        }
        if count % 4 == 0 {
            keep.borrow_mut().push(datagram);
            return None;
        }
        if fate == Overtaken::ArriveLateBesideMarks && count % 100 == 1 {
            datagram.ecn = Ecn::Ce;
        }
        Some(datagram)
    });
    pair.run_for(ms(140));
    if pair.sides[A].stats().congestion_window >= before * 2 / 3 {
        return None;
    }
    for late in held.take().into_iter().filter(|_| fate != Overtaken::GetLost) {
        pair.put_on_link(late);
    }
    pair.run_for(ms(200));
    let stats = pair.sides[A].stats();
    let late = if fate == Overtaken::GetLost { 0 } else { 100 };
    assert_eq!(stats.spurious_losses, late, "{fate:?}");
    Some((before, stats.congestion_window))
}

/// [W-63] Under BBR too.
#[test]
fn a_reduction_of_bbr_is_undone_when_all_its_losses_were_none() {
    let (before, after) =
        many_overtaken_at(moment_of_losses(), Overtaken::ArriveLate).expect("reduced");
    // A probe has a window an eighth larger.
    assert!(after > before * 4 / 5, "{after} from {before}");
}

/// [W-64] Under BBR too.
#[test]
fn a_reduction_of_bbr_is_not_undone_when_routers_marked_the_same_flight() {
    let (before, after) =
        many_overtaken_at(moment_of_losses(), Overtaken::ArriveLateBesideMarks).expect("reduced");
    assert!(after < before * 2 / 3, "{after} from {before}");
}

/// [W-59] Only the last datagram is lost: nothing overtakes it, a probe carries it.
#[test]
fn the_lost_tail_is_carried_by_a_probe() {
    let mut pair = Pair::new(Link::clean(ms(20)));
    pair.transfer(20_000, secs(5));
    pair.settle();
    let mut drops = 1;
    pair.tamper = Box::new(move |datagram| {
        if datagram.to == B && drops > 0 {
            drops -= 1;
            return None;
        }
        Some(datagram)
    });
    let id = pair.send_file(A, Class::Chat, 300);
    let time = pair.run_until_read(B, id, secs(5));
    assert!(time < ms(250), "{time:?}");
    let again = pair.sides[A].stats().retransmitted_bytes;
    assert!(again == 300 || again == 600, "{again}: one or both of the probes");
}

/// [W-60] After a long outage the flow begins anew with the smallest window, and comes back.
#[test]
fn an_outage_is_persistent_congestion_and_heals() {
    for config in [cubic(), TransportConfig::default()] {
        let mut pair = Pair::with(hundred_megabit(), &config);
        let id = pair.send_file(A, Class::Bulk, 16 * MIB);
        pair.run_for(secs(1));
        let before = pair.sides[A].stats().congestion_window;
        pair.link.loss = 100;
        pair.run_for(secs(5));
        pair.link.loss = 0;
        let mut least = before;
        while !pair.apps[B].ended.contains(&id) {
            assert!(pair.step(pair.now + secs(20)));
            least = least.min(pair.sides[A].stats().congestion_window);
        }
        match config.congestion {
            Congestion::Cubic => assert_eq!(least, 2 * 1472),
            // By the same ACK it grows again, by all that had arrived before the outage.
            Congestion::Bbr => assert!(least < before / 3, "{least} from {before}"),
        }
        pair.settle();
    }
}

/// [W-60] An outage before the first round trip was measured says nothing: the first packets are
/// repeated faster than a path may be long.
#[test]
fn an_outage_at_the_beginning_is_no_persistent_congestion() {
    // Under CUBIC, one reduction of ten datagrams.
    for (config, left) in [(cubic(), 12_000 * 7 / 10), (TransportConfig::default(), 12_000)] {
        let mut pair = Pair::with(hundred_megabit(), &config);
        let id = pair.send_file(A, Class::Bulk, MIB);
        pair.link.loss = 100;
        pair.run_for(secs(3));
        pair.link.loss = 0;
        let mut least = u64::MAX;
        while !pair.apps[B].ended.contains(&id) {
            assert!(pair.step(pair.now + secs(20)));
            least = least.min(pair.sides[A].stats().congestion_window);
        }
        assert_eq!(least, left, "{:?}", config.congestion);
    }
}

/// E09: five seconds dark, two seconds light.
#[test]
fn a_path_that_comes_and_goes_is_used_while_it_is_there() {
    let mut pair = Pair::new(hundred_megabit());
    let id = pair.send_file(A, Class::Bulk, 8 * MIB);
    for _ in 0..20 {
        pair.link.loss = 0;
        pair.run_for(secs(2));
        if pair.apps[B].ended.contains(&id) {
            return;
        }
        pair.link.loss = 100;
        pair.run_for(secs(5));
    }
    panic!("{:?} of 8 MiB", pair.apps[B].read.get(&id));
}

/// [W-64] Marks reduce the window as losses do, without any loss.
#[test]
fn marks_of_routers_reduce_the_window() {
    for config in [cubic(), TransportConfig::default()] {
        let mut clean = Pair::with(hundred_megabit(), &config);
        let mut marked = Pair::with(Link { mark: 1, ..hundred_megabit() }, &config);
        let mut erased = Pair::with(Link { ecn: false, ..hundred_megabit() }, &config);
        for pair in [&mut clean, &mut marked, &mut erased] {
            pair.transfer(4 * MIB, secs(60));
        }
        let window = |pair: &Pair| pair.sides[A].stats().congestion_window;
        let most = match config.congestion {
            Congestion::Cubic => window(&clean) / 3,
            Congestion::Bbr => window(&clean) * 2 / 3,
        };
        assert!(window(&marked) < most, "{} {}", window(&marked), window(&clean));
        assert_eq!(marked.sides[A].stats().datagrams_lost, 0);
        assert!(window(&erased).abs_diff(window(&clean)) < window(&clean) / 10);
    }
}

/// A message beside a file waits for no more than the burst that is being sent.
#[test]
fn chat_overtakes_a_file() {
    let mut pair = Pair::new(Link::clean(ms(25)));
    pair.send_file(A, Class::Bulk, 64 * MIB);
    pair.run_for(secs(1));
    for _ in 0..5 {
        let file = pair.apps[A].sending.take();
        let id = pair.send_file(A, Class::Chat, 128);
        pair.apps[A].sending = file;
        let time = pair.run_until_read(B, id, secs(2));
        assert!(time < ms(27), "{time:?}");
        pair.run_for(ms(50));
    }
}

/// [W-53] A receiver of a file sends far fewer packets than it gets.
#[test]
fn acknowledgements_are_few() {
    let mut pair = Pair::new(Link::clean(ms(5)));
    pair.transfer(8 * MIB, secs(10));
    let (sent, acks) = (pair.sides[A].stats().datagrams_sent, pair.sides[B].stats().datagrams_sent);
    assert!(acks < sent / 4, "{acks} for {sent}");
}

/// [W-53] Nor does a steady flow need one for every second, of which the way back has less to carry.
#[test]
fn a_steady_flow_is_acknowledged_less_often() {
    let mut pair = Pair::new(hundred_megabit());
    pair.transfer(32 * MIB, secs(10));
    let (sent, acks) = (pair.sides[A].stats().datagrams_sent, pair.sides[B].stats().datagrams_sent);
    assert!(acks < sent / 6, "{acks} for {sent}");
}

/// [W-61] What is in flight never exceeds the window by more than probes.
#[test]
fn the_window_is_kept() {
    let mut pair = Pair::new(Link { loss: 3, ..hundred_megabit() });
    let id = pair.send_file(A, Class::Bulk, 2 * MIB);
    let mut window = 0;
    while !pair.apps[B].ended.contains(&id) {
        let before = pair.sides[A].stats();
        window = before.congestion_window.max(before.bytes_in_flight);
        assert!(pair.step(pair.now + secs(20)));
        let stats = pair.sides[A].stats();
        let window = window.max(stats.congestion_window);
        assert!(stats.bytes_in_flight <= window + 2 * 1200, "{stats:?}");
    }
    assert!(window > 0);
    pair.link = hundred_megabit();
    pair.settle();
}

/// The share of the last seconds for which this, or one of these, kept A from sending.
fn kept_by(pair: &Pair, limits: &[SendLimit]) -> f64 {
    let spent = pair.sides[A].stats().limits.unwrap().spent(pair.now);
    let of: Duration = limits.iter().map(|limit| spent[*limit as usize]).sum();
    of.as_secs_f64() / spent.iter().sum::<Duration>().as_secs_f64()
}

#[test]
fn what_keeps_a_side_from_sending_is_counted() {
    let mut pair = Pair::new(Link::clean(ms(25)));
    pair.transfer(MIB, secs(5));
    pair.run_for(secs(9));
    assert!(kept_by(&pair, &[SendLimit::Application]) > 0.95);
    // A narrow link: the window or the pacing rate.
    let mut pair = Pair::new(Link { bottleneck: Some((100_000, 20_000)), ..Link::clean(ms(25)) });
    pair.send_file(A, Class::Bulk, 5 * MIB);
    pair.run_for(secs(9));
    let share = kept_by(&pair, &[SendLimit::Congestion, SendLimit::Pacing]);
    assert!(share > 0.9, "{share} {:?}", pair.sides[A].stats());
    // A long way, of which the reader allows little at a time.
    for (stream_window, connection_window) in [(64 << 10, 8 << 20), (8 << 20, 64 << 10)] {
        let narrow =
            TransportConfig { stream_window, connection_window, ..TransportConfig::default() };
        let mut pair = Pair::with(Link::clean(ms(500)), &narrow);
        pair.send_file(A, Class::Bulk, 5 * MIB);
        pair.run_for(secs(20));
        let share = kept_by(&pair, &[SendLimit::Flow]);
        assert!(share > 0.6, "{share} {:?}", pair.sides[A].stats());
    }
}
