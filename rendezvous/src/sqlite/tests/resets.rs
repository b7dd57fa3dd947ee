//! Passwords that the operator gives.

use super::*;
use crate::store::{Meanwhile, NewPassword, Reset};

const RECORD: [u8; 192] = [8; 192];
const STRETCH: Stretch = Stretch { memory_kib: 99, passes: 2, lanes: 3 };

fn reset(store: &mut SqliteStore, user: &str) -> bool {
    store.reset_password(&name(user), &RECORD, STRETCH).unwrap()
}

fn resume(device: u8) -> StoreRequest {
    let (name, device) = (name("alice"), PublicKey([device; 32]));
    StoreRequest::Resume { name, device, source: ELSEWHERE, now: 300 }
}

fn add(resets: u64, device: u8, generation: u64) -> StoreRequest {
    let NewIdentity { identity, certificate, .. } = new_identity("alice", device, generation);
    let resets = Resets(resets);
    StoreRequest::AddDevice { name: name("alice"), identity, resets, certificate, now: 200 }
}

fn record(store: &mut SqliteStore) -> LoginRecord {
    let outcome = ask(store, begin_login("alice", HOME, 1000));
    let StoreOutcome::Login(Some(record)) = outcome else { panic!("{outcome:?}") };
    *record
}

/// [W-160]
#[test]
fn the_operators_password_takes_the_place_of_all_that_opened_the_account() {
    let mut store = with_users(&["alice", "bob"]);
    assert!(matches!(ask(&mut store, add(0, 2, 7)), StoreOutcome::Session(_)));
    ask(
        &mut store,
        StoreRequest::Block { by: name("alice"), target: name("bob"), online: vec![], now: 1 },
    );
    fail(&mut store, "alice", HOME, 900, 5);
    assert!(matches!(
        ask(&mut store, begin_login("alice", HOME, 905)),
        StoreOutcome::Locked { .. }
    ));
    assert_eq!(store.accounts().unwrap()[0].devices, 2);

    assert!(reset(&mut store, "alice"));
    let is = record(&mut store);
    assert_eq!((&is.record[..], is.stretch, is.resets), (&RECORD[..], STRETCH, Resets(1)));
    assert_eq!(is.identity, Some(identity_of("alice").public()), "she is who she was");
    assert!(is.sealed.is_empty(), "sealed under a password that is no more");
    assert_eq!(is.generation, 7, "others have seen it");
    for device in [1, 2] {
        assert_eq!(ask(&mut store, resume(device)), StoreOutcome::NewPassword);
    }
    assert_eq!(ask(&mut store, resume(3)), StoreOutcome::NotFound, "never hers");
    assert_eq!(store.accounts().unwrap()[0].devices, 0);
    assert_eq!(store.totals(0).unwrap().devices, 1, "bob's");

    // A device is hers again by the new password, and only with a certificate that is new.
    assert_eq!(ask(&mut store, add(1, 2, 7)), StoreOutcome::Conflict, "it is known to others");
    let account = session(ask(&mut store, add(1, 2, 8)));
    assert_eq!((account.resets, account.blocks), (Resets(1), vec![name("bob")]));
    assert_eq!(session(ask(&mut store, resume(2))).certificate.generation, 8);
    assert_eq!(ask(&mut store, resume(1)), StoreOutcome::NewPassword);
}

/// Whoever has proven something when the operator comes in between has proven nothing any more.
#[test]
fn what_was_proven_before_counts_no_longer() {
    let mut store = with_users(&["alice"]);
    let identity = identity_of("alice").public();
    let change = |resets| {
        StoreRequest::ChangePassword(Box::new(NewPassword {
            name: name("alice"),
            identity,
            resets: Resets(resets),
            record: vec![9; 192],
            stretch: Stretch::STANDARD,
            sealed: vec![4],
        }))
    };
    let delete = |resets| StoreRequest::DeleteAccount {
        name: name("alice"),
        identity,
        resets: Resets(resets),
    };
    assert!(reset(&mut store, "alice"));
    for request in [add(0, 1, 1), add(0, 2, 9), change(0), delete(0)] {
        assert_eq!(ask(&mut store, request.clone()), StoreOutcome::NewPassword, "{request:?}");
    }
    assert_eq!(record(&mut store).record, RECORD);
    assert_eq!(ask(&mut store, change(1)), StoreOutcome::Done);
    assert_eq!(record(&mut store).sealed, [4], "sealed anew by its owner");
    assert!(matches!(ask(&mut store, delete(1)), StoreOutcome::Removed { .. }));
    assert_eq!(ask(&mut store, change(1)), StoreOutcome::NotFound);

    let mut imported = account("yoda");
    imported.identity = None;
    ask(&mut store, StoreRequest::CreateAccount(Box::new(imported)));
    assert!(reset(&mut store, "yoda"));
    let set = |resets| StoreRequest::SetIdentity {
        name: name("yoda"),
        resets: Resets(resets),
        identity: Box::new(new_identity("yoda", 1, 1)),
        now: 5,
    };
    assert_eq!(ask(&mut store, set(0)), StoreOutcome::NewPassword);
    assert!(matches!(ask(&mut store, set(1)), StoreOutcome::Session(_)));
}

#[test]
fn the_server_hears_to_which_accounts_the_operator_gave_passwords() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("db");
    let mut server = SqliteStore::open(&path).unwrap();
    for user in ["alice", "bob"] {
        ask(&mut server, create(user));
    }
    assert_eq!(server.take_meanwhile().unwrap(), Meanwhile::default());
    let mut operator = SqliteStore::open(&path).unwrap();
    assert!(!reset(&mut operator, "nobody"));
    for user in ["alice", "alice", "bob"] {
        assert!(reset(&mut operator, user));
    }
    assert!(operator.delete(&name("bob")).unwrap());
    let told = server.take_meanwhile().unwrap();
    assert_eq!(told.resets, [Reset { name: name("alice"), resets: Resets(2) }], "bob is no more");
    assert_eq!(server.take_meanwhile().unwrap(), Meanwhile::default(), "told once");
}

/// Who has learned the password of before finds nothing on the disk that it opens.
#[test]
fn what_was_sealed_under_the_password_before_is_overwritten() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(&temp.path().join("db")).unwrap();
    let sealed = b"sealed identity of a user who forgot his password";
    let mut made = account("alice");
    made.identity.as_mut().unwrap().sealed = sealed.to_vec();
    ask(&mut store, StoreRequest::CreateAccount(Box::new(made)));
    let is_found = || {
        ["db", "db-wal"].iter().any(|file| {
            let bytes = std::fs::read(temp.path().join(file)).unwrap_or_default();
            bytes.windows(sealed.len()).any(|part| part == sealed)
        })
    };
    assert!(is_found(), "or this would show nothing");
    assert!(reset(&mut store, "alice"));
    store.overwrite_removed();
    assert!(!is_found());
}
