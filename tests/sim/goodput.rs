//! What the transport reaches over paths of all kinds. The table is exact: a slower sender, or a
//! message that waits longer, shows as a difference.

use core::time::Duration;

use sim::conditions::{Condition, MESSAGE_EVERY, all, evenness, table, together};
use wire::{Congestion, Seed};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/goodput.md");

/// `UPDATE_VECTORS=1 cargo test -p tests --test sim goodput` writes the table anew.
#[test]
fn the_table_is_what_it_was() {
    let table = table(Congestion::Bbr, &Seed::new([1; 32]));
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        std::fs::write(FILE, &table).unwrap();
    }
    let expected = std::fs::read_to_string(FILE).unwrap();
    assert_eq!(table, expected, "what the transport reaches has changed");
}

/// Paths on which datagrams get lost, by the link or by its queue.
const LOSSY: [&str; 7] =
    ["1 % loss", "5 % loss", "10 % loss", "20 % loss", "burst", "mix", "shallow"];

/// Paths on which messages wait longer than they should: how long 99 % of them do, at most, and
/// what for.
const SLOW: [(&str, u64, &str); 11] = [
    ("reorder", 101, "all round trips differ by tens of milliseconds: a queue is seen late"),
    ("10 Mbit/s, 200 ms", 226, START),
    ("20 Mbit/s, 750 ms", 971, START),
    ("100/5 Mbit/s", 75, "acknowledgements wait for each other: a probe is seen late"),
    ("100/5 Mbit/s, BBR back", 213, BACK),
    ("100/5 Mbit/s, CUBIC back", 218, BACK),
    ("50 or 100 Mbit/s", 339, "what was on its way when the rate halves waits"),
    ("5 s outage", 5397, "for five seconds nothing arrives"),
    ("timers of 4 ms", 100, START),
    ("reorder, timers of 4 ms", 104, "as reorder"),
    ("20 Mbit/s, 750 ms, timers of 1 ms", 992, START),
];

const BACK: &str = "answers wait in the full queue of the way back, and get lost there";
const START: &str = "the start looks for the rate until a queue shows that it is found";

/// A message and its answer, beside a file, take no more than 20 ms longer than on an idle path, or
/// a round trip more where datagrams get lost. In the table, of which the test above says that it is
/// true.
#[test]
fn messages_beside_a_file_are_answered_in_time() {
    let table = std::fs::read_to_string(FILE).unwrap();
    for Condition { name, rtt, timers, .. } in all() {
        let row = table.lines().find(|line| line.starts_with(&format!("| {name} |")));
        let cells: Vec<&str> = row.expect(name).split('|').map(str::trim).collect();
        let took: u64 = cells[5].parse().unwrap();
        let round_trips = if LOSSY.contains(&name) { 2 } else { 1 };
        // The programs themselves are late, the one that answers and the one that asked.
        let limit = rtt * round_trips + 20 + 2 * timers.as_millis() as u64;
        match SLOW.iter().find(|(slow, ..)| *slow == name) {
            None => assert!(took <= limit, "{name}: {took} ms, {limit} allowed"),
            Some((_, known, why)) => {
                assert!(took <= *known, "{name}: {took} ms, {known} before, since {why}");
                assert!(took > limit, "{name} is slow no more: {took} ms");
            }
        }
    }
}

/// What a probe adds on a path so long that it is seen too late, and the acknowledgement that waits for
/// eight packets, in milliseconds.
const LONG: (u64, u128) = (750, 2);

/// Where only the start makes messages wait, those after it do not: after a second, and three round
/// trips, in which the start learns how fast the path is.
#[test]
fn messages_after_the_start_are_answered_in_time() {
    let slow = |name| SLOW.iter().any(|(slow, _, why)| *slow == name && *why == START);
    for condition in all().into_iter().filter(|condition| slow(condition.name)) {
        let mut outcome = condition.measure(Congestion::Bbr, &Seed::new([1; 32]));
        let start = Duration::from_secs(1) + 3 * Duration::from_millis(condition.rtt);
        outcome.round_trips.drain(..(start.as_millis() / MESSAGE_EVERY.as_millis()) as usize);
        let (name, took) = (condition.name, outcome.percentile(99).as_millis());
        let limit = u128::from(condition.rtt) + 20 + 2 * condition.timers.as_millis();
        let late = if condition.rtt == LONG.0 { LONG.1 } else { 0 };
        assert!(took <= limit + late, "{name}: {took} ms");
    }
}

/// However packets happen to meet. (In one run of ten a flow whose first packets showed nothing of the
/// path has a third of what the others have.)
#[test]
fn four_flows_share_evenly() {
    const SEEDS: u8 = 4;
    let mut sum = 0.0;
    for seed in 1..=SEEDS {
        let shares = together(&[Congestion::Bbr; 4], 1.0, &Seed::new([seed; 32]));
        assert!(evenness(&shares) >= 0.85, "seed {seed}: {shares:?}");
        let all: f64 = shares.iter().map(|(share, _)| share).sum();
        assert!(all > 0.9, "seed {seed}: {shares:?}");
        sum += evenness(&shares);
    }
    assert!(sum / f64::from(SEEDS) >= 0.95, "{}", sum / f64::from(SEEDS));
}

/// Nobody takes the others' overload for losses of the link, and sends all the more.
#[test]
fn flows_that_share_a_short_queue_lose_little() {
    let shares = together(&[Congestion::Bbr; 4], 0.25, &Seed::new([1; 32]));
    assert!(evenness(&shares) >= 0.9, "{shares:?}");
    assert!(shares.iter().all(|(_, lost)| *lost < 0.15), "{shares:?}");
}

/// Each gets between 35 and 65 % of what both have.
#[test]
fn a_flow_that_waits_for_losses_keeps_its_share() {
    for seed in 1..=4 {
        let flows = [Congestion::Bbr, Congestion::Cubic];
        let shares = together(&flows, 1.0, &Seed::new([seed; 32]));
        let part = shares[0].0 / (shares[0].0 + shares[1].0);
        assert!((0.35..=0.65).contains(&part), "seed {seed}: {shares:?}");
    }
}

/// Nor does a long queue, which it keeps for itself, take everything from ours: a tenth was left
/// before there was an answer to it.
#[test]
fn a_flow_that_fills_a_deep_queue_leaves_a_fifth() {
    let shares = together(&[Congestion::Bbr, Congestion::Cubic], 8.0, &Seed::new([1; 32]));
    let part = shares[0].0 / (shares[0].0 + shares[1].0);
    assert!((0.2..=0.65).contains(&part), "{shares:?}");
}
