//! Standard input, read on a thread of its own (`mio` takes neither plain files nor the null
//! device). It reads only what it is asked for, one thing at a time: so a script's lines wait
//! where they are until the core can take them, and a prompt never fights with a question.

use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use wire::Secret;
use wire::app::name::Name;
use zeroize::Zeroizing;

use super::Wake;
use super::screen::{Gate, Screen};
use super::terminal::NoEcho;
use super::workers::Mailbox;
use crate::command::{Command, Need, Purpose};
use crate::face::asking::{Ask, Questions, Typed};
use crate::login::new_password;

/// Longest line taken, in bytes.
const MAX_LINE: u64 = 1 << 20;

/// The thread that reads.
pub(super) struct Keyboard {
    ask: Sender<Ask>,
}

impl Keyboard {
    /// Starts reading when asked.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn start(screen: Screen, mailbox: Mailbox) -> io::Result<Self> {
        let (ask, asked) = mpsc::channel();
        let reader = Reader { screen };
        thread::Builder::new()
            .name("keyboard".to_owned())
            .spawn(move || reader.run(&asked, &mailbox))?;
        Ok(Self { ask })
    }

    /// Asks for one thing; it comes as [`Wake::Typed`].
    pub(super) fn ask(&self, ask: Ask) {
        let _ = self.ask.send(ask);
    }
}

struct Reader {
    screen: Screen,
}

impl Reader {
    fn run(self, asked: &Receiver<Ask>, mailbox: &Mailbox) {
        while let Ok(ask) = asked.recv() {
            let typed = match ask {
                Ask::Line(_) => read_line(&mut io::stdin().lock()),
                Ask::Menu => self.menu(),
                Ask::Credentials(purpose, name) => self.credentials(purpose, name),
                Ask::Secrets(need) => self.secrets(need),
            };
            let is_line = matches!(typed, Typed::Line(_) | Typed::Unusable(_));
            if !is_line {
                // No prompt follows at once: what was held back may be seen.
                self.screen.set_gate(Gate::Open);
            }
            mailbox.put(Wake::Typed(typed));
        }
    }

    fn menu(&self) -> Typed {
        let question =
            "Not logged in: [l]og in, [r]egister a new account, [i]mport one, or [q]uit? ";
        loop {
            let answer = match self.question(question) {
                Ok(answer) => answer,
                Err(typed) => return typed,
            };
            match answer.trim().to_lowercase().trim_start_matches('/') {
                "l" | "login" | "log in" => return self.credentials(Purpose::Login, None),
                "r" | "register" => return self.credentials(Purpose::Register, None),
                "i" | "import" => return self.secrets(Need::Import(None)),
                "q" | "quit" | "exit" => return Typed::End,
                // `/reconnect`, `/help`, `/login NAME`.
                command if answer.trim().starts_with('/') && !command.is_empty() => {
                    return Typed::Line(answer.trim().to_owned());
                }
                _ => say("Please answer with one letter: l, r, i or q.\n"),
            }
        }
    }

    fn credentials(&self, purpose: Purpose, name: Option<String>) -> Typed {
        let mut given = name;
        let name = loop {
            let name = match given.take().map_or_else(|| self.question("Name: "), Ok) {
                Ok(name) => name.trim().to_owned(),
                Err(typed) => return typed,
            };
            if name.is_empty() {
                return Typed::Cancelled;
            }
            match Name::new(&name) {
                Ok(_) => break name,
                Err(error) => say(&format!("That is no name: {error}.\n")),
            }
        };
        self.screen.set_gate(Gate::Closed);
        let _no_echo = NoEcho::begin();
        loop {
            let Some(password) = secret("Password: ") else { return Typed::Cancelled };
            if purpose == Purpose::Register
                && let Err(why) = new_password(&password)
            {
                say(&format!("Not that one: {why}.\n"));
                continue;
            }
            let is_sure = match purpose {
                Purpose::Login => true,
                Purpose::Register => match secret("The same password again: ") {
                    Some(again) => again == password,
                    None => return Typed::Cancelled,
                },
            };
            if is_sure {
                return Typed::Credentials { purpose, name, password };
            }
            say("The two are not the same. Once more.\n");
        }
    }

    fn secrets(&self, need: Need) -> Typed {
        self.screen.set_gate(Gate::Closed);
        ask_secrets(need).map_or(Typed::Cancelled, Typed::Command)
    }

    /// Asks a person something.
    fn question(&self, question: &str) -> Result<String, Typed> {
        self.screen.set_gate(Gate::Closed);
        say(question);
        match read_line(&mut io::stdin().lock()) {
            Typed::Line(line) => Ok(line),
            Typed::Unusable(_) => Err(Typed::Cancelled),
            other @ (Typed::InWindow(..)
            | Typed::Credentials { .. }
            | Typed::Command(_)
            | Typed::Cancelled
            | Typed::Interrupt
            | Typed::End) => Err(other),
        }
    }
}

/// Asks for the server before anything runs; `None` when there is no more input.
pub(super) fn ask_server() -> Option<String> {
    loop {
        say("Rendezvous server (host or host:port): ");
        let Typed::Line(line) = read_line(&mut io::stdin().lock()) else { return None };
        match super::cli::parse_server(&line) {
            Ok(server) => return Some(server),
            Err(_) if line.trim().is_empty() => {
                say("Whoever invited you knows where it is; Ctrl-C gives up.\n");
            }
            Err(error) => say(&format!("{error}\n")),
        }
    }
}

/// Asks for what a command needs; `None` when that was given up.
pub(super) fn ask_secrets(need: Need) -> Option<Command> {
    let mut questions = Questions::new(need);
    let mut no_echo = None;
    loop {
        let answer = if questions.is_hidden() {
            no_echo.get_or_insert_with(NoEcho::begin);
            rpassword::prompt_password(questions.prompt()).ok()?
        } else {
            no_echo = None;
            say(questions.prompt());
            let Typed::Line(line) = read_line(&mut io::stdin().lock()) else { return None };
            line
        };
        if let Some(command) = questions.answer(Zeroizing::new(answer)) {
            return Some(command);
        }
        if let Some(wrong) = questions.wrong() {
            say(&format!("{wrong}\n"));
        }
    }
}

/// Whether questions can be asked: somebody types, and sees what is asked.
pub(super) fn is_person() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// The first line of a file.
///
/// # Errors
/// A text for the person.
pub(super) fn password_of(file: &PathBuf) -> Result<Secret<String>, String> {
    let wrong = |what: &str| format!("password file {}: {what}", file.display());
    let opened = std::fs::File::open(file).map_err(|error| wrong(&error.to_string()))?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    opened.take(4096).read_to_end(&mut bytes).map_err(|error| wrong(&error.to_string()))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong("it is not UTF-8"))?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(wrong("its first line is empty"));
    }
    Ok(Secret::new(line.to_owned()))
}

fn secret(prompt: &str) -> Option<Secret<String>> {
    rpassword::prompt_password(prompt).ok().map(Secret::new)
}

fn say(text: &str) {
    let mut out = io::stdout().lock();
    // Whoever closed the screen cannot be asked; the answer will be missing too.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// One line, without its end. Never more than [`MAX_LINE`] of it is kept.
fn read_line(input: &mut impl BufRead) -> Typed {
    let mut bytes = Vec::new();
    match input.take(MAX_LINE).read_until(b'\n', &mut bytes) {
        Ok(0) | Err(_) => return Typed::End,
        Ok(_) => {}
    }
    if bytes.last() != Some(&b'\n') && bytes.len() as u64 == MAX_LINE {
        skip_line(input);
        return Typed::Unusable("a line is too long: nothing of it was used");
    }
    match String::from_utf8(bytes) {
        Ok(text) => Typed::Line(text.trim_end_matches(['\r', '\n']).to_owned()),
        Err(_) => Typed::Unusable("a line is not UTF-8: nothing of it was used"),
    }
}

fn skip_line(input: &mut impl BufRead) {
    loop {
        let (used, is_end) = match input.fill_buf() {
            Ok(bytes) => match bytes.iter().position(|byte| *byte == b'\n') {
                Some(at) => (at + 1, true),
                None => (bytes.len(), bytes.is_empty()),
            },
            Err(_) => return,
        };
        input.consume(used);
        if is_end {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::BufReader;

    #[test]
    fn lines_are_taken_whole_or_not_at_all() {
        let long = "x".repeat(3 << 20);
        let text = format!("one\r\n\n{long}\ntwo\nlast");
        let mut bytes = text.into_bytes();
        bytes.extend(b"\n\xff\xfe\nend");
        let mut input = BufReader::new(bytes.as_slice());
        let mut lines = Vec::new();
        loop {
            let typed = read_line(&mut input);
            if let Typed::Line(line) = typed {
                lines.push(line);
            } else if let Typed::Unusable(why) = typed {
                lines.push(format!("({why})"));
            } else {
                break;
            }
        }
        let (too_long, not_text) = (
            "(a line is too long: nothing of it was used)",
            "(a line is not UTF-8: nothing of it was used)",
        );
        assert_eq!(lines, ["one", "", too_long, "two", "last", not_text, "end"]);
    }

    #[test]
    fn a_password_is_the_first_line_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("p");
        assert!(password_of(&file).unwrap_err().contains("password file"));
        fs::write(&file, "\nsecret\n").unwrap();
        assert!(password_of(&file).unwrap_err().contains("empty"));
        fs::write(&file, "two words \r\nrest").unwrap();
        assert_eq!(password_of(&file).unwrap().expose(), "two words ");
        fs::write(&file, b"\xff\n").unwrap();
        assert!(password_of(&file).is_err());
    }
}
