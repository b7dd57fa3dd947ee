//! Security acceptance J01, I07: a program that dies at any moment of its work on its database. What
//! stands on the disk then is taken at every few hundred bytes that were written, and opened.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::path::Path;

use peer::store::Database;
use peer::work::{About, AccountId, Draft, Incoming, Installation, StoreReply};
use rendezvous::sqlite::SqliteStore;
use rendezvous::{
    Lobby, LockoutPolicy, Mailbox, NewAccount, NewIdentity, Resets, SourcePrefix, StoreOutcome,
    StoreRequest,
};
use sim::Dice;
use sim::crash::Files;
use sim::swarm::seed;
use tempfile::TempDir;
use wire::app::identity::{Identity, IdentityKey};
use wire::app::letter::{Prekey, Serves};
use wire::app::login::Stretch;
use wire::app::name::Name;
use wire::app::peer::TextKind;
use wire::app::room::{Access, Backlog, RoomId, RoomName, RoomRequest};
use wire::{PublicKey, Secret, StaticKey};

/// Bytes between two states of the disk that are looked at: several in each page of a log.
const GRAIN: usize = 1500;
/// Most states of one change that are looked at.
const MOST: usize = 24;
/// Changes looked at from the beginning; then those around a checkpoint.
const FIRST: usize = 12;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// In memory where there is such a folder: the states are written by the thousand.
fn folder() -> TempDir {
    TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap()
}

/// Looks at every state of the disk between two answers: the database opens, and holds what was
/// answered, or that and all of what was under way.
fn look(before: &Files, after: &Files, view: impl Fn(&Path) -> String) {
    let disk = folder();
    let disk = disk.path().join("disk");
    let see = |files: &Files| {
        files.write(&disk).unwrap();
        view(&disk)
    };
    let (old, new) = (see(before), see(after));
    let mut is_new = false;
    before.steps_to(after, GRAIN, MOST, |files| {
        let seen = see(files);
        assert!(seen == old || seen == new, "half done:\n{seen}\n{old}\n{new}");
        assert!(!is_new || seen == new, "undone again:\n{seen}");
        is_new = seen == new && old != new;
    });
}

/// Changes a database again and again and looks at the first changes, and at those while its log
/// is copied into it and begun anew.
fn sweep(folder: &Path, mut change: impl FnMut(usize), view: impl Fn(&Path) -> String) {
    let mut before = Files::read(folder).unwrap();
    let mut since_copied = None;
    for number in 0.. {
        change(number);
        let after = Files::read(folder).unwrap();
        let is_copied = before.log_len() > 0 && before.rest_differs(&after);
        // The log is copied once it has a thousand pages.
        if number < FIRST || since_copied.is_some() || is_copied {
            look(&before, &after, &view);
        }
        match &mut since_copied {
            None if is_copied => since_copied = Some(0),
            None => {}
            Some(5) => return,
            Some(changes) => *changes += 1,
        }
        before = after;
        assert!(number < 5000, "the log is never copied");
    }
}

const USERS: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];
const SOURCES: [SourcePrefix; 2] =
    [SourcePrefix::V4([192, 0, 2, 1]), SourcePrefix::V4([198, 51, 100, 1])];
const POLICY: LockoutPolicy = LockoutPolicy { max_failed: 3, lock_seconds: 60 };

fn certified(user: &str, device: u8) -> NewIdentity {
    let identity = Identity::from_secret(blake3::hash(user.as_bytes()).as_bytes());
    let certificate = identity.certify(user, PublicKey([device; 32]), device.into());
    NewIdentity { identity: identity.public(), certificate, sealed: vec![1; 80] }
}

/// Something that a client asks, or that the server does by itself.
fn server_request(dice: &mut Dice, now: u64) -> StoreRequest {
    let (user, other) = (*dice.pick(&USERS), name(USERS[dice.index(USERS.len())]));
    let (own, source) = (name(user), *dice.pick(&SOURCES));
    match dice.below(13) {
        0 | 1 => StoreRequest::CreateAccount(Box::new(NewAccount {
            name: own,
            record: vec![7; 192],
            stretch: Stretch::STANDARD,
            identity: Some(certified(user, 1)),
            now,
        })),
        2 | 3 => StoreRequest::BeginLogin { name: own, source, policy: POLICY, now },
        4 => StoreRequest::PasswordProven { name: own, source, now },
        5 => {
            let device = u8::try_from(dice.between(2, 200)).unwrap();
            StoreRequest::AddDevice {
                name: own,
                identity: certified(user, 1).identity,
                resets: Resets(0),
                certificate: certified(user, device).certificate,
                now,
            }
        }
        6 => StoreRequest::Block { by: own, target: other, online: vec![], now },
        7 => StoreRequest::Unblock { by: own, target: other },
        8 => {
            let identity = certified(user, 1).identity;
            StoreRequest::DeleteAccount { name: own, identity, resets: Resets(0) }
        }
        _ => {
            let request = room_request(dice, other);
            StoreRequest::Room { by: own, request, lobby: Lobby::Shut }
        }
    }
}

const ROOM: RoomId = RoomId([7; 16]);

fn room_request(dice: &mut Dice, other: Name) -> RoomRequest {
    let called = RoomName::new("cats").unwrap();
    match dice.below(6) {
        0 => RoomRequest::Create {
            id: ROOM,
            name: called,
            access: Access::Open,
            backlog: Backlog::Shared,
            invite: vec![],
        },
        1 | 2 => RoomRequest::Join(called),
        3 => RoomRequest::Invite(ROOM, other),
        4 => RoomRequest::SetTopic(ROOM, dice.below(1000).to_string()),
        _ => RoomRequest::Leave(ROOM),
    }
}

/// Everything that the server's database tells.
fn server_view(disk: &Path) -> String {
    let mut store = SqliteStore::open(&disk.join("db")).expect("opens after a crash");
    let mut view = format!("{:?} {:?}", store.accounts().unwrap(), store.totals(0).unwrap());
    for user in USERS {
        let resume = StoreRequest::Resume {
            name: name(user),
            device: PublicKey([1; 32]),
            source: SOURCES[0],
            now: 1,
        };
        let login = SOURCES.map(|source| StoreRequest::BeginLogin {
            name: name(user),
            source,
            policy: POLICY,
            now: 1_000_000,
        });
        let [rooms, room] = [RoomRequest::List, RoomRequest::Get(ROOM)]
            .map(|request| StoreRequest::Room { by: name(user), request, lobby: Lobby::Shut });
        let collect = StoreRequest::Collect { owner: name(user), after: 0, oldest: 0 };
        let prekey = StoreRequest::Prekey { asker: name("bob"), owner: name(user) };
        // The locks first: a session clears the count of failures.
        let [here, there] = login;
        let told = store.execute(&[here, there, resume, rooms, room, collect, prekey]);
        view += &format!("\n{user}: {told:?}");
    }
    view
}

#[test]
fn the_server_store_survives_a_death_at_any_moment() {
    let data = folder();
    let mut store = SqliteStore::open(&data.path().join("db")).unwrap();
    let mut dice = Dice::new(&seed(1), "crashes");
    let mut now = 1_000_000;
    let change = |_| {
        now += 1;
        // Sometimes several clients share a commit.
        let requests: Vec<StoreRequest> =
            (0..dice.between(1, 4)).map(|_| server_request(&mut dice, now)).collect();
        let outcomes = store.execute(&requests);
        assert!(!outcomes.contains(&StoreOutcome::Failed), "{outcomes:?}");
    };
    sweep(data.path(), change, server_view);
}

/// All that an account can have, and all of it gone, with nothing between.
#[test]
fn a_deleted_account_is_gone_whole_or_not_at_all() {
    let data = folder();
    let mut store = SqliteStore::open(&data.path().join("db")).unwrap();
    let [alice, bob] = ["alice", "bob"].map(name);
    let account = |user: &str| {
        StoreRequest::CreateAccount(Box::new(NewAccount {
            name: name(user),
            record: vec![7; 192],
            stretch: Stretch::STANDARD,
            identity: Some(certified(user, 1)),
            now: 1,
        }))
    };
    let room =
        |by: &Name, request| StoreRequest::Room { by: by.clone(), request, lobby: Lobby::Shut };
    let called = RoomName::new("cats").unwrap();
    let create = RoomRequest::Create {
        id: ROOM,
        name: called.clone(),
        access: Access::Open,
        backlog: Backlog::Shared,
        invite: vec![],
    };
    let prekeys = |user: &str| {
        let owner = Identity::from_secret(blake3::hash(user.as_bytes()).as_bytes());
        let prekey = |id| Prekey::sign(&owner, id, PublicKey([9; 32]), Serves::Once, 5);
        StoreRequest::PublishPrekeys { owner: name(user), prekeys: (1..9).map(prekey).collect() }
    };
    let letter = |from: &Name, to: &Name| StoreRequest::Deposit {
        from: from.clone(),
        to: to.clone(),
        prekey: 1,
        sealed: vec![3; 3000],
        mailbox: Mailbox::default(),
        now: 1,
    };
    let requests = [
        account("alice"),
        account("bob"),
        room(&alice, create),
        room(&bob, RoomRequest::Join(called)),
        prekeys("alice"),
        letter(&alice, &bob),
        letter(&bob, &alice),
        StoreRequest::Block { by: alice.clone(), target: bob.clone(), online: vec![], now: 1 },
        StoreRequest::Block { by: bob, target: alice.clone(), online: vec![], now: 1 },
    ];
    let outcomes = store.execute(&requests);
    assert!(!outcomes.contains(&StoreOutcome::Failed), "{outcomes:?}");
    let before = Files::read(data.path()).unwrap();
    let identity = certified("alice", 1).identity;
    let resets = Resets(0);
    let outcome = store.execute(&[StoreRequest::DeleteAccount { name: alice, identity, resets }]);
    let [StoreOutcome::Removed { rooms }] = &outcome[..] else { panic!("{outcome:?}") };
    assert_eq!(rooms.len(), 2, "she left, and bob inherits");
    let after = Files::read(data.path()).unwrap();
    look(&before, &after, server_view);
}

/// The new password with all that follows from it, or the one before with its sealed identity.
#[test]
fn the_operators_password_holds_wholly_or_not_at_all() {
    let data = folder();
    let mut store = SqliteStore::open(&data.path().join("db")).unwrap();
    let account = NewAccount {
        name: name("alice"),
        record: vec![7; 192],
        stretch: Stretch::STANDARD,
        identity: Some(certified("alice", 1)),
        now: 1,
    };
    store.execute(&[StoreRequest::CreateAccount(Box::new(account))]);
    for now in 1..=3 {
        let (name, source) = (name("alice"), SOURCES[0]);
        store.execute(&[StoreRequest::BeginLogin { name, source, policy: POLICY, now }]);
    }
    let before = Files::read(data.path()).unwrap();
    let record = [9; 192];
    assert!(store.reset_password(&name("alice"), &record, Stretch::STANDARD).unwrap());
    let after = Files::read(data.path()).unwrap();
    look(&before, &after, |folder| {
        let mut store = SqliteStore::open(&folder.join("db")).unwrap();
        let resets = store.take_meanwhile().unwrap().resets;
        let (name, source) = (name("alice"), SOURCES[1]);
        let login = StoreRequest::BeginLogin { name, source, policy: POLICY, now: 4 };
        format!("{:?} {resets:?} {:?}", store.accounts().unwrap(), store.execute(&[login]))
    });
}

fn peer_account() -> AccountId {
    AccountId { server: PublicKey([9; 32]), name: name("alice") }
}

fn load(database: &mut Database, account: Option<AccountId>) -> String {
    let request = peer::work::StoreRequest::Load(account);
    let StoreReply::Loaded(profile) = database.run(vec![request]).remove(0).unwrap() else {
        panic!("another answer");
    };
    format!("{:?}\n{:?}", profile.contacts, profile.outbox)
}

/// Everything that a peer's database tells.
fn peer_view(disk: &Path) -> String {
    let mut database = Database::open(disk).expect("opens after a crash");
    let profile = load(&mut database, Some(peer_account()));
    let history =
        peer::work::StoreRequest::History { with: None, limit: 1000, before: None, since: None };
    let found =
        peer::work::StoreRequest::Search { text: "word".to_owned(), with: None, limit: 1000 };
    format!("{profile}\n{:?}", database.run(vec![history, found]))
}

#[test]
fn the_peer_store_survives_a_death_at_any_moment() {
    use peer::work::StoreRequest;
    let data = folder();
    let disk = data.path().join("data");
    let mut database = Database::open(&disk).unwrap();
    load(&mut database, Some(peer_account()));
    let keys = Installation {
        device: StaticKey::from_private([1; 32]),
        token_secret: Secret::new([2; 32]),
    };
    database.run(vec![StoreRequest::SaveInstallation(keys)]).remove(0).unwrap();
    let mut dice = Dice::new(&seed(2), "crashes");
    let change = |number: usize| {
        let at = number as u64;
        let requests = (0..dice.between(1, 4)).map(|part| match (number + part as usize) % 2 {
            0 => StoreRequest::Queue(Draft {
                to: name("bob"),
                body: format!("a word {number} "),
                nonce: [3; 16],
                at,
                device: PublicKey([5; 32]),
                about: About::Nothing,
            }),
            _ => StoreRequest::Receive(Incoming {
                from: name("bob"),
                identity: IdentityKey([4; 32]),
                device: PublicKey([5; 32]),
                sequence: 8 * at + part,
                after: 0,
                nonce: [6; 16],
                sent: at,
                at,
                body: format!("word {part}"),
                kind: TextKind::Plain,
            }),
        });
        let answers = database.run(requests.collect());
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    };
    sweep(&disk, change, peer_view);
}
