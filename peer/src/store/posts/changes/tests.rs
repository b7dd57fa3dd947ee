use proptest::prelude::*;
use wire::app::identity::Identity;
use wire::app::post::Said;
use wire::app::room::RoomId;

use super::*;
use crate::store::Database;
use crate::store::tests::{fresh, log_in, name, one};
use crate::work::{Line, Talk};

const ROOM: RoomId = RoomId([7; 16]);

fn author(of: u8) -> Identity {
    Identity::from_secret(&[of; 32])
}

fn feed_of(of: u8) -> Feed {
    Feed { author: author(of).public(), device: PublicKey([of; 32]) }
}

/// Posts of one author, each naming the one before it.
struct Talker {
    of: u8,
    name: &'static str,
    posts: Vec<Post>,
}

impl Talker {
    const fn new(of: u8, name: &'static str) -> Self {
        Self { of, name, posts: Vec::new() }
    }

    fn says(&mut self, kind: PostKind, text: &str) -> Post {
        let content = Content {
            room: ROOM,
            author: name(self.name),
            feed: feed_of(self.of),
            number: self.posts.len() as u64 + 1,
            previous: self.posts.last().map_or([0; 32], |post| post.content().hash()),
            version: 1,
            sent: 5,
            kind,
            text: [0; 32],
        };
        let said = Said { salt: [self.posts.len() as u8; 16], text: text.to_owned() };
        let post = Post::sign(&author(self.of), content, said);
        self.posts.push(post.clone());
        post
    }

    fn plain(&mut self, text: &str) -> Post {
        self.says(PostKind::Plain, text)
    }

    fn edit(&mut self, of: u64, text: &str) -> Post {
        self.says(PostKind::Edit { of }, text)
    }

    fn unsend(&mut self, of: u64) -> Post {
        self.says(PostKind::Unsend { of }, "")
    }

    fn reply(&mut self, to: &Post, text: &str) -> Post {
        self.says(PostKind::Reply { to: reference(to) }, text)
    }
}

fn reference(post: &Post) -> PostRef {
    let content = post.content();
    PostRef { feed: content.feed, number: content.number, hash: content.hash() }
}

/// Without its text, as this change of it allows.
fn bare(post: &Post, change: &Post) -> Post {
    Post { body: Body::Gone(Box::new(change.head.clone())), ..post.clone() }
}

fn receive(database: &mut Database, post: &Post) -> PostReceipt {
    assert!(post.is_possible() && post.is_signed(), "{post:?}");
    let request = StoreRequest::ReceivePost { post: Box::new(post.clone()), own: false, at: 9 };
    match one(database, request) {
        Ok(StoreReply::PostReceived(receipt)) => receipt,
        other => panic!("{other:?}"),
    }
}

fn keep(database: &mut Database, post: &Post, never_left: bool) -> u64 {
    let request = StoreRequest::Post { post: Box::new(post.clone()), at: 9, never_left };
    match one(database, request) {
        Ok(StoreReply::Posted { line }) => line,
        other => panic!("{other:?}"),
    }
}

fn lines(database: &mut Database) -> Vec<Line> {
    let with = Some(Talk::Room(ROOM));
    let history = StoreRequest::History { with, limit: 100, before: None, since: None };
    let Ok(StoreReply::Lines(lines)) = one(database, history) else { panic!() };
    lines
}

fn texts(database: &mut Database) -> Vec<String> {
    let text = |line: Line| {
        let mark = match (line.taken_back, line.edited) {
            (true, _) => "(taken back)",
            (false, true) => " (edited)",
            (false, false) => "",
        };
        format!("{}{mark}", line.body)
    };
    lines(database).into_iter().map(text).collect()
}

fn found(database: &mut Database, word: &str) -> usize {
    let search = StoreRequest::Search { text: word.to_owned(), with: None, limit: 99 };
    let Ok(StoreReply::Lines(lines)) = one(database, search) else { panic!() };
    lines.len()
}

fn handed_on(database: &mut Database, of: u8) -> Vec<Post> {
    let (room, feed, limit) = (ROOM, feed_of(of), 100);
    let (from, to, since, shared_from) = (1, u64::MAX, 0, 0);
    let request = StoreRequest::Posts { room, feed, from, to, since, shared_from, limit };
    match one(database, request) {
        Ok(StoreReply::Posts { posts, read: None }) => posts,
        other => panic!("{other:?}"),
    }
}

fn target(database: &mut Database, about: About, text: &str) -> Result<PostTarget, String> {
    let (title, feed, text) = ("#team".to_owned(), feed_of(1), text.to_owned());
    match one(database, StoreRequest::PostTarget { room: ROOM, title, feed, about, text }) {
        Ok(StoreReply::PostTarget(target)) => Ok(target),
        Err(StoreError(why)) => Err(why),
        other => panic!("{other:?}"),
    }
}

/// Everything that is on the disk of the conversation, the log that SQLite writes first included.
fn on_disk(dir: &std::path::Path) -> Vec<u8> {
    ["peer.sqlite", "peer.sqlite-wal"]
        .iter()
        .flat_map(|name| std::fs::read(dir.join(name)).unwrap_or_default())
        .collect()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_change_is_done_to_the_line_and_is_none_itself() {
    let mut database = fresh();
    let mut bob = Talker::new(1, "bob");
    let first = bob.plain("at fife");
    let second = bob.plain("bring cake");
    let (edit, unsend) = (bob.edit(1, "at five"), bob.unsend(2));
    for post in [&first, &second] {
        assert!(matches!(receive(&mut database, post), PostReceipt::Shown { edited: false, .. }));
    }
    let changed = |text: Option<&str>, line| {
        let text = text.map(str::to_owned);
        PostReceipt::Changed { line, text }
    };
    assert_eq!(receive(&mut database, &edit), changed(Some("at five"), 1));
    assert_eq!(receive(&mut database, &unsend), changed(None, 2));
    assert_eq!(texts(&mut database), ["at five (edited)", "(taken back)"]);
    for post in [&first, &second, &edit, &unsend] {
        assert_eq!(receive(&mut database, post), PostReceipt::Duplicate);
    }
    for (word, count) in [("fife", 0), ("cake", 0), ("five", 1)] {
        assert_eq!(found(&mut database, word), count, "{word}");
    }
    // An older edit undoes nothing, and what is taken back stays so.
    let mut late = Talker::new(2, "carol");
    let (one, two, three) = (late.plain("a"), late.edit(1, "b"), late.edit(1, "c"));
    let (four, five) = (late.unsend(1), late.edit(1, "d"));
    receive(&mut database, &one);
    receive(&mut database, &three);
    assert_eq!(receive(&mut database, &two), PostReceipt::Silent);
    assert_eq!(texts(&mut database)[2], "c (edited)");
    receive(&mut database, &four);
    assert_eq!(receive(&mut database, &five), PostReceipt::Silent);
    assert_eq!(texts(&mut database)[2], "(taken back)");
}

/// [W-172]: neither of an edit, nor of a taking back, nor of what is not there.
#[test]
fn a_change_of_what_is_no_line_changes_nothing() {
    let mut database = fresh();
    let mut bob = Talker::new(1, "bob");
    let mut carol = Talker::new(2, "carol");
    receive(&mut database, &bob.plain("bob's"));
    receive(&mut database, &carol.plain("carol's"));
    receive(&mut database, &bob.edit(1, "bob's again"));
    for post in [bob.edit(2, "of an edit"), bob.unsend(2), bob.edit(4, "of an end"), bob.unsend(4)]
    {
        assert_eq!(receive(&mut database, &post), PostReceipt::Silent);
    }
    assert_eq!(texts(&mut database), ["bob's again (edited)", "carol's"]);
}

/// [W-173]: in the rows, in the index of words and in what SQLite has written, nothing stays.
#[test]
fn nothing_is_left_of_a_text_that_was_changed() {
    let dir = tempfile::tempdir().unwrap();
    let mut database = Database::open(dir.path()).unwrap();
    log_in(&mut database, "alice", 1);
    let mut bob = Talker::new(1, "bob");
    for post in [
        bob.plain("firstwording"),
        bob.edit(1, "secondwording"),
        bob.plain("regretted"),
        bob.edit(3, "regrettedagain"),
    ] {
        receive(&mut database, &post);
    }
    receive(&mut database, &bob.edit(1, "thirdwording"));
    receive(&mut database, &bob.unsend(3));
    let rest = on_disk(dir.path());
    assert!(contains(&rest, "thirdwording"));
    for word in ["firstwording", "secondwording", "regretted"] {
        assert!(!contains(&rest, word), "{word}");
    }
}

/// [W-173]: what is handed on shows nothing that was changed, and proves that it need not.
#[test]
fn what_is_handed_on_holds_the_newest_text_only() {
    let (mut first, mut second) = (fresh(), fresh());
    let mut bob = Talker::new(1, "bob");
    let all = [
        bob.plain("old"),
        bob.plain("secret"),
        bob.edit(2, "still secret"),
        bob.edit(1, "newer"),
        bob.unsend(2),
        bob.edit(1, "newest"),
        bob.plain("last"),
    ];
    for post in &all {
        receive(&mut first, post);
    }
    let handed = handed_on(&mut first, 1);
    let said: Vec<&str> = handed.iter().map(Post::text).collect();
    assert_eq!(said, ["", "", "", "", "", "newest", "last"]);
    for (post, before) in handed.iter().zip(&all) {
        assert_eq!(post.head, before.head);
        let receipt = receive(&mut second, post);
        let is_shown = matches!(receipt, PostReceipt::Shown { .. });
        assert_eq!(is_shown, !post.text().is_empty(), "{receipt:?}");
    }
    assert_eq!(texts(&mut second), ["newest (edited)", "last"], "in the place of the first");
    assert_eq!(found(&mut second, "newest") + found(&mut second, "last"), 2);
    assert_eq!(handed_on(&mut second, 1), handed, "and so on");
    // Who has the rest without the proof leaves it to others.
    let mut third = fresh();
    receive(&mut third, &handed[0]);
    assert!(handed_on(&mut third, 1).is_empty());
}

/// [W-174]: an edit of what was said before one came is not for one.
#[test]
fn a_change_of_what_is_not_here_waits_for_it() {
    let mut database = fresh();
    let mut bob = Talker::new(1, "bob");
    let (first, second) = (bob.plain("one"), bob.plain("two"));
    let (edit, unsend) = (bob.edit(1, "uno"), bob.unsend(2));
    assert_eq!(receive(&mut database, &edit), PostReceipt::Silent);
    assert_eq!(receive(&mut database, &unsend), PostReceipt::Silent);
    assert!(texts(&mut database).is_empty());
    assert_eq!(found(&mut database, "uno"), 0);
    let expected = PostReceipt::Shown { line: 3, text: "uno".into(), reply_to: None, edited: true };
    assert_eq!(receive(&mut database, &first), expected);
    assert_eq!(receive(&mut database, &second), PostReceipt::Silent);
    assert_eq!(texts(&mut database), ["uno (edited)"]);
    assert_eq!((found(&mut database, "uno"), found(&mut database, "one")), (1, 0));
}

/// [W-171].
#[test]
fn an_answer_leads_to_what_it_names_when_that_is_here() {
    let mut database = fresh();
    let (mut bob, mut carol) = (Talker::new(1, "bob"), Talker::new(2, "carol"));
    let question = bob.plain("at five?");
    let yes = carol.reply(&question, "yes");
    let shown = |line, text: &str, reply_to| {
        let (text, reply_to) = (text.to_owned(), Some(reply_to));
        PostReceipt::Shown { line, text, reply_to, edited: false }
    };
    assert_eq!(receive(&mut database, &yes), shown(1, "yes", NOT_HERE));
    assert_eq!(lines(&mut database)[0].reply_to, Some(NOT_HERE));
    receive(&mut database, &question);
    assert_eq!(lines(&mut database)[0].reply_to, Some(2));
    let really = carol.reply(&yes, "really");
    assert_eq!(receive(&mut database, &really), shown(3, "really", 1));
    // Bob has said something else to somebody, who has answered that.
    let mut other = Talker::new(1, "bob");
    let agreed = carol.reply(&other.plain("shall we steal it?"), "agreed");
    assert_eq!(receive(&mut database, &agreed), shown(4, "agreed", NOT_HERE));
    // An edit is still an answer.
    receive(&mut database, &carol.edit(1, "yes!"));
    let first = &lines(&mut database)[0];
    assert_eq!((first.body.as_str(), first.reply_to), ("yes!", Some(2)));
}

#[test]
fn an_answer_leads_to_a_line_that_is_shown_late() {
    let mut database = fresh();
    let (mut bob, mut carol) = (Talker::new(1, "bob"), Talker::new(2, "carol"));
    let (question, edit) = (bob.plain("at six?"), bob.edit(1, "at five?"));
    receive(&mut database, &bare(&question, &edit));
    receive(&mut database, &carol.reply(&question, "yes"));
    let answered = |database: &mut Database| {
        lines(database).iter().map(|line| line.reply_to).collect::<Vec<_>>()
    };
    assert_eq!(answered(&mut database), [Some(NOT_HERE)]);
    receive(&mut database, &edit);
    assert_eq!(answered(&mut database), [None, Some(1)]);
}

#[test]
fn what_is_to_be_changed_or_answered_is_found() {
    let mut database = fresh();
    let (mut own, mut carol) = (Talker::new(1, "bob"), Talker::new(2, "carol"));
    let edit = |id| About::Edit { id };
    let unsend = |id| About::Unsend { id, sent_up_to: 0 };
    let why = target(&mut database, edit(None), "x").unwrap_err();
    assert!(why.contains("nothing in #team that can be changed"), "{why}");
    let why = target(&mut database, About::Reply { line: None }, "x").unwrap_err();
    assert!(why.contains("nothing of others in #team"), "{why}");
    keep(&mut database, &own.plain("one"), false);
    let theirs = carol.plain("two");
    receive(&mut database, &theirs);
    keep(&mut database, &own.plain("three"), false);
    let kind_of = |database: &mut Database, about| target(database, about, "x").unwrap().kind;
    assert_eq!(kind_of(&mut database, edit(None)), PostKind::Edit { of: 2 });
    assert_eq!(kind_of(&mut database, edit(Some(1))), PostKind::Edit { of: 1 });
    assert_eq!(kind_of(&mut database, unsend(Some(1))), PostKind::Unsend { of: 1 });
    let to = reference(&theirs);
    for line in [None, Some(2)] {
        assert_eq!(kind_of(&mut database, About::Reply { line }), PostKind::Reply { to });
    }
    let why = target(&mut database, About::Reply { line: Some(9) }, "x").unwrap_err();
    assert!(why.contains("no line 9 in #team"), "{why}");
    let why = target(&mut database, edit(Some(7)), "x").unwrap_err();
    assert!(why.contains("no message 7 in #team"), "{why}");
    // By the number of an edit: the original. Carol's number 1 is not ours.
    keep(&mut database, &own.edit(1, "uno"), false);
    let found = target(&mut database, edit(Some(3)), "eins").unwrap();
    assert_eq!((found.kind, found.line), (PostKind::Edit { of: 1 }, 1));
    keep(&mut database, &own.unsend(2), false);
    let why = target(&mut database, edit(Some(2)), "x").unwrap_err();
    assert!(why.contains("is taken back"), "{why}");
    let why = target(&mut database, edit(None), "x").unwrap_err();
    assert!(why.contains("name an earlier one"), "{why}");
}

/// [W-176].
#[test]
fn there_is_an_end_to_edits() {
    let mut database = fresh();
    let mut own = Talker::new(1, "bob");
    keep(&mut database, &own.plain("0"), false);
    for n in 1..=MAX_EDITS {
        let text = n.to_string();
        assert!(target(&mut database, About::Edit { id: Some(1) }, &text).is_ok());
        keep(&mut database, &own.edit(1, &text), false);
    }
    let why = target(&mut database, About::Edit { id: None }, "x").unwrap_err();
    assert!(why.contains("edited 100 times"), "{why}");
    assert!(target(&mut database, About::Unsend { id: None, sent_up_to: 0 }, "").is_ok());
    assert_eq!(texts(&mut database), ["100 (edited)"]);
}

#[test]
fn what_never_left_leaves_no_line_and_no_text() {
    let mut database = fresh();
    let mut own = Talker::new(1, "bob");
    keep(&mut database, &own.plain("first"), false);
    keep(&mut database, &own.plain("secret"), false);
    keep(&mut database, &own.unsend(2), true);
    assert_eq!(texts(&mut database), ["first"]);
    let said: Vec<String> =
        handed_on(&mut database, 1).iter().map(|post| post.text().to_owned()).collect();
    assert_eq!(said, ["first", "", ""]);
}

/// As for messages: none of these looks through all posts.
#[test]
fn changes_are_found_by_an_index() {
    let database = fresh();
    let place = "(profile=? AND peer=? AND identity=? AND device=? AND about_sequence=?";
    let (changes, texts) = (format!("post_changes {place}"), format!("post_texts {place}"));
    for (sql, by) in [
        (NEWEST, &*texts),
        (PROOF, &*changes),
        (FORGET_EDITS, &*texts),
        (EDITS, &*changes),
        (ANSWERS, "post_answers (profile=? AND peer=? AND about_sequence=? AND about_nonce=?)"),
        (ROW, "posts (profile=? AND peer=? AND identity=? AND device=? AND sequence=?)"),
        (LAST_OWN, "posts (profile=? AND peer=? AND identity=? AND device=?)"),
    ] {
        let explain = format!("EXPLAIN QUERY PLAN {sql}");
        let mut explain = database.connection.prepare(&explain).unwrap();
        let mut rows = explain.raw_query();
        let plan: String = rows.next().unwrap().expect("one step at least").get("detail").unwrap();
        assert!(plan.contains("USING INDEX") || plan.contains("USING COVERING INDEX"), "{plan}");
        assert!(plan.contains(by), "{sql}\n{plan}");
    }
}

/// What two authors say and change, and how it may come: whole, or without a text that was changed.
fn talk() -> Vec<(Post, Vec<Post>)> {
    let (mut bob, mut carol) = (Talker::new(1, "bob"), Talker::new(2, "carol"));
    let question = bob.plain("question");
    let whole = |post: &Post| (post.clone(), Vec::new());
    let (edit, later) = (bob.edit(1, "better"), bob.edit(1, "best"));
    let secret = bob.plain("secret");
    let hidden = bob.edit(4, "secret still");
    let unsend = bob.unsend(4);
    let answer = carol.reply(&question, "answer");
    let again = carol.edit(1, "answered");
    let after = bob.edit(4, "secret after all");
    vec![
        (question.clone(), vec![bare(&question, &edit), bare(&question, &later)]),
        (edit.clone(), vec![bare(&edit, &later)]),
        whole(&later),
        (secret.clone(), vec![bare(&secret, &hidden), bare(&secret, &unsend)]),
        (hidden.clone(), vec![bare(&hidden, &unsend)]),
        whole(&unsend),
        (answer.clone(), vec![bare(&answer, &again)]),
        whole(&again),
        (after.clone(), vec![bare(&after, &unsend)]),
    ]
}

proptest! {
    /// Whatever comes first, and whether with its text or without: in the end all have the same, each is
    /// shown once, and what was taken back is nowhere.
    #[test]
    fn in_any_order_it_is_the_same(
        order in Just((0..9_usize).collect::<Vec<_>>()).prop_shuffle(),
        ways in prop::collection::vec(0..3_usize, 9),
        again in prop::collection::vec(0..9_usize, 4),
    ) {
        let talk = talk();
        let mut database = fresh();
        for index in order {
            let (whole, bare) = &talk[index];
            let post = ways[index].checked_sub(1).and_then(|way| bare.get(way)).unwrap_or(whole);
            receive(&mut database, post);
        }
        for index in again {
            prop_assert_eq!(receive(&mut database, &talk[index].0), PostReceipt::Duplicate);
        }
        let mut seen = texts(&mut database);
        // Who was shown it before it was taken back is shown that it was.
        seen.retain(|text| text != "(taken back)");
        seen.sort();
        prop_assert_eq!(seen, ["answered (edited)", "best (edited)"]);
        let shown = lines(&mut database);
        let place = |text| shown.iter().find(|line| line.body == text).unwrap();
        prop_assert_eq!(place("answered").reply_to, Some(place("best").line));
        let counts = ["secret", "question", "better", "answer", "best", "answered"]
            .map(|word| found(&mut database, word));
        prop_assert_eq!(counts, [0, 0, 0, 0, 1, 1]);
        let texts: Vec<String> = database
            .connection
            .prepare("SELECT body FROM messages UNION ALL SELECT text FROM messages WHERE text <> ''")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<rusqlite::Result<_>>()
            .unwrap();
        prop_assert!(!texts.iter().any(|text| text.contains("secret")), "{:?}", texts);
        let check = "INSERT INTO words (words, rank) VALUES ('integrity-check', 0)";
        prop_assert!(database.connection.execute(check, []).is_ok());
        // Handed on as it is now, it is the same elsewhere.
        let mut next = fresh();
        for post in [handed_on(&mut database, 2), handed_on(&mut database, 1)].concat() {
            receive(&mut next, &post);
        }
        let seen: Vec<String> = self::texts(&mut next);
        prop_assert_eq!(seen, ["answered (edited)", "best (edited)"]);
    }
}
