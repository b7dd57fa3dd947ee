//! Answers, edits and takings back in rooms. Each is a post as any other; what it means for those that are
//! here the database finds out, for it knows them.

use wire::app::post::{Content, Feed, PostKind};
use wire::app::room::RoomId;

use super::OwnPost;
use crate::app::App;
use crate::output::Output;
use crate::work::{PostReceipt, StoreError, StoreReply, Talk};

impl App {
    /// What a line that was typed is about was looked up.
    pub(in crate::app) fn on_post_target(
        &mut self,
        room: RoomId,
        result: Result<StoreReply, StoreError>,
    ) {
        match result {
            Ok(StoreReply::PostTarget(target)) => return self.sign_draft(room, target),
            Ok(_) => {}
            Err(error) => {
                let title = self.rooms.title(room);
                self.not_sent(&title, error.to_string());
            }
        }
        self.drop_draft(room);
        self.keep_draft(room);
    }

    /// These posts are about to be sent: of ours, nobody can say any more that they never left.
    pub(super) fn mark_leaving(&mut self, room: RoomId, feed: Feed, number: u64) {
        if self.own_feed().is_none_or(|(_, own)| own != feed) {
            return;
        }
        if let Some(known) = self.rooms.known.get_mut(&room) {
            known.own.left_up_to = known.own.left_up_to.max(number);
        }
    }

    /// A post of ours is kept, in this line; what it changes is changed here.
    pub(super) fn tell_own_post(&mut self, own: &OwnPost, line: u64) {
        let content = own.post.content();
        let (to, id) = (self.rooms.title(content.room), content.number);
        let (pin, text) = self.pinned(own.post.text().to_owned());
        let reply_to = match content.kind {
            PostKind::Plain => None,
            PostKind::Reply { .. } => Some(own.about),
            PostKind::Edit { .. } => {
                let text = Some(own.post.text().to_owned());
                return self.tell_own_change(
                    &to,
                    "edited",
                    Some(id),
                    own.about,
                    text,
                    content.sent,
                );
            }
            PostKind::Unsend { of } => return self.tell_taken_back(own, of),
        };
        self.tell(Output::Kept { to, id, text, at: content.sent, line, reply_to, pin });
    }

    fn tell_taken_back(&mut self, own: &OwnPost, of: u64) {
        let content = own.post.content();
        let to = self.rooms.title(content.room);
        let known = self.rooms.known.get_mut(&content.room);
        if known.is_some_and(|known| known.own.pending.remove(&of).is_some()) {
            let (to, state) = (to.clone(), "taken-back");
            self.tell(Output::MessageState { to, id: of, state, reason: None });
        }
        if own.never_left {
            self.tell_own_change(&to, "withdrawn", None, own.about, None, content.sent);
            return self
                .info(&format!("Message {of} to {to} was not sent yet, and never will be."));
        }
        let id = Some(content.number);
        self.tell_own_change(&to, "taken-back", id, own.about, None, content.sent);
        self.info(&format!(
            "Taken back here, and the programs of those in {to} are asked not to show it any more: whether \
             they do, and who has read it by then, is not in your hands."
        ));
    }

    /// A post of somebody is kept: shows what is to be shown of it.
    pub(super) fn show_post(
        &mut self,
        content: &Content,
        at: u64,
        gap: bool,
        receipt: PostReceipt,
    ) {
        // G08: a block takes effect at once, also on what was on its way.
        if self.is_blocked(&content.author) {
            return;
        }
        let (room, from) = (self.rooms.title(content.room), content.author.to_string());
        match receipt {
            PostReceipt::Shown { line, text, reply_to, edited } => {
                let (pin, text) = self.pinned(text);
                let notify = self.is_called(&Talk::Room(content.room), &text);
                let (room, sent) = (Some(room), content.sent);
                self.tell(Output::Message {
                    from,
                    room,
                    text,
                    sent,
                    at,
                    gap,
                    line,
                    reply_to,
                    edited,
                    pin,
                    notify,
                });
            }
            PostReceipt::Changed { line, text } => {
                let change = if text.is_some() { "edited" } else { "taken-back" };
                let (pin, text) = self.pinned_change(text);
                let (with, id) = (room, None);
                self.tell(Output::Changed { with, from, change, id, line, text, pin, at });
            }
            PostReceipt::Silent | PostReceipt::Duplicate | PostReceipt::Conflict => {}
        }
    }
}
