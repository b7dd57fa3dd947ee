use wire::app::identity::IdentityKey;

use super::*;
use crate::output::NOT_HERE;
use crate::store::tests::{account_id, fresh, load, name, one};
use crate::store::{Database, schema};
use crate::work::{About, Line, Outgoing, Receipt, StoreReply, StoreRequest, Talk};

const DEVICE: PublicKey = PublicKey([4; 32]);

fn of(sequence: u64) -> TextRef {
    TextRef { device: DEVICE, sequence, nonce: [sequence as u8; 16] }
}

fn incoming(sequence: u64, body: &str, kind: TextKind) -> Incoming {
    Incoming {
        from: name("bob"),
        identity: IdentityKey([2; 32]),
        device: DEVICE,
        sequence,
        after: 0,
        nonce: [sequence as u8; 16],
        sent: 10,
        at: 11,
        body: body.to_owned(),
        kind,
    }
}

fn receive(database: &mut Database, message: Incoming) -> Receipt {
    match one(database, StoreRequest::Receive(message)) {
        Ok(StoreReply::Received(receipt)) => receipt,
        other => panic!("{other:?}"),
    }
}

fn edit(sequence: u64, edited: u64, body: &str) -> Incoming {
    incoming(sequence, body, TextKind::Edit { of: of(edited) })
}

fn unsend(sequence: u64, taken_back: u64) -> Incoming {
    incoming(sequence, "", TextKind::Unsend { of: of(taken_back) })
}

fn fresh_at(line: u64) -> Receipt {
    Receipt::Fresh { gap: false, line, reply_to: None }
}

const fn changed(line: u64) -> Receipt {
    Receipt::Changed { gap: false, line }
}

const SILENT: Receipt = Receipt::Silent { gap: false };

fn lines(database: &mut Database) -> Vec<Line> {
    let with = Some(Talk::User(name("bob")));
    match one(database, StoreRequest::History { with, limit: 100, before: None, since: None }) {
        Ok(StoreReply::Lines(lines)) => lines,
        other => panic!("{other:?}"),
    }
}

fn shown(database: &mut Database) -> Vec<(String, bool, bool)> {
    lines(database).into_iter().map(|line| (line.body, line.edited, line.taken_back)).collect()
}

fn says(text: &str) -> (String, bool, bool) {
    (text.to_owned(), false, false)
}

fn edited(text: &str) -> (String, bool, bool) {
    (text.to_owned(), true, false)
}

fn taken_back() -> (String, bool, bool) {
    (String::new(), false, true)
}

fn found(database: &mut Database, text: &str) -> usize {
    match one(database, StoreRequest::Search { text: text.to_owned(), with: None, limit: 9 }) {
        Ok(StoreReply::Lines(lines)) => lines.len(),
        other => panic!("{other:?}"),
    }
}

fn ask(database: &mut Database, body: &str, about: About) -> Result<StoreReply, StoreError> {
    let (to, body) = (name("bob"), body.to_owned());
    let draft = Draft { to, body, nonce: [3; 16], at: 7, device: PublicKey([9; 32]), about };
    one(database, StoreRequest::Queue(draft))
}

fn queue(database: &mut Database, body: &str, about: About) -> Outgoing {
    match ask(database, body, about) {
        Ok(StoreReply::Queued(outgoing)) => outgoing,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_change_counts_once_and_the_message_stays_known_as_it_came() {
    let mut database = fresh();
    let first = incoming(1, "one", TextKind::Plain);
    assert_eq!(receive(&mut database, first.clone()), fresh_at(1));
    assert_eq!(receive(&mut database, edit(2, 1, "two")), changed(1));
    assert_eq!(receive(&mut database, edit(2, 1, "two")), Receipt::Duplicate);
    assert_eq!(receive(&mut database, first.clone()), Receipt::Duplicate);
    assert_eq!(receive(&mut database, edit(2, 1, "three")), Receipt::Conflict);
    assert_eq!(receive(&mut database, edit(1, 1, "one")), Receipt::Conflict, "another kind");
    assert_eq!(shown(&mut database), [edited("two")]);
    assert_eq!(receive(&mut database, unsend(3, 1)), changed(1));
    assert_eq!(receive(&mut database, unsend(3, 1)), Receipt::Duplicate);
    assert_eq!(receive(&mut database, first), Receipt::Duplicate);
    assert_eq!(receive(&mut database, edit(2, 1, "two")), Receipt::Duplicate);
    assert_eq!(receive(&mut database, edit(4, 1, "again")), SILENT);
    assert_eq!(receive(&mut database, unsend(5, 1)), SILENT);
    assert_eq!(shown(&mut database), [taken_back()]);
    for word in ["one", "two", "again"] {
        assert_eq!(found(&mut database, word), 0, "{word}");
    }
    let left = "SELECT count(*) FROM messages WHERE body <> '' OR text IS NOT NULL";
    let left: i64 = database.connection.query_row(left, [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0, "no text is left");
}

/// A letter may come after the link has brought what is newer.
#[test]
fn an_older_edit_does_not_undo_a_newer_one() {
    let mut database = fresh();
    receive(&mut database, incoming(1, "one", TextKind::Plain));
    assert_eq!(receive(&mut database, edit(3, 1, "three")), changed(1));
    assert_eq!(receive(&mut database, edit(2, 1, "two")), SILENT);
    assert_eq!(shown(&mut database), [edited("three")]);
}

#[test]
fn a_change_that_came_first_stands_in_the_place_of_what_it_changes() {
    let mut database = fresh();
    assert_eq!(receive(&mut database, edit(3, 1, "three")), fresh_at(1));
    assert_eq!(receive(&mut database, edit(4, 1, "four")), changed(1));
    assert_eq!(receive(&mut database, incoming(1, "one", TextKind::Plain)), SILENT);
    assert_eq!(receive(&mut database, incoming(1, "one", TextKind::Plain)), Receipt::Duplicate);
    assert_eq!(receive(&mut database, edit(5, 1, "five")), changed(1));
    assert_eq!(shown(&mut database), [edited("five")]);
    assert_eq!((found(&mut database, "one"), found(&mut database, "five")), (0, 1));
    assert_eq!(receive(&mut database, unsend(6, 1)), changed(1));
    let was_edited = (String::new(), true, true);
    assert_eq!(shown(&mut database), vec![was_edited.clone()]);
    // What was taken back before it came is never shown.
    assert_eq!(receive(&mut database, unsend(9, 8)), SILENT);
    assert_eq!(receive(&mut database, edit(10, 8, "late")), SILENT);
    assert_eq!(receive(&mut database, incoming(8, "eight", TextKind::Plain)), SILENT);
    assert_eq!(shown(&mut database), vec![was_edited]);
    assert_eq!(found(&mut database, "eight") + found(&mut database, "late"), 0);
}

/// Security acceptance G01: nobody changes what another has said.
#[test]
fn only_the_same_identity_changes_a_message() {
    let mut database = fresh();
    receive(&mut database, incoming(1, "bob's", TextKind::Plain));
    let identity = IdentityKey([66; 32]);
    let forged = Incoming { identity, from: name("mallory"), ..edit(2, 1, "forged") };
    assert_eq!(receive(&mut database, forged), fresh_at(2));
    let forged = Incoming { identity, from: name("mallory"), ..unsend(3, 1) };
    // Her own edit stands for what she named.
    assert_eq!(receive(&mut database, forged), changed(2));
    let other = TextRef { nonce: [77; 16], ..of(1) };
    let guessed = incoming(4, "", TextKind::Unsend { of: other });
    assert_eq!(receive(&mut database, guessed), SILENT);
    // An edit of an edit that is here is an edit of nothing that is here.
    receive(&mut database, edit(5, 1, "bob's own"));
    assert_eq!(receive(&mut database, edit(6, 5, "of an edit")), fresh_at(6));
    assert_eq!(shown(&mut database), [edited("bob's own"), edited("of an edit")]);
}

#[test]
fn an_answer_finds_the_line_of_either_side() {
    let mut database = fresh();
    receive(&mut database, incoming(1, "hers", TextKind::Plain));
    let own = queue(&mut database, "mine", About::Nothing);
    let to = TextRef { device: PublicKey([9; 32]), sequence: 1, nonce: own.nonce };
    let answers = [(2, of(1), Some(1)), (3, to, Some(2)), (4, of(99), Some(NOT_HERE))];
    for (sequence, to, line) in answers {
        let receipt = receive(&mut database, incoming(sequence, "yes", TextKind::Reply { to }));
        assert!(
            matches!(receipt, Receipt::Fresh { reply_to, .. } if reply_to == line),
            "{receipt:?}"
        );
    }
    receive(&mut database, edit(6, 5, "stands in"));
    let reply = queue(&mut database, "to what it stands for", About::Reply { line: None });
    assert_eq!(reply.kind, TextKind::Reply { to: of(5) });
}

#[test]
fn changes_wait_in_the_outbox_as_messages_do() {
    let mut database = fresh();
    let queued = [
        queue(&mut database, "one", About::Nothing),
        queue(&mut database, "two", About::Edit { id: None }),
        queue(&mut database, "three", About::Edit { id: Some(2) }),
    ];
    let own = TextRef { device: PublicKey([9; 32]), sequence: 1, nonce: [3; 16] };
    let kinds = [TextKind::Plain, TextKind::Edit { of: own }, TextKind::Edit { of: own }];
    assert_eq!(queued.clone().map(|message| message.kind), kinds);
    let outbox = load(&mut database, Some(account_id("alice"))).outbox;
    assert_eq!(outbox, queued);
    assert_eq!(outbox[0].body, "one", "as it may have been sent");
    let own = lines(&mut database);
    assert_eq!((own.len(), own[0].body.as_str(), own[0].edited), (1, "three", true));
    // As far as it may have left, the other side is asked to hide it.
    let about = About::Unsend { id: None, sent_up_to: 1 };
    let asks = queue(&mut database, "", about);
    assert_eq!((asks.after, asks.about), (0, Some(1)));
    assert_eq!(load(&mut database, Some(account_id("alice"))).outbox, [asks]);
}

#[test]
fn what_never_left_leaves_no_trace() {
    let mut database = fresh();
    queue(&mut database, "one", About::Nothing);
    queue(&mut database, "two", About::Nothing);
    queue(&mut database, "two again", About::Edit { id: None });
    let about = About::Unsend { id: Some(2), sent_up_to: 1 };
    let answer = ask(&mut database, "", about);
    assert!(matches!(answer, Ok(StoreReply::Withdrawn { sequence: 2, line: 2 })), "{answer:?}");
    assert_eq!(shown(&mut database), [says("one")]);
    assert_eq!(found(&mut database, "two"), 0);
    let next = queue(&mut database, "four", About::Nothing);
    assert_eq!((next.id.sequence, next.after), (4, 1), "no gap, and no number twice");
    let outbox = load(&mut database, Some(account_id("alice"))).outbox;
    assert_eq!(outbox.iter().map(|message| message.id.sequence).collect::<Vec<_>>(), [1, 4]);
}

/// What is done for each change must not take longer the more there are.
#[test]
fn no_message_is_looked_for_among_all_others() {
    let database = fresh();
    let by_about = "changes (profile=? AND peer=? AND about_nonce=? AND about_sequence=? AND kind";
    for (sql, by) in [
        (OWN, "outgoing (profile=? AND peer=? AND sequence=?)"),
        (LAST_OWN, "outgoing (profile=? AND peer=?)"),
        (OTHERS, "incoming (profile=? AND identity=? AND device=? AND sequence=?)"),
        (STAND_IN, by_about),
        (CHANGED, by_about),
    ] {
        let mut explain =
            database.connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let mut rows = explain.raw_query();
        let plan: String = rows.next().unwrap().expect("one step at least").get("detail").unwrap();
        assert!(plan.contains(by), "{sql}\n{plan}");
    }
}

/// A folder of the version before keeps its messages, and they can be changed.
#[test]
fn messages_of_an_older_file_can_be_changed() {
    let dir = tempfile::tempdir().unwrap();
    let before = Connection::open(dir.path().join("peer.sqlite")).unwrap();
    schema::STEPS[..4].iter().for_each(|step| before.execute_batch(step).unwrap());
    before
        .execute_batch(
            "PRAGMA application_id = 0x54494e43; PRAGMA user_version = 4;
             INSERT INTO profiles (id, server, name, device, token_secret)
             VALUES (1, zeroblob(32), 'alice', zeroblob(32), zeroblob(32));",
        )
        .unwrap();
    before
        .execute(
            "INSERT INTO messages (profile, peer, state, identity, device, sequence, nonce, sent, at,
                 body)
             VALUES (1, 'bob', 3, ?1, ?2, 1, ?3, 5, 5, 'old')",
            params![[2_u8; 32], DEVICE.0, [1_u8; 16]],
        )
        .unwrap();
    drop(before);
    let mut database = Database::open(dir.path()).unwrap();
    let server = PublicKey([0; 32]);
    load(&mut database, Some(crate::work::AccountId { server, name: name("alice") }));
    assert_eq!(shown(&mut database), [says("old")]);
    assert_eq!(receive(&mut database, edit(2, 1, "new")), changed(1));
    assert_eq!(shown(&mut database), [edited("new")]);
    assert_eq!((found(&mut database, "old"), found(&mut database, "new")), (0, 1));
}
