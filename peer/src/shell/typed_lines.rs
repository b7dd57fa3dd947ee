//! Lines typed on the full screen, kept for the arrow keys of later runs: one JSON array of the
//! window and the line for each, oldest first, in a file that only its owner can read.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// Lines that are kept.
const MAX_LINES: usize = 1000;
/// A file that is larger is not one of ours.
const MAX_FILE: u64 = 16 << 20;
/// A longer line is not worth being typed again.
const MAX_LINE: usize = 4096;

type Entry = (Option<String>, String);

/// See the module.
#[derive(Debug)]
pub(super) struct TypedLines {
    file: PathBuf,
    lines: Vec<Entry>,
}

impl TypedLines {
    /// What is in the file; it is made shorter where there is too much in it. A file that cannot
    /// be read or written is no reason not to start.
    pub(super) fn open(file: PathBuf) -> Self {
        let mut lines = Vec::new();
        if let Ok(opened) = fs::File::open(&file) {
            let read = BufReader::new(opened.take(MAX_FILE)).lines();
            lines.extend(
                read.map_while(Result::ok).filter_map(|line| serde_json::from_str(&line).ok()),
            );
        }
        if lines.len() > 2 * MAX_LINES {
            lines.drain(..lines.len() - MAX_LINES);
            let text: String = lines.iter().map(encoded).collect();
            let shorter = file.with_extension("new");
            let _ = create(&shorter)
                .and_then(|mut new| new.write_all(text.as_bytes()))
                .and_then(|()| fs::rename(&shorter, &file));
        }
        Self { file, lines }
    }

    /// The lines of earlier runs.
    pub(super) fn take(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.lines)
    }

    /// Keeps one more.
    pub(super) fn append(&self, window: Option<String>, line: String) {
        if line.len() > MAX_LINE {
            return;
        }
        let text = encoded(&(window, line));
        // The lines of this run are there all the same.
        let _ = create(&self.file).and_then(|mut file| file.write_all(text.as_bytes()));
    }
}

fn encoded(entry: &Entry) -> String {
    let line = serde_json::to_string(entry).unwrap_or_default();
    format!("{line}\n")
}

fn create(path: &PathBuf) -> std::io::Result<fs::File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn lines_come_back_and_the_file_stays_small() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("typed");
        let lines = TypedLines::open(file.clone());
        lines.append(Some("bob".to_owned()), "two\nrows".to_owned());
        lines.append(None, "/who".to_owned());
        lines.append(None, "x".repeat(MAX_LINE + 1));
        let expected =
            [(Some("bob".to_owned()), "two\nrows".to_owned()), (None, "/who".to_owned())];
        assert_eq!(TypedLines::open(file.clone()).take(), expected);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        for number in 0..=2 * MAX_LINES {
            lines.append(None, number.to_string());
        }
        assert_eq!(TypedLines::open(file.clone()).take().len(), MAX_LINES);
        assert_eq!(TypedLines::open(file).take().last().unwrap().1, (2 * MAX_LINES).to_string());
    }

    #[test]
    fn rubbish_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("typed");
        fs::write(&file, "rubbish\n[null,\"/who\"]\n{}\n").unwrap();
        assert_eq!(TypedLines::open(file).take(), [(None, "/who".to_owned())]);
    }
}
