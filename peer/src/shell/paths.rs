//! What a path that is being typed may become: `~` is the home folder, and behind `/get 3 as` a path
//! begins in the download folder.

use std::path::{Path, PathBuf};

use rustyline::completion::FilenameCompleter;

use crate::face::tui::From;

/// See the module.
pub(super) struct Paths {
    files: FilenameCompleter,
    home: Option<PathBuf>,
    downloads: PathBuf,
}

impl Paths {
    pub(super) fn new(home: Option<PathBuf>, downloads: PathBuf) -> Self {
        Self { files: FilenameCompleter::new(), home, downloads }
    }

    /// From which byte of the line on, and what may stand there.
    pub(super) fn complete(&self, line: &str, from: From) -> (usize, Vec<String>) {
        let (start, found) = self.look(line);
        let (before, word) = line.split_at(start);
        let (typed, folder) = match (&self.home, from) {
            (Some(home), _) if word.starts_with("~/") => ("~/", home),
            (_, From::Downloads) if !word.starts_with(['/', '~']) => ("", &self.downloads),
            _ => return (start, found),
        };
        let Some(folder) = as_typed(folder, before) else { return (start, found) };
        let whole = format!("{before}{folder}{}", &word[typed.len()..]);
        let (_, found) = self.look(&whole);
        let shorter = |path: String| Some(format!("{typed}{}", path.strip_prefix(&folder)?));
        (start, found.into_iter().filter_map(shorter).collect())
    }

    fn look(&self, line: &str) -> (usize, Vec<String>) {
        match self.files.complete_path(line, line.len()) {
            Ok((start, found)) => (start, found.into_iter().map(|pair| pair.replacement).collect()),
            Err(_) => (line.len(), Vec::new()),
        }
    }
}

/// A folder as it would stand in the line, in quotes or not. `None` for one that is too odd to be typed.
fn as_typed(folder: &Path, before: &str) -> Option<String> {
    let folder = folder.to_str()?;
    let is_quoted = before.ends_with(['"', '\'']);
    if folder.contains(['"', '\'', '\\']) || (!is_quoted && folder.contains(char::is_whitespace)) {
        return None;
    }
    Some(format!("{}/", folder.trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_begins_where_the_command_takes_it_from() {
        let folder = tempfile::tempdir().unwrap();
        let (home, downloads) = (folder.path().join("home"), folder.path().join("downloads"));
        for place in [home.join("films"), home.join("my films"), downloads.join("clips")] {
            std::fs::create_dir_all(place).unwrap();
        }
        let paths = Paths::new(Some(home), downloads.clone());
        let complete = |line: &str, from| paths.complete(line, from);
        let one = |start, text: &str| (start, vec![text.to_owned()]);
        assert_eq!(complete("/send bob ~/fi", From::Here), one(10, "~/films/"));
        assert_eq!(complete("/send bob \"~/my", From::Here), one(11, "~/my films/"));
        assert_eq!(complete("/get 3 as cl", From::Downloads), one(10, "clips/"));
        assert_eq!(complete("/get 3 as ~/fi", From::Downloads), one(10, "~/films/"));
        let absolute = downloads.join("cl");
        let line = format!("/get 3 as {}", absolute.display());
        assert_eq!(
            complete(&line, From::Downloads),
            one(10, &format!("{}ips/", absolute.display()))
        );
        assert_eq!(complete("/get 3 as fi", From::Downloads).1, Vec::<String>::new());
        assert_eq!(complete("/send bob ~no", From::Here).1, Vec::<String>::new());
    }
}
