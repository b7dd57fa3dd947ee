use super::*;
use crate::face::samples;

const ZERO: Instant = Instant::ZERO;

fn logged_in() -> Output {
    Output::LoggedIn {
        user: "alice".into(),
        motd: String::new(),
        failed_attempts: 0,
        took_over: false,
        new_account: false,
    }
}

fn files(files: Vec<FileLine>) -> Output {
    Output::Files { of: None, files }
}

fn blocked(user: &str) -> Output {
    Output::Blocked { users: vec![user.into()] }
}

fn begun(task: Task, limit: Option<u64>) -> OneShot {
    let mut face = OneShot::new(ZERO, task, limit.map(Duration::from_secs));
    assert_eq!(face.on_output(ZERO, &logged_in()), [Act::Command(Command::Blocked)]);
    assert!(face.on_output(ZERO, &files(Vec::new())).is_empty(), "not the one that is asked for");
    let acts = face.on_output(ZERO, &blocked("mallory"));
    assert_eq!(acts, [Act::Command(Command::Files { folder: None })]);
    face
}

fn message() -> Task {
    Task::Message { to: "Bob".into(), text: "hi".into(), until: Until::Delivered }
}

fn state(id: u64, state: &'static str) -> Output {
    Output::MessageState { to: "bob".into(), id, state, reason: Some("because".into()) }
}

fn file(id: u64, direction: Direction, state: &'static str) -> Output {
    Output::File { file: FileLine { id, direction, state, ..samples::file_line() } }
}

fn result(text: &str) -> Act {
    Act::Result(text.to_owned())
}

#[test]
fn a_message_is_delivered() {
    let mut face = begun(message(), Some(30));
    let acts = face.on_output(ZERO, &files(Vec::new()));
    let command = Command::Message { to: "Bob".into(), text: "hi".into() };
    assert_eq!(acts, [Act::Command(command)]);
    assert!(face.on_output(ZERO, &state(6, "delivered")).len() == 2, "any first number is taken");
    let mut face = begun(message(), Some(30));
    face.on_output(ZERO, &files(Vec::new()));
    assert!(face.on_output(ZERO, &state(9, "read")).is_empty(), "no message of this task's");
    assert!(face.on_output(ZERO, &state(7, "queued")).is_empty());
    assert!(face.on_output(ZERO, &state(6, "delivered")).is_empty(), "an older one");
    let acts = face.on_output(ZERO, &state(7, "delivered"));
    assert_eq!(acts, [result("delivered"), Act::Exit(Exit::Done)]);
    assert!(face.on_output(ZERO, &state(7, "delivered")).is_empty(), "ends once");
}

#[test]
fn what_is_only_to_be_kept_needs_no_server_and_is_not_called_delivered() {
    let task = Task::Message { to: "Bob".into(), text: "hi".into(), until: Until::Kept };
    let mut face = OneShot::new(ZERO, task, Some(Duration::from_secs(30)));
    let ready = Output::Ready { user: Some("alice".into()), server: "h:1".into() };
    assert_eq!(face.on_output(ZERO, &ready), [Act::Command(Command::Blocked)]);
    assert!(face.on_output(ZERO, &logged_in()).is_empty(), "begun already");
    face.on_output(ZERO, &blocked("mallory"));
    let acts = face.on_output(ZERO, &files(Vec::new()));
    assert!(matches!(acts[..], [Act::Command(Command::Message { .. })]), "{acts:?}");
    let kept = |to: &str| Output::Kept {
        to: to.into(),
        id: 7,
        text: "hi".into(),
        at: 0,
        line: 1,
        reply_to: None,
        pin: None,
    };
    assert!(face.on_output(ZERO, &kept("carol")).is_empty());
    let acts = face.on_output(ZERO, &kept("bob"));
    assert_eq!(acts, [result("kept"), Act::Exit(Exit::Queued)]);
    // Who waits for more is not done by that.
    let mut face = begun(message(), Some(30));
    face.on_output(ZERO, &files(Vec::new()));
    assert!(face.on_output(ZERO, &kept("bob")).is_empty());
}

#[test]
fn an_export_needs_no_server_and_tells_where_the_file_is() {
    let (path, format) = (PathBuf::from("a.txt"), ExportFormat::Text);
    let task = Task::Export { with: None, path: path.clone(), format };
    let ready = Output::Ready { user: Some("alice".into()), server: "h:1".into() };
    let told = |lines, reason| Output::Export { path: "/x/a.txt".into(), lines, reason };
    let begun = || {
        let mut face = OneShot::new(ZERO, task.clone(), None);
        let command = Command::Export { with: None, path: path.clone(), format, film: None };
        assert_eq!(face.on_output(ZERO, &ready), [Act::Command(command)]);
        assert_eq!(face.deadline(), None, "however long it takes");
        face
    };
    let acts = begun().on_output(ZERO, &told(Some(3), None));
    assert_eq!(acts, [result("/x/a.txt"), Act::Exit(Exit::Done)]);
    let acts = begun().on_output(ZERO, &told(None, Some("the disk is full".into())));
    assert_eq!(acts, [Act::Exit(Exit::Failure)]);
    // Another task waits for the server.
    assert!(OneShot::new(ZERO, message(), None).on_output(ZERO, &ready).is_empty());
}

#[test]
fn the_fates_of_a_message_have_codes_of_their_own() {
    let late = Instant::from_micros(30_000_000);
    let exit = |acts: Vec<Act>| acts.last().cloned();
    // Not logged in.
    let mut face = OneShot::new(ZERO, message(), None);
    assert_eq!(exit(face.on_deadline(late)), Some(Act::Exit(Exit::NoServer)));
    let mut face = OneShot::new(ZERO, message(), None);
    let needed = Output::LoginNeeded { reason: Some("wrong".into()) };
    assert_eq!(exit(face.on_output(ZERO, &needed)), Some(Act::Exit(Exit::LoginFailed)));
    // Blocked by this side.
    let mut face = OneShot::new(ZERO, message(), None);
    face.on_output(ZERO, &logged_in());
    assert_eq!(exit(face.on_output(ZERO, &blocked("bob"))), Some(Act::Exit(Exit::Blocked)));
    // Failed, refused, queued.
    let mut face = begun(message(), Some(30));
    face.on_output(ZERO, &files(Vec::new()));
    assert_eq!(exit(face.on_output(ZERO, &state(1, "failed"))), Some(Act::Exit(Exit::Unreachable)));
    let mut face = begun(message(), Some(30));
    face.on_output(ZERO, &files(Vec::new()));
    let error = Output::Error { text: "about something else".into() };
    assert!(face.on_output(ZERO, &error).is_empty());
    let refused = Output::NotSent { to: "bob".into(), reason: "you block bob".into() };
    assert_eq!(exit(face.on_output(ZERO, &refused)), Some(Act::Exit(Exit::Unreachable)));
    let mut face = begun(message(), Some(30));
    face.on_output(ZERO, &files(Vec::new()));
    face.on_output(ZERO, &state(1, "queued"));
    assert!(face.on_deadline(Instant::from_micros(29_999_999)).is_empty());
    assert_eq!(exit(face.on_deadline(late)), Some(Act::Exit(Exit::Queued)));
}

fn sending(limit: Option<u64>) -> OneShot {
    let paths = vec![PathBuf::from("a"), PathBuf::from("b")];
    let task = Task::Send { to: "bob".into(), paths };
    let mut face = begun(task, limit);
    let old = FileLine { id: 1, direction: Direction::Sending, ..samples::file_line() };
    assert_eq!(face.on_output(ZERO, &files(vec![old])).len(), 1);
    assert!(face.on_output(ZERO, &file(1, Direction::Sending, "complete")).is_empty(), "old");
    face
}

#[test]
fn files_are_sent_and_the_worst_fate_is_the_code() {
    let mut face = sending(None);
    assert!(face.on_output(ZERO, &file(4, Direction::Sending, "hashing")).is_empty());
    let acts = face.on_output(ZERO, &file(4, Direction::Sending, "complete"));
    assert_eq!(acts, [result("complete clip.mp4")]);
    assert!(face.on_output(ZERO, &file(4, Direction::Sending, "complete")).is_empty());
    let acts = face.on_output(ZERO, &file(5, Direction::Sending, "declined"));
    assert_eq!(acts, [result("declined clip.mp4"), Act::Exit(Exit::Declined)]);
}

#[test]
fn what_grows_is_ended_when_its_input_is_whenever_that_is_known() {
    let task = || Task::Live { to: "bob".into(), path: "a".into(), name: Some("cam.mkv".into()) };
    let begin = Command::Live { to: "bob".into(), path: "a".into(), name: Some("cam.mkv".into()) };
    let end = Act::Command(Command::LiveEnd { id: 4 });
    let ours = |state| file(4, Direction::Sending, state);
    let mut face = begun(task(), None);
    assert_eq!(face.on_output(ZERO, &files(vec![])), [Act::Command(begin)]);
    assert!(face.on_output(ZERO, &ours("hashing")).is_empty());
    assert_eq!(face.on_input_ended(), std::slice::from_ref(&end));
    assert!(face.on_output(ZERO, &ours("running")).is_empty(), "once");
    let acts = face.on_output(ZERO, &ours("complete"));
    assert_eq!(acts, [result("complete clip.mp4"), Act::Exit(Exit::Done)]);

    let mut face = begun(task(), None);
    assert!(face.on_input_ended().is_empty(), "nothing is on its way");
    face.on_output(ZERO, &files(vec![]));
    assert_eq!(face.on_output(ZERO, &ours("hashing")), [end]);
}

/// What becomes of its files a folder says itself, at either side.
#[test]
fn a_folder_counts_as_one() {
    let part = |direction, state| Output::File {
        file: FileLine { id: 6, direction, state, folder: Some(4), ..samples::file_line() },
    };
    let folder = |direction, state| Output::File {
        file: FileLine { id: 4, direction, state, ..samples::folder_line() },
    };
    let mut face = sending(None);
    face.on_output(ZERO, &file(5, Direction::Sending, "complete"));
    assert!(face.on_output(ZERO, &folder(Direction::Sending, "running")).is_empty());
    assert!(face.on_output(ZERO, &part(Direction::Sending, "failed")).is_empty());
    let acts = face.on_output(ZERO, &folder(Direction::Sending, "failed"));
    assert_eq!(acts, [result("failed holiday"), Act::Exit(Exit::Failure)]);

    let mut face = begun(Task::Receive { from: None, count: 1 }, None);
    let offered = FileLine { id: 4, state: "offered", ..samples::folder_line() };
    let accept = Act::Command(Command::Accept { which: Which::File(4) });
    assert_eq!(face.on_output(ZERO, &files(vec![offered])), [accept]);
    assert!(face.on_output(ZERO, &part(Direction::Receiving, "complete")).is_empty());
    let acts = face.on_output(ZERO, &folder(Direction::Receiving, "complete"));
    assert_eq!(acts, [result("holiday"), Act::Exit(Exit::Done)]);
}

/// Such as files to oneself: none of them is ever begun.
#[test]
fn files_that_the_core_refuses_together_are_the_end() {
    let mut face = sending(None);
    let error = Output::Error { text: "That is you.".into() };
    assert_eq!(face.on_output(ZERO, &error), [Act::Exit(Exit::Unreachable)]);
    let mut face = sending(None);
    face.on_output(ZERO, &file(4, Direction::Sending, "hashing"));
    assert!(face.on_output(ZERO, &error).is_empty(), "about something else");
}

#[test]
fn files_to_nobody_have_the_code_of_messages_to_nobody() {
    let mut face = sending(None);
    let cancelled = |id| Output::File {
        file: FileLine {
            id,
            direction: Direction::Sending,
            state: "cancelled",
            reason: Some(NO_SUCH_USER.into()),
            ..samples::file_line()
        },
    };
    face.on_output(ZERO, &cancelled(4));
    let last = face.on_output(ZERO, &cancelled(5)).pop();
    assert_eq!(last, Some(Act::Exit(Exit::Unreachable)));
}

#[test]
fn an_offer_without_an_answer_stays_and_a_half_sent_file_is_late() {
    let late = Instant::from_micros(60_000_000);
    for (state, exit) in [("offered", Exit::Queued), ("running", Exit::Timeout)] {
        let mut face = sending(Some(60));
        face.on_output(ZERO, &file(4, Direction::Sending, state));
        assert_eq!(face.on_deadline(late).last(), Some(&Act::Exit(exit)));
        assert!(face.on_deadline(late).is_empty());
    }
}

fn offer(id: u64, from: &str) -> Output {
    Output::FileOffer {
        id,
        from: from.into(),
        room: None,
        name: "x".into(),
        size: Some(1),
        media_type: String::new(),
        blake3: None,
        files: None,
        media: None,
        eta: None,
        wait: None,
        notify: true,
    }
}

/// The server takes its time with the list of the blocked, and the other side does not wait for it.
#[test]
fn what_is_offered_before_the_task_has_begun_is_taken() {
    let mut face = OneShot::new(ZERO, Task::Receive { from: None, count: 1 }, None);
    face.on_output(ZERO, &logged_in());
    assert!(face.on_output(ZERO, &offer(5, "bob")).is_empty(), "he may be blocked");
    let list = face.on_output(ZERO, &blocked("mallory"));
    assert_eq!(list, [Act::Command(Command::Files { folder: None })], "as it is from now on");
    let offered = FileLine { id: 5, state: "offered", ..samples::file_line() };
    let acts = face.on_output(ZERO, &files(vec![offered]));
    assert_eq!(acts, [Act::Command(Command::Accept { which: Which::File(5) })]);
}

#[test]
fn as_many_files_are_taken_as_were_asked_for() {
    let task = Task::Receive { from: Some("Bob".into()), count: 2 };
    let mut face = begun(task, None);
    let accept = |id| Act::Command(Command::Accept { which: Which::File(id) });
    let line =
        |id, with: &str, state| FileLine { id, with: with.into(), state, ..samples::file_line() };
    let waiting =
        vec![line(1, "bob", "offered"), line(2, "eve", "offered"), line(3, "bob", "running")];
    assert_eq!(face.on_output(ZERO, &files(waiting)), [accept(1)]);
    assert!(face.on_output(ZERO, &offer(5, "eve")).is_empty());
    assert_eq!(face.on_output(ZERO, &offer(6, "bob")), [accept(6)], "3 may never arrive");
    assert!(face.on_output(ZERO, &offer(7, "bob")).is_empty(), "two are on their way");
    assert_eq!(face.on_output(ZERO, &file(1, Direction::Receiving, "cancelled")), [accept(7)]);
    let done = |id, path: &str| Output::File {
        file: FileLine { path: Some(path.into()), ..line(id, "bob", "complete") },
    };
    assert_eq!(face.on_output(ZERO, &done(6, "/d/x")), [result("/d/x")]);
    let acts = face.on_output(ZERO, &done(7, "/d/y\u{1b}"));
    assert_eq!(acts, [result("/d/y␛"), Act::Exit(Exit::Done)]);
}

/// `peer receive` was killed, and goes on when it is started again.
#[test]
fn a_file_that_was_accepted_before_is_awaited_too() {
    let mut face = begun(Task::Receive { from: None, count: 1 }, None);
    let line = |state, path: Option<&str>| FileLine {
        id: 1,
        state,
        path: path.map(str::to_owned),
        ..samples::file_line()
    };
    assert!(face.on_output(ZERO, &files(vec![line("waiting", None)])).is_empty());
    assert!(face.on_output(ZERO, &Output::File { file: line("running", None) }).is_empty());
    let acts = face.on_output(ZERO, &Output::File { file: line("complete", Some("/d/x")) });
    assert_eq!(acts, [result("/d/x"), Act::Exit(Exit::Done)]);
}

#[test]
fn fingerprints_are_shown() {
    let task = Task::Fingerprint { user: None };
    let mut face = OneShot::new(ZERO, task, None);
    let command = Command::Fingerprint { user: None };
    assert_eq!(face.on_output(ZERO, &logged_in()), [Act::Command(command)]);
    let print = |of: &str| Output::Fingerprint {
        of: of.into(),
        fingerprint: "0123".into(),
        safety_number: None,
        qr: None,
        verified: None,
        former: None,
    };
    assert_eq!(face.on_output(ZERO, &print("alice")), [result("alice 0123")]);
    let acts = face.on_output(ZERO, &print("server"));
    assert_eq!(acts, [result("server 0123"), Act::Exit(Exit::Done)]);

    let task = Task::Fingerprint { user: Some("bob".into()) };
    let mut face = OneShot::new(ZERO, task, None);
    face.on_output(ZERO, &logged_in());
    let acts = face.on_output(ZERO, &samples::outputs("hi")[samples::FINGERPRINT]);
    let Act::Result(number) = &acts[1] else { panic!("{acts:?}") };
    assert!(number.starts_with("bob safety number 01234 "), "{number}");
    assert!(number.ends_with(" 56789 (not verified)"), "{number}");
    assert_eq!(acts.last(), Some(&Act::Exit(Exit::Done)));
}

/// Nobody is there to type '/resume'.
#[test]
fn a_source_that_cannot_be_read_ends_sending() {
    let mut face = sending(None);
    face.on_output(ZERO, &file(4, Direction::Sending, "complete"));
    let by_hand = file(5, Direction::Sending, "paused");
    assert!(face.on_output(ZERO, &by_hand).is_empty(), "the other side goes on when it likes");
    let line = FileLine { reason: Some("cannot be read".into()), ..samples::file_line() };
    let paused = FileLine { id: 5, direction: Direction::Sending, state: "paused", ..line };
    let acts = face.on_output(ZERO, &Output::File { file: paused });
    let name = samples::file_line().name;
    assert_eq!(acts, [result(&format!("paused {name}")), Act::Exit(Exit::Failure)]);
}

fn deleted(by_this: bool) -> Output {
    Output::AccountDeleted { user: "alice".into(), kept: by_this.then(|| "folder".into()) }
}

/// What follows from the deletion, or from an earlier one whose answer was lost, is no failure.
#[test]
fn a_deletion_ends_when_the_account_is_gone_from_here_too() {
    let password = Secret::new("correct horse".to_owned());
    let task = Task::DeleteAccount { name: "Alice".into(), password: password.clone() };
    let command = Act::Command(Command::DeleteAccount { name: "Alice".into(), password });
    let out = Output::LoggedOut { reason: "because".into() };
    let needed = Output::LoginNeeded { reason: Some("because".into()) };
    let done = [result("deleted alice"), Act::Exit(Exit::Done)];
    let mut face = OneShot::new(ZERO, task.clone(), Some(Duration::from_secs(60)));
    assert_eq!(face.on_output(ZERO, &logged_in()), std::slice::from_ref(&command));
    assert!(face.is_deleting() && face.on_output(ZERO, &out).is_empty());
    assert_eq!(face.on_output(ZERO, &deleted(true)), done);
    assert!(!face.is_deleting() && face.on_output(ZERO, &needed).is_empty());

    let mut face = OneShot::new(ZERO, task.clone(), Some(Duration::from_secs(60)));
    assert_eq!(face.on_output(ZERO, &deleted(false)), std::slice::from_ref(&command));
    assert!(face.on_output(ZERO, &out).is_empty() && face.on_output(ZERO, &needed).is_empty());
    assert_eq!(face.on_output(ZERO, &deleted(true)), done);

    let error = Output::Error { text: "not deleted: wrong".into() };
    let mut face = OneShot::new(ZERO, task.clone(), Some(Duration::from_secs(60)));
    face.on_output(ZERO, &logged_in());
    assert_eq!(face.on_output(ZERO, &error), [Act::Exit(Exit::LoginFailed)]);
    let mut face = OneShot::new(ZERO, task, Some(Duration::from_secs(60)));
    assert_eq!(face.on_output(ZERO, &needed), [Act::Exit(Exit::LoginFailed)], "there is none");
    // To other tasks it is the end that follows from it.
    let mut face = OneShot::new(ZERO, message(), Some(Duration::from_secs(60)));
    assert!(face.on_output(ZERO, &deleted(false)).is_empty());
    assert_eq!(face.on_output(ZERO, &out), [Act::Exit(Exit::LoginFailed)]);
}

#[test]
fn a_code_is_printed_and_ends_when_it_is_proven_or_over() {
    let over = |fingerprint: Option<&str>| Output::CodeOver {
        number: 7,
        user: Some("bob".into()),
        fingerprint: fingerprint.map(str::to_owned),
        reason: fingerprint.is_none().then(|| "because".into()),
    };
    let code = Output::Code { code: "7-velvet-sausage".into(), seconds: 600 };
    let begun = |typed: Option<&str>| {
        let typed = typed.map(|typed| Secret::new(typed.to_owned()));
        let task = Task::Code { typed: typed.clone() };
        let mut face = OneShot::new(ZERO, task, Some(Duration::from_secs(600)));
        assert!(face.on_output(ZERO, &over(None)).is_empty(), "another one's");
        let acts = face.on_output(ZERO, &logged_in());
        assert_eq!(acts, [Act::Command(Command::Code { typed })]);
        face
    };
    let mut face = begun(None);
    assert_eq!(face.on_output(ZERO, &code), [result("7-velvet-sausage")]);
    let acts = face.on_output(ZERO, &over(Some("0123")));
    assert_eq!(acts, [result("verified bob"), Act::Exit(Exit::Done)]);
    assert!(face.on_output(ZERO, &over(None)).is_empty(), "ends once");
    let mut face = begun(Some("7 velvet sausage"));
    assert_eq!(face.on_output(ZERO, &over(None)), [Act::Exit(Exit::Unreachable)]);
    let mut face = begun(Some("7 velvet sausage"));
    let error = Output::Error { text: "Not done".into() };
    assert_eq!(face.on_output(ZERO, &error), [Act::Exit(Exit::Unreachable)]);
}
