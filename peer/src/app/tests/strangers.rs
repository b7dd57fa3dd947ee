//! Strangers, who can only ask.

use wire::Class;
use wire::app::framing::encode;
use wire::app::peer::{Chat, Contact, Control, LiveOffer, Offer, Share, ShareId, TransferId};
use wire::app::room::RoomId;

use super::hostile::Attack;
use super::world::World;
use crate::app::{Attention, Strangers, Switch};
use crate::command::{Command, Which};
use crate::output::{Output, RequestLine};

const DAY: u64 = 24 * 60 * 60 * 1000;

fn chat(world: &mut World, n: usize, user: &str) {
    world.command(n, Command::Chat { user: user.to_owned() });
}

fn requests(outputs: &[Output]) -> Vec<&RequestLine> {
    let requests = outputs.iter().filter_map(|output| match output {
        Output::Request { request } => Some(request),
        _ => None,
    });
    requests.collect()
}

fn texts(outputs: &[Output]) -> Vec<&str> {
    let texts = outputs.iter().filter_map(|output| match output {
        Output::Message { text, .. } => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

/// What became of asking, and of being asked.
fn answers(outputs: &[Output]) -> Vec<&str> {
    let answers = outputs.iter().filter_map(|output| match output {
        Output::Asked { state, .. } => Some(*state),
        Output::RequestOver { answer, .. } => Some(*answer),
        _ => None,
    });
    answers.collect()
}

/// The last state of each message that was told, by its number.
fn state(outputs: &[Output], of: u64) -> Option<&str> {
    outputs.iter().rev().find_map(|output| match output {
        Output::MessageState { id, state, .. } if *id == of => Some(*state),
        _ => None,
    })
}

fn offers(outputs: &[Output]) -> usize {
    outputs.iter().filter(|output| matches!(output, Output::FileOffer { .. })).count()
}

/// What waits for an answer at this client.
fn waiting(world: &mut World, n: usize) -> (Vec<RequestLine>, usize) {
    world.seen(n);
    world.line(n, "/requests");
    match world.seen(n).pop() {
        Some(Output::Requests { requests, files, .. }) => (requests, files.len()),
        other => panic!("{other:?}"),
    }
}

/// How many lines the history and the search of this client find.
fn found(world: &mut World, n: usize, word: &str) -> (usize, usize) {
    let mut count = |line: &str| {
        world.seen(n);
        world.line(n, line);
        match world.seen(n).pop() {
            Some(Output::History { lines, .. }) => lines.len(),
            other => panic!("{other:?}"),
        }
    };
    (count("/history all 1000"), count(&format!("/search {word}")))
}

fn file(world: &World, n: usize) -> String {
    let path = world.folder(n).join("clip.mp4");
    std::fs::write(&path, b"a short film").unwrap();
    path.display().to_string()
}

/// [W-106] [W-108]
#[test]
fn nothing_of_a_stranger_is_shown_before_he_is_accepted_and_then_all_is() {
    let mut world = World::asking(2);
    world.line(0, "@bob hello\nbob");
    world.line(0, "@bob are you there?");
    world.run_ms(1000);
    let (alice, bob) = (world.seen(0), world.seen(1));
    let told = requests(&bob);
    assert_eq!((told.len(), texts(&bob).len()), (1, 0), "{bob:?}");
    assert_eq!((told[0].user.as_str(), told[0].text.as_deref()), ("alice", Some("hello")));
    assert_eq!(answers(&alice), ["waiting"], "told once");
    assert_eq!((state(&alice, 1), state(&alice, 2)), (Some("delivered"), Some("delivered")));
    assert_eq!(found(&mut world, 1, "hello"), (0, 0));
    let (asking, _) = waiting(&mut world, 1);
    assert_eq!((asking.len(), asking[0].messages), (1, 2));

    world.line(1, "/accept alice");
    world.run_ms(500);
    let (alice, bob) = (world.seen(0), world.seen(1));
    assert_eq!(texts(&bob), ["hello\nbob", "are you there?"]);
    assert_eq!((answers(&bob), answers(&alice)), (vec!["accepted"], vec!["accepted"]));
    assert_eq!(found(&mut world, 1, "hello"), (2, 1));
    assert_eq!(waiting(&mut world, 1).0, []);

    // From now on both talk as ever; whoever was written to is no stranger either.
    world.line(0, "@bob so there you are");
    world.line(1, "@alice here I am");
    world.run_ms(500);
    let (alice, bob) = (world.seen(0), world.seen(1));
    assert_eq!((texts(&bob), texts(&alice)), (vec!["so there you are"], vec!["here I am"]));
    assert!(requests(&alice).is_empty() && answers(&alice).is_empty(), "{alice:?}");
}

#[test]
fn who_writes_to_somebody_who_asks_has_accepted_him() {
    let mut world = World::asking(2);
    world.line(0, "@bob first");
    world.run_ms(1000);
    world.seen(0);
    world.line(1, "@alice hello yourself");
    world.run_ms(500);
    let (alice, bob) = (world.seen(0), world.seen(1));
    let kept = bob.iter().position(|output| matches!(output, Output::Kept { .. })).unwrap();
    let shown = bob.iter().position(|output| matches!(output, Output::Message { .. })).unwrap();
    assert!(shown < kept, "what was said before is shown before: {bob:?}");
    assert_eq!((answers(&alice), texts(&alice)), (vec!["accepted"], vec!["hello yourself"]));
}

/// Both ask at the same moment: each has written to the other.
#[test]
fn two_who_ask_each_other_talk() {
    for is_text in [true, false] {
        let mut world = World::asking(2);
        for (n, other) in [(0, "bob"), (1, "alice")] {
            if is_text {
                world.line(n, &format!("@{other} hi"));
            } else {
                chat(&mut world, n, other);
            }
        }
        world.run_ms(2000);
        for n in 0..2 {
            let seen = world.seen(n);
            assert!(requests(&seen).is_empty(), "{seen:?}");
            if is_text {
                assert_eq!((texts(&seen), answers(&seen)), (vec!["hi"], vec![]));
            } else {
                assert_eq!(answers(&seen), ["accepted"]);
            }
        }
    }
}

/// [W-109]
/// Nobody's program runs for so long.
fn sleep(world: &mut World, n: &[usize], ms: u64) {
    n.iter().for_each(|n| world.kill(*n));
    world.run_ms(ms);
    n.iter().for_each(|n| world.start(*n));
    world.run_ms(3000);
}

/// [W-177]
#[test]
fn a_request_that_nobody_answers_expires_on_both_sides() {
    let mut world = World::asking(2);
    world.line(0, "@bob buy my horse");
    world.run_ms(1000);
    sleep(&mut world, &[0, 1], 14 * DAY - 10_000);
    assert!(!answers(&world.seen(0)).contains(&"expired"));
    world.run_ms(60 * 60 * 1000);
    assert_eq!(answers(&world.seen(0)), ["expired"], "while the program runs");
    // It is asked no more, and who is asked may still answer.
    sleep(&mut world, &[0, 1], 1000);
    assert!(answers(&world.seen(0)).is_empty());
    assert_eq!(waiting(&mut world, 1).0[0].messages, 1);
    sleep(&mut world, &[0, 1], DAY);
    assert_eq!(answers(&world.seen(1)), ["expired"]);
    assert_eq!(waiting(&mut world, 1), (vec![], 0));
    sleep(&mut world, &[0, 1], 1000);
    assert_eq!(waiting(&mut world, 1), (vec![], 0), "nor after a restart");

    world.line(0, "@bob and today?");
    world.run_ms(1000);
    let bob = world.seen(1);
    assert_eq!(requests(&bob)[0].text.as_deref(), Some("and today?"), "{bob:?}");
    world.line(1, "/accept");
    world.run_ms(500);
    assert_eq!(texts(&world.seen(1)), ["and today?"]);
    assert_eq!(answers(&world.seen(0)), ["waiting", "accepted"]);
}

#[test]
fn what_waits_for_who_never_answers_is_given_up() {
    let mut world = World::asking(2);
    world.line(0, "@bob buy my horse");
    let clip = file(&world, 0);
    world.line(0, &format!("/send bob {clip}"));
    world.run_ms(3000);
    world.kill(1);
    world.run_ms(120_000);
    world.line(0, "@bob are you there?");
    world.run_ms(1000);
    world.seen(0);
    sleep(&mut world, &[0], 14 * DAY);
    let alice = world.seen(0);
    assert!(answers(&alice).contains(&"expired"), "{alice:?}");
    assert_eq!(state(&alice, 2), Some("failed"), "{alice:?}");
    let given_up = |o: &Output| {
        matches!(o, Output::File { file } if file.state == "cancelled"
            && file.reason.as_deref().is_some_and(|why| why.contains("not answered")))
    };
    assert!(alice.iter().any(given_up), "{alice:?}");
    // Whoever is not asked keeps what waits for him.
    world.line(0, "@bob once more");
    world.run_ms(1000);
    sleep(&mut world, &[0], 20 * DAY);
    assert_eq!(state(&world.seen(0), 3), Some("queued"));
}

#[test]
fn who_says_more_is_kept_for_longer() {
    let mut world = World::asking(2);
    world.line(0, "@bob buy my horse");
    world.run_ms(1000);
    sleep(&mut world, &[0, 1], 10 * DAY);
    world.line(0, "@bob a good horse");
    world.run_ms(1000);
    sleep(&mut world, &[1], 14 * DAY);
    assert_eq!(waiting(&mut world, 1).0[0].messages, 2);
    sleep(&mut world, &[1], DAY);
    assert_eq!(waiting(&mut world, 1), (vec![], 0));
}

#[test]
fn who_is_declined_is_told_and_can_ask_again_a_day_later() {
    let mut world = World::asking(2);
    world.line(0, "@bob buy my horse");
    world.run_ms(1000);
    world.seen(0);
    world.line(1, "/decline alice");
    world.run_ms(500);
    assert_eq!(answers(&world.seen(0)), ["declined"]);
    assert_eq!(answers(&world.seen(1)), ["declined"]);
    // He goes on, and a restart of either side changes nothing.
    for round in 0..2 {
        world.line(0, "@bob a good horse");
        chat(&mut world, 0, "bob");
        let clip = file(&world, 0);
        world.line(0, &format!("/send bob {clip}"));
        world.run_ms(2000);
        let (alice, bob) = (world.seen(0), world.seen(1));
        assert_eq!(state(&alice, 2 + round), Some("failed"), "{alice:?}");
        let is_declined =
            |o: &Output| matches!(o, Output::File { file } if file.state == "declined");
        assert!(alice.iter().any(is_declined), "{alice:?}");
        assert!(requests(&bob).is_empty() && texts(&bob).is_empty() && offers(&bob) == 0);
        assert_eq!(waiting(&mut world, 1), (vec![], 0));
        world.kill(1);
        world.start(1);
        world.run_ms(3000);
    }
    world.line(0, "/outbox");
    let seen = world.seen(0);
    assert!(matches!(seen.last(), Some(Output::Outbox { messages }) if messages.is_empty()));

    world.kill(0);
    world.kill(1);
    world.run_ms(DAY);
    world.start(0);
    world.start(1);
    world.run_ms(3000);
    world.seen(1);
    world.line(0, "@bob and today?");
    world.run_ms(1000);
    let bob = world.seen(1);
    assert_eq!(requests(&bob)[0].text.as_deref(), Some("and today?"), "{bob:?}");
    world.line(1, "/accept");
    world.run_ms(500);
    // What was declined is gone for good, and is told to be.
    let bob = world.seen(1);
    let after_a_gap = |o: &Output| matches!(o, Output::Message { gap: true, .. });
    assert!(texts(&bob) == ["and today?"] && bob.iter().any(after_a_gap), "{bob:?}");
}

/// The person himself may write to whom he declined.
#[test]
fn a_declined_user_is_a_contact_when_he_is_written_to() {
    let mut world = World::asking(2);
    world.line(0, "@bob hello");
    world.run_ms(1000);
    world.line(1, "/decline");
    world.run_ms(500);
    world.line(1, "@alice after all");
    world.run_ms(500);
    world.line(0, "@bob thank you");
    world.run_ms(500);
    assert_eq!(world.texts(0), ["after all"]);
    assert_eq!(world.texts(1), ["thank you"]);
}

/// Security acceptance G08: a block is never told.
#[test]
fn who_is_blocked_while_he_asks_hears_nothing_of_it() {
    let mut world = World::asking(2);
    world.line(0, "@bob hello");
    world.run_ms(1000);
    assert_eq!(answers(&world.seen(0)), ["waiting"]);
    world.line(1, "/block alice");
    world.line(0, "@bob hello?");
    chat(&mut world, 0, "bob");
    world.run_ms(60_000);
    let (alice, bob) = (world.seen(0), world.seen(1));
    assert_eq!(answers(&bob), ["blocked"]);
    let heard: Vec<&str> = answers(&alice).into_iter().filter(|it| *it != "waiting").collect();
    assert!(heard.is_empty(), "{alice:?}");
    assert_eq!((waiting(&mut world, 1), found(&mut world, 1, "hello")), ((vec![], 0), (0, 0)));
    // Nothing of it is there after a restart, nor when the block ends.
    world.kill(1);
    world.start(1);
    world.run_ms(5000);
    world.line(1, "/unblock alice");
    world.run_ms(60_000);
    let bob = world.seen(1);
    assert_eq!(requests(&bob)[0].text.as_deref(), Some("hello?"), "asks anew: {bob:?}");
}

/// [W-107]
#[test]
fn requests_survive_a_restart_of_either_side() {
    let mut world = World::asking(3);
    world.line(0, "@bob one");
    world.line(0, "@bob two");
    chat(&mut world, 2, "bob");
    world.run_ms(2000);
    world.kill(0);
    world.kill(1);
    world.run_ms(1000);
    world.seen(1);
    world.start(1);
    world.run_ms(100);
    let bob = world.seen(1);
    let told = requests(&bob);
    let names: Vec<&str> = told.iter().map(|it| it.user.as_str()).collect();
    assert_eq!(names, ["alice", "carol"], "told again");
    assert_eq!((told[0].text.as_deref(), told[0].messages), (Some("one"), 2));
    world.line(1, "/accept alice");
    world.run_ms(2000);
    assert_eq!(world.texts(1), ["one", "two"]);
    // She was not there, and had been told to wait.
    assert_eq!(answers(&world.seen(0)), ["waiting"]);
    world.start(0);
    world.run_ms(5000);
    assert_eq!(answers(&world.seen(0)), ["accepted"]);
    world.line(0, "@bob three");
    world.run_ms(500);
    assert_eq!(world.texts(1), ["three"]);
}

/// What finds no room waits at its author's, and comes in its order.
#[test]
fn no_more_is_held_than_may_be_and_nothing_is_lost() {
    let mut world = World::asking(2);
    for n in 0..40 {
        world.line(0, &format!("@bob {n}"));
    }
    world.run_ms(3000);
    assert_eq!(waiting(&mut world, 1).0[0].messages, 32);
    world.seen(0);
    world.line(0, "/outbox");
    let seen = world.seen(0);
    let Some(Output::Outbox { messages }) = seen.last() else { panic!("{seen:?}") };
    assert_eq!(messages.len(), 8);
    // Those behind are on their way when he is accepted, and do not overtake.
    world.seen(1);
    world.line(0, "@bob 40");
    world.line(1, "/accept");
    world.line(0, "@bob 41");
    world.run_ms(5000);
    let expected: Vec<String> = (0..42).map(|n| n.to_string()).collect();
    let bob = world.seen(1);
    assert_eq!(texts(&bob), expected);
    assert!(!bob.iter().any(|o| matches!(o, Output::Error { .. })), "{bob:?}");
    assert!(!bob.iter().any(|o| matches!(o, Output::Message { gap: true, .. })), "{bob:?}");
    world.line(0, "/outbox");
    let seen = world.seen(0);
    assert!(matches!(seen.last(), Some(Output::Outbox { messages }) if messages.is_empty()));
}

#[test]
fn a_file_of_a_stranger_is_named_and_offered_when_he_is_accepted() {
    let mut world = World::asking(2);
    let clip = file(&world, 0);
    world.line(0, &format!("/send bob {clip}"));
    world.run_ms(2000);
    let (alice, bob) = (world.seen(0), world.seen(1));
    let told = requests(&bob);
    assert_eq!((told[0].text.as_deref(), told[0].file.as_deref()), (None, Some("clip.mp4")));
    assert_eq!((told.len(), offers(&bob), answers(&alice)), (1, 0, vec!["waiting"]));
    world.kill(1);
    world.start(1);
    world.run_ms(3000);
    let bob = world.seen(1);
    assert_eq!(requests(&bob)[0].file.as_deref(), Some("clip.mp4"), "kept: {bob:?}");
    world.line(1, "/accept alice");
    world.run_ms(500);
    assert_eq!(offers(&world.seen(1)), 1);
    world.line(1, "/accept");
    world.run_ms(3000);
    assert!(world.folder(1).join("downloads/clip.mp4").exists());
}

#[test]
fn a_declined_stranger_has_his_files_declined() {
    let mut world = World::asking(2);
    let clip = file(&world, 0);
    world.line(0, &format!("/send bob {clip}"));
    world.run_ms(2000);
    world.seen(0);
    world.line(1, "/decline");
    world.run_ms(500);
    let alice = world.seen(0);
    let is_declined = |o: &Output| matches!(o, Output::File { file } if file.state == "declined");
    assert!(alice.iter().any(is_declined), "{alice:?}");
    assert_eq!(offers(&world.seen(1)), 0);
}

/// `/chat bob` alone: kept until both are there.
#[test]
fn a_chat_is_asked_for_when_both_are_there() {
    let mut world = World::asking(2);
    world.kill(1);
    world.run_ms(60_000);
    world.seen(0);
    chat(&mut world, 0, "bob");
    let seen = world.seen(0);
    assert!(matches!(seen.last(), Some(Output::Info { text }) if text.contains("both online")));
    world.run_ms(1000);
    world.kill(0);
    world.start(0);
    world.start(1);
    world.run_ms(5000);
    let (alice, bob) = (world.seen(0), world.seen(1));
    assert_eq!((requests(&bob).len(), answers(&alice)), (1, vec!["waiting"]));
    assert_eq!(requests(&bob)[0].text, None);
    world.line(1, "/accept");
    world.run_ms(500);
    assert_eq!(answers(&world.seen(0)), ["accepted"]);
    // Known by now: nothing is asked again.
    chat(&mut world, 0, "bob");
    chat(&mut world, 1, "alice");
    world.run_ms(1000);
    assert!(answers(&world.seen(0)).is_empty() && requests(&world.seen(1)).is_empty());
}

#[test]
fn nobody_is_asked_who_does_not_exist() {
    let mut world = World::asking(1);
    chat(&mut world, 0, "nobody");
    world.run_ms(1000);
    assert!(world.errors(0).contains("no user 'nobody'"));
    chat(&mut world, 0, "alice");
    assert!(world.errors(0).contains("That is you"));
}

/// An edit and a taking back are done before anything is shown.
#[test]
fn what_a_stranger_changed_is_shown_as_he_left_it() {
    let mut world = World::asking(2);
    for text in ["@bob at fife", "@bob secret", "@bob bye"] {
        world.line(0, text);
    }
    world.run_ms(1000);
    world.command(0, Command::Edit { to: "bob".into(), id: Some(1), text: "at five".into() });
    world.command(0, Command::Unsend { to: "bob".into(), id: Some(2) });
    world.run_ms(1000);
    world.seen(1);
    world.line(1, "/accept");
    world.run_ms(500);
    world.seen(1);
    world.line(1, "/history alice");
    let seen = world.seen(1);
    let Some(Output::History { lines, .. }) = seen.last() else { panic!("{seen:?}") };
    let lines: Vec<(&str, bool)> =
        lines.iter().map(|line| (line.text.as_str(), line.taken_back)).collect();
    assert_eq!(lines, [("at five", false), ("", true), ("bye", false)]);
}

#[test]
fn one_answer_is_for_one_request_only() {
    let mut world = World::asking(3);
    world.line(0, "@bob from alice");
    world.line(2, "@bob from carol");
    world.run_ms(1000);
    world.seen(1);
    world.line(1, "/accept");
    let seen = world.seen(1);
    assert!(
        matches!(&seen[..], [Output::Error { text }, Output::Requests { requests, .. }]
            if text.contains("say which") && requests.len() == 2),
        "{seen:?}"
    );
    for (line, word) in [
        ("/accept bob", "does not ask"),
        ("/decline nobody", "does not ask"),
        ("/accept a\u{7}b", "no user name"),
    ] {
        world.line(1, line);
        assert!(world.errors(1).contains(word), "{line}");
    }
    world.line(1, "/accept carol");
    world.run_ms(500);
    assert_eq!(world.texts(1), ["from carol"]);
    world.line(1, "/decline");
    world.run_ms(500);
    assert_eq!(answers(&world.seen(1)), ["declined"]);
    world.line(1, "/accept");
    assert!(world.errors(1).contains("Nothing waits"));
}

#[test]
fn nobody_asks_any_more_when_strangers_may_talk() {
    let mut world = World::asking(2);
    world.line(0, "@bob hello");
    world.run_ms(1000);
    world.seen(1);
    let now = world.now;
    world.app(1).set_strangers(now, Strangers::Talk);
    world.run_ms(500);
    let bob = world.seen(1);
    assert_eq!((texts(&bob), answers(&bob)), (vec!["hello"], vec!["accepted"]));
    // Who talked then is no stranger when they have to ask again.
    let now = world.now;
    world.app(1).set_strangers(now, Strangers::Ask);
    world.line(0, "@bob and again");
    world.run_ms(500);
    assert_eq!(world.texts(1), ["and again"]);
}

#[test]
fn a_request_that_cannot_be_answered_stays() {
    let mut world = World::asking(2);
    world.line(0, "@bob hello");
    world.run_ms(1000);
    for (broken, line) in
        [("Stranger(Admit", "/accept alice"), ("Stranger(Dismiss", "/decline alice")]
    {
        world.break_database(1, Some(broken));
        world.line(1, line);
        world.run_ms(100);
        assert!(world.errors(1).contains("disk full"));
        assert_eq!(waiting(&mut world, 1).0.len(), 1);
        world.line(0, "@bob still here");
        world.run_ms(500);
        assert!(world.texts(1).is_empty());
    }
    world.break_database(1, None);
    world.line(1, "/accept alice");
    world.run_ms(500);
    assert_eq!(world.texts(1), ["hello", "still here", "still here"]);
}

#[test]
fn who_is_in_the_same_room_is_a_stranger_still() {
    // Nothing but what the person does himself makes a contact: a link alone does not.
    let mut world = World::asking(2);
    world.line(0, "/fingerprint bob");
    world.line(0, "@bob hello");
    world.run_ms(1000);
    world.line(1, "/fingerprint alice");
    world.run_ms(500);
    assert!(world.texts(1).is_empty());
    world.line(1, "/trust alice");
    world.run_ms(500);
    assert_eq!(world.texts(1), ["hello"], "her key is verified");
}

/// Nothing else of a stranger is told either, nor is he told anything.
#[test]
fn a_stranger_is_no_contact_and_nobody_sees_him_write() {
    let mut world = World::asking(2);
    for n in 0..2 {
        let on = Attention { typing: Switch::On, read_marks: Switch::On };
        world.app(n).set_attention(on);
    }
    world.line(0, "@bob hello");
    world.run_ms(1000);
    let contacts = |world: &mut World| {
        world.seen(1);
        world.line(1, "/contacts");
        match world.seen(1).pop() {
            Some(Output::Users { users, .. }) => users.len(),
            other => panic!("{other:?}"),
        }
    };
    let write = |world: &mut World| {
        world.run_ms(10_000);
        world.seen(1);
        world.command(0, Command::Typing { to: "bob".to_owned() });
        world.run_ms(500);
        world.seen(1).iter().filter(|o| matches!(o, Output::Typing { .. })).count()
    };
    assert_eq!((contacts(&mut world), write(&mut world)), (0, 0));
    world.line(1, "/accept alice");
    world.run_ms(500);
    assert_eq!((contacts(&mut world), write(&mut world)), (1, 1));
}

fn notice(said: Contact) -> Vec<u8> {
    encode(&Chat::Contact(said))
}

/// [W-108] [W-109] Security acceptance G10: only answers to what was asked are believed.
#[test]
fn nobody_accepts_declines_or_lets_wait_who_never_asked() {
    let mut attack = Attack::asked();
    let stream = attack.open(Class::Chat);
    for said in [Contact::Accepted, Contact::Waiting, Contact::Declined] {
        attack.write(stream, &notice(said));
    }
    let seen = attack.world.seen(0);
    assert!(answers(&seen).is_empty(), "{seen:?}");
    // Nor does he become a contact by it.
    attack.write(stream, &notice(Contact::Asked));
    let seen = attack.world.seen(0);
    assert_eq!(requests(&seen).len(), 1);
}

#[test]
fn a_flood_of_questions_is_one_request() {
    let mut attack = Attack::asked();
    let (chat, control) = (attack.open(Class::Chat), attack.open(Class::Control));
    for n in 0..50 {
        attack.write(chat, &notice(Contact::Asked));
        let name = "x".repeat(1000);
        let (id, media_type) = (TransferId([n; 16]), "video/mp4".to_owned());
        let share = (n % 2 == 0).then_some(Share { id: ShareId([n; 16]), room: RoomId([n; 16]) });
        let offer = Offer {
            id,
            name,
            size: 1,
            media_type,
            root: [0; 32],
            share,
            media: None,
            folder: None,
        };
        attack.write(control, &encode(&Control::Offer(offer)));
        let (id, name) = (TransferId([n + 100; 16]), "x".repeat(1000));
        let live = LiveOffer { id, name, media_type: "video/mp4".to_owned() };
        attack.write(control, &encode(&Control::Live(live)));
    }
    let seen = attack.world.seen(0);
    assert_eq!((requests(&seen).len(), offers(&seen)), (1, 0));
    let (asking, files) = waiting(&mut attack.world, 0);
    assert_eq!((asking.len(), files), (1, 0));
    assert!(asking[0].file.as_ref().is_some_and(|name| name.chars().count() <= 201));
    attack.world.command(0, Command::Decline { which: Which::Only });
    attack.world.run_ms(100);
    attack.world.seen(0);
    for _ in 0..50 {
        attack.write(chat, &notice(Contact::Asked));
    }
    let seen = attack.world.seen(0);
    assert!(seen.is_empty(), "{seen:?}");
    assert!(!attack.is_out(), "he breaks no rule");
}
