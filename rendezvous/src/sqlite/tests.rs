//! The store as the server uses it, on real files where durability matters.

mod resets;

use std::path::Path;

use wire::PublicKey;
use wire::app::identity::Identity;
use wire::app::login::Stretch;
use wire::app::name::Name;
use wire::app::room::{Change, RoomId};
use wire::app::server::MAX_BLOCKED;

use super::*;
use crate::lockout::LockoutPolicy;
use crate::source::SourcePrefix;
use crate::store::{
    LastSeen, LoginRecord, Meanwhile, NewAccount, NewIdentity, Resets, Revocation, RoomNews,
    SessionAccount,
};

const POLICY: LockoutPolicy = LockoutPolicy { max_failed: 5, lock_seconds: 10 };
const HOME: SourcePrefix = SourcePrefix::V4([192, 0, 2, 1]);
const ELSEWHERE: SourcePrefix = SourcePrefix::V4([198, 51, 100, 1]);

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn identity_of(text: &str) -> Identity {
    Identity::from_secret(blake3::hash(text.as_bytes()).as_bytes())
}

fn new_identity(text: &str, device: u8, generation: u64) -> NewIdentity {
    let identity = identity_of(text);
    NewIdentity {
        identity: identity.public(),
        certificate: identity.certify(text, PublicKey([device; 32]), generation),
        sealed: vec![1, 2, 3],
    }
}

fn account(text: &str) -> NewAccount {
    NewAccount {
        name: name(text),
        record: vec![7; 192],
        stretch: Stretch::STANDARD,
        identity: Some(new_identity(text, 1, 1)),
        now: 100,
    }
}

fn create(text: &str) -> StoreRequest {
    StoreRequest::CreateAccount(Box::new(account(text)))
}

fn enter_lobby(text: &str) -> StoreRequest {
    let (name, id) = (name(text), RoomId([1; 16]));
    StoreRequest::EnterLobby { name, id, places: 3, absent: Vec::new() }
}

fn begin_login(text: &str, source: SourcePrefix, now: u64) -> StoreRequest {
    StoreRequest::BeginLogin { name: name(text), source, policy: POLICY, now }
}

fn ask(store: &mut SqliteStore, request: StoreRequest) -> StoreOutcome {
    store.execute(&[request]).pop().unwrap()
}

fn with_users(users: &[&str]) -> SqliteStore {
    let mut store = SqliteStore::open_in_memory().unwrap();
    for user in users {
        assert!(matches!(ask(&mut store, create(user)), StoreOutcome::Session(_)));
    }
    store
}

fn session(outcome: StoreOutcome) -> SessionAccount {
    let StoreOutcome::Session(account) = outcome else { panic!("{outcome:?}") };
    *account
}

/// Security acceptance D07, and a lost reply: exactly one of two racing registrations wins, and
/// the winner may repeat it.
#[test]
fn one_registration_wins_and_may_be_repeated() {
    let mut store = SqliteStore::open_in_memory().unwrap();
    let mut rival = account("alice");
    rival.record = vec![8; 192];
    let rival = StoreRequest::CreateAccount(Box::new(rival));
    let outcomes = store.execute(&[create("alice"), rival.clone()]);
    assert!(matches!(outcomes[0], StoreOutcome::Session(_)));
    assert_eq!(outcomes[1], StoreOutcome::Conflict);
    assert!(matches!(ask(&mut store, create("alice")), StoreOutcome::Session(_)), "repeated");
    assert_eq!(ask(&mut store, rival), StoreOutcome::Conflict);
    assert_eq!(ask(&mut store, create("\u{430}lice")), StoreOutcome::Conflict, "look-alike");
    assert_eq!(store.accounts().unwrap().len(), 1);
}

#[test]
fn devices_come_with_growing_generations() {
    let mut store = with_users(&["alice"]);
    let add = |device, generation| {
        let certificate = new_identity("alice", device, generation).certificate;
        let (name, identity) = (name("alice"), identity_of("alice").public());
        StoreRequest::AddDevice { name, identity, resets: Resets(0), certificate, now: 200 }
    };
    assert_eq!(ask(&mut store, add(2, 1)), StoreOutcome::Conflict, "not greater");
    assert!(matches!(ask(&mut store, add(2, 2)), StoreOutcome::Session(_)));
    assert!(matches!(ask(&mut store, add(1, 1)), StoreOutcome::Session(_)), "an old device");
    assert_eq!(ask(&mut store, add(3, 2)), StoreOutcome::Conflict);
    let resume = |device, user: &str| StoreRequest::Resume {
        name: name(user),
        device: PublicKey([device; 32]),
        source: HOME,
        now: 300,
    };
    assert_eq!(session(ask(&mut store, resume(2, "alice"))).certificate.generation, 2);
    let StoreOutcome::Outdated { generation: 2, .. } = ask(&mut store, resume(1, "alice")) else {
        panic!("others have seen a newer device")
    };
    assert!(matches!(ask(&mut store, add(1, 3)), StoreOutcome::Session(_)), "taken back");
    assert_eq!(session(ask(&mut store, resume(1, "alice"))).certificate.generation, 3);
    assert_eq!(ask(&mut store, resume(3, "alice")), StoreOutcome::NotFound);
    assert_eq!(ask(&mut store, resume(2, "bob")), StoreOutcome::NotFound);
    assert!(matches!(ask(&mut store, create("bob")), StoreOutcome::Session(_)));
    assert!(matches!(ask(&mut store, resume(1, "bob")), StoreOutcome::Session(_)), "same device");
    assert_eq!(ask(&mut store, resume(2, "bob")), StoreOutcome::NotFound, "another's device");
}

/// The operator's program and the server have a connection each to one file.
#[test]
fn the_server_hears_which_devices_the_operator_has_taken_away() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("db");
    let mut server = SqliteStore::open(&path).unwrap();
    for user in ["alice", "bob"] {
        ask(&mut server, create(user));
    }
    assert_eq!(server.take_meanwhile().unwrap().revoked, []);
    let mut operator = SqliteStore::open(&path).unwrap();
    assert!(operator.delete(&name("bob")).unwrap());
    assert!(!operator.delete(&name("nobody")).unwrap());
    let bob = Revocation { name: name("bob"), device: PublicKey([1; 32]) };
    assert_eq!(server.take_meanwhile().unwrap().revoked, [bob]);
    assert_eq!(server.take_meanwhile().unwrap().revoked, [], "told once");
    // A server that was down meanwhile begins with what was left for it, and has no sessions.
    assert!(operator.delete(&name("alice")).unwrap());
    drop(server);
    let mut server = SqliteStore::open(&path).unwrap();
    assert_eq!(server.take_meanwhile().unwrap().revoked.len(), 1);
}

#[test]
fn the_server_hears_which_rooms_a_removed_account_has_left() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("db");
    let mut server = SqliteStore::open(&path).unwrap();
    for user in ["alice", "bob"] {
        ask(&mut server, create(user));
        ask(&mut server, enter_lobby(user));
    }
    assert_eq!(server.take_meanwhile().unwrap(), Meanwhile::default());
    let mut operator = SqliteStore::open(&path).unwrap();
    assert!(operator.delete(&name("bob")).unwrap());
    let change = Change::Left(name("bob"));
    let news = RoomNews { room: RoomId([1; 16]), version: 3, change, to: vec![name("alice")] };
    assert_eq!(server.take_meanwhile().unwrap().rooms, [news]);
    assert_eq!(server.take_meanwhile().unwrap(), Meanwhile::default(), "told once");
}

#[test]
fn an_imported_account_gets_its_identity_once() {
    let mut store = SqliteStore::open_in_memory().unwrap();
    let mut imported = account("yoda");
    imported.identity = None;
    let imported = StoreRequest::CreateAccount(Box::new(imported));
    assert_eq!(ask(&mut store, imported.clone()), StoreOutcome::Done);
    assert_eq!(ask(&mut store, imported), StoreOutcome::Conflict);
    let directory = StoreRequest::Directory { name: name("yoda") };
    assert_eq!(ask(&mut store, directory.clone()), StoreOutcome::Identity(None));
    let set = |secret: &str| {
        let identity = identity_of(secret);
        let certificate = identity.certify("yoda", PublicKey([1; 32]), 1);
        let identity = NewIdentity { identity: identity.public(), certificate, sealed: vec![] };
        let (name, resets) = (name("yoda"), Resets(0));
        StoreRequest::SetIdentity { name, resets, identity: Box::new(identity), now: 5 }
    };
    let account = session(ask(&mut store, set("first")));
    assert_eq!(account.identity, identity_of("first").public());
    assert!(matches!(ask(&mut store, set("first")), StoreOutcome::Session(_)), "repeated");
    assert_eq!(ask(&mut store, set("second")), StoreOutcome::Conflict);
    assert_eq!(ask(&mut store, directory), StoreOutcome::Identity(Some(account.identity)));
}

fn fail(store: &mut SqliteStore, user: &str, source: SourcePrefix, from: u64, times: u64) {
    for now in from..from + times {
        let outcome = ask(store, begin_login(user, source, now));
        assert!(matches!(outcome, StoreOutcome::Login(_)), "{outcome:?}");
    }
}

/// The lock survives a restart, holds from another address, and ends by itself.
#[test]
fn a_lock_survives_a_restart_and_another_address() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("db");
    let mut store = SqliteStore::open(&path).unwrap();
    assert!(matches!(ask(&mut store, create("alice")), StoreOutcome::Session(_)));
    fail(&mut store, "alice", HOME, 1000, 5);
    drop(store);
    let mut store = SqliteStore::open(&path).unwrap();
    assert_eq!(
        ask(&mut store, begin_login("alice", HOME, 1005)),
        StoreOutcome::Locked { seconds: 9 }
    );
    assert_eq!(
        ask(&mut store, begin_login("alice", ELSEWHERE, 1005)),
        StoreOutcome::Locked { seconds: 9 }
    );
    assert!(store.accounts().unwrap()[0].locked_until > 1005);
    fail(&mut store, "alice", HOME, 1014, 1);
    assert!(store.unlock(&name("alice")).unwrap());
    fail(&mut store, "alice", HOME, 1015, 1);
}

/// Security acceptance D01: the same rows and answers for a name that no account has.
#[test]
fn unknown_names_lock_like_known_ones() {
    let mut store = with_users(&["alice"]);
    fail(&mut store, "alice", HOME, 1000, 5);
    fail(&mut store, "nobody", ELSEWHERE, 1000, 5);
    let known = ask(&mut store, begin_login("alice", HOME, 1005));
    assert_eq!(known, ask(&mut store, begin_login("nobody", ELSEWHERE, 1005)));
    assert!(matches!(known, StoreOutcome::Locked { .. }));
}

/// Security acceptance D03: strangers who lock an account do not lock it for its user.
#[test]
fn strangers_cannot_lock_a_familiar_source_out() {
    let mut store = with_users(&["alice"]);
    fail(&mut store, "alice", HOME, 1000, 1);
    let proven = StoreRequest::PasswordProven { name: name("alice"), source: HOME, now: 1001 };
    assert_eq!(ask(&mut store, proven.clone()), StoreOutcome::Done);
    fail(&mut store, "alice", ELSEWHERE, 1002, 5);
    assert!(matches!(
        ask(&mut store, begin_login("alice", ELSEWHERE, 1007)),
        StoreOutcome::Locked { .. }
    ));
    let outcome = ask(&mut store, begin_login("alice", HOME, 1007));
    let StoreOutcome::Login(Some(record)) = outcome else { panic!("{outcome:?}") };
    let LoginRecord { generation, .. } = *record;
    assert_eq!(generation, 1);
    // A device's key asks for no password.
    let resume = StoreRequest::Resume {
        name: name("alice"),
        device: PublicKey([1; 32]),
        source: ELSEWHERE,
        now: 1007,
    };
    assert_eq!(session(ask(&mut store, resume)).failed_attempts, 6);
    // But its own failures lock it too.
    assert_eq!(ask(&mut store, proven), StoreOutcome::Done);
    fail(&mut store, "alice", HOME, 1100, 5);
    assert!(matches!(
        ask(&mut store, begin_login("alice", HOME, 1105)),
        StoreOutcome::Locked { .. }
    ));
}

/// Security acceptance D02: a user who logs in from a familiar source gives nobody more guesses.
#[test]
fn a_login_from_a_familiar_source_leaves_the_lock_of_strangers() {
    let mut store = with_users(&["alice"]);
    let log_in = |store: &mut SqliteStore, now| {
        let begun = ask(store, begin_login("alice", HOME, now));
        assert!(matches!(begun, StoreOutcome::Login(Some(_))), "{begun:?}");
        let proven = StoreRequest::PasswordProven { name: name("alice"), source: HOME, now };
        assert_eq!(ask(store, proven), StoreOutcome::Done);
    };
    log_in(&mut store, 1000);
    fail(&mut store, "alice", ELSEWHERE, 1002, 5);
    for now in 1007..1012 {
        log_in(&mut store, now);
        for stranger in [ELSEWHERE, SourcePrefix::V4([203, 0, 113, 77])] {
            let guess = ask(&mut store, begin_login("alice", stranger, now));
            assert!(matches!(guess, StoreOutcome::Locked { .. }), "{guess:?} at {now}");
        }
    }
    // Nor do mistakes there count against strangers, or what they did for them.
    let mut store = with_users(&["alice"]);
    log_in(&mut store, 1000);
    fail(&mut store, "alice", HOME, 1001, 4);
    fail(&mut store, "alice", ELSEWHERE, 1005, 5);
}

#[test]
fn one_source_cannot_guess_at_everybody() {
    let mut store = SqliteStore::open_in_memory().unwrap();
    let mut locked = 0;
    for i in 0..40 {
        let outcome = ask(&mut store, begin_login(&format!("user{i}"), HOME, 1000));
        locked += u32::from(matches!(outcome, StoreOutcome::Locked { .. }));
    }
    assert_eq!(locked, 20);
    assert!(matches!(
        ask(&mut store, begin_login("user1", ELSEWHERE, 1000)),
        StoreOutcome::Login(None)
    ));
}

#[test]
fn forgotten_attempts_are_pruned() {
    let mut store = SqliteStore::open_in_memory().unwrap();
    let rows = |store: &SqliteStore| -> i64 {
        store.connection.query_row("SELECT count(*) FROM attempts", [], |row| row.get(0)).unwrap()
    };
    for i in 0..60u8 {
        ask(&mut store, begin_login(&format!("a{i}"), SourcePrefix::V4([1, 1, 1, i]), 1000));
    }
    assert_eq!(rows(&store), 180);
    for i in 0..70u8 {
        ask(&mut store, begin_login("b", SourcePrefix::V4([2, 2, 2, i]), 100_000));
    }
    assert!(rows(&store) < 150, "{}", rows(&store));
}

/// Security acceptance D14: who hides looks like somebody who has not been seen since.
#[test]
fn a_block_freezes_what_the_other_is_told() {
    let mut store = with_users(&["alice", "bob", "carol"]);
    for user in ["alice", "bob"] {
        ask(&mut store, StoreRequest::Left { name: name(user), at: 500 });
    }
    let block = |online: &[&str], now| StoreRequest::Block {
        by: name("alice"),
        target: name("bob"),
        online: online.iter().map(|user| name(user)).collect(),
        now,
    };
    assert_eq!(ask(&mut store, block(&["alice"], 600)), StoreOutcome::Done);
    assert_eq!(ask(&mut store, block(&[], 600)), StoreOutcome::Conflict);
    for user in ["alice", "bob"] {
        ask(&mut store, StoreRequest::Left { name: name(user), at: 900 });
    }
    let mut seen = |asker: &str, user: &str| {
        let outcome =
            ask(&mut store, StoreRequest::LastSeen { asker: name(asker), name: name(user) });
        let StoreOutcome::Seen(list) = outcome else { panic!("{outcome:?}") };
        list[0].at
    };
    assert_eq!(seen("bob", "alice"), 600);
    assert_eq!(seen("alice", "bob"), 500);
    assert_eq!(seen("carol", "alice"), 900);
    let since =
        |asker: &str, since| StoreRequest::SeenSince { asker: name(asker), since, limit: 9 };
    assert_eq!(ask(&mut store, since("bob", 700)), StoreOutcome::Seen(vec![]));
    assert_eq!(
        ask(&mut store, since("bob", 550)),
        StoreOutcome::Seen(vec![LastSeen { name: name("alice"), at: 600 }])
    );
    let StoreOutcome::Seen(list) = ask(&mut store, since("carol", 700)) else { panic!() };
    assert_eq!(list.len(), 2);
    let unblock = StoreRequest::Unblock { by: name("alice"), target: name("bob") };
    assert_eq!(ask(&mut store, unblock.clone()), StoreOutcome::Done);
    assert_eq!(ask(&mut store, unblock), StoreOutcome::NotFound);
    assert!(
        matches!(ask(&mut store, since("bob", 700)), StoreOutcome::Seen(list) if list.len() == 1)
    );
}

#[test]
fn block_lists_are_bounded_and_come_with_the_session() {
    let mut store = with_users(&["alice", "bob"]);
    let block = |target: &str| StoreRequest::Block {
        by: name("alice"),
        target: name(target),
        online: vec![],
        now: 1,
    };
    assert_eq!(ask(&mut store, block("nobody")), StoreOutcome::NotFound);
    assert_eq!(ask(&mut store, block("bob")), StoreOutcome::Done);
    let resumed = StoreRequest::Resume {
        name: name("alice"),
        device: PublicKey([1; 32]),
        source: HOME,
        now: 2,
    };
    assert_eq!(session(ask(&mut store, resumed)).blocks, [name("bob")]);
    let make: Vec<StoreRequest> = (0..MAX_BLOCKED)
        .flat_map(|i| [create(&format!("x{i}")), block(&format!("x{i}"))])
        .collect();
    let outcomes = store.execute(&make);
    assert_eq!(outcomes.iter().filter(|o| **o == StoreOutcome::Full).count(), 1);
}

#[test]
fn a_removed_account_leaves_nothing_behind() {
    let mut store = with_users(&["alice", "bob"]);
    ask(
        &mut store,
        StoreRequest::Block { by: name("bob"), target: name("alice"), online: vec![], now: 1 },
    );
    assert!(store.delete(&name("alice")).unwrap());
    assert!(!store.delete(&name("alice")).unwrap());
    let totals = store.totals(0).unwrap();
    assert_eq!((totals.accounts, totals.devices, totals.blocks), (1, 1, 0));
}

/// Not even in the file or its log, where a thief of the disk would look.
#[test]
fn what_was_deleted_is_overwritten() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("db");
    let mut store = SqliteStore::open(&path).unwrap();
    let sealed = b"sealed identity of a user who is no more";
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
    let identity = identity_of("alice").public();
    let resets = Resets(0);
    ask(&mut store, StoreRequest::DeleteAccount { name: name("alice"), identity, resets });
    store.overwrite_removed();
    assert!(!is_found());
}

/// Whose account is no more is told so, as far as memory goes; nobody else is.
#[test]
fn devices_of_removed_accounts_are_remembered_and_bounded() {
    let mut store = with_users(&["alice", "bob"]);
    let resume = |device, user: &str| StoreRequest::Resume {
        name: name(user),
        device: PublicKey([device; 32]),
        source: HOME,
        now: 300,
    };
    let delete = |user: &str, of: &str| StoreRequest::DeleteAccount {
        name: name(user),
        identity: identity_of(of).public(),
        resets: Resets(0),
    };
    let nothing = StoreOutcome::Removed { rooms: vec![] };
    assert_eq!(ask(&mut store, delete("alice", "bob")), nothing, "not his");
    assert!(matches!(ask(&mut store, resume(1, "alice")), StoreOutcome::Session(_)));
    assert_eq!(ask(&mut store, delete("alice", "alice")), nothing);
    assert_eq!(ask(&mut store, delete("alice", "alice")), nothing, "once more");
    assert_eq!(ask(&mut store, resume(1, "alice")), StoreOutcome::Deleted);
    assert_eq!(ask(&mut store, resume(2, "alice")), StoreOutcome::NotFound);
    let keys: i64 = store
        .connection
        .query_row("SELECT count(*) FROM deleted WHERE device = ?1", [[1; 32]], |row| row.get(0))
        .unwrap();
    assert_eq!(keys, 0, "no key is kept");
    ask(&mut store, create("alice"));
    assert!(matches!(ask(&mut store, resume(1, "alice")), StoreOutcome::Session(_)), "again one");
    store
        .connection
        .execute("UPDATE sqlite_sequence SET seq = seq + 70000 WHERE name = 'deleted'", [])
        .unwrap();
    store.connection.execute("INSERT INTO deleted (device) VALUES (x'01')", []).unwrap();
    assert!(store.delete(&name("bob")).unwrap());
    let rows = |store: &SqliteStore| -> i64 {
        store.connection.query_row("SELECT count(*) FROM deleted", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(rows(&store), 2, "the one of just now, and the one before it");
    store
        .connection
        .execute("UPDATE sqlite_sequence SET seq = seq + 70000 WHERE name = 'deleted'", [])
        .unwrap();
    assert!(store.delete(&name("alice")).unwrap());
    assert_eq!(rows(&store), 1);
}

/// Security acceptance J02: a failing request leaves the others of its batch whole, a failing
/// commit acknowledges nothing, and the store goes on when the fault ends.
#[test]
fn faults_are_answered_and_survived() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(&temp.path().join("db")).unwrap();
    let pages: i64 = store.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    store.connection.pragma_update(None, "max_page_count", pages + 1).unwrap();
    let many: Vec<StoreRequest> = (0..200).map(|i| create(&format!("x{i}"))).collect();
    let outcomes = store.execute(&many);
    let stored = outcomes.iter().filter(|o| matches!(o, StoreOutcome::Session(_))).count();
    let failed = outcomes.iter().filter(|o| **o == StoreOutcome::Failed).count();
    assert_eq!(stored + failed, 200);
    assert!(failed > 0, "the disk was full");
    assert_eq!(store.accounts().unwrap().len(), stored, "acknowledged means stored");
    store.connection.pragma_update(None, "query_only", true).unwrap();
    assert_eq!(
        store.execute(&[create("late"), create("later")]),
        [StoreOutcome::Failed, StoreOutcome::Failed]
    );
    assert!(matches!(
        ask(&mut store, StoreRequest::Exists { name: name("late") }),
        StoreOutcome::NotFound | StoreOutcome::Failed
    ));
    store.connection.pragma_update(None, "query_only", false).unwrap();
    store.connection.pragma_update(None, "max_page_count", 1_000_000).unwrap();
    assert!(matches!(ask(&mut store, create("late")), StoreOutcome::Session(_)));
}

/// A crash: what was answered is there, what was not is not.
#[test]
fn what_was_not_committed_is_not_there_after_a_crash() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("db");
    let mut store = SqliteStore::open(&path).unwrap();
    assert!(matches!(ask(&mut store, create("alice")), StoreOutcome::Session(_)));
    let transaction = store.connection.transaction().unwrap();
    transaction.execute("UPDATE accounts SET record = x'00'", []).unwrap();
    // The files as a crash would leave them, with the transaction open.
    let copy = temp.path().join("copy");
    for suffix in ["", "-wal"] {
        let from = format!("{}{suffix}", path.display());
        std::fs::copy(&from, format!("{}{suffix}", copy.display())).unwrap();
    }
    drop(transaction);
    let mut after = SqliteStore::open(&copy).unwrap();
    let outcome = ask(&mut after, begin_login("alice", HOME, 1));
    let StoreOutcome::Login(Some(record)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(record.record, vec![7; 192]);
}

/// What was stored stays, and what was added since works.
#[test]
fn a_database_of_the_version_before_gets_what_was_added() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("db");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(schema::TABLES).unwrap();
    old.pragma_update(None, "application_id", schema::APPLICATION_ID).unwrap();
    old.pragma_update(None, "user_version", 2).unwrap();
    old.execute_batch(
        "INSERT INTO accounts (name, skeleton, record, memory_kib, passes, lanes, identity, sealed,
             created) VALUES ('alice', 'alice', x'07', 8, 1, 1, zeroblob(32), x'', 5)",
    )
    .unwrap();
    drop(old);
    for enters in [true, false] {
        let mut store = SqliteStore::open(&path).unwrap();
        let version = store.connection.pragma_query_value(None, "user_version", |row| row.get(0));
        assert_eq!(version, Ok(schema::VERSION));
        assert_eq!(store.accounts().unwrap()[0].name, name("alice"));
        let enter = enter_lobby("alice");
        let StoreOutcome::Room(outcome) = ask(&mut store, enter) else { panic!() };
        assert_eq!(outcome.news.len(), usize::from(enters), "once");
        assert_eq!(store.totals(0).unwrap().rooms, 1);
    }
}

/// Security acceptance J04.
#[test]
fn other_files_are_refused_and_left_alone() {
    let temp = tempfile::tempdir().unwrap();
    let refused = |path: &Path| {
        let before = std::fs::read(path).unwrap();
        let error = SqliteStore::open(path).unwrap_err();
        assert_eq!(std::fs::read(path).unwrap(), before, "{error}");
        error
    };
    let text = temp.path().join("text");
    std::fs::write(&text, "not a database at all, and long enough to look at. ".repeat(50))
        .unwrap();
    assert!(matches!(refused(&text), OpenError::Foreign));

    let foreign = temp.path().join("foreign");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE cakes (name)").unwrap();
    assert!(matches!(refused(&foreign), OpenError::Foreign));

    let newer = temp.path().join("newer");
    drop(SqliteStore::open(&newer).unwrap());
    Connection::open(&newer).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = refused(&newer);
    assert!(matches!(error, OpenError::Newer { found: 99, .. }));
    assert!(error.to_string().contains("newer program"));

    let older = temp.path().join("older");
    drop(SqliteStore::open(&older).unwrap());
    Connection::open(&older).unwrap().pragma_update(None, "user_version", 1).unwrap();
    assert!(matches!(refused(&older), OpenError::Older { found: 1, .. }));

    let damaged = temp.path().join("damaged");
    let mut store = SqliteStore::open(&damaged).unwrap();
    for i in 0..50 {
        ask(&mut store, create(&format!("x{i}")));
    }
    drop(store);
    let mut bytes = std::fs::read(&damaged).unwrap();
    let len = bytes.len();
    bytes[4096 * 2..len - 4096].fill(0xa5);
    std::fs::write(&damaged, bytes).unwrap();
    assert!(matches!(refused(&damaged), OpenError::Damaged(_)));
}
