//! Logging in or registering, or what else a command needs: one question after the other where
//! lines are typed otherwise.

use std::borrow::Cow;

use wire::Secret;
use wire::app::name::Name;
use zeroize::Zeroizing;

use crate::command::{Need, Purpose};
use crate::face::asking::{Questions, Typed};
use crate::login::new_password;

/// Longest password that can be typed, in bytes: room that is never outgrown, so that no copy
/// of it is left behind.
const MAX_PASSWORD: usize = 1024;

/// What is asked next.
#[derive(Debug)]
enum Step {
    Choice,
    Name(Purpose),
    Password(Purpose, String),
    Again(Purpose, String, Zeroizing<String>),
    Secrets(Questions),
}

/// What an answer led to.
pub(super) enum Next {
    /// Another question.
    Question,
    /// The end.
    Done(Typed),
}

/// The questions.
#[derive(Debug)]
pub(super) struct Form {
    step: Step,
    /// What was typed of a password.
    hidden: Zeroizing<String>,
    /// What was wrong with the last answer.
    wrong: Option<Cow<'static, str>>,
}

impl Form {
    /// Begins with the question what to do.
    pub(super) fn menu() -> Self {
        Self::at(Step::Choice)
    }

    /// Begins with the name, or with the password.
    pub(super) fn credentials(purpose: Purpose, name: Option<String>) -> Self {
        Self::at(name.map_or(Step::Name(purpose), |name| Step::Password(purpose, name)))
    }

    /// Asks for what a command needs.
    pub(super) fn secrets(need: Need) -> Self {
        Self::at(Step::Secrets(Questions::new(need)))
    }

    fn at(step: Step) -> Self {
        Self { step, hidden: Zeroizing::new(String::with_capacity(MAX_PASSWORD)), wrong: None }
    }

    /// What stands before the answer.
    pub(super) fn prompt(&self) -> String {
        match &self.step {
            Step::Choice => "[l]og in, [r]egister, [i]mport, [q]uit? ".to_owned(),
            Step::Name(_) => "Name: ".to_owned(),
            Step::Password(..) => "Password: ".to_owned(),
            Step::Again(..) => "Again: ".to_owned(),
            Step::Secrets(questions) => questions.prompt().to_owned(),
        }
    }

    /// What to know for the answer, or what was wrong with the last one.
    pub(super) fn hint(&self) -> &str {
        if let Some(wrong) = &self.wrong {
            return wrong;
        }
        match &self.step {
            Step::Choice => "Type l to log in, r for a new account, i for one in a file.",
            Step::Name(Purpose::Register) => {
                "The name by which others will know you: no blanks. Esc goes back."
            }
            Step::Name(Purpose::Login) => "The name of your account. Esc goes back.",
            Step::Password(Purpose::Register, _) => {
                "Eight characters or more; it is not shown, and never leaves this machine."
            }
            Step::Password(Purpose::Login, _) => "It is not shown, and never leaves this machine.",
            Step::Again(..) => "The same password once more.",
            Step::Secrets(questions) => questions.hint(),
        }
    }

    /// Whether what is typed is a password.
    pub(super) fn is_hidden(&self) -> bool {
        match &self.step {
            Step::Choice | Step::Name(_) => false,
            Step::Password(..) | Step::Again(..) => true,
            Step::Secrets(questions) => questions.is_hidden(),
        }
    }

    /// How many characters of a password are typed.
    pub(super) fn hidden_len(&self) -> usize {
        self.hidden.chars().count()
    }

    /// Types text of a password.
    pub(super) fn type_hidden(&mut self, text: &str) {
        if self.hidden.len() + text.len() <= MAX_PASSWORD {
            self.hidden.push_str(text);
        }
    }

    /// Takes the last character back.
    pub(super) fn backspace_hidden(&mut self) {
        self.hidden.pop();
    }

    /// Takes everything back.
    pub(super) fn clear_hidden(&mut self) {
        self.hidden = Zeroizing::new(String::with_capacity(MAX_PASSWORD));
    }

    /// One step back; `None` at the first.
    pub(super) fn back(self) -> Option<Self> {
        match self.step {
            Step::Choice | Step::Secrets(_) => None,
            Step::Name(_) => Some(Self::menu()),
            Step::Password(purpose, _) => Some(Self::at(Step::Name(purpose))),
            Step::Again(purpose, name, _) => Some(Self::at(Step::Password(purpose, name))),
        }
    }

    /// Takes the answer: `text`, or the hidden one.
    pub(super) fn answer(&mut self, text: &str) -> Next {
        self.wrong = None;
        let hidden = std::mem::replace(
            &mut self.hidden,
            Zeroizing::new(String::with_capacity(MAX_PASSWORD)),
        );
        let text = text.trim();
        let step = std::mem::replace(&mut self.step, Step::Choice);
        self.step = match step {
            Step::Choice => match text.to_lowercase().trim_start_matches('/') {
                "l" | "login" | "log in" => Step::Name(Purpose::Login),
                "r" | "register" => Step::Name(Purpose::Register),
                "i" | "import" => Step::Secrets(Questions::new(Need::Import(None))),
                "q" | "quit" | "exit" => return Next::Done(Typed::End),
                // `/reconnect`, `/help`, `/login NAME`.
                _ if text.starts_with('/') => return Next::Done(Typed::Line(text.to_owned())),
                _ => {
                    self.wrong = Some("Please answer with one letter: l, r, i or q.".into());
                    Step::Choice
                }
            },
            Step::Name(purpose) if text.is_empty() => {
                self.wrong = Some("A name is needed. Esc goes back.".into());
                Step::Name(purpose)
            }
            Step::Name(purpose) => match Name::new(text) {
                Ok(_) => Step::Password(purpose, text.to_owned()),
                Err(error) => {
                    self.wrong = Some(format!("That is no name: {error}.").into());
                    Step::Name(purpose)
                }
            },
            Step::Password(purpose, name) if hidden.is_empty() => {
                self.wrong = Some("A password is needed. Esc goes back.".into());
                Step::Password(purpose, name)
            }
            Step::Password(Purpose::Register, name) => {
                match new_password(&Secret::new(String::clone(&hidden))) {
                    Ok(_) => Step::Again(Purpose::Register, name, hidden),
                    Err(why) => {
                        self.wrong = Some(format!("Not that one: {why}.").into());
                        Step::Password(Purpose::Register, name)
                    }
                }
            }
            Step::Password(Purpose::Login, name) => {
                return Next::Done(done(Purpose::Login, name, &hidden));
            }
            Step::Again(purpose, name, first) if *first == *hidden => {
                return Next::Done(done(purpose, name, &hidden));
            }
            Step::Secrets(mut questions) => {
                let shown = || Zeroizing::new(text.to_owned());
                let answer = if questions.is_hidden() { hidden } else { shown() };
                match questions.answer(answer) {
                    Some(command) => return Next::Done(Typed::Command(command)),
                    None => Step::Secrets(questions),
                }
            }
            Step::Again(purpose, name, _) => {
                self.wrong = Some("The two were not the same: type the password anew.".into());
                Step::Password(purpose, name)
            }
        };
        Next::Question
    }
}

fn done(purpose: Purpose, name: String, password: &Zeroizing<String>) -> Typed {
    Typed::Credentials { purpose, name, password: Secret::new(String::clone(password)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(form: &mut Form, text: &str) -> Next {
        assert!(form.is_hidden());
        form.type_hidden(text);
        form.answer("")
    }

    #[test]
    fn a_wrong_answer_is_told_and_asked_again() {
        let mut form = Form::menu();
        assert!(matches!(form.answer("hello"), Next::Question));
        assert!(form.hint().contains("one letter"));
        form.answer("r");
        form.answer("alice");
        hidden(&mut form, "one password");
        hidden(&mut form, "another one");
        assert!(form.hint().contains("not the same"));
        hidden(&mut form, "one password");
        let Next::Done(Typed::Credentials { purpose, name, password }) =
            hidden(&mut form, "one password")
        else {
            panic!("not done");
        };
        assert_eq!((purpose, name.as_str()), (Purpose::Register, "alice"));
        assert_eq!(password.expose(), "one password");
    }

    /// What cannot be is said at once, and not after everything was typed.
    #[test]
    fn each_answer_is_looked_at_when_it_is_given() {
        let mut form = Form::credentials(Purpose::Register, None);
        form.answer("Alice Smith");
        assert!(form.hint().starts_with("That is no name: ") && form.prompt() == "Name: ");
        form.answer("alice");
        hidden(&mut form, "short");
        assert!(form.hint().contains("at least 8 characters") && form.prompt() == "Password: ");
        hidden(&mut form, "long enough");
        assert_eq!(form.prompt(), "Again: ");
        // Whoever logs in may have a password of another time.
        let mut form = Form::credentials(Purpose::Login, Some("alice".to_owned()));
        assert!(matches!(hidden(&mut form, "short"), Next::Done(_)));
    }

    #[test]
    fn escape_goes_back_step_by_step() {
        let mut form = Form::credentials(Purpose::Login, Some("bob".to_owned()));
        form.type_hidden("secret");
        let form = form.back().unwrap();
        assert_eq!((form.prompt().as_str(), form.hidden_len()), ("Name: ", 0));
        assert!(form.back().unwrap().back().is_none());
    }
}
