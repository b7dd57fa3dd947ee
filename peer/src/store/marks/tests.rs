use wire::app::identity::IdentityKey;
use wire::app::peer::TextKind;

use super::*;
use crate::store::Database;
use crate::store::tests::{fresh, name, one};
use crate::work::{
    About, Draft, Incoming, MessageId, MessageState, Outgoing, StoreError, StoreRequest, Talk,
};

fn receive(database: &mut Database, device: u8, sequence: u64) {
    let incoming = Incoming {
        from: name("bob"),
        identity: IdentityKey([2; 32]),
        device: PublicKey([device; 32]),
        sequence,
        after: 0,
        nonce: [sequence as u8; 16],
        sent: 1,
        at: 2,
        body: "hi".to_owned(),
        kind: TextKind::Plain,
    };
    one(database, StoreRequest::Receive(incoming)).unwrap();
}

fn queue(database: &mut Database, to: &str) -> Outgoing {
    let (to, device, about) = (name(to), PublicKey([9; 32]), About::Nothing);
    let draft = Draft { to, body: "hi".to_owned(), nonce: [3; 16], at: 7, device, about };
    match one(database, StoreRequest::Queue(draft)) {
        Ok(StoreReply::Queued(outgoing)) => outgoing,
        other => panic!("{other:?}"),
    }
}

/// What is new by a mark: devices, and the number of the last message of each.
fn marked(answer: Result<StoreReply, StoreError>) -> Vec<(u8, u64)> {
    let Ok(StoreReply::Marked(marks)) = answer else { panic!("{answer:?}") };
    let known = |mark: ReadMark| {
        assert_eq!(mark.nonce, [mark.sequence as u8; 16], "the message's own");
        (mark.device.0[0], mark.sequence)
    };
    marks.into_iter().map(known).collect()
}

fn mark(database: &mut Database, upto: u64) -> Vec<(u8, u64)> {
    let from = name("bob");
    marked(one(database, StoreRequest::Marks(MarkRequest::Read { from, upto })))
}

fn found(database: &mut Database, device: u8) -> Vec<(u8, u64)> {
    let (from, device) = (name("bob"), PublicKey([device; 32]));
    marked(one(database, StoreRequest::Marks(MarkRequest::Find { from, device })))
}

#[test]
fn a_mark_is_the_last_message_of_each_device_up_to_a_line() {
    let mut database = fresh();
    assert_eq!(mark(&mut database, u64::MAX), [], "nothing was said");
    for (device, sequence) in [(4, 1), (4, 2), (5, 7), (4, 3)] {
        receive(&mut database, device, sequence);
    }
    queue(&mut database, "bob");
    assert_eq!(mark(&mut database, 2), [(4, 2)]);
    assert_eq!(mark(&mut database, 2), [], "nothing is new");
    assert_eq!(found(&mut database, 5), []);
    assert_eq!(mark(&mut database, u64::MAX), [(4, 3), (5, 7)]);
    assert_eq!((found(&mut database, 4), found(&mut database, 5)), (vec![(4, 3)], vec![(5, 7)]));
    // What is older may come later, in a letter, and takes nothing back.
    receive(&mut database, 5, 6);
    assert_eq!((mark(&mut database, u64::MAX), found(&mut database, 5)), (vec![], vec![(5, 7)]));
    receive(&mut database, 5, 8);
    assert_eq!(mark(&mut database, u64::MAX), [(5, 8)]);
}

/// Only what was said since the last mark is looked through, however long the conversation is.
#[test]
fn no_mark_looks_through_what_was_read() {
    let database = fresh();
    for (sql, by) in [
        (NEWLY_READ, "conversation (profile=? AND peer=? AND id>? AND id<?)"),
        (SAID, "outgoing (profile=? AND peer=? AND sequence=?)"),
    ] {
        let mut explain =
            database.connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let mut rows = explain.raw_query();
        let plan: String = rows.next().unwrap().unwrap().get("detail").unwrap();
        assert!(plan.contains("USING INDEX") && plan.contains(by), "{sql}\n{plan}");
    }
}

/// [W-105]
#[test]
fn a_mark_of_another_counts_for_what_was_said_to_him_and_goes_forward() {
    let mut database = fresh();
    let numbers: Vec<u64> = (0..3).map(|_| queue(&mut database, "bob").id.sequence).collect();
    assert_eq!(numbers, [1, 2, 3]);
    queue(&mut database, "carol");
    for sequence in 1..=3 {
        let id = MessageId { to: name("bob"), sequence };
        one(&mut database, StoreRequest::Delivered { id, at: 9 }).unwrap();
    }
    let mut read = |by: &str, sequence, nonce| {
        let by = name(by);
        let request = MarkRequest::ReadThere { by, sequence, nonce: [nonce; 16] };
        match one(&mut database, StoreRequest::Marks(request)) {
            Ok(StoreReply::ReadThere { upto }) => Some(upto),
            Ok(StoreReply::Done) => None,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(read("bob", 1, 4), None, "another random part");
    assert_eq!(read("bob", 4, 3), None, "never said");
    assert_eq!(read("bob", 0, 3), None);
    assert_eq!(read("bob", u64::MAX, 3), None);
    assert_eq!(read("carol", 2, 3), None, "said to somebody else");
    assert_eq!(read("bob", 2, 3), Some(2));
    assert_eq!((read("bob", 1, 3), read("bob", 2, 3)), (None, None), "not backwards, not twice");
    let with = Some(Talk::User(name("bob")));
    let request = StoreRequest::History { with, limit: 9, before: None, since: None };
    let Ok(StoreReply::Lines(lines)) = one(&mut database, request) else { panic!() };
    let states: Vec<MessageState> = lines.into_iter().map(|line| line.state).collect();
    assert_eq!(states, [MessageState::Read, MessageState::Read, MessageState::Delivered]);
}
