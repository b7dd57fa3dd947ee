//! What becomes of accounts, with the real server and real clients, over links that lose: one that its user
//! deletes, and one whose user has forgotten the password.

use peer::command::Command;
use peer::output::Output;
use rendezvous::Policy;
use sim::Impairment;
use wire::Secret;

use crate::party::{ALICE, BOB, CAROL, Party, last_state};
use crate::support::{loss, seconds};

impl Party {
    fn delete_alice(&mut self) {
        let password = Secret::new("a password".to_owned());
        self.command(ALICE, Command::DeleteAccount { name: "alice".to_owned(), password });
        self.until(ALICE, |o| matches!(o, Output::AccountDeleted { kept: Some(_), .. }));
    }

    fn register_alice(&mut self) {
        let password = Secret::new("another password".to_owned());
        self.command(ALICE, Command::Register { name: "alice".to_owned(), password });
        self.until(ALICE, |o| matches!(o, Output::LoggedIn { .. }));
    }
}

#[test]
fn a_deleted_account_is_gone_for_a_room_too_whatever_is_lost() {
    let link = Impairment { loss: loss(20.0), ..Impairment::default() };
    let mut party = Party::with(3, Policy::default(), &link);
    party.line(ALICE, "/create team bob carol");
    party.until(ALICE, |o| matches!(o, Output::RoomChanged { change: "created", .. }));
    for user in [BOB, CAROL] {
        party.line(user, "/join team");
        party.until(user, |o| matches!(o, Output::RoomChanged { change: "entered", .. }));
    }
    // What is said before she knows of a member is not for him.
    let is_carol = |user: &Option<String>| user.as_deref() == Some("carol");
    party.until(
        ALICE,
        |o| matches!(o, Output::RoomChanged { change: "joined", user, .. } if is_carol(user)),
    );
    party.line(ALICE, "#team goodbye");
    party.line(ALICE, "/msg bob goodbye to you too");
    party.until(BOB, |o| matches!(o, Output::Message { room: None, .. }));
    party.until(CAROL, |o| matches!(o, Output::Message { room: Some(_), .. }));

    party.delete_alice();
    for user in [BOB, CAROL] {
        party.until(
            user,
            |o| matches!(o, Output::Presence { user, online: false, .. } if user == "alice"),
        );
        let by_name = |user: &Option<String>, name: &str| user.as_deref() == Some(name);
        party.until(user, |o| {
            matches!(o, Output::RoomChanged { change: "left", user, .. } if by_name(user, "alice"))
        });
        party.until(user, |o| {
            matches!(o, Output::RoomChanged { change: "role", user, .. } if by_name(user, "bob"))
        });
    }
    // The room goes on without her, and is not hers when she comes back: she is somebody else.
    party.line(BOB, "#team she is gone");
    party.until(CAROL, |o| matches!(o, Output::Message { text, .. } if text == "she is gone"));
    party.take(BOB);
    party.take(ALICE);
    party.register_alice();
    party.line(ALICE, "#team let me in");
    party.run(seconds(5));
    let told = party.take(ALICE);
    assert!(told.iter().any(|o| matches!(o, Output::NotSent { .. })), "{told:?}");
    party.line(ALICE, "/msg bob hello again");
    party.until(BOB, |o| matches!(o, Output::Message { text, .. } if text == "hello again"));
    let told = party.take(BOB);
    let changed = told.iter().position(|o| matches!(o, Output::IdentityChanged { .. }));
    let said = told.iter().position(|o| matches!(o, Output::Message { .. }));
    assert!(changed.is_some() && changed < said, "another key is shown first: {told:?}");
}

/// He may make his account again, so it waits; but nobody is to think that it arrives by itself.
#[test]
fn what_is_for_a_deleted_account_waits_and_says_why() {
    let mut party = Party::of(2);
    party.line(ALICE, "/msg bob goodbye");
    party.until(BOB, |o| matches!(o, Output::Message { room: None, .. }));
    party.delete_alice();
    party.kill(ALICE);
    party.run(seconds(40));
    party.take(BOB);
    party.line(BOB, "@alice are you there?");
    party.run(seconds(10));
    let told = party.take(BOB);
    let is_said = |o: &Output| matches!(o, Output::Error { text } if text.contains("no user 'alice' on this server any more"));
    assert_eq!(told.iter().filter(|output| is_said(output)).count(), 1, "{told:?}");
    let why = Some(("queued", Some("the server knows no alice any more".to_owned())));
    assert_eq!(last_state(&told), why);
    party.line(BOB, "@alice still not?");
    party.run(seconds(10));
    let told = party.take(BOB);
    assert_eq!(last_state(&told), why);
    assert!(!told.iter().any(is_said), "once is enough: {told:?}");
    party.line(BOB, "/outbox");
    party.run(seconds(1));
    let told = party.take(BOB);
    let Some(Output::Outbox { messages }) = told.last() else { panic!("{told:?}") };
    let reasons: Vec<_> = messages.iter().map(|message| message.reason.clone()).collect();
    assert_eq!(reasons, [why.clone().and_then(|(_, why)| why), why.and_then(|(_, why)| why)]);
}

/// What `/whois` tells, with the name of who it is about taken out.
fn whois(party: &mut Party, user: &str) -> Output {
    party.take(ALICE);
    party.line(ALICE, &format!("/whois {user}"));
    party.until(ALICE, |o| matches!(o, Output::Whois { .. }));
    let mut told = party.take(ALICE).into_iter();
    match told.find(|o| matches!(o, Output::Whois { .. })) {
        Some(Output::Whois {
            online,
            since,
            status,
            text,
            key,
            former,
            rooms,
            path,
            lan,
            address,
            ..
        }) => Output::Whois {
            user: String::new(),
            nickname: None,
            online,
            since,
            status,
            text,
            key,
            fingerprint: None,
            former,
            blocked: false,
            ignored: false,
            path,
            lan,
            address,
            rtt_ms: None,
            rooms,
        },
        other => panic!("{other:?}"),
    }
}

/// Who blocks is as who has left at that moment: met or not, in rooms, and whatever he does later.
#[test]
fn of_who_blocks_one_the_same_is_told_as_of_who_is_away() {
    for have_met in [true, false] {
        let mut party = Party::of(3);
        if have_met {
            party.line(ALICE, "/create team bob carol");
            party.until(ALICE, |o| matches!(o, Output::RoomChanged { change: "created", .. }));
            for user in [BOB, CAROL] {
                party.line(user, "/join team");
                party.until(user, |o| matches!(o, Output::RoomChanged { change: "entered", .. }));
            }
            party.line(ALICE, "/msg bob hello");
            party.line(ALICE, "/msg carol hello");
        }
        party.run(seconds(5));
        let before = whois(&mut party, "bob");
        assert!(matches!(before, Output::Whois { online: Some(true), .. }), "{before:?}");
        party.line(BOB, "/block alice");
        party.line(CAROL, "/logout");
        party.run(seconds(5));
        party.line(BOB, "/away he does not say that to her");
        party.run(seconds(100));
        let blocker = whois(&mut party, "bob");
        assert_eq!(blocker, whois(&mut party, "carol"), "met: {have_met}");
        assert!(matches!(blocker, Output::Whois { online: Some(false), address: None, .. }));
        party.line(ALICE, "/whois nobody");
        party.until(ALICE, |o| {
            matches!(o, Output::Error { text } if text == "There is no user 'nobody' on this server.")
        });
    }
}

/// The server is killed while it is asked: whatever it has done by then, the client says which.
#[test]
fn a_server_that_dies_meanwhile_has_done_all_of_it_or_nothing() {
    use core::time::Duration;
    use sim::swarm::seed;
    use sim::tincan::{Program, ServerProgram};
    let (mut done, mut undone) = (0, 0);
    for ms in (0..300).step_by(20) {
        let mut party = Party::of(2);
        let password = Secret::new("a password".to_owned());
        party.command(ALICE, Command::DeleteAccount { name: "alice".to_owned(), password });
        party.run(Duration::from_millis(ms));
        let Some(Program::Server(server)) = party.world.crash(party.server) else { panic!() };
        party.run(seconds(1));
        let server = ServerProgram::start(
            party.world.now(),
            server.into_disk(),
            Policy::default(),
            &seed(3),
        );
        party.world.boot(party.server, Program::Server(Box::new(server)));
        party.until(ALICE, |o| {
            matches!(o, Output::AccountDeleted { kept: Some(_), .. } | Output::Error { .. })
        });
        party.run(seconds(40));
        let told = party.take(ALICE);
        let is_deleted =
            told.iter().any(|o| matches!(o, Output::AccountDeleted { kept: Some(_), .. }));
        party.line(BOB, "/seen alice");
        party.run(seconds(2));
        let told = party.take(BOB);
        let is_unknown = told
            .iter()
            .any(|o| matches!(o, Output::Error { text } if text.contains("no such user")));
        assert_eq!(is_deleted, is_unknown, "at {ms} ms: {told:?}");
        *(if is_deleted { &mut done } else { &mut undone }) += 1;
    }
    assert!(done > 0 && undone > 0, "{done} {undone}");
}

fn log_in(party: &mut Party, user: usize, password: &str) -> Vec<Output> {
    party.take(user);
    let password = Secret::new(password.to_owned());
    party.command(user, Command::Login { name: "alice".to_owned(), password });
    party.run(seconds(20));
    party.take(user)
}

fn is_in(told: &[Output]) -> bool {
    told.iter().any(|output| matches!(output, Output::LoggedIn { .. }))
}

/// The operator sets a password beside the running server: the machine that has the keys goes on with it,
/// and others do when its person has chosen another.
#[test]
fn a_forgotten_password_costs_nothing_but_a_login_where_the_keys_are() {
    let link = Impairment { loss: loss(10.0), ..Impairment::default() };
    let mut party = Party::with(3, Policy::default(), &link);
    party.line(ALICE, "/msg bob before");
    party.until(BOB, |o| matches!(o, Output::Message { text, .. } if text == "before"));
    // Carol's host becomes a second machine of alice's, which knows nobody.
    party.kill(CAROL);
    let disk = party.new_disk(CAROL);
    party.start(CAROL, disk);
    party.take(ALICE);
    let (operators, own) = ("of the operator", "a password of her own");
    let server = party.server;
    party.world.with(server, |program, now| {
        let alice = wire::app::name::Name::new("alice").expect("a name");
        program.server_mut().set_password(now, &alice, &Secret::new(operators.to_owned()));
    });
    let is_why = |reason: &str| reason.contains("given this account another password");
    party.until(ALICE, |o| matches!(o, Output::LoggedOut { reason } if is_why(reason)));
    party.until(
        BOB,
        |o| matches!(o, Output::Presence { user, online: false, .. } if user == "alice"),
    );
    party.run(seconds(120));
    assert!(!is_in(&party.take(ALICE)), "she waits for the person");

    assert!(!is_in(&log_in(&mut party, ALICE, "a password")), "the old one");
    let told = log_in(&mut party, CAROL, operators);
    assert!(!is_in(&told), "{told:?}");
    let is_told = |o: &Output| matches!(o, Output::LoginNeeded { reason: Some(why) } if why.contains("not on this machine"));
    assert!(told.iter().any(is_told), "{told:?}");
    assert!(is_in(&log_in(&mut party, ALICE, operators)));
    assert!(!is_in(&log_in(&mut party, CAROL, operators)), "nothing is sealed under this one");

    let [old, new] = [operators, own].map(|text| Secret::new(text.to_owned()));
    party.command(ALICE, Command::ChangePassword { old, new });
    party.until(ALICE, |o| matches!(o, Output::Info { text } if text.contains("is changed")));
    assert!(!is_in(&log_in(&mut party, CAROL, operators)));
    assert!(is_in(&log_in(&mut party, CAROL, own)), "now any machine gets the keys");
    party.take(BOB);
    party.line(CAROL, "/msg bob after");
    party.until(BOB, |o| matches!(o, Output::Message { text, .. } if text == "after"));
    let told = party.take(BOB);
    let is_changed = |o: &Output| matches!(o, Output::IdentityChanged { .. });
    assert!(!told.iter().any(is_changed), "she is who she was: {told:?}");
}
