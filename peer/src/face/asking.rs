//! What a face is asked to read from its person, and what comes of it.

use std::path::PathBuf;

use wire::Secret;
use wire::app::name::Name;
use zeroize::Zeroizing;

use crate::command::{Command, Need, Purpose};

/// What is to be read.
#[derive(Debug)]
pub enum Ask {
    /// A line, after this prompt where a person types it.
    Line(String),
    /// Whether to register or to log in, and as whom, from a person.
    Menu,
    /// A password, and the name where there is none, from a person.
    Credentials(Purpose, Option<String>),
    /// What a command needs, from a person.
    Secrets(Need),
}

/// What was read.
#[derive(Debug)]
pub enum Typed {
    /// A line.
    Line(String),
    /// A line typed in the window of this user, or in that of no user.
    InWindow(Option<String>, String),
    /// A line that cannot be taken: why.
    Unusable(&'static str),
    /// A name and a password.
    Credentials {
        /// For a new account or an old one.
        purpose: Purpose,
        /// As typed.
        name: String,
        /// As typed, without echo.
        password: Secret<String>,
    },
    /// A command with all that was asked for.
    Command(Command),
    /// The question was not answered.
    Cancelled,
    /// Ctrl-C at the prompt.
    Interrupt,
    /// There is no more input.
    End,
}

/// One question.
#[derive(Clone, Copy, Debug)]
struct Question {
    prompt: &'static str,
    hint: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Something that may be seen.
    Shown,
    /// A secret.
    Hidden,
    /// The secret before once more, so that it holds no slip.
    Again,
}

const CURRENT: Question = Question {
    prompt: "Current password: ",
    hint: "It is not shown, and never leaves this machine. Esc gives up.",
    kind: Kind::Hidden,
};
const NEW: Question = Question {
    prompt: "New password: ",
    hint: "Eight characters or more; it is not shown, and never leaves this machine.",
    kind: Kind::Hidden,
};
const NEW_AGAIN: Question = Question {
    prompt: "The new one again: ",
    hint: "The new password once more.",
    kind: Kind::Again,
};
const FILE: Question = Question {
    prompt: "File: ",
    hint: "The file that '/account export' has written. Esc gives up.",
    kind: Kind::Shown,
};
const PASSPHRASE: Question = Question {
    prompt: "Passphrase of the file: ",
    hint: "Whoever has the file and this is you: a long one, and not your password. Esc gives up.",
    kind: Kind::Hidden,
};
const PASSPHRASE_AGAIN: Question = Question {
    prompt: "The same again: ",
    hint: "The passphrase once more. Nobody can recover it.",
    kind: Kind::Again,
};

const NAME: Question = Question {
    prompt: "Delete the account of the name: ",
    hint: "Type your own name: nothing at the server can be brought back. Esc gives up.",
    kind: Kind::Shown,
};
const PASSWORD: Question = Question {
    prompt: "Its password: ",
    hint: "It is not shown, and never leaves this machine. Esc gives up.",
    kind: Kind::Hidden,
};

/// What a command needs, asked one after the other.
#[derive(Debug)]
pub struct Questions {
    need: Need,
    answers: Vec<Zeroizing<String>>,
    /// What was wrong with the last answer.
    wrong: Option<&'static str>,
}

impl Questions {
    /// Those that this needs.
    #[must_use]
    pub const fn new(need: Need) -> Self {
        Self { need, answers: Vec::new(), wrong: None }
    }

    const fn all(&self) -> &'static [Question] {
        match self.need {
            Need::ChangePassword => &[CURRENT, NEW, NEW_AGAIN],
            Need::Export(_) => &[PASSPHRASE, PASSPHRASE_AGAIN],
            Need::Import(Some(_)) => &[PASSPHRASE],
            Need::Import(None) => &[FILE, PASSPHRASE],
            Need::Delete(None) | Need::DeleteOwn(_) => &[NAME, PASSWORD],
            Need::Delete(Some(_)) => &[PASSWORD],
        }
    }

    /// The next one. There is one until [`answer`](Self::answer) has given a command.
    fn next(&self) -> Question {
        self.all()[self.answers.len()]
    }

    /// Whether the answer must not be seen.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.next().kind != Kind::Shown
    }

    /// What stands before the answer.
    #[must_use]
    pub fn prompt(&self) -> &'static str {
        self.next().prompt
    }

    /// What to know for the answer, or what was wrong with the last one.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        self.wrong.unwrap_or(self.next().hint)
    }

    /// What was wrong with the last answer.
    #[must_use]
    pub const fn wrong(&self) -> Option<&'static str> {
        self.wrong
    }

    /// Takes an answer; the last one gives the command.
    pub fn answer(&mut self, answer: Zeroizing<String>) -> Option<Command> {
        self.wrong = None;
        let is_again = self.next().kind == Kind::Again;
        if answer.is_empty() {
            self.wrong = Some("Something must be typed.");
        } else if self.is_not_own(&answer) {
            // Before a password is asked for: whoever did not mean it must not type that into a chat.
            self.wrong = Some("That is not the name of this account. Ctrl-C gives up.");
        } else if is_again && self.answers.last() != Some(&answer) {
            self.answers.pop();
            self.wrong = Some("The two were not the same: once more.");
        } else {
            self.answers.push(answer);
        }
        (self.answers.len() == self.all().len()).then(|| self.command())
    }

    fn is_not_own(&self, answer: &str) -> bool {
        let Need::DeleteOwn(own) = &self.need else { return false };
        let typed = Name::new(answer.trim());
        self.answers.is_empty() && !typed.is_ok_and(|typed| typed.as_str() == own)
    }

    fn command(&mut self) -> Command {
        let mut answers = self.answers.drain(..);
        let mut next = || answers.next().expect("as many answers as questions");
        let secret = |mut answer: Zeroizing<String>| Secret::new(std::mem::take(&mut *answer));
        match &self.need {
            Need::ChangePassword => {
                Command::ChangePassword { old: secret(next()), new: secret(next()) }
            }
            Need::Export(path) => {
                Command::ExportAccount { path: path.clone(), passphrase: secret(next()) }
            }
            Need::Import(path) => {
                let path = path.clone().unwrap_or_else(|| PathBuf::from(next().trim()));
                Command::ImportAccount { path, passphrase: secret(next()) }
            }
            need @ (Need::Delete(_) | Need::DeleteOwn(_)) => {
                let given = if let Need::Delete(name) = need { name.clone() } else { None };
                let name = given.unwrap_or_else(|| next().trim().to_owned());
                Command::DeleteAccount { name, password: secret(next()) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(questions: &mut Questions, text: &str) -> Option<Command> {
        questions.answer(Zeroizing::new(text.to_owned()))
    }

    #[test]
    fn a_slip_is_asked_again_and_the_last_answer_gives_the_command() {
        let mut questions = Questions::new(Need::ChangePassword);
        assert_eq!(answer(&mut questions, ""), None);
        assert_eq!(questions.wrong(), Some("Something must be typed."));
        assert_eq!(questions.prompt(), "Current password: ");
        answer(&mut questions, "the old one");
        answer(&mut questions, "a new one");
        assert_eq!(answer(&mut questions, "a new onr"), None);
        assert_eq!(questions.prompt(), "New password: ");
        assert!(questions.hint().contains("not the same"));
        answer(&mut questions, "a new one");
        let old = Secret::new("the old one".to_owned());
        let new = Secret::new("a new one".to_owned());
        let command = Command::ChangePassword { old, new };
        assert_eq!(answer(&mut questions, "a new one"), Some(command));
    }

    /// The name is the confirmation: it is typed, not offered.
    #[test]
    fn an_account_is_deleted_by_its_name_and_its_password() {
        let password = Secret::new("correct horse".to_owned());
        let command = Command::DeleteAccount { name: "Alice".to_owned(), password };
        let mut questions = Questions::new(Need::Delete(None));
        assert!(!questions.is_hidden());
        answer(&mut questions, " Alice ");
        assert!(questions.is_hidden());
        assert_eq!(answer(&mut questions, "correct horse"), Some(command.clone()));
        let mut questions = Questions::new(Need::Delete(Some("Alice".to_owned())));
        assert!(questions.is_hidden());
        assert_eq!(answer(&mut questions, "correct horse"), Some(command));
    }

    #[test]
    fn another_name_than_ones_own_is_asked_for_again() {
        let mut questions = Questions::new(Need::DeleteOwn("alice".to_owned()));
        for other in ["no", "bob", "no name at all"] {
            assert_eq!(answer(&mut questions, other), None);
            assert!(questions.wrong().is_some() && !questions.is_hidden(), "{other}");
        }
        answer(&mut questions, " Alice ");
        assert!(questions.wrong().is_none() && questions.is_hidden());
        let password = Secret::new("correct horse".to_owned());
        let command = Command::DeleteAccount { name: "Alice".to_owned(), password };
        assert_eq!(answer(&mut questions, "correct horse"), Some(command));
    }

    #[test]
    fn a_file_may_be_seen_and_its_passphrase_not() {
        let passphrase = Secret::new("open sesame".to_owned());
        let mut questions = Questions::new(Need::Import(None));
        assert!(!questions.is_hidden());
        answer(&mut questions, " a.account ");
        assert!(questions.is_hidden());
        let path = PathBuf::from("a.account");
        let command = Command::ImportAccount { path: path.clone(), passphrase: passphrase.clone() };
        assert_eq!(answer(&mut questions, "open sesame"), Some(command));

        let mut questions = Questions::new(Need::Export(path.clone()));
        answer(&mut questions, "open sesame");
        let command = Command::ExportAccount { path, passphrase };
        assert_eq!(answer(&mut questions, "open sesame"), Some(command));
    }
}
