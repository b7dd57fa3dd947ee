//! Handshakes under heavy harm, over many seeds (C05; the figures are those of the QUIC interop
//! runner's handshakeloss and handshakecorruption, both at once).

use super::*;

/// Runs one attempt per seed and gives the times, sorted; those that failed are missing.
fn times(seeds: u64, weather: Weather, begin: impl Fn(u64) -> World) -> Vec<Duration> {
    let run = |seed| {
        let mut world = begin(seed);
        world.weather = weather;
        world.run_until(Duration::from_secs(10), World::both_connected)
    };
    let mut times: Vec<Duration> = (0..seeds).filter_map(run).collect();
    times.sort();
    times
}

const HARM: Weather = Weather {
    delay: Duration::from_millis(15),
    jitter: Duration::from_millis(5),
    loss: 30,
    corruption: 30,
    duplication: 2,
};

const SLOW: Weather = Weather { delay: Duration::from_millis(375), ..HARM };

fn assert_fast(name: &str, times: &[Duration], seeds: u64) {
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    println!(
        "{name}: {} of {seeds}, p50 {:?}, p99 {:?}, max {:?}",
        times.len(),
        at(50),
        at(99),
        at(100)
    );
    assert!(times.len() as u64 * 1000 >= seeds * 999, "{name}: {} of {seeds}", times.len());
}

const SEEDS: u64 = 400;

#[test]
fn connecting_under_harm() {
    for (weather, name) in [(HARM, "30 ms"), (SLOW, "750 ms")] {
        for identify in [Identify::Anonymous, Identify::Known] {
            for pinned in [None, Some(server_key().public())] {
                let times = times(SEEDS, weather, |seed| {
                    let mut world = World::new(seed);
                    world.weather = weather;
                    world.connect_with(pinned, identify, None);
                    world
                });
                assert_fast(&format!("{name} {identify:?} {}", pinned.is_some()), &times, SEEDS);
            }
        }
    }
}

#[test]
fn calling_under_harm() {
    for (weather, name) in [(HARM, "call, 30 ms"), (SLOW, "call, 750 ms")] {
        let times = times(SEEDS, weather, |seed| {
            let mut world = calls::peers(seed);
            world.weather = weather;
            world.begin_both();
            world
        });
        assert_fast(name, &times, SEEDS);
    }
}
