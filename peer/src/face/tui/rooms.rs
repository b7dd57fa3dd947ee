//! The windows of rooms.

use wire::app::text;

use super::log::{Entry, Said};
use super::window::Activity;
use super::{Act, Notice, Tui};
use crate::face::rooms;
use crate::output::Output;

impl Tui {
    /// Something was said in a room: a person is called only when it names him.
    pub(super) fn on_post(&mut self, room: &str, said: Said, gap: bool) {
        if gap {
            let text = format!("messages of {} before the next one are missing", said.from);
            self.notice(Some(room), true, text::one_line(&text));
        }
        let names_user = self.bars.user.as_ref().is_some_and(|user| mentions(&said.text, user));
        let title = format!("{} in {}", text::excerpt(&said.from, 40), text::excerpt(room, 40));
        let excerpt = text::excerpt(&said.text, 100);
        self.begin(room);
        let activity = if names_user { Activity::Mention } else { Activity::Message };
        self.arrived(room, Entry::Said(said), activity);
        if names_user && !self.is_in_view(room) {
            self.acts.push_back(Act::Notify(Notice { title, text: excerpt }));
        }
    }

    pub(super) fn on_room_invitation(&mut self, room: &str, by: &str, output: &Output) {
        self.show_at(None, output);
        let (title, room) = (text::excerpt(by, 40), text::excerpt(room, 80));
        self.acts.push_back(Act::Notify(Notice { title, text: format!("invites you to {room}") }));
    }

    pub(super) fn on_room_changed(
        &mut self,
        room: &str,
        change: &str,
        user: Option<&str>,
        text: Option<&str>,
        output: &Output,
    ) {
        if change == "renamed"
            && let Some(before) = text
        {
            self.windows.rename(before, room);
            let topic = self.bars.topics.remove(before);
            self.bars.topics.insert(room.to_owned(), topic.unwrap_or_default());
        }
        if matches!(change, "topic" | "created" | "entered" | "present") {
            self.bars.topics.insert(room.to_owned(), text.unwrap_or_default().to_owned());
        }
        if change == "present" {
            return self.begin(room);
        }
        if matches!(change, "created" | "entered") {
            self.open(room);
        }
        let at = self.moment.unix_ms;
        match (change, user) {
            ("joined", Some(user)) => {
                self.windows.of(room).log.push_move(at, user, "in the room".to_owned());
            }
            ("left", Some(user)) => {
                self.windows.of(room).log.push_move(at, user, "no longer in the room".to_owned());
            }
            _ => self.notice(Some(room), false, rooms::change(output)),
        }
    }
}

/// Whether a text names this user: as a whole word, in any case.
fn mentions(text: &str, user: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let text = text.to_lowercase();
    text.match_indices(user).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + user.len()..]);
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_meant_as_a_whole_word() {
        for text in ["alice?", "hi Alice", "@alice: yes", "(ALICE)"] {
            assert!(mentions(text, "alice"), "{text}");
        }
        for text in ["malice", "alices", "alice_2", "ali ce", ""] {
            assert!(!mentions(text, "alice"), "{text}");
        }
    }
}
