use wire::app::identity::Identity;
use wire::app::room::{Access, Backlog, RoomName};

use super::*;
use crate::store::tests::{account_id, fresh, load, log_in, name, one};
use crate::store::{Database, schema};
use crate::work::{About, AccountId, MessageState, Profile, Talk};

const ROOM: RoomId = RoomId([7; 16]);

fn identity() -> Identity {
    Identity::from_secret(&[1; 32])
}

fn content_after(before: Option<&Post>, number: u64, kind: PostKind) -> Content {
    Content {
        room: ROOM,
        author: name("bob"),
        feed: Feed { author: identity().public(), device: PublicKey([3; 32]) },
        number,
        previous: before.map_or([0; 32], |post| post.content().hash()),
        version: number,
        sent: 5,
        kind,
        text: [0; 32],
    }
}

fn said(body: &str) -> Said {
    Said { salt: [4; 16], text: body.to_owned() }
}

fn post_after(before: Option<&Post>, number: u64, body: &str) -> Post {
    Post::sign(&identity(), content_after(before, number, PostKind::Plain), said(body))
}

fn posts(count: u64) -> Vec<Post> {
    let mut posts: Vec<Post> = Vec::new();
    for number in 1..=count {
        posts.push(post_after(posts.last(), number, &format!("text {number}")));
    }
    posts
}

fn receive(database: &mut Database, post: &Post) -> PostReceipt {
    let request = StoreRequest::ReceivePost { post: Box::new(post.clone()), own: false, at: 9 };
    match one(database, request) {
        Ok(StoreReply::PostReceived(receipt)) => receipt,
        other => panic!("{other:?}"),
    }
}

fn keeping(post: &Post) -> StoreRequest {
    StoreRequest::Post { post: Box::new(post.clone()), at: 9, never_left: false }
}

fn room() -> Room {
    Room {
        id: ROOM,
        name: RoomName::new("team").unwrap(),
        topic: String::new(),
        access: Access::Open,
        backlog: Backlog::Shared,
        version: 1,
        members: Vec::new(),
        invited: Vec::new(),
    }
}

fn loaded(database: &mut Database, account: &AccountId) -> RoomRecord {
    let Profile { mut rooms, .. } = load(database, Some(account.clone()));
    rooms.remove(0)
}

#[test]
fn a_post_is_fresh_once_and_what_contradicts_it_is_not_kept() {
    let mut database = fresh();
    let posts = posts(3);
    assert!(matches!(receive(&mut database, &posts[0]), PostReceipt::Shown { .. }));
    assert_eq!(receive(&mut database, &posts[0]), PostReceipt::Duplicate);
    let other = post_after(None, 1, "something else");
    assert_eq!(receive(&mut database, &other), PostReceipt::Conflict);
    let branch = post_after(Some(&other), 2, "text 2");
    assert_eq!(receive(&mut database, &branch), PostReceipt::Conflict, "it follows another");
    // What comes out of turn is looked at from both sides.
    assert!(matches!(receive(&mut database, &posts[2]), PostReceipt::Shown { .. }));
    assert_eq!(receive(&mut database, &branch), PostReceipt::Conflict);
    assert!(matches!(receive(&mut database, &posts[1]), PostReceipt::Shown { .. }));
}

#[test]
fn what_is_lacking_is_found_as_it_came() {
    let mut database = fresh();
    let posts = posts(9);
    for post in posts.iter().filter(|post| post.content().number != 5) {
        receive(&mut database, post);
    }
    let mut lacking = |from, to, since, shared_from, limit| {
        let feed = posts[0].content().feed;
        let request = StoreRequest::Posts { room: ROOM, feed, from, to, since, shared_from, limit };
        let Ok(StoreReply::Posts { posts: found, .. }) = one(&mut database, request) else {
            panic!()
        };
        assert!(found.iter().all(|post| posts.contains(post) && post.is_signed()));
        found.into_iter().map(|post| post.content().number).collect::<Vec<_>>()
    };
    assert_eq!(lacking(3, 7, 0, u64::MAX, 100), [3, 4, 6, 7]);
    assert_eq!(lacking(1, u64::MAX, 0, u64::MAX, 2), [1, 2]);
    assert_eq!(lacking(1, 9, 7, u64::MAX, 100), [7, 8, 9], "not what was said before");
    assert_eq!(lacking(1, 9, 8, 6, 100), [6, 7, 8, 9], "or the newest of that");
}

#[test]
fn a_room_is_there_again_with_what_is_held_and_who_has_what() {
    let mut database = fresh();
    let account = account_id("alice");
    let own: Vec<Post> = {
        let device = load(&mut database, Some(account.clone())).installation.unwrap().device;
        let feed = Feed { author: identity().public(), device: device.public() };
        let mut own: Vec<Post> = Vec::new();
        for number in 1..=3 {
            let content = content_after(own.last(), number, PostKind::Plain);
            let content = Content { feed, ..content };
            own.push(Post::sign(&identity(), content, said(&format!("own {number}"))));
        }
        own
    };
    one(&mut database, StoreRequest::SaveRoom(Box::new(room()))).unwrap();
    for post in &own {
        let request = keeping(post);
        assert!(matches!(one(&mut database, request), Ok(StoreReply::Posted { .. })));
    }
    let posts = posts(4);
    for post in [&posts[0], &posts[1], &posts[3]] {
        receive(&mut database, post);
    }
    let carol = (name("carol"), Reached { joined: 1, upto: 2, left: 3 });
    let reached = vec![carol.clone()];
    one(&mut database, StoreRequest::SaveReached { room: ROOM, reached, everybody: Some(2) })
        .unwrap();

    let record = loaded(&mut database, &account);
    assert_eq!(record.room, room());
    let mut feeds = record.feeds;
    feeds.sort_by_key(|(_, runs)| runs.len());
    let expected = vec![
        (own[0].content().feed, vec![(1, 3)]),
        (posts[0].content().feed, vec![(1, 2), (4, 4)]),
    ];
    assert_eq!(feeds, expected);
    assert_eq!(record.last.as_ref(), own.last().map(|post| &post.head));
    assert_eq!(record.pending, [(3, 3)], "the others everybody has");
    assert_eq!(record.reached, [carol]);

    let with = Some(Talk::Room(ROOM));
    let history = StoreRequest::History { with, limit: 100, before: None, since: None };
    let Ok(StoreReply::Lines(lines)) = one(&mut database, history) else { panic!() };
    assert_eq!(lines.len(), 6);
    assert!(lines.iter().all(|line| line.with == Talk::Room(ROOM)));
    assert_eq!(lines[0].own, Some(1));
    assert_eq!(lines[5].author, Some(name("bob")));
    let search = StoreRequest::Search { text: "own 3".to_owned(), with: None, limit: 9 };
    let Ok(StoreReply::Lines(lines)) = one(&mut database, search) else { panic!() };
    assert_eq!(lines.len(), 1);
    // None of it is a message to a user.
    assert!(load(&mut database, Some(account)).outbox.is_empty());
}

/// As for messages: none of these looks through all posts.
#[test]
fn what_is_asked_for_each_post_is_found_by_an_index() {
    let database = fresh();
    for (sql, by) in [
        (KEPT, "posts (profile=? AND peer=? AND identity=? AND device=? AND sequence=?)"),
        (LACKING, "posts (profile=? AND peer=? AND identity=? AND device=? AND sequence>?"),
        (LAST_OF_DEVICE, "posts (profile=? AND peer=? AND identity=? AND device=?)"),
        (EVERYBODY_HAS, "pending (profile=? AND peer=? AND sequence<?)"),
        (PENDING, "pending (profile=? AND peer=?)"),
    ] {
        let explain = format!("EXPLAIN QUERY PLAN {sql}");
        let mut explain = database.connection.prepare(&explain).unwrap();
        let mut rows = explain.raw_query();
        let plan: String = rows.next().unwrap().expect("one step at least").get("detail").unwrap();
        assert!(plan.contains("USING INDEX") || plan.contains("USING COVERING INDEX"), "{plan}");
        assert!(plan.contains(by), "{sql}\n{plan}");
    }
}

/// Messages of the schema before are there, and still have their numbers to themselves.
#[test]
fn messages_of_the_schema_before_stay() {
    let dir = tempfile::tempdir().unwrap();
    let connection = Connection::open(dir.path().join("peer.sqlite")).unwrap();
    connection.execute_batch(schema::STEPS[0]).unwrap();
    connection.execute_batch(schema::STEPS[1]).unwrap();
    connection
        .execute_batch(
            "PRAGMA application_id = 0x54494e43; PRAGMA user_version = 2;
             INSERT INTO profiles VALUES
                 (1, zeroblob(32), 'alice', randomblob(32), randomblob(32), NULL, NULL);
             INSERT INTO messages (profile, peer, state, sequence, nonce, sent, at, body)
                 VALUES (1, 'bob', 0, 1, zeroblob(16), 5, 5, 'hello');",
        )
        .unwrap();
    drop(connection);
    let mut database = Database::open(dir.path()).unwrap();
    let account = AccountId { server: PublicKey([0; 32]), name: name("alice") };
    let profile = load(&mut database, Some(account));
    assert_eq!(profile.outbox.len(), 1);
    assert!(profile.rooms.is_empty());
    let insert = "INSERT INTO messages (profile, peer, state, sequence, nonce, sent, at, body)
                  VALUES (1, 'bob', 0, 1, zeroblob(16), 5, 5, 'again')";
    assert!(database.connection.execute(insert, []).is_err());
}

/// What was said in rooms before its text could go stays to be read, and is handed to nobody: it is signed in
/// another way. Own posts are counted anew.
#[test]
fn what_was_said_before_stays_in_the_history() {
    let dir = tempfile::tempdir().unwrap();
    let connection = Connection::open(dir.path().join("peer.sqlite")).unwrap();
    schema::STEPS[..16].iter().for_each(|step| connection.execute_batch(step).unwrap());
    let key = key(ROOM);
    connection
        .execute_batch(&format!(
            "PRAGMA application_id = 0x54494e43; PRAGMA user_version = 16;
             INSERT INTO profiles (id, server, name, device, token_secret)
                 VALUES (1, zeroblob(32), 'alice', randomblob(32), randomblob(32));
             INSERT INTO messages (profile, peer, state, identity, device, sequence, nonce, sent, at, body,
                 author, epoch, previous, signature)
                 VALUES (1, '{key}', 0, zeroblob(32), zeroblob(32), 1, x'', 5, 5, 'waits', 'alice', 1,
                     zeroblob(32), zeroblob(64)),
                 (1, '{key}', 3, zeroblob(32), zeroblob(32), 2, x'', 5, 5, 'came', 'bob', 1,
                     zeroblob(32), zeroblob(64));"
        ))
        .unwrap();
    drop(connection);
    let mut database = Database::open(dir.path()).unwrap();
    let account = AccountId { server: PublicKey([0; 32]), name: name("alice") };
    load(&mut database, Some(account.clone()));
    one(&mut database, StoreRequest::SaveRoom(Box::new(room()))).unwrap();
    let record = loaded(&mut database, &account);
    assert!(record.feeds.is_empty() && record.last.is_none() && record.pending.is_empty());
    let with = Some(Talk::Room(ROOM));
    let history = StoreRequest::History { with, limit: 100, before: None, since: None };
    let Ok(StoreReply::Lines(lines)) = one(&mut database, history) else { panic!() };
    let texts: Vec<&str> = lines.iter().map(|line| line.body.as_str()).collect();
    assert_eq!(texts, ["waits", "came"]);
    assert!(
        matches!(&lines[0].state, MessageState::Failed(why) if why.contains("earlier version"))
    );
    let (title, feed) = ("#team".to_owned(), posts(1)[0].content().feed);
    let about = About::Reply { line: Some(2) };
    let text = "x".to_owned();
    let request = StoreRequest::PostTarget { room: ROOM, title, feed, about, text };
    let Err(StoreError(why)) = one(&mut database, request) else { panic!() };
    assert!(why.contains("no line 2 in #team that can be answered"), "{why}");
}

/// A data folder that was brought back from a backup does not know which numbers its posts had since.
#[test]
fn a_copy_numbers_its_posts_anew() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let account = account_id("alice");
    let mut database = Database::open(first.path()).unwrap();
    log_in(&mut database, "alice", 1);
    let device = load(&mut database, Some(account.clone())).installation.unwrap().device;
    let feed = Feed { author: identity().public(), device: device.public() };
    let content = Content { feed, ..content_after(None, 1, PostKind::Plain) };
    one(&mut database, StoreRequest::SaveRoom(Box::new(room()))).unwrap();
    let post = Post::sign(&identity(), content, said("own"));
    one(&mut database, keeping(&post)).unwrap();
    drop(database);
    let mut database = Database::open(first.path()).unwrap();
    assert_eq!(loaded(&mut database, &account).used_before, 0, "the same folder");
    drop(database);
    for name in ["peer.sqlite", "place"] {
        std::fs::copy(first.path().join(name), second.path().join(name)).unwrap();
    }
    let mut database = Database::open(second.path()).unwrap();
    let record = loaded(&mut database, &account);
    assert_eq!(record.last, Some(post.head));
    assert!(record.used_before > 1_700_000_000, "{}", record.used_before);
}
