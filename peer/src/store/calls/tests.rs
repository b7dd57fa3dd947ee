use wire::app::room::RoomId;

use super::*;
use crate::store::Database;
use crate::store::tests::{account_id, fresh, load as profile, log_in, name, one};
use crate::work::StoreRequest;

fn save(database: &mut Database, talk: Talk, calls: Option<Calls>) {
    assert!(matches!(one(database, StoreRequest::SaveCalls { talk, calls }), Ok(StoreReply::Done)));
}

/// Each account has its own, and what is as usual leaves nothing behind.
#[test]
fn what_was_chosen_is_there_again_for_its_account_only() {
    let mut database = fresh();
    let (bob, room) = (Talk::User(name("bob")), Talk::Room(RoomId([7; 16])));
    for calls in [Calls::All, Calls::Mentions, Calls::Off] {
        save(&mut database, bob.clone(), Some(calls));
        assert_eq!(profile(&mut database, None).calls, [(bob.clone(), calls)]);
    }
    save(&mut database, room.clone(), Some(Calls::All));
    save(&mut database, bob.clone(), None);
    assert_eq!(profile(&mut database, None).calls, [(room.clone(), Calls::All)]);
    log_in(&mut database, "carol", 2);
    assert!(profile(&mut database, None).calls.is_empty());
    let alice = profile(&mut database, Some(account_id("alice")));
    assert_eq!(alice.calls, [(room, Calls::All)]);
}
