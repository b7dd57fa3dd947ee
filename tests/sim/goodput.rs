//! What the transport reaches over paths of all kinds. The table is exact: a slower sender, or a
//! message that waits longer, shows as a difference.

use sim::conditions::{evenness, table, together};
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

#[test]
fn four_flows_share_evenly() {
    let shares = together(&[Congestion::Bbr; 4], 1.0, &Seed::new([1; 32]));
    assert!(evenness(&shares) >= 0.95, "{shares:?}");
    assert!(shares.iter().map(|(share, _)| share).sum::<f64>() > 0.9, "{shares:?}");
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
    let shares = together(&[Congestion::Bbr, Congestion::Cubic], 1.0, &Seed::new([1; 32]));
    let part = shares[0].0 / (shares[0].0 + shares[1].0);
    assert!((0.35..=0.65).contains(&part), "{shares:?}");
}
