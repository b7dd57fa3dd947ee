//! What calls a person who looks elsewhere: everything that one user says, unless something else was
//! chosen, and in rooms what names him.

use super::App;
use crate::output::{NotifyLine, Output};
use crate::work::{Calls, StoreRequest, Talk};

impl App {
    /// `/notify`.
    pub(super) fn choose_calls(&mut self, chat: Option<String>, calls: Option<Calls>) {
        let Some(typed) = chat else {
            let chosen = self.calls.iter().map(|(talk, calls)| self.calls_line(talk, *calls));
            let chats = chosen.collect();
            return self.tell(Output::Notify { chats });
        };
        let talk = match self.talk_of(&typed) {
            Ok(talk) => talk,
            Err(why) => return self.error(&why),
        };
        if let Some(calls) = calls {
            let chosen = (calls != Calls::usual(&talk)).then_some(calls);
            match chosen {
                Some(calls) => self.calls.insert(talk.clone(), calls),
                None => self.calls.remove(&talk),
            };
            self.jobs.save(StoreRequest::SaveCalls { talk: talk.clone(), calls: chosen });
        }
        let line = self.calls_line(&talk, self.calls_of(&talk));
        self.tell(Output::Notify { chats: vec![line] });
    }

    fn calls_line(&self, talk: &Talk, calls: Calls) -> NotifyLine {
        NotifyLine { chat: self.title_of(talk), calls, usual: calls == Calls::usual(talk) }
    }

    fn calls_of(&self, talk: &Talk) -> Calls {
        self.calls.get(talk).copied().unwrap_or_else(|| Calls::usual(talk))
    }

    /// Whether what waits for an answer calls.
    pub(super) fn may_call(&self, talk: &Talk) -> bool {
        self.calls_of(talk) != Calls::Off
    }

    /// Whether this text calls.
    pub(super) fn is_called(&self, talk: &Talk, text: &str) -> bool {
        match self.calls_of(talk) {
            Calls::All => true,
            Calls::Mentions => self.account().is_some_and(|own| names(text, own.name.as_str())),
            Calls::Off => false,
        }
    }

    /// What the transfers tell, with what they do not know.
    pub(super) fn with_call(&self, mut output: Output) -> Output {
        if let Output::FileOffer { from, room, notify, .. } = &mut output {
            let chat = room.as_ref().unwrap_or(from);
            *notify = self.talk_of(chat).is_ok_and(|talk| self.may_call(&talk));
        }
        output
    }
}

/// Whether a text names this user: as a whole word, in any case.
pub(crate) fn names(text: &str, user: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let text = text.to_lowercase();
    text.match_indices(user).any(|(at, _)| {
        let before = text.get(..at).unwrap_or_default();
        let after = text.get(at + user.len()..).unwrap_or_default();
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_meant_as_a_whole_word() {
        for text in ["alice?", "hi Alice", "@alice: yes", "(ALICE)"] {
            assert!(names(text, "alice"), "{text}");
        }
        for text in ["malice", "alices", "alice_2", "ali ce", ""] {
            assert!(!names(text, "alice"), "{text}");
        }
    }
}
