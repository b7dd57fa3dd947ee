//! Files that grow, on a real disk.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use wire::app::peer::TransferId;

use crate::files::FileWorker;
use crate::work::{Destination, Direction, FileError, FileReply, FileRequest};

const ID: TransferId = TransferId([7; 16]);
const GROUP: usize = 16 << 10;

struct Disk {
    dir: TempDir,
    worker: FileWorker,
}

impl Disk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let worker = FileWorker::new(dir.path(), &dir.path().join("downloads")).unwrap();
        Self { dir, worker }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn run(&self, request: FileRequest) -> Result<FileReply, FileError> {
        self.worker.run(request, &mut |_| {})
    }

    fn begin(&self, path: &Path) -> Result<FileReply, FileError> {
        self.run(FileRequest::BeginLive { id: ID, path: path.to_owned(), name: None })
    }

    fn look(&self, path: &Path) -> Result<FileReply, FileError> {
        let path = path.to_owned();
        self.run(FileRequest::LookLive { id: ID, path, asks_for_writers: true })
    }

    fn read(&self, path: &Path, offset: u64, len: u32) -> Result<FileReply, FileError> {
        let (path, buffer) = (path.to_owned(), vec![9; 3]);
        self.run(FileRequest::ReadLive { id: ID, path, offset, len, buffer })
    }

    fn prepare_live(&self) -> Result<FileReply, FileError> {
        self.run(FileRequest::PrepareLive {
            id: ID,
            name: "film.mkv".to_owned(),
            place: Destination::Usual,
        })
    }

    fn append(&self, offset: u64, bytes: &[u8]) {
        let bytes = bytes.to_vec();
        let written = self.run(FileRequest::WriteLive { id: ID, offset, bytes });
        assert!(matches!(written, Ok(FileReply::Written { .. })), "{written:?}");
    }

    fn prepare(&self, whole: &[u8]) -> Result<FileReply, FileError> {
        let (size, root) = (whole.len() as u64, *blake3::hash(whole).as_bytes());
        let name = "film.mkv".to_owned();
        self.run(FileRequest::Prepare { id: ID, name, size, root, place: Destination::Usual })
    }

    fn finish(&self) -> PathBuf {
        match self.run(FileRequest::Finish { id: ID }) {
            Ok(FileReply::Finished { path, .. }) => path,
            other => panic!("{other:?}"),
        }
    }
}

fn bytes(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(b"live").finalize_xof().fill(&mut bytes);
    bytes
}

/// Whoever sends the whole file: another disk, with the same id.
struct Source {
    disk: Disk,
    path: PathBuf,
    whole: Vec<u8>,
}

impl Source {
    fn of(whole: &[u8]) -> Self {
        let disk = Disk::new();
        let path = disk.path("source");
        fs::write(&path, whole).unwrap();
        let hashed = disk.run(FileRequest::Hash { id: ID, path: path.clone() });
        assert!(matches!(hashed, Ok(FileReply::Hashed { .. })), "{hashed:?}");
        Self { disk, path, whole: whole.to_vec() }
    }

    /// Hands a range over; what is right besides.
    fn give(&self, to: &Disk, offset: u64, len: u32) -> Vec<(u64, u64)> {
        let (size, root) = (self.whole.len() as u64, *blake3::hash(&self.whole).as_bytes());
        let (path, buffer) = (self.path.clone(), Vec::new());
        let request = FileRequest::Encode { id: ID, path, size, root, offset, len, buffer };
        let Ok(FileReply::Encoded(encoded)) = self.disk.run(request) else { panic!("not encoded") };
        match to.run(FileRequest::Write { id: ID, offset, len, encoded }) {
            Ok(FileReply::Written { also, .. }) => also,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn who_writes_and_how_long_it_is_are_told() {
    let disk = Disk::new();
    let path = disk.path("cam.mkv");
    let mut writer = File::create(&path).unwrap();
    writer.write_all(&bytes(100)).unwrap();
    let begun = disk.begin(&path);
    let Ok(FileReply::Grows { name, media_type, size: 100, has_writer: true, .. }) = begun else {
        panic!("{begun:?}");
    };
    assert_eq!((name.as_str(), media_type.as_str()), ("cam.mkv", "video/matroska"));
    writer.write_all(&bytes(50)).unwrap();
    assert_eq!(disk.look(&path), Ok(FileReply::Grown { size: 150, has_writer: true }));
    drop(writer);
    assert_eq!(disk.look(&path), Ok(FileReply::Grown { size: 150, has_writer: false }));
    assert_eq!(disk.read(&path, 140, 1 << 20), Ok(FileReply::Encoded(bytes(50)[40..].to_vec())));
    assert_eq!(disk.read(&path, 10, 5), Ok(FileReply::Encoded(bytes(100)[10..15].to_vec())));
    assert_eq!(disk.read(&path, 150, 5), Ok(FileReply::Encoded(Vec::new())));
    let named = FileRequest::BeginLive { id: ID, path, name: Some("a/b.mp4".to_owned()) };
    let Ok(FileReply::Grows { name, media_type, .. }) = disk.run(named) else { panic!() };
    assert_eq!((name.as_str(), media_type.as_str()), ("b.mp4", "video/mp4"));
}

#[test]
fn a_file_that_is_cut_short_or_replaced_is_told() {
    let cut: fn(&Path) =
        |path| File::options().write(true).open(path).unwrap().set_len(99).unwrap();
    let replace: fn(&Path) = |path| {
        fs::write(path.with_extension("new"), bytes(200)).unwrap();
        fs::rename(path.with_extension("new"), path).unwrap();
    };
    for change in [cut, replace] {
        let disk = Disk::new();
        let path = disk.path("cam.mkv");
        fs::write(&path, bytes(100)).unwrap();
        disk.begin(&path).unwrap();
        change(&path);
        assert_eq!(disk.look(&path), Err(FileError::NoLonger));
        assert_eq!(disk.read(&path, 0, 10), Err(FileError::NoLonger));
        // Forgotten, it is begun anew.
        let (id, direction) = (ID, Direction::Sending);
        disk.run(FileRequest::Forget {
            id,
            direction,
            place: Destination::Usual,
            source: Some(path.clone()),
        })
        .unwrap();
        assert!(path.exists(), "it is the user's");
        assert!(disk.look(&path).is_ok());
    }
    let disk = Disk::new();
    let gone = disk.look(&disk.path("none"));
    assert!(matches!(gone, Err(FileError::Source(_))), "{gone:?}");
    assert!(matches!(disk.begin(disk.dir.path()), Err(FileError::Source(_))), "a folder");
}

#[test]
fn what_was_spooled_is_removed_and_nothing_else() {
    let disk = Disk::new();
    let folder = disk.path("spool");
    fs::create_dir_all(folder.join("below")).unwrap();
    let folder = folder.canonicalize().unwrap();
    let forget = |path: &Path| {
        let (place, source) = (Destination::Usual, Some(path.to_owned()));
        let direction = Direction::Sending;
        disk.run(FileRequest::Forget { id: ID, direction, place, source }).unwrap();
    };
    for path in [folder.join("below/x"), disk.path("x"), folder.join("below/../../y")] {
        fs::write(&path, "x").unwrap();
        forget(&path);
        assert!(path.exists(), "{}", path.display());
    }
    let spooled = folder.join("1");
    fs::write(&spooled, "x").unwrap();
    forget(&spooled);
    assert!(!spooled.exists());
}

#[test]
fn what_was_appended_is_checked_when_it_has_ended() {
    for len in [0, 1, GROUP, GROUP + 1, 2_500_000] {
        let disk = Disk::new();
        let whole = bytes(len);
        assert_eq!(disk.prepare_live(), Ok(FileReply::Ready { present: vec![] }));
        let half = len / 2;
        disk.append(0, &whole[..half]);
        // The program was started anew.
        let again = Disk {
            worker: FileWorker::new(disk.dir.path(), &disk.path("downloads")).unwrap(),
            dir: disk.dir,
        };
        let present = if half > 0 { vec![(0, half as u64)] } else { vec![] };
        assert_eq!(again.prepare_live(), Ok(FileReply::Ready { present }));
        again.append(half as u64, &whole[half..]);
        let present = if len > 0 { vec![(0, len as u64)] } else { vec![] };
        assert_eq!(again.prepare(&whole), Ok(FileReply::Ready { present }), "{len}");
        let path = again.finish();
        assert!(fs::read(path).unwrap() == whole);
        let (id, direction) = (ID, Direction::Receiving);
        again
            .run(FileRequest::Forget { id, direction, place: Destination::Usual, source: None })
            .unwrap();
        assert_eq!(fs::read_dir(again.path("trees")).unwrap().count(), 0, "nothing is left");
    }
}

/// What a writer of films does at the end: the head is written anew, an index follows.
#[test]
fn a_head_that_was_written_anew_costs_its_own_groups_alone() {
    let came = bytes(5_000_000);
    let mut whole = came.clone();
    whole[100..200].fill(1);
    whole.extend(bytes(70_000));
    let (disk, source) = (Disk::new(), Source::of(&whole));
    disk.prepare_live().unwrap();
    disk.append(0, &came);
    assert_eq!(disk.prepare(&whole), Ok(FileReply::Ready { present: vec![] }), "not believed");

    let mut right = vec![(0, 4 * GROUP as u64)];
    right.extend(source.give(&disk, 0, 4 << 14));
    let covered: u64 = right.iter().map(|(start, end)| end - start).sum();
    let size = whole.len() as u64;
    assert!(covered > size / 2 && covered < size, "{covered} of {size}");
    // The rest is asked for as ever; what is told is told once.
    let mut at = 0;
    while at < size {
        if let Some((_, end)) = right.iter().find(|(start, end)| (*start..*end).contains(&at)) {
            at = *end;
            continue;
        }
        let len = (GROUP as u64).min(size - at) as u32;
        let also = source.give(&disk, at, len);
        assert!(also.iter().all(|part| !right.contains(part)), "{also:?} once more");
        right.push((at, at + u64::from(len)));
        right.extend(also);
    }
    // All of it counts after a restart as well: the tree leads there.
    let worker = FileWorker::new(disk.dir.path(), &disk.path("downloads")).unwrap();
    let again = Disk { worker, dir: disk.dir };
    assert_eq!(again.prepare(&whole), Ok(FileReply::Ready { present: vec![(0, size)] }));
    assert!(fs::read(again.finish()).unwrap() == whole);
}

/// A part that is not what it was is never taken for right, wherever it is.
#[test]
fn nothing_wrong_is_found_right() {
    let whole = bytes(40 * GROUP + 77);
    let source = Source::of(&whole);
    for wrong in [0, 7, 20, 39, 40] {
        let mut came = whole.clone();
        came[wrong * GROUP] ^= 1;
        let disk = Disk::new();
        disk.prepare_live().unwrap();
        disk.append(0, &came);
        disk.prepare(&whole).unwrap();
        let mut right = source.give(&disk, 12 << 14, 2 << 14);
        let group = (wrong * GROUP) as u64;
        assert!(!right.iter().any(|(start, end)| (*start..*end).contains(&group)), "{right:?}");
        right.sort_unstable();
        assert!(right.windows(2).all(|two| two[0].1 <= two[1].0), "{right:?}");
    }
}

/// Whoever fetched slowly has but the first part when it has ended: of that all that can be proven early
/// is not fetched again.
#[test]
fn a_first_part_counts_whatever_its_length() {
    let whole = bytes(300 * GROUP + 5);
    for came in
        [GROUP, GROUP + 1, 64 * GROUP, 64 * GROUP + 9, 100 * GROUP, 256 * GROUP, 299 * GROUP + 7]
    {
        let (disk, source) = (Disk::new(), Source::of(&whole));
        disk.prepare_live().unwrap();
        disk.append(0, &whole[..came]);
        assert_eq!(disk.prepare(&whole), Ok(FileReply::Ready { present: vec![] }));
        // The range behind it shows, in the end, all whole groups before it but a few.
        let behind = (came.div_ceil(GROUP) * GROUP) as u64;
        let right = source.give(&disk, behind - GROUP as u64, GROUP as u32);
        let covered: u64 = right.iter().map(|(start, end)| end - start).sum();
        let groups = (came / GROUP) as u64;
        assert!(right.iter().all(|(_, end)| *end <= came as u64), "{right:?} of {came}");
        assert!(covered >= (groups.saturating_sub(1)) * GROUP as u64, "{right:?} of {came}");
        let mut at = 0;
        while at < whole.len() as u64 {
            let len = (GROUP as u64).min(whole.len() as u64 - at) as u32;
            if !right.iter().any(|(start, end)| (*start..*end).contains(&at)) {
                source.give(&disk, at, len);
            }
            at += u64::from(len);
        }
        assert!(fs::read(disk.finish()).unwrap() == whole, "{came}");
    }
}

/// The tail was lost with the power, or never came.
#[test]
fn what_is_shorter_or_longer_than_the_whole_is_made_good() {
    let whole = bytes(1_000_000);
    let mut longer = whole.clone();
    longer.extend(bytes(5));
    for came in [&whole[..600_000], &whole[..5], &longer[..]] {
        let (disk, source) = (Disk::new(), Source::of(&whole));
        disk.prepare_live().unwrap();
        disk.append(0, came);
        let Ok(FileReply::Ready { present }) = disk.prepare(&whole) else { panic!() };
        if present.is_empty() {
            let len = whole.len() as u32;
            source.give(&disk, 0, len);
        } else {
            assert!(came.len() >= whole.len(), "{present:?}");
        }
        assert!(fs::read(disk.finish()).unwrap() == whole);
    }
}
