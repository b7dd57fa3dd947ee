//! Whether some program has a file open for writing, as far as this user may know.

use std::fs;
use std::io;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};

/// Where Linux shows its processes.
const PROCESSES: &str = "/proc";

/// Which file it is: the device's two numbers, and the number there.
type Place = (u32, u32, u64);

/// Whether a process has the file at this path open for writing. Those of other users are not seen; where
/// the system shows none at all, somebody may have.
pub(super) fn has_writer(path: &Path) -> bool {
    has_writer_in(Path::new(PROCESSES), path)
}

fn has_writer_in(processes: &Path, path: &Path) -> bool {
    let (Ok(place), Ok(entries)) = (place(path), fs::read_dir(processes)) else { return true };
    let mut is_any_shown = false;
    for entry in entries.flatten() {
        let is_process = entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit);
        if !is_process {
            continue;
        }
        // Most are others' and show nothing; some end meanwhile.
        let Ok(open) = fs::read_dir(entry.path().join("fd")) else { continue };
        is_any_shown = true;
        for file in open.flatten() {
            let flags = entry.path().join("fdinfo").join(file.file_name());
            if is_at(&file.path(), place) && writes(&flags) {
                return true;
            }
        }
    }
    !is_any_shown
}

/// Whether a descriptor leads to this file. What has no place among files, as pipes, is not asked.
fn is_at(descriptor: &Path, wanted: Place) -> bool {
    let is_file = fs::read_link(descriptor).is_ok_and(|to| to.has_root());
    is_file && place(descriptor).is_ok_and(|found| found == wanted)
}

/// Asked of what the system knows already: no server of a file system is waited for.
fn place(path: &Path) -> io::Result<Place> {
    let at = statx(CWD, path, AtFlags::STATX_DONT_SYNC, StatxFlags::INO)?;
    Ok((at.stx_dev_major, at.stx_dev_minor, at.stx_ino))
}

/// Whether a descriptor's flags, as `/proc` shows them, allow to write.
fn writes(info: &Path) -> bool {
    let Ok(text) = fs::read_to_string(info) else { return false };
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    // The two lowest bits: 0 reads, 1 writes, 2 does both.
    flags.is_some_and(|flags| flags & 3 != 0)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn who_writes_is_seen_and_who_reads_is_not() {
        see_who_writes(&tempfile::tempdir().unwrap());
        // In memory, among the devices, where there is such a folder.
        if let Ok(dir) = tempfile::TempDir::new_in("/dev/shm") {
            see_who_writes(&dir);
        }
    }

    fn see_who_writes(dir: &tempfile::TempDir) {
        let path = dir.path().join("recording");
        let writer = File::create(&path).unwrap();
        assert!(has_writer(&path));
        drop(writer);
        assert!(!has_writer(&path));
        let reader = File::open(&path).unwrap();
        assert!(!has_writer(&path), "it is only read");
        drop(reader);
        let appends = File::options().append(true).open(&path).unwrap();
        // By another of its names.
        let other = dir.path().join("other name");
        fs::hard_link(&path, &other).unwrap();
        assert!(has_writer(&other));
        drop(appends);
        assert!(!has_writer(&other));
    }

    #[test]
    fn where_the_system_shows_nothing_somebody_may_write() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("recording");
        File::create(&path).unwrap();
        assert!(has_writer_in(&dir.path().join("none"), &path));
        assert!(has_writer_in(dir.path(), &path), "no process in it");
        assert!(has_writer(&dir.path().join("gone")));
    }
}
