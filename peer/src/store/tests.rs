mod folders;
mod history;
mod import;
mod transfers;

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

use proptest::prelude::*;
use wire::app::identity::{Identity, IdentityKey};
use wire::app::media::{Container, Index, Media, VideoCodec};
use wire::app::name::Name;
use wire::app::peer::{CancelReason, Share, ShareId, TextKind, TransferId};
use wire::app::room::RoomId;
use wire::{PublicKey, Secret, StaticKey};

use super::*;
use crate::work::*;

const SERVER: PublicKey = PublicKey([6; 32]);

pub(super) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(super) fn account_id(text: &str) -> AccountId {
    AccountId { server: SERVER, name: name(text) }
}

pub(super) fn one(
    database: &mut Database,
    request: StoreRequest,
) -> Result<StoreReply, StoreError> {
    let mut answers = database.run(vec![request]);
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

fn done(database: &mut Database, request: StoreRequest) {
    assert!(matches!(one(database, request), Ok(StoreReply::Done)));
}

fn move_server(database: &mut Database, from: PublicKey, to: PublicKey) -> Vec<Name> {
    match one(database, StoreRequest::MoveServer { from, to }) {
        Ok(StoreReply::Moved { set_aside }) => set_aside,
        other => panic!("{other:?}"),
    }
}

pub(super) fn load(database: &mut Database, account: Option<AccountId>) -> Profile {
    match one(database, StoreRequest::Load(account)) {
        Ok(StoreReply::Loaded(profile)) => *profile,
        other => panic!("{other:?}"),
    }
}

fn installation(byte: u8) -> Installation {
    Installation {
        device: StaticKey::from_private([byte; 32]),
        token_secret: Secret::new([byte; 32]),
    }
}

pub(super) fn log_in(database: &mut Database, who: &str, byte: u8) {
    load(database, Some(account_id(who)));
    done(database, StoreRequest::SaveInstallation(installation(byte)));
    let identity = Identity::from_secret(&[byte; 32]);
    let account = Account {
        name: name(who),
        server: SERVER,
        identity_secret: Secret::new([byte; 32]),
        certificate: identity.certify(who, installation(byte).device.public(), 1),
        keys: Keys::Sealed,
    };
    done(database, StoreRequest::SaveAccount(Some(account)));
}

/// Of who is logged in.
fn keys_are_only_here(database: &mut Database) {
    let account = load(database, None).account.unwrap();
    let marked = Account { keys: Keys::OnlyHere, ..account };
    done(database, StoreRequest::SaveAccount(Some(marked)));
}

pub(super) fn fresh() -> Database {
    let mut database = Database::open_in_memory().unwrap();
    log_in(&mut database, "alice", 1);
    database
}

fn queue(database: &mut Database, to: &str, body: &str) -> Outgoing {
    let (to, body) = (name(to), body.to_owned());
    let (device, about) = (PublicKey([9; 32]), About::Nothing);
    let draft = Draft { to, body, nonce: [3; 16], at: 7, device, about };
    match one(database, StoreRequest::Queue(draft)) {
        Ok(StoreReply::Queued(outgoing)) => outgoing,
        other => panic!("{other:?}"),
    }
}

fn incoming(sequence: u64, after: u64, body: &str) -> Incoming {
    Incoming {
        from: name("bob"),
        identity: IdentityKey([2; 32]),
        device: PublicKey([4; 32]),
        sequence,
        after,
        nonce: [5; 16],
        sent: 10,
        at: 11,
        body: body.to_owned(),
        kind: TextKind::Plain,
    }
}

/// Whether messages before a fresh one are missing.
const fn gap_of(receipt: Receipt) -> Option<bool> {
    match receipt {
        Receipt::Fresh { gap, .. } => Some(gap),
        Receipt::Changed { .. } | Receipt::Silent { .. } => None,
        Receipt::Duplicate | Receipt::OutOfTurn | Receipt::Conflict => None,
        Receipt::Held | Receipt::NoRoom => None,
    }
}

fn receive(database: &mut Database, message: Incoming) -> Receipt {
    match one(database, StoreRequest::Receive(message)) {
        Ok(StoreReply::Received(receipt)) => receipt,
        other => panic!("{other:?}"),
    }
}

fn lines(database: &mut Database, request: StoreRequest) -> Vec<String> {
    match one(database, request) {
        Ok(StoreReply::Lines(lines)) => lines.into_iter().map(|line| line.body).collect(),
        other => panic!("{other:?}"),
    }
}

const FILM: Media = Media {
    container: Container::WebM,
    duration: 90_500,
    width: 1280,
    height: 720,
    video: Some(VideoCodec::Vp9),
    audio: None,
    index: Index::Front,
};

fn transfer(byte: u8, state: TransferState) -> TransferRecord {
    TransferRecord {
        direction: Direction::Receiving,
        id: TransferId([byte; 16]),
        with: name("bob"),
        name: "film.mp4".to_owned(),
        path: Some(PathBuf::from("/tmp/\u{fffd}x")),
        size: u64::MAX,
        media_type: "video/mp4".to_owned(),
        media: (byte.is_multiple_of(2)).then_some(FILM),
        root: [9; 32],
        at: 12,
        state,
        paused: true,
        share: (byte.is_multiple_of(2))
            .then_some(Share { id: ShareId([byte; 16]), room: RoomId([7; 16]) }),
        growing: byte.is_multiple_of(3),
        folder: None,
        rate: u64::from(byte) << 40,
    }
}

#[test]
fn a_profile_comes_back_as_it_was_left() {
    let dir = tempfile::tempdir().unwrap();
    let mut database = Database::open(dir.path()).unwrap();
    assert!(load(&mut database, None).installation.is_none());
    log_in(&mut database, "alice", 1);
    let contact = Contact {
        name: name("bob"),
        identity: Some(IdentityKey([8; 32])),
        generation: u64::MAX,
        blocked: true,
        verified: true,
        shown: Some(ShownIdentity { identity: IdentityKey([9; 32]), generation: u64::MAX - 1 }),
        standing: Standing::Declined { at: u64::MAX },
        asking: Asking::Asked { since: u64::MAX },
        ignored: true,
        auto_accept: AutoAccept::UpTo(5),
        nickname: Some("Bob from work".to_owned()),
    };
    done(&mut database, StoreRequest::SaveContact(contact.clone()));
    let address = "localhost:5000".to_owned();
    let key = PublicKey([6; 32]);
    done(&mut database, StoreRequest::PinServer { address: address.clone(), key });
    done(&mut database, StoreRequest::SaveServerToken { address: address.clone(), token: [7; 24] });
    let queued = queue(&mut database, "bob", "hello");
    let states = [
        TransferState::Running,
        TransferState::Offered,
        TransferState::CancelledByPeer(CancelReason::Corrupt),
        TransferState::Cancelled(CancelReason::SourceChanged),
        TransferState::Declined,
        TransferState::Complete,
    ];
    let records: Vec<TransferRecord> =
        (1..).zip(states).map(|(byte, state)| transfer(byte, state)).collect();
    for record in &records {
        done(&mut database, StoreRequest::SaveTransfer(record.clone()));
    }
    drop(database);

    let mut database = Database::open(dir.path()).unwrap();
    let profile = load(&mut database, None);
    let kept = profile.installation.unwrap();
    assert_eq!(kept.device.private(), installation(1).device.private());
    assert_eq!(*kept.token_secret.expose(), [1; 32]);
    let account = profile.account.unwrap();
    assert_eq!((account.name, *account.identity_secret.expose()), (name("alice"), [1; 32]));
    let identity = Identity::from_secret(&[1; 32]).public();
    assert!(account.certificate.is_signed_by(identity, "alice"));
    assert_eq!(profile.contacts, [contact]);
    assert_eq!(profile.outbox, [queued]);
    assert_eq!(profile.transfers, records);
    assert_eq!(profile.servers.len(), 1);
    assert_eq!((profile.servers[0].key, profile.servers[0].token), (key, Some([7; 24])));
}

#[test]
fn accounts_do_not_see_each_other() {
    let mut database = fresh();
    queue(&mut database, "bob", "from alice");
    done(&mut database, StoreRequest::SaveTransfer(transfer(1, TransferState::Running)));
    log_in(&mut database, "carol", 2);
    let history = StoreRequest::History { with: None, limit: 10, before: None, since: None };
    assert!(lines(&mut database, history).is_empty());
    assert_eq!(queue(&mut database, "bob", "from carol").id.sequence, 1);
    assert!(load(&mut database, Some(account_id("carol"))).transfers.is_empty());
    let alice = load(&mut database, Some(account_id("alice")));
    assert!(alice.account.is_none(), "only one is logged in");
    assert_eq!((alice.outbox.len(), alice.transfers.len()), (1, 1));
}

#[test]
fn accounts_go_with_their_server_to_its_new_key() {
    let dir = tempfile::tempdir().unwrap();
    let mut database = Database::open(dir.path()).unwrap();
    log_in(&mut database, "alice", 1);
    queue(&mut database, "bob", "hello");
    let to = PublicKey([7; 32]);
    assert!(move_server(&mut database, SERVER, to).is_empty());
    // The profile that is open is still the one that requests concern.
    let account = Account {
        name: name("alice"),
        server: to,
        identity_secret: Secret::new([1; 32]),
        certificate: Identity::from_secret(&[1; 32]).certify("alice", PublicKey([1; 32]), 2),
        keys: Keys::Sealed,
    };
    done(&mut database, StoreRequest::SaveAccount(Some(account)));
    drop(database);
    let mut database = Database::open(dir.path()).unwrap();
    assert!(load(&mut database, Some(account_id("alice"))).installation.is_none());
    let moved = load(&mut database, Some(AccountId { server: to, name: name("alice") }));
    assert_eq!(moved.outbox.len(), 1);
    assert_eq!(moved.account.unwrap().server, to);
}

/// Neither of two profiles of one name is lost, the one in use goes on, and all can be undone.
#[test]
fn profiles_that_meet_under_a_new_key_change_places() {
    let mut database = fresh();
    queue(&mut database, "bob", "under the key before");
    let to = PublicKey([7; 32]);
    let at = |server| Some(AccountId { server, name: name("alice") });
    load(&mut database, at(to));
    done(&mut database, StoreRequest::SaveInstallation(installation(2)));
    queue(&mut database, "bob", "under the key now");
    load(&mut database, at(SERVER));

    assert_eq!(move_server(&mut database, SERVER, to), [name("alice")]);
    let account = Account {
        name: name("alice"),
        server: to,
        identity_secret: Secret::new([1; 32]),
        certificate: Identity::from_secret(&[1; 32]).certify("alice", PublicKey([1; 32]), 2),
        keys: Keys::Sealed,
    };
    done(&mut database, StoreRequest::SaveAccount(Some(account)));
    let mut waits = |server| {
        let loaded = load(&mut database, at(server));
        let [outgoing] = loaded.outbox.try_into().unwrap();
        (outgoing.body, loaded.account.is_some())
    };
    assert_eq!(waits(to), ("under the key before".to_owned(), true));
    assert_eq!(waits(SERVER), ("under the key now".to_owned(), false));

    assert_eq!(move_server(&mut database, to, SERVER), [name("alice")]);
    let mut waits = |server| load(&mut database, at(server)).outbox[0].body.clone();
    assert_eq!(waits(SERVER), "under the key before");
    assert_eq!(waits(to), "under the key now");
    assert!(move_server(&mut database, to, to).is_empty(), "it was the same after all");
}

/// A file of the first schema, in which accounts stood under the names of their servers.
#[test]
fn accounts_of_one_server_under_two_names_become_one() {
    let dir = tempfile::tempdir().unwrap();
    let connection = Connection::open(dir.path().join("peer.sqlite")).unwrap();
    connection.execute_batch(schema::STEPS[0]).unwrap();
    connection
        .execute_batch(
            "PRAGMA application_id = 0x54494e43; PRAGMA user_version = 1;
             INSERT INTO servers VALUES ('localhost:5000', zeroblob(32), NULL);
             INSERT INTO servers VALUES ('127.0.0.1:5000', zeroblob(32), NULL);
             INSERT INTO profiles VALUES
                 (1, 'localhost:5000', 'alice', randomblob(32), randomblob(32), NULL, NULL),
                 (2, '127.0.0.1:5000', 'alice', randomblob(32), randomblob(32), NULL, NULL),
                 (3, '127.0.0.1:5000', 'bob', randomblob(32), randomblob(32), NULL, NULL);
             INSERT INTO contacts VALUES (1, 'carol', NULL, 0, 0);",
        )
        .unwrap();
    drop(connection);
    let mut database = Database::open(dir.path()).unwrap();
    let server = PublicKey([0; 32]);
    let mut loaded = |who: &str| load(&mut database, Some(AccountId { server, name: name(who) }));
    let alice = loaded("alice");
    assert!(alice.installation.is_some());
    assert_eq!(alice.contacts.len(), 1, "the older profile");
    assert!(loaded("bob").installation.is_some());
}

#[test]
fn logging_out_removes_the_secrets_only() {
    let dir = tempfile::tempdir().unwrap();
    let mut database = Database::open(dir.path()).unwrap();
    log_in(&mut database, "alice", 0xa7);
    queue(&mut database, "bob", "kept");
    done(&mut database, StoreRequest::SaveAccount(None));
    assert!(load(&mut database, None).installation.is_none());
    assert_eq!(load(&mut database, Some(account_id("alice"))).outbox.len(), 1);
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let device = [0xa7; 32];
        // Device key and token secret remain (64 bytes in a row); the identity would be a third.
        assert!(!bytes.windows(96).any(|window| window.chunks(32).all(|part| part == device)));
    }
}

#[test]
fn keys_that_are_nowhere_else_outlast_other_logins() {
    let keys = |database: &mut Database| {
        let account = load(database, Some(account_id("alice"))).account?;
        Some((*account.identity_secret.expose(), account.keys))
    };
    let kept = Some(([1; 32], Keys::OnlyHere));
    let mut database = fresh();
    assert_eq!(keys(&mut database), Some(([1; 32], Keys::Sealed)));
    keys_are_only_here(&mut database);
    assert_eq!(load(&mut database, None).account.unwrap().keys, Keys::OnlyHere);
    log_in(&mut database, "bob", 2);
    assert_eq!(load(&mut database, None).account.unwrap().name, name("bob"));
    assert_eq!(keys(&mut database), kept);
    load(&mut database, None);
    done(&mut database, StoreRequest::SaveAccount(None));
    assert!(load(&mut database, None).account.is_none(), "nobody is logged in");
    assert_eq!(keys(&mut database), kept);

    // Who logs out of the account itself, or deletes it, has been asked.
    done(&mut database, StoreRequest::SaveAccount(None));
    assert_eq!(keys(&mut database), None);
    log_in(&mut database, "alice", 1);
    keys_are_only_here(&mut database);
    done(&mut database, StoreRequest::ForgetAccount(installation(4)));
    assert_eq!(keys(&mut database), None);
    log_in(&mut database, "alice", 1);
    assert_eq!(keys(&mut database), Some(([1; 32], Keys::Sealed)));
}

#[test]
fn requests_without_a_profile_are_refused() {
    let mut database = Database::open_in_memory().unwrap();
    assert!(one(&mut database, StoreRequest::SaveInstallation(installation(1))).is_err());
    assert!(one(&mut database, StoreRequest::Receive(incoming(1, 0, "x"))).is_err());
    load(&mut database, Some(account_id("alice")));
    assert!(one(&mut database, StoreRequest::Receive(incoming(1, 0, "x"))).is_err());
}

#[test]
fn numbers_are_never_reused_and_name_the_one_before() {
    let mut database = fresh();
    let chain: Vec<(u64, u64)> = ["one", "two", "three"]
        .map(|body| queue(&mut database, "bob", body))
        .map(|outgoing| (outgoing.id.sequence, outgoing.after))
        .to_vec();
    assert_eq!(chain, [(1, 0), (2, 1), (3, 2)]);
    assert_eq!(queue(&mut database, "carol", "other").id.sequence, 1);
    for sequence in [2, 3] {
        let id = MessageId { to: name("bob"), sequence };
        done(&mut database, StoreRequest::Failed { id, why: "blocked".to_owned() });
    }
    let fourth = queue(&mut database, "bob", "four");
    assert_eq!((fourth.id.sequence, fourth.after), (4, 1));
}

/// What waits behind a message that is given up no longer names it.
#[test]
fn the_outbox_is_linked_past_what_was_given_up() {
    let mut database = fresh();
    for body in ["one", "two", "three"] {
        queue(&mut database, "bob", body);
    }
    let second = MessageId { to: name("bob"), sequence: 2 };
    done(&mut database, StoreRequest::Failed { id: second.clone(), why: "x".to_owned() });
    let outbox = load(&mut database, None).outbox;
    let chain: Vec<_> = outbox.iter().map(|out| (out.id.sequence, out.after)).collect();
    assert_eq!(chain, [(1, 0), (3, 1)]);
    done(&mut database, StoreRequest::Delivered { id: second, at: 5 });
    done(
        &mut database,
        StoreRequest::Delivered { id: MessageId { to: name("bob"), sequence: 1 }, at: 5 },
    );
    let outbox = load(&mut database, None).outbox;
    assert_eq!(outbox.iter().map(|out| (out.id.sequence, out.after)).collect::<Vec<_>>(), [(3, 2)]);
    let reply = one(
        &mut database,
        StoreRequest::History { with: None, limit: 9, before: None, since: None },
    );
    let Ok(StoreReply::Lines(lines)) = reply else { panic!() };
    let states: Vec<_> = lines.into_iter().map(|line| line.state).collect();
    assert_eq!(states, [MessageState::Delivered, MessageState::Delivered, MessageState::Queued]);
}

/// What is done for each message must not take longer the more there are: a sender of a hundred
/// thousand once looked through all of them for each receipt.
#[test]
fn no_message_is_looked_for_among_all_others() {
    let database = fresh();
    for (sql, by) in [
        (messages::MARK_DELIVERED, "outgoing (profile=? AND peer=? AND sequence=?)"),
        (messages::MARK_FAILED, "(profile=? AND peer=? AND sequence=?)"),
        (messages::NUMBER_BEFORE, "outgoing (profile=? AND peer=? AND sequence<?)"),
        (messages::KEPT, "incoming (profile=? AND identity=? AND device=? AND sequence=?)"),
        (messages::LAST_BEFORE_OF_ONE, "conversation (profile=? AND peer=?)"),
        (messages::LINES_OF_ONE, "conversation (profile=? AND peer=? AND id>? AND id<?)"),
        (messages::PAGE_OF_ONE, "conversation (profile=? AND peer=? AND id>?)"),
        (strangers::HELD, "held_once (profile=? AND identity=? AND device=? AND sequence=?)"),
        (strangers::HELD_OF, "held_of (profile=? AND peer=?)"),
        (strangers::FILLED, "held_of (profile=? AND peer=?)"),
    ] {
        let mut explain =
            database.connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let mut rows = explain.raw_query();
        let plan: String = rows.next().unwrap().expect("one step at least").get("detail").unwrap();
        assert!(plan.contains("USING INDEX") && plan.contains(by), "{sql}\n{plan}");
    }
}

/// What is brought back from a backup does not know which numbers were used since.
#[test]
fn a_copy_uses_no_number_that_may_have_been_used() {
    let folder = tempfile::tempdir().unwrap();
    let (first, copy) = (folder.path().join("first"), folder.path().join("copy"));
    let mut database = Database::open(&first).unwrap();
    log_in(&mut database, "alice", 1);
    assert_eq!(queue(&mut database, "bob", "one").id.sequence, 1);
    drop(database);
    let next = |folder: &Path| {
        let mut database = Database::open(folder).unwrap();
        load(&mut database, None);
        let outgoing = queue(&mut database, "bob", "more");
        (outgoing.id.sequence, outgoing.after)
    };
    std::fs::create_dir(&copy).unwrap();
    for name in ["peer.sqlite", "place"] {
        std::fs::copy(first.join(name), copy.join(name)).unwrap();
    }
    assert_eq!(next(&first), (2, 1), "nothing has happened to it");
    let born = copy.join("peer.sqlite").metadata().unwrap().ctime().cast_unsigned();
    let (sequence, after) = next(&copy);
    assert!(sequence >= born && after == 1, "{sequence} after {after}");
    assert_eq!(next(&copy), (sequence + 1, sequence), "only once");
}

/// What a letter holds is left to the link where something before it is missing.
#[test]
fn in_turn_means_that_nothing_before_it_is_missing() {
    let mut database = fresh();
    let mut in_turn = |sequence, after| {
        let request = StoreRequest::ReceiveInTurn(incoming(sequence, after, "text"));
        match one(&mut database, request) {
            Ok(StoreReply::Received(receipt)) => receipt,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(in_turn(2, 1), Receipt::OutOfTurn);
    assert!(matches!(in_turn(1, 0), Receipt::Fresh { gap: false, .. }));
    assert!(matches!(in_turn(2, 1), Receipt::Fresh { gap: false, .. }));
    assert_eq!(in_turn(4, 3), Receipt::OutOfTurn);
    assert_eq!(in_turn(2, 1), Receipt::Duplicate);
}

#[test]
fn a_message_is_fresh_once() {
    let mut database = fresh();
    let fresh = |gap, line| Receipt::Fresh { gap, line, reply_to: None };
    assert_eq!(receive(&mut database, incoming(1, 0, "a")), fresh(false, 1));
    assert_eq!(receive(&mut database, incoming(1, 0, "a")), Receipt::Duplicate);
    assert_eq!(receive(&mut database, incoming(2, 1, "b")), fresh(false, 2));
    assert_eq!(receive(&mut database, incoming(5, 4, "c")), fresh(true, 3), "3 and 4 are missing");
    assert_eq!(receive(&mut database, incoming(7, 5, "d")), fresh(false, 4), "6 was given up");
    assert_eq!(receive(&mut database, incoming(u64::MAX, 7, "e")), fresh(false, 5));
    // Linked anew because another was given up meanwhile: still the same message.
    assert_eq!(receive(&mut database, incoming(7, 2, "d")), Receipt::Duplicate);
    let history = StoreRequest::History {
        with: Some(Talk::User(name("bob"))),
        limit: 100,
        before: None,
        since: None,
    };
    assert_eq!(lines(&mut database, history), ["a", "b", "c", "d", "e"]);
}

/// A sender who says two things under one number is found out; the first stands.
#[test]
fn equivocation_is_a_conflict() {
    let mut database = fresh();
    receive(&mut database, incoming(1, 0, "yes"));
    assert_eq!(receive(&mut database, incoming(1, 0, "no")), Receipt::Conflict);
    let other_nonce = Incoming { nonce: [6; 16], ..incoming(1, 0, "yes") };
    assert_eq!(receive(&mut database, other_nonce), Receipt::Conflict);
    let other_device = Incoming { device: PublicKey([5; 32]), ..incoming(1, 0, "no") };
    assert_eq!(gap_of(receive(&mut database, other_device)), Some(false));
    let history = StoreRequest::History { with: None, limit: 100, before: None, since: None };
    assert_eq!(lines(&mut database, history), ["yes", "no"]);
}

/// What was read behind a message that could not be kept waits for it; what its sender gave up
/// is not waited for.
#[test]
fn no_message_overtakes_one_that_could_not_be_kept() {
    let mut database = fresh();
    assert_eq!(gap_of(receive(&mut database, incoming(1, 0, "one"))), Some(false));
    let full = "CREATE TRIGGER full BEFORE INSERT ON messages WHEN new.body = 'two'
                BEGIN SELECT raise(ABORT, 'no room'); END";
    database.connection.execute_batch(full).unwrap();
    let batch = [incoming(2, 1, "two"), incoming(3, 2, "three")].map(StoreRequest::Receive);
    assert!(database.run(batch.into()).iter().all(Result::is_err));
    assert!(one(&mut database, StoreRequest::Receive(incoming(4, 3, "four"))).is_err());
    assert_eq!(receive(&mut database, incoming(1, 0, "one")), Receipt::Duplicate);
    let mut other = incoming(9, 8, "of another device");
    other.device = PublicKey([7; 32]);
    assert_eq!(gap_of(receive(&mut database, other)), Some(true));

    database.connection.execute_batch("DROP TRIGGER full").unwrap();
    for (sequence, body) in [(2, "two"), (3, "three"), (4, "four")] {
        let receipt = receive(&mut database, incoming(sequence, sequence - 1, body));
        assert_eq!(gap_of(receipt), Some(false));
    }
    database.connection.execute_batch(full).unwrap();
    assert!(one(&mut database, StoreRequest::Receive(incoming(5, 4, "two"))).is_err());
    let behind = receive(&mut database, incoming(6, 4, "six"));
    assert_eq!(gap_of(behind), Some(false), "five was given up");
    assert_eq!(gap_of(receive(&mut database, incoming(7, 6, "seven"))), Some(false));
}

/// The same when it is the whole transaction that fails.
#[test]
fn no_message_overtakes_a_batch_that_could_not_be_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut database = Database::open(dir.path()).unwrap();
    log_in(&mut database, "alice", 1);
    database.connection.execute_batch("PRAGMA query_only = ON").unwrap();
    assert!(one(&mut database, StoreRequest::Receive(incoming(1, 0, "one"))).is_err());
    database.connection.execute_batch("PRAGMA query_only = OFF").unwrap();
    assert!(one(&mut database, StoreRequest::Receive(incoming(2, 1, "two"))).is_err());
    assert_eq!(gap_of(receive(&mut database, incoming(1, 0, "one"))), Some(false));
    assert_eq!(gap_of(receive(&mut database, incoming(2, 1, "two"))), Some(false));
}

#[test]
fn transfers_that_are_over_are_kept_up_to_a_bound() {
    let mut database = fresh();
    let running = transfer(255, TransferState::Running);
    done(&mut database, StoreRequest::SaveTransfer(running.clone()));
    for number in 0..300_u32 {
        let mut record = transfer(0, TransferState::Complete);
        record.id.0[..4].copy_from_slice(&number.to_be_bytes());
        done(&mut database, StoreRequest::SaveTransfer(record));
    }
    let kept = load(&mut database, None).transfers;
    assert_eq!(kept.len(), 201);
    assert_eq!(kept[0], running);
    assert_eq!(kept[200].id.0[..4], 299_u32.to_be_bytes());
}

#[test]
fn one_bad_request_spoils_no_other() {
    let mut database = fresh();
    let stranger = Account {
        name: name("mallory"),
        server: PublicKey([99; 32]),
        identity_secret: Secret::new([0; 32]),
        certificate: Identity::from_secret(&[0; 32]).certify("mallory", PublicKey([0; 32]), 0),
        keys: Keys::Sealed,
    };
    let answers = database.run(vec![
        StoreRequest::Receive(incoming(1, 0, "before")),
        StoreRequest::SaveAccount(Some(stranger)),
        StoreRequest::Receive(incoming(2, 1, "after")),
    ]);
    let outcomes: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(outcomes, [true, false, true]);
    assert!(load(&mut database, None).account.is_some(), "the failed one changed nothing");
    let history = StoreRequest::History { with: None, limit: 10, before: None, since: None };
    assert_eq!(lines(&mut database, history), ["before", "after"]);
}

/// A process that dies before its commit leaves the state before; after it, the state after.
#[test]
fn a_crash_loses_only_what_was_not_answered() {
    let dir = tempfile::tempdir().unwrap();
    let mut database = Database::open(dir.path()).unwrap();
    log_in(&mut database, "alice", 1);
    receive(&mut database, incoming(1, 0, "answered"));
    let transaction = database.connection.transaction().unwrap();
    let open = Some(Open { account: account_id("alice"), row: Some(1) });
    answer(
        &transaction,
        &mut open.clone(),
        &mut Unkept::default(),
        StoreRequest::Receive(incoming(2, 1, "torn")),
    )
    .unwrap();
    // What stands on the disk at this moment is all that a killed process would leave.
    let crashed = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), crashed.path().join(entry.file_name())).unwrap();
    }
    let mut database = Database::open(crashed.path()).unwrap();
    load(&mut database, None);
    let history = StoreRequest::History { with: None, limit: 10, before: None, since: None };
    assert_eq!(lines(&mut database, history), ["answered"]);
    assert_eq!(gap_of(receive(&mut database, incoming(2, 1, "torn"))), Some(false));
}

#[test]
fn what_cannot_be_written_is_not_acknowledged() {
    let mut database = fresh();
    database.connection.execute_batch("PRAGMA query_only = 1").unwrap();
    let answers = database.run(vec![
        StoreRequest::Receive(incoming(1, 0, "x")),
        StoreRequest::Receive(incoming(2, 1, "y")),
    ]);
    assert!(answers.iter().all(Result::is_err));
    assert_eq!(answers.len(), 2);
}

#[test]
fn two_processes_on_one_folder_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let first = Database::open(dir.path()).unwrap();
    let error = Database::open(dir.path()).err().unwrap();
    assert!(error.0.contains("in use by another peer"), "{error}");
    drop(first);
    Database::open(dir.path()).unwrap();
}

#[test]
fn files_of_others_are_left_alone() {
    let open = |sql: &str| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("peer.sqlite");
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        Database::open(dir.path()).err().unwrap().0
    };
    assert!(open("CREATE TABLE foreign_table (x)").contains("another program"));
    let newer = "PRAGMA application_id = 0x54494e43; PRAGMA user_version = 99;
                 CREATE TABLE later (x)";
    assert!(open(newer).contains("newer version"));

    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("peer.sqlite"), vec![b'x'; 8192]).unwrap();
    let error = Database::open(dir.path()).err().unwrap().0;
    assert!(error.contains("not a database") || error.contains("no database"), "{error}");
    assert_eq!(std::fs::read(dir.path().join("peer.sqlite")).unwrap(), vec![b'x'; 8192]);
}

#[test]
fn the_files_are_for_their_owner_only() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut database = Database::open(&data).unwrap();
    log_in(&mut database, "alice", 1);
    assert_eq!(data.metadata().unwrap().mode() & 0o777, 0o700);
    for entry in std::fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600, "{path:?}");
    }
}

#[test]
fn a_link_in_the_place_of_the_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let elsewhere = dir.path().join("elsewhere");
    std::fs::write(&elsewhere, "").unwrap();
    let data = dir.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::set_permissions(&data, PermissionsExt::from_mode(0o700)).unwrap();
    symlink(&elsewhere, data.join("peer.sqlite")).unwrap();
    assert!(Database::open(&data).is_err());
    assert_eq!(std::fs::read(&elsewhere).unwrap(), b"");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever somebody searches for, it is no syntax error, and a text is found by its words.
    #[test]
    fn any_text_can_be_searched_for(text: String, word in "[a-zäöü0-9]{1,12}") {
        let mut database = fresh();
        queue(&mut database, "bob", &format!("x {word} y"));
        let request = StoreRequest::Search { text: text.clone(), with: None, limit: 5 };
        let sound = match one(&mut database, request) {
            Ok(_) => true,
            Err(error) => error.0.contains("at least one word"),
        };
        prop_assert!(sound);
        let found = lines(&mut database, StoreRequest::Search { text: word.clone(), with: None, limit: 5 });
        prop_assert_eq!(found.len(), 1);
    }

    /// Whatever arrives in whatever order, each number is fresh exactly once.
    #[test]
    fn every_number_is_fresh_once(sequences in prop::collection::vec(1_u64..20, 1..60)) {
        let mut database = fresh();
        let mut seen = std::collections::BTreeSet::new();
        for sequence in sequences {
            let message = incoming(sequence, sequence - 1, &sequence.to_string());
            let gap = sequence > 1 && !seen.contains(&(sequence - 1));
            let receipt = receive(&mut database, message);
            if seen.insert(sequence) {
                prop_assert_eq!(gap_of(receipt), Some(gap));
            } else {
                prop_assert_eq!(receipt, Receipt::Duplicate);
            }
        }
    }
}

/// As after a crash, when the log beside the database is still there.
#[test]
fn a_database_that_was_damaged_is_found_out_after_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let mut database = Database::open(&dir.path().join("data")).unwrap();
    log_in(&mut database, "alice", 1);
    for _ in 0..400 {
        queue(&mut database, "bob", &"words ".repeat(200));
    }
    database.truncate_log();
    queue(&mut database, "bob", "the last");
    let copy = |name: &str| {
        let to = dir.path().join(name);
        std::fs::create_dir(&to).unwrap();
        for file in ["peer.sqlite", "peer.sqlite-wal"] {
            std::fs::copy(dir.path().join("data").join(file), to.join(file)).unwrap();
        }
        to
    };
    let mut whole = Database::open(&copy("whole")).unwrap();
    load(&mut whole, Some(account_id("alice")));
    let history = StoreRequest::History { with: None, limit: 1, before: None, since: None };
    assert_eq!(lines(&mut whole, history), ["the last"]);

    let damaged = copy("damaged");
    let file = damaged.join("peer.sqlite");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 8192].fill(0xa5);
    std::fs::write(&file, bytes).unwrap();
    let Err(error) = Database::open(&damaged) else { panic!("it was taken for whole") };
    for part in ["peer.sqlite", "is damaged", "backup", "/login"] {
        assert!(error.0.contains(part), "{part}: {error}");
    }
}
