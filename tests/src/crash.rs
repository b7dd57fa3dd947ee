//! What a program that is killed leaves of its files: a database's state on the disk at every step
//! from one state to the next.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// The files of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files(BTreeMap<String, Vec<u8>>);

impl Files {
    /// Those of `folder`, without SQLite's shared memory, which a new process builds anew.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.ends_with("-shm") && entry.file_type()?.is_file() {
                files.insert(name, fs::read(entry.path())?);
            }
        }
        Ok(Self(files))
    }

    /// Makes `folder` hold these and nothing else.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        self.0.iter().try_for_each(|(name, bytes)| fs::write(folder.join(name), bytes))
    }

    /// Length of the write-ahead log.
    #[must_use]
    pub fn log_len(&self) -> usize {
        self.0.iter().filter(|(name, _)| is_log(name)).map(|(_, bytes)| bytes.len()).sum()
    }

    /// Whether anything but the write-ahead log is different in `other`.
    #[must_use]
    pub fn rest_differs(&self, other: &Self) -> bool {
        let rest = |files: &Self| -> Vec<(String, Vec<u8>)> {
            files.0.clone().into_iter().filter(|(name, _)| !is_log(name)).collect()
        };
        rest(self) != rest(other)
    }

    /// Shows the states, at every `grain` bytes but at most about `most` for each file, through
    /// which a write-ahead database goes from here to `after`: the log is written from its
    /// beginning or on from its end, then what it holds is copied into the database.
    pub fn steps_to(&self, after: &Self, grain: usize, most: usize, mut show: impl FnMut(&Self)) {
        show(self);
        let (logs, others): (Vec<&String>, Vec<&String>) =
            after.0.keys().partition(|name| is_log(name));
        let mut now = self.clone();
        for name in logs.into_iter().chain(others) {
            let old = self.0.get(name).map_or(&[][..], Vec::as_slice);
            let new = &after.0[name];
            let same = old.iter().zip(new).take_while(|(old, new)| old == new).count();
            if same == new.len() && old.len() == new.len() {
                continue;
            }
            // A log that begins anew is as long as it was: what changes ends before that.
            let rest = old.iter().rev().zip(new.iter().rev());
            let unchanged = rest.take_while(|(old, new)| old == new).count();
            let unchanged = if old.len() == new.len() { unchanged } else { 0 };
            let end = new.len() - unchanged;
            let grain = grain.max((end - same) / most);
            for written in (same..end).step_by(grain).skip(1) {
                let kept = old.get(written..).unwrap_or_default();
                let torn = [&new[..written], kept].concat();
                now.0.insert(name.clone(), torn);
                show(&now);
            }
            now.0.insert(name.clone(), new.clone());
            show(&now);
        }
    }
}

fn is_log(name: &str) -> bool {
    name.ends_with("-wal")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(log: &[u8], database: &[u8]) -> Files {
        let pair = |name: &str, bytes: &[u8]| (name.to_owned(), bytes.to_vec());
        Files([pair("db", database), pair("db-wal", log)].into())
    }

    fn steps(before: &Files, after: &Files) -> Vec<Files> {
        let mut steps = Vec::new();
        before.steps_to(after, 1, 100, |files| steps.push(files.clone()));
        steps
    }

    #[test]
    fn a_log_that_grows_and_one_that_begins_anew() {
        let grown = steps(&files(b"ab", b"x"), &files(b"abcd", b"x"));
        assert_eq!(grown, [files(b"ab", b"x"), files(b"abc", b"x"), files(b"abcd", b"x")]);
        let anew = steps(&files(b"abcd", b"x"), &files(b"ABcd", b"x"));
        assert_eq!(anew[..2], [files(b"abcd", b"x"), files(b"Abcd", b"x")]);
        assert_eq!(anew.last(), Some(&files(b"ABcd", b"x")));
        let steps = steps(&files(b"a", b"x"), &files(b"ab", b"yz"));
        let expected =
            [files(b"a", b"x"), files(b"ab", b"x"), files(b"ab", b"y"), files(b"ab", b"yz")];
        assert_eq!(steps, expected);
    }
}
