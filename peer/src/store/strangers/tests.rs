use rusqlite::Connection;
use wire::app::peer::TextKind;

use super::*;
use crate::store::tests::{fresh, load, log_in, name, one};
use crate::store::{Database, schema};
use crate::work::{AccountId, StoreRequest, Talk};

fn incoming(from: &str, sequence: u64, body: &str) -> Incoming {
    let byte = from.bytes().last().unwrap_or_default();
    Incoming {
        from: name(from),
        identity: IdentityKey([byte; 32]),
        device: PublicKey([byte; 32]),
        sequence,
        after: sequence - 1,
        nonce: [sequence as u8; 16],
        sent: 10,
        at: 11,
        body: body.to_owned(),
        kind: TextKind::Plain,
    }
}

fn receipt(database: &mut Database, request: StoreRequest) -> Receipt {
    match one(database, request) {
        Ok(StoreReply::Received(receipt)) => receipt,
        other => panic!("{other:?}"),
    }
}

fn hold_one(database: &mut Database, from: &str, sequence: u64, body: &str) -> Receipt {
    receipt(database, StoreRequest::Stranger(StrangerRequest::Hold(incoming(from, sequence, body))))
}

fn ask(database: &mut Database, from: &str, file: Option<&str>) -> Receipt {
    let (from, file) = (name(from), file.map(str::to_owned));
    receipt(database, StoreRequest::Stranger(StrangerRequest::Keep { from, file, at: 5 }))
}

fn admitted(database: &mut Database, user: &str) -> Vec<(String, Receipt)> {
    let contact = Contact { standing: Standing::Contact, ..Contact::new(name(user)) };
    match one(database, StoreRequest::Stranger(StrangerRequest::Admit(contact))) {
        Ok(StoreReply::Admitted(admitted)) => {
            admitted.into_iter().map(|(incoming, receipt)| (incoming.body, receipt)).collect()
        }
        other => panic!("{other:?}"),
    }
}

const fn fresh_at(line: u64) -> Receipt {
    Receipt::Fresh { gap: false, line, reply_to: None }
}

fn lines(database: &mut Database) -> usize {
    let request = StoreRequest::History { with: None, limit: 100, before: None, since: None };
    match one(database, request) {
        Ok(StoreReply::Lines(lines)) => lines.len(),
        other => panic!("{other:?}"),
    }
}

fn rows(database: &Database, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    database.connection.query_row(&sql, [], |row| row.get(0)).unwrap()
}

fn requests(database: &mut Database) -> Vec<RequestRecord> {
    let id = AccountId { server: PublicKey([6; 32]), name: name("alice") };
    load(database, Some(id)).requests
}

#[test]
fn what_is_held_is_known_and_found_nowhere_until_it_is_received() {
    let mut database = fresh();
    assert_eq!(hold_one(&mut database, "bob", 1, "one"), Receipt::Held);
    assert_eq!(hold_one(&mut database, "bob", 1, "one"), Receipt::Duplicate);
    assert_eq!(hold_one(&mut database, "bob", 1, "another"), Receipt::Conflict);
    assert_eq!(hold_one(&mut database, "bob", 2, "two"), Receipt::Held);
    assert_eq!(lines(&mut database), 0);
    let words = StoreRequest::Search { text: "one".into(), with: None, limit: 9 };
    assert!(matches!(one(&mut database, words), Ok(StoreReply::Lines(lines)) if lines.is_empty()));
    let record = RequestRecord {
        from: name("bob"),
        at: 11,
        last: 11,
        text: Some("one".to_owned()),
        messages: 2,
        file: None,
    };
    assert_eq!(requests(&mut database), [record]);

    let expected = [("one".to_owned(), fresh_at(1)), ("two".to_owned(), fresh_at(2))];
    assert_eq!(admitted(&mut database, "bob"), expected);
    assert_eq!(admitted(&mut database, "bob"), [], "once");
    assert_eq!((requests(&mut database), lines(&mut database)), (vec![], 2));
    let again = StoreRequest::Receive(incoming("bob", 1, "one"));
    assert_eq!(receipt(&mut database, again), Receipt::Duplicate, "shown once");
    assert_eq!((rows(&database, "held"), rows(&database, "requests")), (0, 0));
}

#[test]
fn nothing_stays_of_who_is_not_answered_unless_he_said_more_meanwhile() {
    let mut database = fresh();
    hold_one(&mut database, "bob", 1, "one");
    ask(&mut database, "carol", Some("clip.mp4"));
    let last = requests(&mut database)[0].last;
    let expire = |since| {
        let from = name("bob");
        StoreRequest::Stranger(StrangerRequest::Expire { from, since })
    };
    let early = one(&mut database, expire(last - 1));
    assert!(matches!(early, Ok(StoreReply::Expired(false))), "{early:?}");
    assert_eq!(requests(&mut database).len(), 2);
    assert!(matches!(one(&mut database, expire(last)), Ok(StoreReply::Expired(true))));
    assert_eq!(requests(&mut database).len(), 1, "carol's");
    assert_eq!(rows(&database, "held"), 0);
}

#[test]
fn nothing_stays_of_who_is_dismissed() {
    let mut database = fresh();
    hold_one(&mut database, "bob", 1, "one");
    hold_one(&mut database, "carol", 1, "of carol");
    ask(&mut database, "bob", Some("clip.mp4"));
    let standing = Standing::Declined { at: 7 };
    let contact = Contact { standing, ..Contact::new(name("bob")) };
    let request = StoreRequest::Stranger(StrangerRequest::Dismiss(contact));
    assert!(matches!(one(&mut database, request), Ok(StoreReply::Done)));
    assert_eq!((rows(&database, "held"), rows(&database, "requests")), (1, 1), "of carol");
    let id = AccountId { server: PublicKey([6; 32]), name: name("alice") };
    assert_eq!(load(&mut database, Some(id)).contacts[0].standing, standing);
}

#[test]
fn a_file_is_named_by_the_first_that_is_offered() {
    let mut database = fresh();
    assert_eq!(ask(&mut database, "bob", None), Receipt::Held);
    for file in ["first", "second"] {
        assert_eq!(ask(&mut database, "bob", Some(file)), Receipt::Held);
    }
    assert_eq!(ask(&mut database, "bob", None), Receipt::Held);
    let records = requests(&mut database);
    assert_eq!((records.len(), records[0].file.as_deref()), (1, Some("first")));
}

/// Security acceptance G06, I05: whoever asks costs no more than so much.
#[test]
fn requests_are_bounded_and_what_finds_no_room_is_not_overtaken() {
    let mut database = fresh();
    let longest = "x".repeat(MAX_TEXT);
    assert_eq!(hold_one(&mut database, "bob", 1, &longest), Receipt::Held, "one always fits");
    assert_eq!(hold_one(&mut database, "bob", 2, "x"), Receipt::NoRoom);
    assert_eq!(hold_one(&mut database, "bob", 3, ""), Receipt::NoRoom, "behind one without room");
    for n in 1..=MAX_MESSAGES as u64 {
        assert_eq!(hold_one(&mut database, "carol", n, "x"), Receipt::Held);
    }
    assert_eq!(hold_one(&mut database, "carol", 33, "x"), Receipt::NoRoom);
    for n in 3..=MAX_REQUESTS {
        assert_eq!(ask(&mut database, &format!("u{n}"), None), Receipt::Held);
    }
    assert_eq!(ask(&mut database, "dave", None), Receipt::NoRoom);
    assert_eq!(ask(&mut database, "dave", Some("file")), Receipt::NoRoom);
    assert_eq!(hold_one(&mut database, "dave", 1, "hello"), Receipt::NoRoom);
    assert_eq!(rows(&database, "requests"), MAX_REQUESTS as i64);

    // Once he is accepted, what was on its way waits for what found no room.
    assert_eq!(admitted(&mut database, "bob").len(), 1);
    let receive = |n: u64, body: &str| StoreRequest::Receive(incoming("bob", n, body));
    assert_eq!(receipt(&mut database, receive(3, "")), Receipt::NoRoom);
    assert_eq!(receipt(&mut database, receive(2, "x")), fresh_at(2));
    assert_eq!(receipt(&mut database, receive(3, "")), fresh_at(3));
    // And there is room for one more who asks.
    assert_eq!(hold_one(&mut database, "dave", 1, "hello"), Receipt::Held);
}

#[test]
fn a_letter_waits_for_its_turn_among_what_is_held() {
    let mut database = fresh();
    let letter =
        |n: u64| StoreRequest::Stranger(StrangerRequest::HoldInTurn(incoming("bob", n, "x")));
    assert_eq!(receipt(&mut database, letter(2)), Receipt::OutOfTurn);
    for n in [1, 2, 3] {
        assert_eq!(receipt(&mut database, letter(n)), Receipt::Held);
    }
    assert_eq!(receipt(&mut database, letter(3)), Receipt::Duplicate);
    assert_eq!(receipt(&mut database, letter(5)), Receipt::OutOfTurn);
    assert_eq!(admitted(&mut database, "bob").len(), 3);
}

/// What another account was asked is not this one's.
#[test]
fn requests_belong_to_a_profile() {
    let mut database = fresh();
    hold_one(&mut database, "bob", 1, "one");
    log_in(&mut database, "carol", 2);
    let id = AccountId { server: PublicKey([6; 32]), name: name("carol") };
    assert!(load(&mut database, Some(id)).requests.is_empty());
    assert_eq!(hold_one(&mut database, "bob", 1, "one"), Receipt::Held);
    assert_eq!(admitted(&mut database, "bob").len(), 1);
    assert_eq!(requests(&mut database).len(), 1);
}

/// With whom there was anything before strangers had to ask, he is none.
#[test]
fn who_was_talked_with_before_is_a_contact() {
    let dir = tempfile::tempdir().unwrap();
    let before = Connection::open(dir.path().join("peer.sqlite")).unwrap();
    schema::STEPS[..7].iter().for_each(|step| before.execute_batch(step).unwrap());
    before
        .execute_batch(
            "PRAGMA application_id = 0x54494e43; PRAGMA user_version = 7;
             INSERT INTO profiles VALUES
                 (1, zeroblob(32), 'alice', randomblob(32), randomblob(32), NULL, NULL);
             INSERT INTO contacts (profile, name, identity, generation, blocked, verified) VALUES
                 (1, 'bob', randomblob(32), 1, 0, 0), (1, 'erin', randomblob(32), 1, 0, 0),
                 (1, 'frank', randomblob(32), 1, 0, 1), (2, 'bob', randomblob(32), 1, 0, 0);
             INSERT INTO messages
                 (profile, peer, state, identity, device, sequence, nonce, sent, at, body, author)
                 VALUES
                 (1, 'bob', 3, zeroblob(32), zeroblob(32), 1, zeroblob(16), 5, 5, 'hi', NULL),
                 (1, 'carol', 0, NULL, NULL, 1, zeroblob(16), 5, 5, 'hello', NULL),
                 (1, '#00', 3, zeroblob(32), zeroblob(32), 2, zeroblob(16), 5, 5, 'all', 'erin');
             INSERT INTO transfers (profile, direction, transfer, peer, name, size, media_type, root,
                 at, state, paused, share)
                 VALUES (1, 0, zeroblob(16), 'dave', 'x', 1, '', zeroblob(32), 5, 0, 0, NULL),
                     (1, 0, randomblob(16), 'erin', 'x', 1, '', zeroblob(32), 5, 0, 0, zeroblob(16));",
        )
        .unwrap();
    drop(before);
    let mut database = Database::open(dir.path()).unwrap();
    let id = AccountId { server: PublicKey([0; 32]), name: name("alice") };
    let contacts = load(&mut database, Some(id)).contacts;
    let standings: Vec<(&str, Standing, Asking)> =
        contacts.iter().map(|it| (it.name.as_str(), it.standing, it.asking)).collect();
    assert_eq!(
        standings,
        [
            ("bob", Standing::Contact, Asking::Accepted),
            ("carol", Standing::Contact, Asking::Nothing),
            ("dave", Standing::Contact, Asking::Nothing),
            // Only in a room.
            ("erin", Standing::Stranger, Asking::Nothing),
            ("frank", Standing::Contact, Asking::Nothing),
        ]
    );
    let of_another = "SELECT standing FROM contacts WHERE profile = 2";
    let standing: i64 = database.connection.query_row(of_another, [], |row| row.get(0)).unwrap();
    assert_eq!(standing, 0);
    let with = Some(Talk::User(name("bob")));
    let history = StoreRequest::History { with, limit: 9, before: None, since: None };
    assert!(
        matches!(one(&mut database, history), Ok(StoreReply::Lines(lines)) if lines.len() == 1)
    );
}
