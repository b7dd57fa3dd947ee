//! What a face is asked to read from its person, and what comes of it.

use wire::Secret;
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
#[derive(Debug)]
struct Question {
    prompt: &'static str,
    hint: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A secret.
    Hidden,
    /// The secret before once more, so that it holds no slip.
    Again,
}

const CHANGE_PASSWORD: &[Question] = &[
    Question {
        prompt: "Current password: ",
        hint: "It is not shown, and never leaves this machine. Esc gives up.",
        kind: Kind::Hidden,
    },
    Question {
        prompt: "New password: ",
        hint: "Eight characters or more; it is not shown, and never leaves this machine.",
        kind: Kind::Hidden,
    },
    Question {
        prompt: "The new one again: ",
        hint: "The new password once more.",
        kind: Kind::Again,
    },
];

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

    fn all(&self) -> &'static [Question] {
        match self.need {
            Need::ChangePassword => CHANGE_PASSWORD,
        }
    }

    /// The next one. There is one until [`answer`](Self::answer) has given a command.
    fn next(&self) -> &'static Question {
        &self.all()[self.answers.len()]
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
        if answer.is_empty() {
            self.wrong = Some("Something must be typed.");
        } else if self.next().kind == Kind::Hidden {
            self.answers.push(answer);
        } else if self.answers.last() == Some(&answer) {
            return Some(self.command());
        } else {
            self.answers.pop();
            self.wrong = Some("The two were not the same: type the new one anew.");
        }
        None
    }

    fn command(&mut self) -> Command {
        let mut answers =
            self.answers.drain(..).map(|mut it| Secret::new(std::mem::take(&mut *it)));
        let mut next = || answers.next().expect("as many answers as questions");
        match self.need {
            Need::ChangePassword => Command::ChangePassword { old: next(), new: next() },
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
}
