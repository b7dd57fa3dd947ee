//! The line editor of the interactive program: rustyline, told when lines of ours may be written
//! above the line being typed, and what Tab completes.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, ExternalPrinter, Helper};

use super::screen::{AbovePrompt, Gate, Screen};
use super::typing::Typed;
use crate::command;

/// Lines kept for the arrow keys, also over a restart.
const MAX_HISTORY: usize = 1000;

/// Names that Tab completes, kept up to date by the network thread.
pub(super) type Names = Arc<Mutex<Vec<String>>>;

/// The line editor.
pub(super) struct Editor {
    lines: rustyline::Editor<Guide, FileHistory>,
    /// Where typed lines are kept.
    file: PathBuf,
}

impl Editor {
    /// An editor on the terminal, and the way to write above its prompt. `None` where the
    /// terminal can do no more than lines.
    pub(super) fn new(data: &Path) -> Option<(Self, AbovePrompt)> {
        let config = Config::builder()
            .max_history_size(MAX_HISTORY)
            .ok()?
            .auto_add_history(false)
            .completion_type(CompletionType::List)
            .build();
        let mut lines = rustyline::Editor::with_config(config).ok()?;
        let mut printer = lines.create_external_printer().ok()?;
        let file = data.join("typed-lines");
        // Absent at the first start; unreadable is no reason not to start.
        let _ = lines.load_history(&file);
        let above = move |text| printer.print(text).map_err(io::Error::other);
        Some((Self { lines, file }, Box::new(above)))
    }

    /// Connects the editor with the screen and with the names to complete.
    pub(super) fn attach(&mut self, screen: Screen, names: Names) {
        self.lines.set_helper(Some(Guide { screen, names, files: FilenameCompleter::new() }));
    }

    /// Reads a line of talk or a command.
    pub(super) fn line(&mut self, prompt: &str) -> Typed {
        let typed = self.question(prompt);
        if let Typed::Line(line) = &typed
            && !is_secret(line)
            && matches!(self.lines.add_history_entry(line), Ok(true))
        {
            // The lines of this run are there all the same.
            let _ = self.lines.append_history(&self.file);
        }
        typed
    }

    /// Reads an answer that is not kept.
    pub(super) fn question(&mut self, prompt: &str) -> Typed {
        let read = self.lines.readline(prompt);
        if let Some(guide) = self.lines.helper() {
            guide.screen.set_gate(Gate::Closed);
            guide.screen.line_typed();
        }
        match read {
            Ok(line) => Typed::Line(line),
            Err(ReadlineError::Interrupted) => Typed::Interrupt,
            Err(_) => Typed::End,
        }
    }
}

/// Somebody may have typed a password behind a command that takes none there.
fn is_secret(line: &str) -> bool {
    let word = line.trim_start().trim_start_matches('/').to_lowercase();
    ["login", "register", "reg", "log"].iter().any(|command| word.starts_with(command))
}

/// Answers what rustyline asks while a line is typed.
struct Guide {
    screen: Screen,
    names: Names,
    files: FilenameCompleter,
}

impl Helper for Guide {}

impl Highlighter for Guide {
    fn highlight<'l>(&self, line: &'l str, _pos: usize) -> Cow<'l, str> {
        Cow::Borrowed(line)
    }
}

impl Hinter for Guide {
    type Hint = String;

    /// Called whenever the line is drawn, so also when the prompt appears: from then on lines
    /// can be written above it.
    fn hint(&self, _line: &str, _pos: usize, _context: &Context<'_>) -> Option<String> {
        self.screen.set_gate(Gate::Open);
        None
    }
}

impl Validator for Guide {
    /// Called at Enter, while the line is still the editor's: what comes now waits for the next
    /// prompt, or would be torn by its end.
    fn validate(
        &self,
        _context: &mut ValidationContext<'_>,
    ) -> rustyline::Result<ValidationResult> {
        self.screen.set_gate(Gate::Closed);
        Ok(ValidationResult::Valid(None))
    }
}

impl Completer for Guide {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        match candidates(&line[..pos], &names) {
            Candidates::Words(start, words) => {
                let pair = |word: String| Pair { display: word.clone(), replacement: word };
                Ok((start, words.into_iter().map(pair).collect()))
            }
            Candidates::Files => self.files.complete(line, pos, context),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Candidates {
    /// From this byte on, one of these.
    Words(usize, Vec<String>),
    Files,
}

/// What the last word of `line` may become: a command, a user, or a file behind `/send user`.
fn candidates(line: &str, names: &[String]) -> Candidates {
    let start = line.rfind(' ').map_or(0, |at| at + 1);
    let (before, word) = line.split_at(start);
    let words = |prefix: &str, all: &mut dyn Iterator<Item = &str>, mark: &str| {
        let prefix = prefix.to_lowercase();
        let fitting = all.filter(|name| name.starts_with(&prefix));
        Candidates::Words(start, fitting.map(|name| format!("{mark}{name} ")).collect())
    };
    let mut users = names.iter().map(String::as_str);
    match (before.split_whitespace().count(), word.strip_prefix('/'), word.strip_prefix('@')) {
        (0, Some(prefix), _) => words(prefix, &mut command::names(), "/"),
        (0, None, Some(prefix)) => words(prefix, &mut users, "@"),
        (0, None, None) => Candidates::Words(start, Vec::new()),
        (count, ..) if before.starts_with('/') => match count {
            1 => words(word, &mut users, ""),
            _ => Candidates::Files,
        },
        _ => Candidates::Words(start, Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tab_completes_commands_users_and_files() {
        let names = ["bob".to_owned(), "boris".to_owned(), "carol".to_owned()];
        let complete = |line: &str| candidates(line, &names);
        let words = |start, list: &[&str]| {
            Candidates::Words(start, list.iter().map(|word| (*word).to_owned()).collect())
        };
        assert_eq!(complete("/outb"), words(0, &["/outbox "]));
        assert_eq!(complete("@BO"), words(0, &["@bob ", "@boris "]));
        assert_eq!(complete("/msg ca"), words(5, &["carol "]));
        assert_eq!(complete("/send bob ~/cl"), Candidates::Files);
        assert_eq!(complete("hello bo"), words(6, &[]));
        assert_eq!(complete(""), words(0, &[]));
    }

    /// Security acceptance D12.
    #[test]
    fn lines_that_may_hold_a_password_are_not_kept() {
        for line in ["/login bob hunter2", " /REGISTER bob x", "/reg x", "login a b"] {
            assert!(is_secret(line), "{line}");
        }
        assert!(!is_secret("/msg bob hi") && !is_secret("hello"));
    }
}
