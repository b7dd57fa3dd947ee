//! A server that logs out who does nothing [W-163] [W-164].

use wire::app::name::Name;
use wire::app::server::{Availability, Notice, Refusal, close};
use wire::time::{Duration, Instant};

use super::world::{World, server_address};
use crate::app::AutoAway;
use crate::command::Command;
use crate::output::Output;

const LIMIT: u32 = 600;
const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;

/// Alice and bob, at a server that logs out after ten minutes.
fn world() -> World {
    let mut world = World::new(2);
    world.server.logs_out_idle = Some(LIMIT);
    world.register(0, "alice");
    world.register(1, "bob");
    world.run_ms(2000);
    world.seen(0);
    world
}

/// What the server was told since it was last looked at, as when the user did something: in seconds after
/// `start`.
fn told(world: &mut World, start: Instant) -> Vec<u64> {
    let told = core::mem::take(&mut world.server.active);
    let at = |(at, ago): (Instant, u32)| (at - start).as_secs().wrapping_sub(ago.into());
    told.into_iter().map(at).collect()
}

/// Only what alice does.
fn alone() -> World {
    let mut world = World::new(1);
    world.server.logs_out_idle = Some(LIMIT);
    world.register(0, "alice");
    world.run_ms(2000);
    world.seen(0);
    world
}

#[test]
fn the_server_is_told_what_the_person_does_and_seldom() {
    let mut world = alone();
    assert_eq!(world.server.active, [], "a login is something that he does");
    world.run_ms(3 * MINUTE);
    let start = world.now;
    world.line(0, "/who");
    world.run_ms(20 * SECOND);
    world.line(0, "/help");
    world.run_ms(10 * SECOND);
    let now = world.now;
    world.app(0).active(now);
    world.run_ms(SECOND);
    assert_eq!(told(&mut world, start), [0], "at once, and not again within a minute");
    world.run_ms(MINUTE);
    assert_eq!(told(&mut world, start), [30], "when he did something last, not when it is told");
    world.run_ms(60 * MINUTE);
    assert_eq!(world.server.active, [], "he does nothing");
    for _ in 0..600 {
        world.line(0, "/help");
        world.run_ms(SECOND);
    }
    let count = world.server.active.len();
    assert!((10..=11).contains(&count), "once a minute: {count}");
}

#[test]
fn nothing_is_told_where_the_server_has_not_asked() {
    let mut world = World::new(1);
    world.register(0, "alice");
    for _ in 0..10 {
        world.run_ms(MINUTE);
        world.line(0, "/help");
    }
    assert_eq!(world.server.active, []);
    // What it says later holds from then on, and however often it says so, it is not told more.
    let alice = Name::new("alice").unwrap();
    world.run_ms(MINUTE);
    let start = world.now;
    for _ in 0..100 {
        world.server.notify(&alice, Notice::LogsOutIdle(0));
        world.line(0, "/help");
        world.run_ms(SECOND);
    }
    let told = told(&mut world, start);
    assert!((2..9).contains(&told.len()), "no time is less than a minute: {told:?}");
}

/// What others say, what is read of it by itself, and what the client does by itself.
#[test]
fn what_the_person_does_not_do_is_not_told() {
    let mut world = world();
    world.line(0, "@bob hi");
    world.run_ms(2 * MINUTE);
    world.server.active.clear();
    let bob = Name::new("bob").unwrap();
    for _ in 0..20 {
        world.line(1, "@alice are you there?");
        world.run_ms(SECOND);
        world.command(0, Command::Read { from: "bob".to_owned(), line: None });
        let with = Some("bob".to_owned());
        world.command(0, Command::History { with, limit: 20, before: None, since: None });
        world.run_ms(30 * SECOND);
    }
    assert_eq!(world.texts(0).len(), 20);
    let start = world.now;
    assert!(world.server.online().contains(&bob));
    let told = world.server.active.len();
    assert!((9..=11).contains(&told), "bob alone: {told}");
    world.server.active.clear();
    world.run_ms(30 * MINUTE);
    assert_eq!(world.server.active.len(), 0, "{start}");
}

#[test]
fn a_transfer_that_goes_on_is_something_too() {
    let mut world = world();
    world.each_takes = Duration::from_millis(40);
    let path = world.folder(0).join("film.mp4");
    std::fs::write(&path, vec![7; 20 << 20]).unwrap();
    world.line(0, &format!("/send bob {}", path.display()));
    world.run_ms(30 * SECOND);
    world.line(1, "/accept 1");
    world.run_ms(2 * MINUTE);
    world.server.active.clear();
    world.run_ms(5 * MINUTE);
    let running = world.seen(1).into_iter().rev().find_map(|output| match output {
        Output::File { file } => Some(file.state),
        _ => None,
    });
    assert_eq!(running, Some("running"), "or this would show nothing");
    let told = world.server.active.clone();
    assert!((9..=11).contains(&told.len()), "each once a minute: {told:?}");
    assert!(told.iter().all(|(_, ago)| *ago <= 1), "{told:?}");
    world.line(1, "/pause 1");
    world.run_ms(2 * MINUTE);
    world.server.active.clear();
    world.run_ms(30 * MINUTE);
    assert_eq!(world.server.active, [], "one that is paused is nothing");
}

fn reason(outputs: &[Output]) -> Option<&str> {
    outputs.iter().find_map(|output| match output {
        Output::LoggedOut { reason } => Some(reason.as_str()),
        _ => None,
    })
}

#[test]
fn who_is_logged_out_is_told_why_and_waits_for_the_person() {
    let mut world = world();
    world.line(0, "@bob hi");
    world.run_ms(12 * MINUTE);
    let now = world.now;
    world.server.end_session(now, "alice", close::IDLE);
    world.run_ms(SECOND);
    let seen = world.seen(0);
    assert_eq!(
        reason(&seen),
        Some(
            "the server logs out who does nothing for 10 minutes; '/reconnect' takes the session back"
        )
    );
    let is_closed = |o: &Output| matches!(o, Output::Link { state: "closed", .. });
    assert!(world.seen(1).iter().any(is_closed), "bob sees that nobody is there");
    world.server.log.clear();
    world.run_ms(60 * MINUTE);
    assert!(!world.server.log.contains(&"Resume".to_owned()));
    // What he says now waits; he is asked to come back.
    world.line(0, "/who");
    assert!(world.errors(0).contains("/reconnect"));
    world.line(0, "/reconnect");
    world.run_ms(SECOND);
    assert!(world.seen(0).iter().any(|o| matches!(o, Output::LoggedIn { .. })));
}

#[test]
fn a_connection_that_comes_back_by_itself_is_nothing_that_he_does() {
    let mut world = alone();
    world.run_ms(5 * MINUTE);
    let start = world.now;
    let reconnect = |world: &mut World| {
        world.server.restart([1; 32]);
        world.run_ms(2 * MINUTE);
        assert!(world.seen(0).iter().any(|o| matches!(o, Output::LoggedIn { .. })));
    };
    reconnect(&mut world);
    let said = core::mem::take(&mut world.server.active);
    let [(at, ago)] = said[..] else { panic!("{said:?}") };
    let beyond = (at - start).as_secs();
    assert!((300 + beyond..=303 + beyond).contains(&ago.into()), "{ago} s ago, {beyond} s later");

    // The server stays away for longer than it allows: coming back would be of no use.
    world.cut.push(server_address());
    world.run_ms(10 * MINUTE);
    let seen = world.seen(0);
    assert!(reason(&seen).is_some_and(|why| why.contains("10 minutes")), "{seen:?}");
    world.cut.clear();
    world.server.log.clear();
    world.run_ms(30 * MINUTE);
    assert_eq!(world.server.log, [""; 0]);
    world.line(0, "/reconnect");
    world.run_ms(10 * SECOND);
    assert!(world.seen(0).iter().any(|o| matches!(o, Output::LoggedIn { .. })));
    assert_eq!(world.server.active, []);
}

/// What holds is what the server says in this session, and it may say nothing any more.
#[test]
fn a_rule_that_is_no_more_is_forgotten() {
    let mut world = alone();
    world.run_ms(MINUTE);
    world.server.logs_out_idle = None;
    world.server.restart([1; 32]);
    world.run_ms(2 * MINUTE);
    assert!(world.seen(0).iter().any(|o| matches!(o, Output::LoggedIn { .. })));
    world.server.active.clear();
    world.line(0, "/help");
    world.run_ms(20 * MINUTE);
    assert_eq!(world.server.active, [], "nobody asks");
    world.server.restart([1; 32]);
    world.run_ms(2 * MINUTE);
    let seen = world.seen(0);
    assert_eq!(reason(&seen), None);
    assert!(seen.iter().any(|o| matches!(o, Output::LoggedIn { .. })), "{seen:?}");
}

#[test]
fn what_the_server_did_not_take_it_is_told_again() {
    let mut world = alone();
    world.run_ms(2 * MINUTE);
    let start = world.now;
    world.server.refuse = vec![("Active", Refusal::TooManyRequests { seconds: 30 })];
    world.server.log.clear();
    world.line(0, "/help");
    world.run_ms(SECOND);
    assert_eq!(world.server.log, ["Active"]);
    world.run_ms(10 * SECOND);
    assert_eq!(world.server.log, ["Active"], "not at once");
    world.server.refuse.clear();
    world.run_ms(5 * MINUTE);
    assert_eq!(told(&mut world, start), [0]);
    assert_eq!(world.server.log, ["Active", "Active"], "and then it knows");
}

/// What others are told of alice since they were last looked at.
fn shown(world: &mut World) -> Vec<(Availability, String)> {
    let seen = world.seen(1).into_iter();
    let shown = seen.filter_map(|output| match output {
        Output::Presence { user, online: true, status, text } if user == "alice" => {
            Some((status, text))
        }
        _ => None,
    });
    shown.collect()
}

/// Features part 5: away by itself, where the person wants it.
#[test]
fn one_is_away_by_oneself_and_back() {
    let mut world = World::logged_in(2);
    world.run_ms(60 * MINUTE);
    assert_eq!(shown(&mut world), [], "only where it is wanted");
    world.line(0, "/status cutting");
    world.run_ms(SECOND);
    assert_eq!(shown(&mut world), [(Availability::Here, "cutting".to_owned())]);
    let now = world.now;
    world.app(0).set_auto_away(now, AutoAway::parse("10m").unwrap());
    world.run_ms(9 * MINUTE);
    let now = world.now;
    world.app(0).active(now);
    world.run_ms(9 * MINUTE);
    assert_eq!(shown(&mut world), [], "a key was pressed meanwhile");
    // What others do, and this program by itself, is nothing that alice does.
    world.line(1, "@alice hello");
    world.run_ms(MINUTE + SECOND);
    assert_eq!(shown(&mut world), [(Availability::Away, "cutting".to_owned())]);
    world.run_ms(60 * MINUTE);
    assert_eq!(shown(&mut world), [], "and stays it");
    let now = world.now;
    world.app(0).active(now);
    world.run_ms(SECOND);
    assert_eq!(shown(&mut world), [(Availability::Here, "cutting".to_owned())]);

    // Without the server nothing is claimed.
    world.run_ms(9 * MINUTE);
    world.cut.push(server_address());
    world.seen(0);
    world.run_ms(5 * MINUTE);
    let seen = world.seen(0);
    let away = "Others see you as away as soon as the server is there.";
    assert!(seen.iter().any(|o| matches!(o, Output::Info { text } if text == away)), "{seen:?}");
    world.cut.clear();
    world.run_ms(5 * MINUTE);
    let now = world.now;
    world.app(0).active(now);
    world.run_ms(SECOND);
    let seen = world.seen(0);
    let here = "Others see you as here again.";
    assert!(seen.iter().any(|o| matches!(o, Output::Info { text } if text == here)), "{seen:?}");
    assert_eq!(shown(&mut world).pop(), Some((Availability::Here, "cutting".to_owned())));

    // What she has said herself stands, also when she comes back.
    world.line(0, "/busy");
    world.run_ms(30 * MINUTE);
    world.line(0, "@bob not now");
    world.run_ms(SECOND);
    assert_eq!(shown(&mut world).len(), 1, "busy, and nothing else");
    world.line(0, "/back");
    world.run_ms(11 * MINUTE);
    assert_eq!(shown(&mut world).pop(), Some((Availability::Away, String::new())));
    world.line(0, "/away lunch");
    world.run_ms(SECOND);
    assert_eq!(shown(&mut world).pop(), Some((Availability::Away, "lunch".to_owned())));
    world.line(0, "@bob one more thing");
    world.run_ms(SECOND);
    assert_eq!(shown(&mut world), [], "away by her own word");
}

#[test]
fn only_times_that_make_sense_are_taken() {
    for (typed, after) in [("off", None), ("OFF", None), ("1m", Some(60)), ("2h", Some(7200))] {
        let after = after.map(Duration::from_secs);
        assert_eq!(AutoAway::parse(typed), Ok(AutoAway(after)), "{typed}");
    }
    for wrong in ["", "59", "0m", "10 minutes", "-1h", "99999999999d"] {
        assert!(AutoAway::parse(wrong).is_err(), "{wrong}");
    }
}
