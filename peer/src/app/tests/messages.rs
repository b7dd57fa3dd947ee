//! Messages: exactly once, in order, over loss, restarts and lost servers; refusals; blocks.

use super::world::{World, server_address};
use crate::output::Output;
use wire::app::name::Name;
use wire::app::server::Availability;

fn states(outputs: &[Output]) -> Vec<(u64, &str)> {
    let states = outputs.iter().filter_map(|output| match output {
        Output::MessageState { id, state, .. } => Some((*id, *state)),
        _ => None,
    });
    states.collect()
}

#[test]
fn both_ways_with_receipts() {
    let mut world = World::logged_in(2);
    world.seen(0);
    world.line(0, "@bob hello");
    world.line(0, "/msg bob   two  words ");
    world.run_ms(1000);
    assert_eq!(world.texts(1), ["hello", "two  words "]);
    let seen = world.seen(0);
    assert_eq!(states(&seen), [(1, "queued"), (2, "queued"), (1, "delivered"), (2, "delivered")]);
    assert!(seen.iter().any(|o| matches!(o, Output::Link { state: "direct", .. })));
    world.line(1, "@alice hi");
    world.run_ms(100);
    assert_eq!(world.texts(0), ["hi"]);
}

#[test]
fn one_conversation_is_searched_or_all() {
    let mut world = World::logged_in(3);
    world.line(0, "@bob the red film");
    world.line(0, "@carol the blue film");
    world.run_ms(1000);
    world.seen(0);
    let mut found = |line: &str| {
        world.line(0, line);
        match &world.seen(0)[..] {
            [Output::History { query, lines }] => {
                (query.clone(), lines.iter().map(|line| line.text.clone()).collect::<Vec<_>>())
            }
            [Output::Error { text }] => (text.clone(), Vec::new()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(found("/search film").1.len(), 2);
    let expected = ("search @carol film".to_owned(), vec!["the blue film".to_owned()]);
    assert_eq!(found("/search @Carol film"), expected);
    assert!(found("/search @b%b film").0.contains("no user name"));
}

#[test]
fn a_conversation_is_told_since_a_time() {
    let mut world = World::logged_in(2);
    world.line(0, "@bob two minutes ago");
    world.run_ms(60_000);
    world.line(0, "@bob one minute ago");
    world.run_ms(60_000);
    world.seen(0);
    let mut since = |line: &str| {
        world.line(0, line);
        match &world.seen(0)[..] {
            [Output::History { lines, .. }] => lines.iter().map(|line| line.text.clone()).collect(),
            [Output::Error { text }] => vec![text.clone()],
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(since("/history bob 90s"), ["one minute ago"]);
    assert_eq!(since("/history bob 14:05"), ["one minute ago"]);
    assert_eq!(since("/history bob 3m"), ["two minutes ago", "one minute ago"]);
    assert_eq!(since("/history bob 30s"), [""; 0]);
    assert_eq!(since("/history 14:06"), ["There is no such time as 14:06 here."]);
}

#[test]
fn exactly_once_and_in_order_over_loss_and_restarts() {
    let mut world = World::logged_in(2);
    world.lose_every = 7;
    let (mut to_bob, mut to_alice) = (Vec::new(), Vec::new());
    for n in 0..200 {
        world.line(0, &format!("@bob a{n}"));
        world.line(1, &format!("@alice b{n}"));
        world.run_ms(20);
        if n % 40 == 20 {
            let victim = (n / 40) % 2;
            to_alice.extend(world.texts(0));
            to_bob.extend(world.texts(1));
            world.kill(victim);
            world.start(victim);
            world.run_ms(500);
        }
    }
    world.run_ms(120_000);
    to_alice.extend(world.texts(0));
    to_bob.extend(world.texts(1));
    let expected = |who: &str| (0..200).map(|n| format!("{who}{n}")).collect::<Vec<_>>();
    assert_eq!(to_bob, expected("a"));
    assert_eq!(to_alice, expected("b"));
    world.line(0, "/outbox");
    assert!(matches!(&world.seen(0)[..], [Output::Outbox { messages }] if messages.is_empty()));
}

#[test]
fn connections_are_told_with_what_was_lost() {
    let mut world = World::logged_in(2);
    world.line(0, "@bob hello");
    world.run_ms(1000);
    world.lose_every = 3;
    for n in 0..50 {
        world.line(0, &format!("@bob {n}"));
    }
    world.run_ms(10_000);
    assert_eq!(world.texts(1).len(), 51);
    world.seen(0);
    world.line(0, "/net");
    let seen = world.seen(0);
    let [Output::Net { connections }] = &seen[..] else { panic!("{seen:?}") };
    let [server, bob] = &connections[..] else { panic!("{connections:?}") };
    assert_eq!((server.user.as_deref(), bob.user.as_deref()), (None, Some("bob")));
    assert_eq!(server.address, server_address().to_string());
    assert!(bob.rtt_ms.is_some() && bob.bytes_sent > 50 && bob.datagrams_sent > 0);
    assert!(bob.datagram >= 1200 && bob.rate > 0, "{bob:?}");
    assert!(bob.datagrams_lost > 0 && bob.bytes_sent_again > 0, "{bob:?}");
    world.line(0, "/logout");
    world.run_ms(1000);
    world.seen(0);
    world.line(0, "/net");
    assert!(matches!(&world.seen(0)[..], [Output::Net { connections }] if connections.is_empty()));
}

#[test]
fn who_is_away_gets_it_later() {
    let mut world = World::logged_in(2);
    world.line(0, "@bob first");
    world.run_ms(500);
    world.kill(1);
    world.run_ms(60_000);
    world.seen(0);
    world.line(0, "@bob second");
    world.run_ms(100);
    let seen = world.seen(0);
    let [
        Output::Kept { text, id: 2, line: 2, .. },
        Output::MessageState { state: "queued", reason: Some(reason), .. },
    ] = &seen[..]
    else {
        panic!("{seen:?}");
    };
    assert_eq!((text.as_str(), reason.as_str()), ("second", "bob is not online"));
    // The sender restarts, too.
    world.kill(0);
    world.run_ms(1000);
    world.start(0);
    world.start(1);
    world.run_ms(10_000);
    assert_eq!(world.texts(1), ["first", "second"]);
    assert_eq!(states(&world.seen(0)), [(2, "delivered")]);
}

#[test]
fn chats_go_on_without_the_server() {
    let mut world = World::logged_in(2);
    world.line(0, "@bob one");
    world.run_ms(500);
    world.cut.push(server_address());
    world.run_ms(60_000);
    world.line(0, "@bob two");
    world.run_ms(500);
    assert_eq!(world.texts(1), ["one", "two"]);
}

#[test]
fn a_peer_that_restarts_is_found_again() {
    let mut world = World::logged_in(2);
    world.line(0, "@bob one");
    world.run_ms(500);
    world.kill(1);
    world.start(1);
    world.run_ms(1000);
    world.line(0, "@bob two");
    world.run_ms(45_000);
    assert_eq!(world.texts(1), ["one", "two"]);
}

#[test]
fn what_cannot_be_sent_is_told() {
    let mut world = World::logged_in(2);
    world.seen(0);
    let long = format!("@bob {}", "x".repeat(70_000));
    for (line, why) in [
        ("@alice hi", "that is you"),
        ("/send nobody /etc/hostname", "no user 'nobody'"),
        ("@b/b hi", "no user name"),
        (long.as_str(), "70000 bytes"),
        ("/block alice", "That is you"),
        ("/fingerprint nobody", "no such user"),
    ] {
        world.line(0, line);
        world.run_ms(100);
        let errors = world.errors(0);
        assert!(errors.contains(why), "{line}: {errors}");
    }
    world.line(0, "/history all");
    let seen = world.seen(0);
    assert!(matches!(&seen[..], [Output::History { lines, .. }] if lines.is_empty()), "{seen:?}");
    for _ in 0..2 {
        world.line(0, "@nobody hi");
        world.run_ms(100);
        let seen = world.seen(0);
        assert!(
            matches!(
                seen[..],
                [
                    Output::Kept { .. },
                    Output::MessageState { state: "queued", .. },
                    Output::MessageState { state: "failed", reason: Some(_), .. },
                ]
            ),
            "{seen:?}"
        );
    }
}

#[test]
fn a_long_message_arrives_whole() {
    let mut world = World::logged_in(2);
    let text = "é".repeat(32 << 10);
    world.line(0, &format!("@bob {text}"));
    world.run_ms(3000);
    assert_eq!(world.texts(1), [text]);
}

#[test]
fn a_database_that_is_full_takes_no_message_and_loses_none() {
    let mut world = World::logged_in(2);
    world.break_database(1, Some("Receive"));
    world.line(0, "@bob hi");
    world.run_ms(1000);
    assert!(world.errors(1).contains("could not be kept"));
    assert!(!states(&world.seen(0)).contains(&(1, "delivered")));
    world.break_database(1, None);
    world.run_ms(120_000);
    assert_eq!(world.texts(1), ["hi"]);

    world.break_database(0, Some("Queue"));
    world.line(0, "@bob lost");
    assert!(world.errors(0).contains("disk full"));
}

#[test]
fn a_blocked_user_is_out_at_once() {
    let mut world = World::logged_in(2);
    world.line(0, "@bob one");
    world.run_ms(500);
    world.line(1, "/block alice");
    world.line(0, "@bob two");
    world.run_ms(60_000);
    assert_eq!(world.texts(1), ["one"]);
    let outbox = |world: &mut World| {
        world.seen(0);
        world.line(0, "/outbox");
        match world.seen(0).pop() {
            Some(Output::Outbox { messages }) => messages.len(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(outbox(&mut world), 1, "looks like offline");
    world.line(1, "@alice x");
    assert!(world.errors(1).contains("you block alice"));
    world.line(1, "/blocked");
    world.run_ms(100);
    let users = vec!["alice".to_owned()];
    assert_eq!(world.seen(1).last(), Some(&Output::Blocked { users }));
    // Also against a server that introduces nevertheless.
    world.server.accounts.get_mut(&Name::new("bob").unwrap()).unwrap().blocked.clear();
    world.kill(0);
    world.start(0);
    world.run_ms(20_000);
    assert!(world.texts(1).is_empty());
    // The block is asked for again at the next login, until it is taken back.
    world.kill(1);
    world.start(1);
    world.run_ms(2000);
    assert_eq!(world.server.accounts[&Name::new("bob").unwrap()].blocked.len(), 1);
    let told = world.seen(1);
    let is_told =
        |output: &Output| matches!(output, Output::Info { text } if text.contains("block alice"));
    assert!(told.iter().any(is_told), "{told:?}");
    world.line(1, "/unblock alice");
    world.run_ms(60_000);
    world.kill(0);
    world.start(0);
    world.run_ms(60_000);
    assert_eq!(world.texts(1), ["two"]);
}

/// Features B, presence: what a user says of himself is told to others, and again after the
/// server was away.
#[test]
fn what_one_says_about_being_there_is_told_to_others() {
    let mut world = World::logged_in(2);
    world.seen(0);
    world.line(1, "/away back at two");
    world.run_ms(100);
    let seen = world.seen(0);
    let away = |output: &Output| {
        matches!(output, Output::Presence { user, online: true, status: Availability::Away, text }
            if user == "bob" && text == "back at two")
    };
    assert!(seen.iter().any(away), "{seen:?}");
    world.line(0, "/who");
    let seen = world.seen(0);
    let listed = |output: &Output| matches!(output, Output::Users { users, .. } if users[0].status == Availability::Away);
    assert!(seen.iter().any(listed), "{seen:?}");
    world.server.end_session(world.now, "bob", 1);
    world.run_ms(30_000);
    let seen = world.seen(0);
    assert!(seen.iter().any(away), "told again after the next login: {seen:?}");
    world.line(1, &format!("/busy {}", "x".repeat(161)));
    assert!(world.errors(1).contains("161 bytes"));
    world.line(1, "/back");
    world.run_ms(100);
    let seen = world.seen(0);
    let back = |output: &Output| matches!(output, Output::Presence { status: Availability::Here, text, .. } if text.is_empty());
    assert!(seen.iter().any(back), "{seen:?}");
}

#[test]
fn presence_is_told_and_listed() {
    let mut world = World::logged_in(2);
    world.seen(0);
    world.line(0, "/who");
    let who = |world: &mut World| match world.seen(0).pop() {
        Some(Output::Users { users, .. }) => {
            users.into_iter().map(|user| user.user).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(who(&mut world), ["bob"]);
    world.line(0, "/who x");
    assert!(who(&mut world).is_empty());
    world.line(1, "/quit");
    world.run_ms(100);
    let seen = world.seen(0);
    let left = |output: &Output| matches!(output, Output::Presence { user, online: false, .. } if user == "bob");
    assert!(seen.iter().any(left), "{seen:?}");
    world.start(1);
    world.run_ms(2000);
    let who = |output: &&Output| matches!(output, Output::Users { query, users } if query == "online" && users[0].user == "alice");
    let seen = world.seen(1);
    assert_eq!(seen.iter().filter(who).count(), 1, "who is there is told at the login: {seen:?}");
    world.kill(1);
    world.run_ms(60_000);
    world.seen(0);
    world.line(0, "/seen bob");
    world.run_ms(100);
    assert!(matches!(&world.seen(0)[..], [Output::Users { query, .. }] if query == "seen bob"));
}

#[test]
fn contacts_are_those_who_were_met_and_are_not_blocked() {
    let mut world = World::logged_in(3);
    let contacts = |world: &mut World| {
        world.seen(0);
        world.line(0, "/contacts");
        match world.seen(0).pop() {
            Some(Output::Users { query, users }) if query == "contacts" => {
                users.into_iter().map(|it| (it.user, it.online)).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        }
    };
    assert!(contacts(&mut world).is_empty(), "whoever is only online was not met");
    world.line(0, "@bob hi");
    world.line(2, "@alice hi");
    world.run_ms(2000);
    let (bob, carol) = (("bob".to_owned(), true), ("carol".to_owned(), true));
    assert_eq!(contacts(&mut world), [bob, carol.clone()]);
    world.line(1, "/quit");
    world.run_ms(2000);
    assert_eq!(contacts(&mut world), [("bob".to_owned(), false), carol]);
    world.line(0, "/block carol");
    assert_eq!(contacts(&mut world), [("bob".to_owned(), false)]);
}
