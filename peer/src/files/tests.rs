use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};

use proptest::prelude::*;
use tempfile::TempDir;
use wire::app::peer::MAX_RANGE;

use super::*;

mod folders;

const ID: TransferId = TransferId([7; 16]);
const GROUP: u64 = 16 << 10;

/// A sender's and a receiver's disk.
struct Disks {
    dir: TempDir,
    sender: FileWorker,
    receiver: FileWorker,
}

#[derive(Clone)]
struct Offer {
    path: PathBuf,
    name: String,
    size: u64,
    root: [u8; 32],
}

impl Disks {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let worker = |who: &str| {
            FileWorker::new(&dir.path().join(who), &dir.path().join(who).join("downloads")).unwrap()
        };
        Self { sender: worker("alice"), receiver: worker("bob"), dir }
    }

    /// The sender's program ends and starts again.
    fn restart_sender(&mut self) {
        let alice = self.dir.path().join("alice");
        self.sender = FileWorker::new(&alice, &alice.join("downloads")).unwrap();
    }

    /// Waits until whoever changes a file from now on is told by its date.
    fn let_the_clock_tick(&self, path: &Path) {
        let date = |path: &Path| path.metadata().map(|at| (at.ctime(), at.ctime_nsec())).unwrap();
        while date(&self.source("clock", b"")) <= date(path) {}
    }

    /// The receiver's program ends and starts again.
    fn restart_receiver(&mut self) {
        let bob = self.dir.path().join("bob");
        self.receiver = FileWorker::new(&bob, &bob.join("downloads")).unwrap();
    }

    fn source(&self, name: &str, contents: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, contents).unwrap();
        path
    }

    fn offer(&self, name: &str, contents: &[u8]) -> Offer {
        match run(&self.sender, FileRequest::Hash { id: ID, path: self.source(name, contents) }) {
            Ok(FileReply::Hashed { path, name, size, root, .. }) => {
                assert_eq!(root, *blake3::hash(contents).as_bytes());
                Offer { path, name, size, root }
            }
            other => panic!("{other:?}"),
        }
    }

    fn encode(&self, offer: &Offer, offset: u64, len: u32) -> Result<Vec<u8>, FileError> {
        let Offer { path, size, root, .. } = offer.clone();
        // What is left of another range, shorter or longer than this one.
        let buffer = vec![1; (offset % 7) as usize * 10_000];
        let request = FileRequest::Encode { id: ID, path, size, root, offset, len, buffer };
        let FileReply::Encoded(encoded) = run(&self.sender, request)? else { panic!() };
        Ok(encoded)
    }

    fn prepare(&self, offer: &Offer) -> Result<Vec<(u64, u64)>, FileError> {
        let Offer { name, size, root, .. } = offer.clone();
        let request = FileRequest::Prepare { id: ID, name, size, root, place: Destination::Usual };
        let FileReply::Ready { present } = run(&self.receiver, request)? else { panic!() };
        Ok(present)
    }

    fn write(&self, offset: u64, len: u32, encoded: Vec<u8>) -> Result<FileReply, FileError> {
        run(&self.receiver, FileRequest::Write { id: ID, offset, len, encoded })
    }

    fn fetch(&self, offer: &Offer, offset: u64, len: u32) {
        let encoded = self.encode(offer, offset, len).unwrap();
        let room = encoded.as_ptr();
        let written = self.write(offset, len, encoded);
        assert!(
            matches!(written, Ok(FileReply::Written { room: given, .. }) if given.as_ptr() == room)
        );
    }

    fn fetch_from(&self, offer: &Offer, mut offset: u64) {
        while offset < offer.size {
            let len = (offer.size - offset).min(u64::from(MAX_RANGE));
            self.fetch(offer, offset, u32::try_from(len).unwrap());
            offset += len;
        }
    }

    fn finish(&self) -> Result<PathBuf, FileError> {
        let reply = run(&self.receiver, FileRequest::Finish { id: ID })?;
        let FileReply::Finished { path, .. } = reply else { panic!() };
        Ok(path)
    }

    fn forget(&self, direction: Direction) {
        let worker = match direction {
            Direction::Sending => &self.sender,
            Direction::Receiving => &self.receiver,
        };
        let request =
            FileRequest::Forget { id: ID, direction, place: Destination::Usual, source: None };
        assert_eq!(run(worker, request), Ok(FileReply::Done));
    }

    fn downloads(&self) -> PathBuf {
        self.dir.path().join("bob/downloads")
    }

    fn downloaded(&self) -> Vec<String> {
        names_in(&self.downloads())
    }
}

fn run(worker: &FileWorker, request: FileRequest) -> Result<FileReply, FileError> {
    worker.run(request, &mut |_| {})
}

fn names_in(path: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Bytes in which no group is like another.
fn contents(size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    blake3::Hasher::new().update(&size.to_be_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// Hashing that waits behind another file is not even begun when it was given up.
#[test]
fn a_job_that_waits_can_be_given_up() {
    let disks = Disks::new();
    let path = disks.source("film", &[1; 100_000]);
    let hash = FileRequest::Hash { id: ID, path: path.clone() };
    disks.sender.expect(&hash);
    run(
        &disks.sender,
        FileRequest::Forget {
            id: ID,
            direction: Direction::Sending,
            place: Destination::Usual,
            source: None,
        },
    )
    .unwrap();
    let FileError::Source(why) = run(&disks.sender, hash).unwrap_err() else { panic!() };
    assert!(why.contains("no longer wanted"), "{why}");
    assert!(run(&disks.sender, FileRequest::Hash { id: ID, path }).is_ok(), "wanted anew");
}

#[test]
fn files_of_every_shape_arrive() {
    for size in [0, 1, 16_383, 16_384, 16_385, 32_768, 1 << 20, (1 << 20) + 1, 3_333_333] {
        let disks = Disks::new();
        let bytes = contents(size);
        let offer = disks.offer("film.mp4", &bytes);
        assert_eq!(disks.prepare(&offer), Ok(vec![]));
        disks.fetch_from(&offer, 0);
        let path = disks.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
        assert_eq!(path.metadata().unwrap().mode() & 0o111, 0, "never executable");
        disks.forget(Direction::Receiving);
        disks.forget(Direction::Sending);
        assert_eq!(disks.downloaded(), ["film.mp4"], "nothing is left but the file");
        assert_eq!(names_in(&disks.dir.path().join("bob/trees")), [""; 0]);
        assert_eq!(names_in(&disks.dir.path().join("alice/trees")), [""; 0]);
    }
}

#[test]
fn hashing_tells_what_can_be_offered() {
    let disks = Disks::new();
    let path = disks.source("Mein Film.MKV", b"x");
    let reply = run(&disks.sender, FileRequest::Hash { id: ID, path: path.clone() });
    let Ok(FileReply::Hashed { name, media_type, .. }) = reply else { panic!("{reply:?}") };
    assert_eq!((name.as_str(), media_type.as_str()), ("Mein Film.MKV", "video/matroska"));
    // Through a link the file that it names, under the link's name.
    let link = disks.dir.path().join("link.mp4");
    symlink(&path, &link).unwrap();
    let reply = run(&disks.sender, FileRequest::Hash { id: ID, path: link });
    let Ok(FileReply::Hashed { name, path: real, .. }) = reply else { panic!("{reply:?}") };
    assert_eq!((name.as_str(), real), ("link.mp4", path.canonicalize().unwrap()));
}

#[test]
fn what_is_no_file_is_not_offered() {
    let disks = Disks::new();
    let fifo = disks.dir.path().join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .unwrap();
    for (path, why) in [
        (fifo, "is no ordinary file"),
        (PathBuf::from("/dev/null"), "is no ordinary file"),
        (disks.dir.path().join("absent"), "there is no such file"),
    ] {
        let error = run(&disks.sender, FileRequest::Hash { id: ID, path }).unwrap_err();
        assert!(matches!(&error, FileError::Source(text) if text.contains(why)), "{error:?}");
    }
    assert_eq!(names_in(&disks.dir.path().join("alice/trees")), [""; 0]);
}

#[test]
fn a_file_that_grows_while_it_is_hashed_is_refused() {
    let disks = Disks::new();
    let path = disks.source("growing", &contents(40 << 20));
    let mut reports = 0;
    let outcome = disks.sender.run(FileRequest::Hash { id: ID, path: path.clone() }, &mut |_| {
        reports += 1;
        let file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        io::Write::write_all(&mut &file, b"more").unwrap();
    });
    assert_eq!(reports, 1);
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains("changed while it was read"), "{error}");
}

/// Security acceptance I09.
#[test]
fn a_source_that_changed_or_is_gone_is_found_out() {
    let disks = Disks::new();
    let bytes = contents(100_000);
    let offer = disks.offer("film", &bytes);
    disks.encode(&offer, 0, 100_000).unwrap();

    let file = std::fs::OpenOptions::new().write(true).open(&offer.path).unwrap();
    file.write_at(b"!", 50_000).unwrap();
    assert!(disks.encode(&offer, 0, 16_384).is_ok(), "this group is still right");
    assert_eq!(disks.encode(&offer, 0, 100_000), Err(FileError::SourceChanged));
    file.set_len(60_000).unwrap();
    assert_eq!(disks.encode(&offer, 0, 16_384), Err(FileError::SourceChanged), "other size");

    std::fs::write(&offer.path, &bytes).unwrap();
    assert!(disks.encode(&offer, 0, 100_000).is_ok(), "and is right again");
    disks.forget(Direction::Sending);
    let error = disks.encode(&offer, 0, 16_384).unwrap_err().to_string();
    assert!(error.contains("hash tree is gone"), "{error}");
    std::fs::remove_file(&offer.path).unwrap();
    let error = disks.encode(&offer, 0, 16_384).unwrap_err().to_string();
    assert!(error.contains("no such file"), "{error}");
}

/// Security acceptance I09: what nobody has touched is not hashed for every reader again; when in
/// doubt it is.
#[test]
fn a_source_is_hashed_again_only_when_somebody_may_have_changed_it() {
    let mut disks = Disks::new();
    let path = disks.source("film", &contents(100_000));
    disks.let_the_clock_tick(&path);
    let hash = FileRequest::Hash { id: ID, path: path.clone() };
    let Ok(FileReply::Hashed { path, name, size, root, .. }) = run(&disks.sender, hash) else {
        panic!()
    };
    let offer = Offer { path, name, size, root };
    let file = std::fs::OpenOptions::new().write(true).open(&offer.path).unwrap();
    file.write_at(b"!", 50_000).unwrap();
    assert_eq!(disks.encode(&offer, 0, 100_000), Err(FileError::SourceChanged), "by its date");

    // As if the system had not said so: the receiver finds out, and keeps what is right.
    let untold = source::Look::at(&file).unwrap();
    disks.sender.0.state().looks.insert(ID, untold);
    let wrong = disks.encode(&offer, 0, 100_000).unwrap();
    assert_eq!(disks.prepare(&offer), Ok(vec![]));
    assert_eq!(disks.write(0, 100_000, wrong), Err(FileError::Corrupt));
    assert_eq!(disks.prepare(&offer), Ok(vec![(0, 3 * GROUP)]));

    disks.restart_sender();
    assert_eq!(disks.encode(&offer, 0, 100_000), Err(FileError::SourceChanged), "not seen before");
    file.write_at(&contents(100_000)[50_000..50_001], 50_000).unwrap();
    assert!(disks.encode(&offer, 0, 100_000).is_ok(), "another date, the same bytes");
}

/// Two changes within a tick of the clock have one date: the second would not be seen.
#[test]
fn the_date_of_a_file_that_was_just_changed_is_not_trusted() {
    let disks = Disks::new();
    // Most are hashed within a tick of being written, where the machine has nothing else to do.
    let mut looks = (0..10_000).map(|_| {
        disks.offer("film", &contents(20_000));
        disks.sender.0.state().looks.remove(&ID)
    });
    assert!(looks.any(|look| look.is_none()), "all of them are trusted");
}

/// Security acceptance I04: nothing wrong is ever written, and what was right before stays.
#[test]
fn a_wrong_group_is_never_written() {
    let mut disks = Disks::new();
    let bytes = contents(200_000);
    let offer = disks.offer("film", &bytes);
    disks.prepare(&offer).unwrap();
    let right = disks.encode(&offer, 0, 200_000).unwrap();
    for at in [0, 40, 2_000, 100_000, right.len() - 1] {
        let mut wrong = right.clone();
        wrong[at] ^= 1;
        assert_eq!(disks.write(0, 200_000, wrong), Err(FileError::Corrupt), "byte {at}");
    }
    let mut longer = right.clone();
    longer.push(0);
    let mut shorter = right;
    shorter.pop();
    for wrong in [longer, shorter, Vec::new()] {
        assert_eq!(disks.write(0, 200_000, wrong), Err(FileError::Corrupt));
    }
    let partial = disks.downloads().join(&disks.downloaded()[0]);
    let written = std::fs::read(partial).unwrap();
    assert_eq!(written, bytes[..written.len()], "only what is right");
    disks.restart_receiver();
    let present = disks.prepare(&offer).unwrap();
    assert_eq!(present, [(0, written.len() as u64)], "and what was right needs not come again");
}

#[test]
fn a_lie_about_size_or_root_is_found_out() {
    let disks = Disks::new();
    let bytes = contents(100_000);
    let honest = disks.offer("film", &bytes);
    for lie in [
        Offer { size: 99_999, ..honest.clone() },
        Offer { size: 100_001, ..honest.clone() },
        Offer { size: 1 << 40, ..honest.clone() },
        Offer { root: [0; 32], ..honest.clone() },
    ] {
        disks.forget(Direction::Receiving);
        if disks.prepare(&lie).is_err() {
            continue; // No room for a tebibyte here: told at once.
        }
        // What a sender could answer at best: the truth.
        let last = 6 * GROUP;
        let len = u32::try_from(honest.size - last).unwrap();
        let encoded = disks.encode(&honest, last, len).unwrap();
        assert_eq!(disks.write(last, len, encoded), Err(FileError::Corrupt));
    }
    let empty = Offer { size: 0, ..honest.clone() };
    assert_eq!(disks.prepare(&empty), Err(FileError::Corrupt));
    let endless = Offer { size: 1 << 63, ..honest };
    assert!(matches!(disks.prepare(&endless), Err(FileError::Target(_))));
}

/// Security acceptance I08: after a restart only what is wrong is fetched again.
#[test]
fn a_partial_file_is_believed_only_after_hashing() {
    let mut disks = Disks::new();
    let bytes = contents(320_000);
    let offer = disks.offer("film.mp4", &bytes);
    disks.prepare(&offer).unwrap();
    disks.fetch_from(&offer, 0);
    disks.restart_receiver();
    assert_eq!(disks.prepare(&offer), Ok(vec![(0, 320_000)]));

    let partial = disks.downloads().join(&disks.downloaded()[0]);
    let file = std::fs::OpenOptions::new().write(true).open(&partial).unwrap();
    file.write_at(b"tampered", 3 * GROUP + 5).unwrap();
    file.set_len(300_000).unwrap();
    disks.restart_receiver();
    let tail = 18 * GROUP;
    assert_eq!(disks.prepare(&offer), Ok(vec![(0, 3 * GROUP), (4 * GROUP, tail)]));
    disks.fetch(&offer, 3 * GROUP, 16_384);
    disks.fetch(&offer, tail, u32::try_from(320_000 - tail).unwrap());
    assert_eq!(std::fs::read(disks.finish().unwrap()).unwrap(), bytes);

    // A tree that was tampered with makes nothing wrong look right.
    disks.forget(Direction::Receiving);
    std::fs::remove_file(disks.downloads().join("film.mp4")).unwrap();
    disks.prepare(&offer).unwrap();
    disks.fetch_from(&offer, 0);
    let tree = std::fs::OpenOptions::new()
        .write(true)
        .open(disks.dir.path().join("bob/trees").join(file_name(ID, "tree")))
        .unwrap();
    tree.write_at(&[0; 32], 0).unwrap();
    disks.restart_receiver();
    let present = disks.prepare(&offer).unwrap();
    assert!(!present.is_empty() && present[0].0 == 2 * GROUP, "{present:?}");
}

#[test]
fn a_partial_file_that_is_too_long_is_cut() {
    let mut disks = Disks::new();
    let bytes = contents(50_000);
    let offer = disks.offer("film", &bytes);
    disks.prepare(&offer).unwrap();
    disks.fetch_from(&offer, 0);
    let partial = disks.downloads().join(&disks.downloaded()[0]);
    io::Write::write_all(
        &mut std::fs::OpenOptions::new().append(true).open(partial).unwrap(),
        b"tail",
    )
    .unwrap();
    assert!(matches!(disks.finish(), Err(FileError::Target(_))), "not called complete");
    disks.restart_receiver();
    assert_eq!(disks.prepare(&offer), Ok(vec![(0, 50_000)]));
    assert_eq!(std::fs::read(disks.finish().unwrap()).unwrap(), bytes);
}

/// Security acceptance I07: a program killed at any point between two writes goes on.
#[test]
fn a_kill_at_any_step_loses_nothing_that_was_written() {
    let bytes = contents(10 * 16_384 - 100);
    let mut disks = Disks::new();
    let offer = disks.offer("film", &bytes);
    for group in 0..10 {
        disks.restart_receiver();
        let offset = group * GROUP;
        let expected = if group == 0 { vec![] } else { vec![(0, offset)] };
        assert_eq!(disks.prepare(&offer), Ok(expected));
        disks.fetch(&offer, offset, u32::try_from((offer.size - offset).min(GROUP)).unwrap());
    }
    let path = disks.finish().unwrap();
    // Killed after the renaming, before it was recorded: found under its final name, twice.
    for _ in 0..2 {
        disks.restart_receiver();
        assert_eq!(disks.prepare(&offer), Ok(vec![(0, offer.size)]));
        assert_eq!(disks.finish(), Ok(path.clone()));
    }
    assert_eq!(disks.downloaded(), ["film"]);
}

#[test]
fn a_kill_between_the_steps_of_renaming_is_mended() {
    let mut disks = Disks::new();
    let bytes = contents(20_000);
    let offer = disks.offer("film", &bytes);
    disks.prepare(&offer).unwrap();
    disks.fetch_from(&offer, 0);
    let partial = disks.downloaded()[0].clone();
    let names = target::Names { partial: partial.clone(), complete: Some("film".to_owned()) };
    // The name is on record, the renaming did not happen.
    names.save(&disks.receiver.0, ID).unwrap();
    disks.restart_receiver();
    assert_eq!(disks.prepare(&offer), Ok(vec![(0, 20_000)]));
    // Where renaming takes two steps: both names are there.
    std::fs::hard_link(disks.downloads().join(&partial), disks.downloads().join("film")).unwrap();
    names.save(&disks.receiver.0, ID).unwrap();
    disks.restart_receiver();
    assert_eq!(disks.prepare(&offer), Ok(vec![(0, 20_000)]));
    assert_eq!(disks.finish().unwrap(), disks.downloads().canonicalize().unwrap().join("film"));
    assert_eq!(disks.downloaded(), ["film"]);
}

/// Whatever its headers do to the program, they do it once.
#[test]
fn headers_are_not_read_again_after_a_restart() {
    let mut disks = Disks::new();
    let offer = disks.offer("film.mp4", &headers::samples::mp4(true));
    disks.prepare(&offer).unwrap();
    disks.fetch_from(&offer, 0);
    let partial = disks.downloaded()[0].clone();
    let finish = |disks: &Disks| match run(&disks.receiver, FileRequest::Finish { id: ID }) {
        Ok(FileReply::Finished { headers, .. }) => headers,
        other => panic!("{other:?}"),
    };
    // Killed before it had its name.
    disks.restart_receiver();
    assert_eq!(disks.downloaded(), [partial]);
    disks.prepare(&offer).unwrap();
    assert!(matches!(finish(&disks), Headers::Read(Some(_))));
    // Killed before anybody was told.
    disks.restart_receiver();
    assert_eq!(disks.prepare(&offer), Ok(vec![(0, offer.size)]));
    assert_eq!(finish(&disks), Headers::Unread);
    assert_eq!(disks.downloaded(), ["film.mp4"]);
}

/// A file of the user's under the recorded name is not taken for the one that arrived.
#[test]
fn another_file_under_the_final_name_is_not_ours() {
    let mut disks = Disks::new();
    let offer = disks.offer("film", &contents(20_000));
    disks.prepare(&offer).unwrap();
    disks.fetch_from(&offer, 0);
    let partial = disks.downloaded()[0].clone();
    let names = target::Names { partial: partial.clone(), complete: Some("film".to_owned()) };
    names.save(&disks.receiver.0, ID).unwrap();
    std::fs::remove_file(disks.downloads().join(&partial)).unwrap();
    std::fs::write(disks.downloads().join("film"), contents(20_001)).unwrap();
    disks.restart_receiver();
    assert_eq!(disks.prepare(&offer), Ok(vec![]));
    disks.fetch_from(&offer, 0);
    assert!(disks.finish().unwrap().ends_with("film (2)"));
    assert_eq!(std::fs::read(disks.downloads().join("film")).unwrap(), contents(20_001));
}

/// Security acceptance I03.
#[test]
fn nothing_is_overwritten() {
    let disks = Disks::new();
    let bytes = contents(30_000);
    let offer = disks.offer("film.mp4", &bytes);
    std::fs::write(disks.downloads().join("film.mp4"), "mine").unwrap();
    std::fs::create_dir(disks.downloads().join("film (2).mp4")).unwrap();
    symlink("/nowhere", disks.downloads().join("film (3).mp4")).unwrap();
    disks.prepare(&offer).unwrap();
    disks.fetch_from(&offer, 0);
    assert!(disks.finish().unwrap().ends_with("film (4).mp4"));
    assert_eq!(std::fs::read(disks.downloads().join("film.mp4")).unwrap(), b"mine");
    assert!(disks.downloads().join("film (3).mp4").is_symlink());
}

/// Where the file system can: in memory, and on some others, the room is taken as the file grows.
#[test]
fn the_room_for_a_file_is_set_aside_once() {
    let mut disks = Disks::new();
    let offer = disks.offer("film", &contents(3_000_000));
    assert_eq!(disks.prepare(&offer), Ok(vec![]));
    let partial = disks.downloads().join(&disks.downloaded()[0]);
    let room = partial.metadata().unwrap().blocks() * 512;
    assert_eq!(partial.metadata().unwrap().len(), 0, "what is not there is not claimed to be");
    let probe = std::fs::File::create(disks.downloads().join("probe")).unwrap();
    let flags = rustix::fs::FallocateFlags::KEEP_SIZE;
    let can = rustix::fs::fallocate(&probe, flags, 0, 1).is_ok();
    let is_memory = rustix::fs::fstatfs(&probe).unwrap().f_type == target::TMPFS_MAGIC;
    assert_eq!(room >= offer.size, can && !is_memory, "{room}");

    disks.restart_receiver();
    assert_eq!(disks.prepare(&offer), Ok(vec![]));
    disks.fetch_from(&offer, 0);
    assert!(partial.metadata().unwrap().blocks() * 512 < offer.size + (1 << 20), "not once more");
    assert_eq!(std::fs::read(disks.finish().unwrap()).unwrap(), contents(3_000_000));
}

/// Security acceptance I02.
#[test]
fn nothing_is_written_through_what_was_put_in_the_way() {
    let disks = Disks::new();
    let offer = disks.offer("film", &contents(30_000));
    disks.prepare(&offer).unwrap();
    let partial = disks.downloads().join(&disks.downloaded()[0]);
    disks.forget(Direction::Receiving);
    let victim = disks.dir.path().join("victim");
    std::fs::write(&victim, "precious").unwrap();

    symlink(&victim, &partial).unwrap();
    assert!(matches!(disks.prepare(&offer), Err(FileError::Target(_))), "symbolic link");
    std::fs::remove_file(&partial).unwrap();
    symlink(disks.dir.path().join("not-yet"), &partial).unwrap();
    assert!(matches!(disks.prepare(&offer), Err(FileError::Target(_))), "dangling link");
    std::fs::remove_file(&partial).unwrap();
    std::fs::hard_link(&victim, &partial).unwrap();
    assert!(matches!(disks.prepare(&offer), Err(FileError::Target(_))), "hard link");
    std::fs::remove_file(&partial).unwrap();
    std::fs::create_dir(&partial).unwrap();
    assert!(matches!(disks.prepare(&offer), Err(FileError::Target(_))), "folder");
    std::fs::remove_dir(&partial).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &partial, rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .unwrap();
    assert!(matches!(disks.prepare(&offer), Err(FileError::Target(_))), "pipe");
    std::fs::remove_file(&partial).unwrap();

    assert_eq!(std::fs::read(&victim).unwrap(), b"precious");
    assert!(!disks.dir.path().join("not-yet").exists());
    assert_eq!(disks.prepare(&offer), Ok(vec![]), "and without them it goes on");
}

/// Security acceptance I02: swapped while the transfer runs.
#[test]
fn a_swapped_folder_or_file_changes_nothing() {
    let disks = Disks::new();
    let bytes = contents(30_000);
    let offer = disks.offer("film", &bytes);
    disks.prepare(&offer).unwrap();
    let moved = disks.dir.path().join("moved");
    let victim = disks.dir.path().join("victim");
    std::fs::create_dir(&victim).unwrap();
    std::fs::rename(disks.downloads(), &moved).unwrap();
    symlink(&victim, disks.downloads()).unwrap();
    disks.fetch_from(&offer, 0);
    disks.finish().unwrap();
    assert_eq!(names_in(&victim), [""; 0]);
    assert_eq!(std::fs::read(moved.join("film")).unwrap(), bytes);

    let disks = Disks::new();
    let offer = disks.offer("film", &bytes);
    disks.prepare(&offer).unwrap();
    let partial = disks.downloads().join(&disks.downloaded()[0]);
    disks.fetch_from(&offer, 0);
    std::fs::remove_file(&partial).unwrap();
    std::fs::write(&partial, contents(30_001)).unwrap();
    let error = disks.finish().unwrap_err().to_string();
    assert!(error.contains("changed or replaced"), "{error}");
    assert_eq!(disks.downloaded(), [partial.file_name().unwrap().to_str().unwrap()]);
}

/// Only a file with this transfer's ending is ever removed, whatever the record says.
#[test]
fn forgetting_removes_only_its_own() {
    let disks = Disks::new();
    std::fs::write(disks.downloads().join("mine"), "x").unwrap();
    let names = disks.dir.path().join("bob/trees").join(file_name(ID, "names"));
    std::fs::write(&names, "mine\n").unwrap();
    disks.forget(Direction::Receiving);
    assert_eq!(disks.downloaded(), ["mine"]);
    assert!(!names.exists());
}

#[test]
fn a_long_job_ends_when_nobody_wants_it() {
    let disks = Disks::new();
    let path = disks.source("large", &contents(70 << 20));
    let sender = disks.sender.clone();
    let mut reports = 0;
    let outcome = disks.sender.run(FileRequest::Hash { id: ID, path }, &mut |_| {
        reports += 1;
        let direction = Direction::Sending;
        run(
            &sender,
            FileRequest::Forget { id: ID, direction, place: Destination::Usual, source: None },
        )
        .unwrap();
    });
    assert_eq!(reports, 1);
    assert!(outcome.unwrap_err().to_string().contains("no longer wanted"));
    assert_eq!(names_in(&disks.dir.path().join("alice/trees")), [""; 0]);
}

#[test]
fn many_transfers_share_few_descriptors() {
    let disks = Disks::new();
    let bytes = contents(20_000);
    let offer = disks.offer("film", &bytes);
    let encoded = disks.encode(&offer, 0, 20_000).unwrap();
    let id = |number: u8| TransferId([number; 16]);
    for number in 0..200 {
        let Offer { name, size, root, .. } = offer.clone();
        let request =
            FileRequest::Prepare { id: id(number), name, size, root, place: Destination::Usual };
        run(&disks.receiver, request).unwrap();
    }
    assert!(disks.receiver.0.state().open_targets.len() <= 64);
    for number in 0..200 {
        let encoded = encoded.clone();
        let request = FileRequest::Write { id: id(number), offset: 0, len: 20_000, encoded };
        assert!(matches!(run(&disks.receiver, request), Ok(FileReply::Written { .. })));
        run(&disks.receiver, FileRequest::Finish { id: id(number) }).unwrap();
    }
    assert_eq!(disks.downloaded().len(), 200);
}

#[test]
fn requests_for_what_is_not_open_are_errors() {
    let disks = Disks::new();
    assert!(matches!(disks.write(0, 1, vec![]), Err(FileError::Target(_))));
    assert!(matches!(disks.finish(), Err(FileError::Target(_))));
    disks.forget(Direction::Receiving);
}

#[test]
fn an_open_folder_for_trees_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let trees = dir.path().join("data/trees");
    std::fs::create_dir_all(&trees).unwrap();
    std::fs::set_permissions(&trees, PermissionsExt::from_mode(0o777)).unwrap();
    assert!(FileWorker::new(&dir.path().join("data"), &dir.path().join("d")).is_err());
}

/// A file beyond 4 GiB, without the bytes in between: offsets are 64 bits everywhere.
#[test]
fn a_file_beyond_four_gibibytes_arrives_in_part() {
    let disks = Disks::new();
    let path = disks.dir.path().join("huge");
    let file = std::fs::File::create(&path).unwrap();
    let size = (4 << 30) + 12_345;
    file.set_len(size).unwrap();
    file.write_at(b"end", size - 3).unwrap();
    let reply = run(&disks.sender, FileRequest::Hash { id: ID, path });
    let Ok(FileReply::Hashed { path, name, size: hashed, root, .. }) = reply else { panic!() };
    assert_eq!(hashed, size);
    let offer = Offer { path, name, size, root };
    disks.prepare(&offer).unwrap();
    let last = size / GROUP * GROUP;
    disks.fetch(&offer, last, u32::try_from(size - last).unwrap());
    assert_eq!(disks.prepare(&offer), Ok(vec![(last, size)]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Ranges in any order, with restarts between them, make the same file.
    #[test]
    fn ranges_in_any_order_make_the_file(
        size in 1_usize..400_000,
        order in prop::collection::vec((0_u64..25, 1_u64..9, any::<bool>()), 0..20),
    ) {
        let mut disks = Disks::new();
        let bytes = contents(size);
        let offer = disks.offer("film", &bytes);
        disks.prepare(&offer).unwrap();
        for (group, groups, restart) in order {
            let offset = group * GROUP;
            if offset < offer.size {
                let len = (groups * GROUP).min(offer.size - offset);
                disks.fetch(&offer, offset, u32::try_from(len).unwrap());
            }
            if restart {
                disks.restart_receiver();
                for (start, end) in disks.prepare(&offer).unwrap() {
                    prop_assert!(start % GROUP == 0 && start < end && end <= offer.size);
                }
            }
        }
        disks.fetch_from(&offer, 0);
        prop_assert_eq!(std::fs::read(disks.finish().unwrap()).unwrap(), bytes);
    }
}
