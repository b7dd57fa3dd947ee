//! The windows of rooms.

use wire::app::text;

use super::log::{Entry, Said};
use super::window::Activity;
use super::{Act, Notice, Tui};
use crate::app::names;
use crate::face::{in_short, rooms};
use crate::output::Output;

impl Tui {
    /// Something was said in a room.
    pub(super) fn on_post(&mut self, room: &str, said: Said, gap: bool, calls: bool) {
        if gap {
            let text = format!("messages of {} before the next one are missing", said.from);
            self.notice(Some(room), true, text::one_line(&text));
        }
        let names_user =
            self.bars.user.as_ref().is_some_and(|user| names(said.words.shown(), user));
        let title = format!("{} in {}", text::excerpt(&said.from, 40), text::excerpt(room, 40));
        let excerpt = in_short(&said.from, said.words.shown(), 100);
        self.begin(room);
        let activity = if names_user { Activity::Mention } else { Activity::Message };
        self.arrived(room, Entry::Said(said), activity);
        if calls && !self.is_in_view(room) {
            self.acts.push_back(Act::Notify(Notice { title, text: excerpt }));
        }
    }

    pub(super) fn on_room_invitation(&mut self, output: &Output) {
        self.show_at(None, output);
        self.raise_home();
        let Output::RoomInvited { room, by, notify: true, .. } = output else { return };
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
            ("declined", _) => self.show_at(None, output),
            _ => self.notice(Some(room), false, rooms::change(output)),
        }
    }
}
